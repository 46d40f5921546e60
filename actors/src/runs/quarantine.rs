//! Setting a run aside: recorded without reading the run, because reading it may be what goes wrong.

use std::sync::Arc;
use std::time::Duration;

use ghostlight_model::event::{Event, RunQuarantined};
use ghostlight_model::ids::RunId;
use ghostlight_store::{Append, AppendError, ReadError, StreamAppend, Wake};

use super::services::Services;
use crate::blocking::blocking;
use crate::caller::Caller;
use crate::{codec, streams};

/// How often it is tried: the store may be busy, and somebody may write in between.
const TRIES: u32 = 12;
/// The first pause between two tries; it doubles up to the longest.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Records that a run is set aside, unless it has ended or is set aside already.
pub async fn quarantine(services: Arc<Services>, id: RunId, message: String) {
    let mut pause = PAUSE;
    for _ in 0..TRIES {
        match once(&services, id, message.clone()).await {
            Ok(()) => return,
            // Nothing can follow on its last record. It is not carried all the same: each start finds it damaged again.
            Err(Failed::Append(error @ AppendError::Damaged { .. })) => {
                return tracing::error!(run = %id, %error, reason = message, "a run is set aside, and its journal cannot say so");
            }
            Err(error) => tracing::warn!(run = %id, %error, "a run is not set aside yet"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
    tracing::error!(run = %id, "a run could not be set aside");
}

async fn once(services: &Arc<Services>, id: RunId, message: String) -> Result<(), Failed> {
    let event = Event::from(RunQuarantined { message });
    let kind = event.kind();
    let (of_reading, stream) = (services.clone(), streams::run(id));
    let head = blocking(move || {
        let Some(head) = of_reading.journal.head_of(&stream)? else { return Ok(None) };
        let last = match of_reading.journal.read(&stream, head.sequence, 1) {
            // What is damaged is no mark.
            Err(ReadError::Corrupt(_)) => Vec::new(),
            last => last?,
        };
        let is_set_aside = last.first().is_some_and(|record| record.kind == kind);
        Ok::<_, ReadError>(
            (!matches!(head.wake, Wake::Done | Wake::Dropped) && !is_set_aside).then_some(head),
        )
    });
    let Some(head) = head.await.map_err(|_| Failed::Read(ReadError::Unavailable))?? else { return Ok(()) };
    let part = StreamAppend {
        stream: streams::run(id),
        expected: head.sequence,
        records: codec::encode(&[event], &Caller::runtime().attribution(), services.now()),
        wake: Wake::Idle,
        route: head.route,
        aliases: Vec::new(),
    };
    services.journal.append(Append::one(services.uuid().into_bytes(), part)).await?;
    Ok(())
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Append(#[from] AppendError),
}
