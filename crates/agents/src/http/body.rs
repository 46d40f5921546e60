//! Reads the body of an answer, bounded.

use std::time::Duration;

use ghostlight_model::failure::{ErrorClass, Failure, Happened};
use reqwest::Response;

use super::failure::request_failure;
use crate::ProgressSink;

/// What was read.
pub(crate) struct Body {
    /// The bytes, at most as many as allowed.
    pub(crate) bytes: Vec<u8>,
    /// Whether there was more.
    pub(crate) is_cut: bool,
}

/// The next piece of a body, within the silence that is allowed.
pub(super) async fn next_piece(
    response: &mut Response,
    silence: Option<Duration>,
    unsure: Happened,
) -> Result<Option<bytes::Bytes>, Failure> {
    let piece = match silence {
        Some(silence) => match tokio::time::timeout(silence, response.chunk()).await {
            Ok(piece) => piece,
            Err(_) => return Err(silent(silence, unsure)),
        },
        None => response.chunk().await,
    };
    piece.map_err(|error| request_failure(&error, unsure))
}

/// The failure that too long a silence is.
pub(super) fn silent(silence: Duration, unsure: Happened) -> Failure {
    let message = format!("no sign of life for {silence:?}");
    Failure::new(ErrorClass::Timeout, "heartbeat_lost", message, unsure)
}

/// Reads at most `bytes_max` bytes. Every piece of them is a sign of life.
pub(crate) async fn read_body(
    response: &mut Response,
    bytes_max: usize,
    silence: Option<Duration>,
    unsure: Happened,
    progress: &ProgressSink,
) -> Result<Body, Failure> {
    let mut bytes = Vec::new();
    while let Some(piece) = next_piece(response, silence, unsure).await? {
        progress.alive();
        if bytes.len() + piece.len() > bytes_max {
            bytes.extend_from_slice(&piece[..bytes_max - bytes.len()]);
            return Ok(Body { bytes, is_cut: true });
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Body { bytes, is_cut: false })
}
