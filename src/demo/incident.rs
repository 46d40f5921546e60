//! The second act: the incident's run, told live from its feed, with what the agents found and the question it ends in.

use serde_json::{Value, json};

use super::screen::Screen;
use crate::cli::CliError;
use crate::cli::watch::{self, Answers, Question, Story, Viewer};
use crate::client::{Client, Frame, Given, Run, StartFrom, Step};

/// How the incident went.
#[derive(Debug, Clone)]
pub(super) struct Incident {
    /// The run.
    pub run: Run,
    /// Its steps.
    pub steps: Vec<Step>,
}

impl Incident {
    /// How long a step took, in milliseconds.
    pub fn took_ms(&self, step: &str) -> Option<u64> {
        self.steps.iter().find(|other| other.path == step)?.duration_ms
    }
}

/// Runs the incident's workflow to its end.
pub(super) async fn handle(
    client: &Client,
    input: &Value,
    answers: &Answers,
    screen: &mut Screen,
) -> Result<Incident, CliError> {
    let workflow = StartFrom::Workflow("demo-incident".to_owned());
    let given = Given { input: input.clone(), labels: json!({ "service": "shop" }), ..Given::default() };
    let started = client.start_run(&workflow, &given).await?.value;
    let mut live = Live { screen, story: Story::default(), server: client.server().to_owned() };
    watch::follow(client, &started.id, answers, &mut live).await?;
    let run = client.run(&started.id).await?.value;
    let steps = client.steps(&started.id).await?.value.items;
    Ok(Incident { run, steps })
}

struct Live<'s> {
    screen: &'s mut Screen,
    story: Story,
    server: String,
}

impl Viewer for Live<'_> {
    fn event(&mut self, frame: &Frame) {
        let is_findings = frame.kind == "step.completed" && frame.step() == Some("findings");
        match frame.payload("output").filter(|_| is_findings) {
            Some(findings) => self.screen.findings(findings),
            // The question is shown by itself, with everything that is needed to answer it.
            None if frame.kind == "approval.requested" => {}
            None => {
                if let Some(line) = self.story.line(frame) {
                    self.screen.line(&line);
                }
            }
        }
    }

    fn question(&mut self, question: &Question, answers: &Answers) {
        self.screen.question(question, answers, &self.server);
    }
}
