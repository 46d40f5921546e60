//! The conversation with a load that is written in the peer's own language: one JSON object a line, as
//! benches/peers/closed_loop.py says.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

/// A load that is running. It ends with its process.
pub struct Script {
    to: ChildStdin,
    answers: Receiver<String>,
}

impl Script {
    /// Takes over the input and output of `child`, and waits until it says that it is ready.
    pub fn of(child: &mut Child, patience: Duration) -> anyhow::Result<Self> {
        let to = child.stdin.take().context("the input of a load")?;
        let from = child.stdout.take().context("the output of a load")?;
        let (sender, answers) = mpsc::channel();
        // Ends with the process, whose end closes the pipe.
        thread::spawn(move || {
            BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let script = Self { to, answers };
        script.answer(patience).context("wait until the load is ready")?;
        Ok(script)
    }

    /// Tells it to do something and waits for the answer.
    pub fn tell(&mut self, command: &Value, patience: Duration) -> anyhow::Result<Value> {
        writeln!(self.to, "{command}").context("talk to the load")?;
        self.answer(patience)
    }

    fn answer(&self, patience: Duration) -> anyhow::Result<Value> {
        let line = match self.answers.recv_timeout(patience) {
            Ok(line) => line,
            Err(mpsc::RecvTimeoutError::Timeout) => bail!("no answer within {} s", patience.as_secs()),
            Err(mpsc::RecvTimeoutError::Disconnected) => bail!("the load ended"),
        };
        let answer: Value = serde_json::from_str(&line).with_context(|| format!("understand {line}"))?;
        if let Some(error) = answer["error"].as_str() {
            bail!("{error}");
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use serde_json::json;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// A load that first says `first`, and then the same to each command as it was told.
    fn started(script: &str) -> (Child, anyhow::Result<Script>) {
        let mut sh = Command::new("sh");
        let piped = sh.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let script = Script::of(&mut child, PATIENCE);
        (child, script)
    }

    #[test]
    fn each_command_gets_its_answer_and_an_error_is_one() {
        let (mut child, script) = started(
            r#"echo '{"ready": true}'; read x; echo '{"runs": 3}'; read x; echo '{"error": "no such load"}'"#,
        );
        let mut script = script.unwrap();
        assert_eq!(script.tell(&json!({ "do": "load" }), PATIENCE).unwrap()["runs"], 3);
        let error = script.tell(&json!({ "do": "load" }), PATIENCE).unwrap_err();
        assert_eq!(error.to_string(), "no such load");
        child.wait().unwrap();
    }

    #[test]
    fn a_load_that_ends_before_it_is_ready_is_an_error() {
        let (mut child, script) = started("exit 1");
        assert!(format!("{:#}", script.err().unwrap()).contains("the load ended"));
        child.wait().unwrap();
    }
}
