//! Readers of the feed, which go on behind what they have seen whenever their connection ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use super::log::Log;
use crate::history::What;
use crate::journal::digest;

/// Reads until it is dropped; `seen` is the last sequence.
pub async fn read(log: Log, reader: u32, address: SocketAddr, seen: Arc<AtomicU64>) {
    loop {
        let after = seen.load(Ordering::Acquire);
        let url = format!("ws://{address}/api/v1/feed?after={after}");
        if let Ok((mut socket, _)) = tokio_tungstenite::connect_async(url).await {
            log.push(What::Open { reader, after });
            while let Some(Ok(message)) = socket.next().await {
                if let Message::Text(text) = message {
                    frame(&log, reader, &text, &seen);
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn frame(log: &Log, reader: u32, text: &str, seen: &AtomicU64) {
    let Ok(frame) = serde_json::from_str::<Value>(text) else { return };
    let kind = frame["type"].as_str().unwrap_or_default().to_owned();
    let number = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
    if kind == "feed.gap" {
        let (from, to) = (&frame["data"]["from"], &frame["data"]["to"]);
        let (from, to) = (number(from).unwrap_or_default(), number(to).unwrap_or_default());
        log.push(What::Gap { reader, from, to });
        seen.fetch_max(to, Ordering::AcqRel);
        return;
    }
    // Frames of the moment have no sequence.
    let Some(sequence) = number(&frame["sequence"]) else { return };
    log.push(What::Frame { reader, sequence, kind, body: digest(&frame["data"]) });
    seen.store(sequence, Ordering::Release);
}
