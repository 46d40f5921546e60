//! Asking a person in a terminal, without keeping anything else from going on.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

type Lines = Arc<tokio::sync::Mutex<mpsc::Receiver<String>>>;

/// The lines that somebody types. One thread reads them, from the first question on; it ends with the process, since a read
/// from a terminal cannot be called off.
#[derive(Debug, Default, Clone)]
pub(crate) struct Prompt {
    lines: Arc<Mutex<Option<Lines>>>,
}

impl Prompt {
    /// Puts a question. What was typed before is no answer to it.
    pub(crate) async fn ask(&self, question: &str) {
        let lines = self.lines();
        let mut lines = lines.lock().await;
        while lines.try_recv().is_ok() {}
        put(question);
    }

    /// The answer to the question; none when nothing can be read any more. May be dropped while it waits, and called again.
    pub(crate) async fn answer(&self) -> Option<bool> {
        let lines = self.lines();
        let mut lines = lines.lock().await;
        loop {
            match lines.recv().await?.trim().to_lowercase().as_str() {
                "y" | "yes" => return Some(true),
                "n" | "no" => return Some(false),
                _ => put("  yes or no?"),
            }
        }
    }

    /// Asks for a text; none when nothing can be read any more. What was typed before is no answer to it.
    pub(crate) async fn text(&self, question: &str) -> Option<String> {
        let lines = self.lines();
        let mut lines = lines.lock().await;
        while lines.try_recv().is_ok() {}
        let mut stderr = anstream::stderr();
        // Who cannot see the question will not answer it either.
        let _ = write!(stderr, "{question} ").and_then(|()| stderr.flush());
        lines.recv().await
    }

    fn lines(&self) -> Lines {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.get_or_insert_with(|| Arc::new(tokio::sync::Mutex::new(read_lines()))).clone()
    }
}

fn put(question: &str) {
    let mut stderr = anstream::stderr();
    // A question that cannot be shown stays open: it can be answered over HTTP.
    let _ = write!(stderr, "{question} [y/n] ").and_then(|()| stderr.flush());
}

fn read_lines() -> mpsc::Receiver<String> {
    let (give, take) = mpsc::channel(16);
    let read = move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if give.blocking_send(line).is_err() {
                break;
            }
        }
    };
    // Without the thread the channel is closed, which reads as the end of the input.
    let _ = std::thread::Builder::new().name("stdin".to_owned()).spawn(read);
    take
}
