//! The questions of a run: what is asked, in which order, and that an answer reaches the daemon.
//!
//! Gates that stand beside each other ask at the same time. One question after the other is put, the oldest first; one that
//! somebody else answered leaves the queue wherever it stands.

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::Duration;

use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::watch::{Answers, coloured_risk};
use crate::client::{Client, ClientError, Frame};
use crate::output::{self, plain, shortened};

const ACTION_CHARACTERS_MAX: usize = 160;
const IMPACT_CHARACTERS_MAX: usize = 400;
/// Pauses between tries to answer.
const PAUSES_MS: [u64; 5] = [100, 250, 500, 1_000, 2_000];

/// A question of a run, as it stands in its event.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// The approval.
    pub approval: String,
    /// What will be done, as one line.
    pub action: String,
    /// What that means, as one line.
    pub impact: String,
    /// How dangerous it is.
    pub risk: String,
    /// Whether there is more to read than stands here.
    pub is_shortened: bool,
}

impl Question {
    pub(crate) fn of(frame: &Frame) -> Option<Self> {
        let approval = plain(frame.data["approval"].as_str()?);
        let text = |field: &str| frame.payload(field).and_then(Value::as_str).unwrap_or_default();
        let (action, impact) = (
            shortened(text("action"), ACTION_CHARACTERS_MAX),
            shortened(text("impact"), IMPACT_CHARACTERS_MAX),
        );
        let is_shortened = !is_told_whole(frame) || action.ends_with('…') || impact.ends_with('…');
        let action = if action.is_empty() { "an action with a long text".to_owned() } else { action };
        let risk = plain(frame.data["risk"].as_str().unwrap_or("unknown"));
        Some(Self { approval, action, impact, risk, is_shortened })
    }

    fn asked(&self) -> String {
        // Who writes an action as a question has said it already.
        let action = self.action.trim_end_matches('?');
        format!("  {} {}?", "▸".yellow().bold(), action.bold())
    }

    /// The question with impact and risk.
    pub(crate) fn told(&self) -> String {
        let below = |text: String| if text.is_empty() { text } else { format!("\n            {text}") };
        let impact = below(self.impact.clone());
        let more = format!("all of it: ghostlight approvals show {}", self.approval);
        let more = below(if self.is_shortened { more } else { String::new() });
        format!("{} {} (risk {}){impact}{more}", "◷".yellow(), self.action.bold(), coloured_risk(&self.risk))
    }
}

/// Whether the texts of a question stand in its event; long ones are kept apart, with a reference in their place.
fn is_told_whole(frame: &Frame) -> bool {
    ["action", "impact"].iter().all(|field| frame.data[*field].is_null() || frame.payload(field).is_some())
}

/// Puts the texts of a question into its event, where they are kept apart from it. Without an answer the event stays as it
/// is: the question is put all the same, and says where its text can be read.
pub(super) async fn complete(client: &Client, frame: &mut Frame) {
    if is_told_whole(frame) {
        return;
    }
    let Some(approval) = frame.data["approval"].as_str().map(str::to_owned) else { return };
    if let Ok(approval) = client.approval(&approval).await {
        frame.data["action"] = json!({ "json": approval.value.action });
        frame.data["impact"] = json!({ "json": approval.value.impact });
    }
}

/// The questions that are open, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: VecDeque<Question>,
}

impl Questions {
    /// The one that is put now.
    pub fn front(&self) -> Option<&Question> {
        self.open.front()
    }

    pub fn add(&mut self, question: Question) {
        self.open.push_back(question);
    }

    /// Takes a question out. Says whether it was the one that is put now.
    pub fn remove(&mut self, approval: &str) -> bool {
        let was_front = self.front().is_some_and(|front| front.approval == approval);
        self.open.retain(|question| question.approval != approval);
        was_front
    }
}

/// Gets a question answered, and the answer to the daemon; answers with the approval. `is_asked` holds while a person sits
/// before the question. May be dropped at any time: an answer that arrived anyway stands, one that did not is given again.
pub(super) async fn answer(
    client: &Client,
    question: Question,
    answers: &Answers,
    is_asked: &Cell<bool>,
) -> String {
    let approve = match answers {
        Answers::Yes => Some(true),
        Answers::Ask(prompt) => {
            prompt.ask(&question.asked()).await;
            is_asked.set(true);
            let approve = prompt.answer().await;
            is_asked.set(false);
            approve
        }
        Answers::Elsewhere => std::future::pending().await,
    };
    if let Some(approve) = approve {
        decide(client, &question.approval, approve).await;
    }
    question.approval
}

/// Answers a question, as often as it takes; one that was answered by somebody else in the meantime is answered. Goes on
/// for as long as the daemon is away: whoever follows the run waits for it too.
async fn decide(client: &Client, approval: &str, approve: bool) {
    for failures in 0.. {
        let Err(error) = client.decide(approval, approve, None, None).await else { return };
        if error.problem().is_some_and(|problem| problem.code == "already_decided") {
            return;
        }
        let said = plain(&error.to_string());
        if !may_be_taken_later(&error) {
            output::warn(&format!("the answer was not taken: {said}"));
            return;
        }
        if failures == 0 {
            output::warn(&format!("the answer was not taken yet, and is given again: {said}"));
        }
        let pause = PAUSES_MS[failures.min(PAUSES_MS.len() - 1)];
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// Whether the same answer may be taken at another time: the daemon is away, busy, or goes down.
fn may_be_taken_later(error: &ClientError) -> bool {
    match error {
        ClientError::Unreached { .. } | ClientError::TooSlow { .. } => true,
        ClientError::Refused(problem) => matches!(problem.status, 429 | 502 | 503 | 504),
        ClientError::Address { .. } | ClientError::Strange { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::Notify;

    use super::*;
    use crate::cli::watch::{Viewer, follow};

    fn question(data: Value) -> Question {
        let frame = json!({ "type": "approval.requested", "data": data });
        Question::of(&serde_json::from_value(frame).unwrap()).unwrap()
    }

    #[test]
    fn questions_are_put_in_their_order_and_leave_by_their_own_name() {
        let mut open = Questions::default();
        for approval in ["a", "b", "c"] {
            open.add(question(json!({ "approval": approval, "action": { "json": "Go" } })));
        }
        let front = |open: &Questions| open.front().map(|question| question.approval.clone());
        assert!(!open.remove("b"), "another one is put");
        assert!(!open.remove("nobody"));
        assert_eq!(front(&open).as_deref(), Some("a"));
        assert!(open.remove("a"));
        assert_eq!(front(&open).as_deref(), Some("c"), "the later one is not lost");
        assert!(open.remove("c"));
        assert_eq!(front(&open), None);
    }

    #[test]
    fn a_question_is_told_in_bounds_and_says_where_the_rest_is() {
        let short =
            question(json!({ "approval": "a", "action": { "json": "Stop\nit\u{202e}" }, "risk": "low" }));
        assert_eq!((short.action.as_str(), short.is_shortened), ("Stop it\u{fffd}", false));
        let long = question(json!({ "approval": "a", "action": { "json": "x".repeat(9_999) } }));
        assert_eq!(long.action.chars().count(), ACTION_CHARACTERS_MAX);
        assert!(long.told().contains("ghostlight approvals show a"));
        let kept_apart = question(json!({ "approval": "a", "action": { "blob": "b3" } }));
        assert!(kept_apart.told().contains("ghostlight approvals show a"), "{kept_apart:?}");
    }

    /// A daemon of one run with two gates side by side, one of them with a text that is kept apart. It is too busy for the
    /// first answer, and ends the run once both gates are open.
    struct Busy {
        approved: Mutex<Vec<String>>,
        changed: Notify,
    }

    impl Busy {
        async fn serve(self: Arc<Self>, listener: TcpListener) {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(Arc::clone(&self).answer(stream));
            }
        }

        async fn answer(self: Arc<Self>, mut stream: TcpStream) {
            let mut request = Vec::new();
            while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                if stream.read_buf(&mut request).await.unwrap() == 0 {
                    return;
                }
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let path = request.split(' ').nth(1).unwrap().split('?').next().unwrap().to_owned();
            let (status, body) = match path.rsplit('/').next().unwrap() {
                "feed" => return self.tell(stream).await,
                "approve" => {
                    let mut approved = self.approved.lock().unwrap();
                    approved.push(path.clone());
                    self.changed.notify_one();
                    if approved.len() == 1 {
                        (503, json!({ "code": "overloaded" }))
                    } else {
                        (200, json!({}))
                    }
                }
                "a" => (
                    200,
                    json!({ "id": "a", "run": "r", "step": "g", "status": "pending", "action": "Whole" }),
                ),
                _ => (200, json!({ "id": "r", "workflow": "w", "status": "completed" })),
            };
            let body = body.to_string();
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all((head + &body).as_bytes()).await.unwrap();
        }

        async fn tell(&self, mut stream: TcpStream) {
            let event =
                |kind: &str, data: Value| format!("data: {}\n\n", json!({ "type": kind, "data": data }));
            let mut text = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_owned();
            text += &event("approval.requested", json!({ "approval": "a", "action": { "blob": "b3" } }));
            text += &event("approval.requested", json!({ "approval": "b", "action": { "json": "Go" } }));
            stream.write_all(text.as_bytes()).await.unwrap();
            while self.approved.lock().unwrap().len() < 3 {
                self.changed.notified().await;
            }
            let rest = ["a", "b"].map(|approval| event("approval.decided", json!({ "approval": approval })));
            let rest = rest.concat() + &event("run.completed", json!({}));
            stream.write_all(rest.as_bytes()).await.unwrap();
        }
    }

    #[derive(Default)]
    struct Seen(Vec<String>);

    impl Viewer for Seen {
        fn event(&mut self, _: &Frame) {}

        fn question(&mut self, question: &Question, _: &Answers) {
            self.0.push(question.action.clone());
        }
    }

    #[tokio::test]
    async fn both_gates_are_answered_although_the_daemon_was_too_busy_at_first() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(&listener.local_addr().unwrap().to_string(), None).unwrap();
        let busy = Arc::new(Busy { approved: Mutex::default(), changed: Notify::new() });
        tokio::spawn(Arc::clone(&busy).serve(listener));
        let mut seen = Seen::default();
        let followed = follow(&client, "r", &Answers::Yes, &mut seen);
        let run = tokio::time::timeout(Duration::from_secs(20), followed).await;
        assert_eq!(run.expect("a question was lost").unwrap().status, "completed");
        assert_eq!(seen.0, ["Whole", "Go"], "a text that is kept apart is fetched");
        let approved = busy.approved.lock().unwrap().clone();
        assert_eq!(approved, ["a", "a", "b"].map(|id| format!("/api/v1/approvals/{id}/approve")));
    }
}
