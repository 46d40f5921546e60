//! Runs a program so that its output is seen at once and can be read afterwards.
//!
//! The tail of the output is kept, not all of it: a test that prints without end fills the terminal, not
//! our memory. A program that cannot be started is an error; one that fails is an answer.

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Context;

use crate::report::Outcome;

/// How much of each output stream is kept for reading.
const TAIL_BYTES_MAX: usize = 1 << 20;

/// What a program that has ended left behind.
pub struct Ended {
    /// Whether it ended with status 0.
    pub success: bool,
    /// How it ended, in words: `exit status: 101`, `signal: 9 (SIGKILL)`.
    pub status: String,
    /// The tail of standard output, without colours.
    pub stdout: String,
    /// The tail of standard error, without colours.
    pub stderr: String,
}

impl Ended {
    /// What a reader of the end alone needs to know of a failure: how it ended, and the errors that were told on the way, or the
    /// last lines if nothing calls itself one.
    pub fn failure(&self) -> Outcome {
        let lines: Vec<_> = self.stderr.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        let is_error = |line: &str| line.trim_start().to_lowercase().starts_with("error");
        let mut told = Vec::new();
        for (at, _) in lines.iter().enumerate().filter(|(_, line)| is_error(line)) {
            told.extend(lines[at..].iter().take(ERROR_LINES_MAX).map(|line| cut(line)));
        }
        if told.is_empty() {
            told.extend(lines[lines.len().saturating_sub(LAST_LINES)..].iter().map(|line| cut(line)));
        }
        Outcome::Failed { what: format!("{}, see above", self.status), details: told }
    }
}

/// How many lines of an error are told: what, where, and the beginning of why.
const ERROR_LINES_MAX: usize = 4;
/// How many lines stand for an end that names no error.
const LAST_LINES: usize = 8;
/// A command of a linker is longer than a book.
const LINE_CHARS_MAX: usize = 300;

fn cut(line: &str) -> String {
    line.chars().take(LINE_CHARS_MAX).collect()
}

/// A cargo command at the root of the workspace, with colours as our own terminal has them.
///
/// No planted bug is ever inherited from the caller's shell: a red run must mean what it says. On CI nothing
/// is compiled twice, so that what incremental builds keep would be disk for nothing.
pub fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).args(arguments).env_remove("GHOSTLIGHT_PLANTED_BUG");
    if std::env::var_os("CARGO_TERM_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", if io::stderr().is_terminal() { "always" } else { "never" });
    }
    if std::env::var_os("CI").is_some() {
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

/// Runs `command` to its end; what it prints is shown at once and kept.
pub fn run(command: &mut Command) -> anyhow::Result<Ended> {
    eprintln!("\n$ {}", shown(command));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {}", command.get_program().to_string_lossy()))?;
    let (stdout, stderr) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        if let Some(pipe) = child.stdout.take() {
            scope.spawn(|| tee(pipe, io::stdout(), &stdout));
        }
        if let Some(pipe) = child.stderr.take() {
            scope.spawn(|| tee(pipe, io::stderr(), &stderr));
        }
    });
    let status = child.wait().context("wait for a program")?;
    Ok(Ended {
        success: status.success(),
        status: status.to_string(),
        stdout: text(stdout),
        stderr: text(stderr),
    })
}

/// Runs `command` silently and returns its standard output, or none if it is missing or fails.
pub fn ask(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args()).map(|word| {
        let word = word.to_string_lossy();
        if word.contains([' ', '(', '&']) { format!("'{word}'") } else { word.into_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Copies `from` to `to` and keeps the tail. A terminal that has gone away does not stop the program.
fn tee(mut from: impl Read, mut to: impl Write, kept: &Mutex<Vec<u8>>) {
    let mut chunk = [0; 8192];
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        let _ = to.write_all(&chunk[..read]).and_then(|()| to.flush());
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&chunk[..read]);
        if kept.len() > 2 * TAIL_BYTES_MAX {
            let cut = kept.len() - TAIL_BYTES_MAX;
            kept.drain(..cut);
        }
    }
}

fn text(kept: Mutex<Vec<u8>>) -> String {
    let bytes = kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    without_colours(&String::from_utf8_lossy(&bytes))
}

/// Drops the escape sequences that set colours (`ESC [ ... letter`).
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        if next == '\u{1b}' {
            let _ = rest.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(next);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_dropped_and_words_stay() {
        assert_eq!(without_colours("\u{1b}[32;1m     Summary\u{1b}[0m [ 1s]"), "     Summary [ 1s]");
        assert_eq!(without_colours("cut \u{1b}[3"), "cut ");
    }

    #[test]
    fn both_outputs_and_the_status_of_a_program_are_kept() {
        let ended = run(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"])).unwrap();
        assert_eq!((ended.success, ended.stdout.as_str(), ended.stderr.as_str()), (false, "out\n", "err\n"));
        assert!(ended.status.contains('3'));
    }

    fn failed(stderr: &str) -> Vec<String> {
        let ended = Ended {
            success: false,
            status: "exit status: 101".into(),
            stdout: String::new(),
            stderr: stderr.into(),
        };
        match ended.failure() {
            Outcome::Failed { details, .. } => details,
            _ => panic!("a failure is one"),
        }
    }

    #[test]
    fn a_failure_names_the_errors_on_the_way_and_not_only_that_there_were_some() {
        let linker = "   Compiling a\nerror: linking with `cc` failed\n  |\n  = note: No space left on device\n\n   Compiling b\n";
        assert!(failed(linker).iter().any(|line| line.contains("No space left")));
        assert!(!failed(linker).iter().any(|line| line.contains("Compiling a")));
    }

    #[test]
    fn a_failure_without_an_error_is_told_by_its_last_lines() {
        let many: String = (0..100).map(|line| format!("line {line}\n")).collect();
        let told = failed(&many);
        assert_eq!((told.len(), told.last().unwrap().as_str()), (LAST_LINES, "line 99"));
    }

    #[test]
    fn only_the_tail_of_endless_output_is_kept() {
        let kept = Mutex::new(Vec::new());
        tee(io::repeat(b'x').take(5 << 20), io::sink(), &kept);
        assert!(kept.into_inner().unwrap().len() <= 2 * TAIL_BYTES_MAX);
    }

    #[test]
    fn a_program_that_does_not_exist_is_no_answer() {
        assert_eq!(ask("ghostlight-no-such-program", &[]), None);
    }
}
