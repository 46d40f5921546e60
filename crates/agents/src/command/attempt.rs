//! One attempt: the conversation with a process, and what its end means.
//!
//! | what comes first | then | meaning |
//! |---|---|---|
//! | a `result` or `error` line | 2 s to end by itself | the line, whatever the exit status |
//! | a line against the protocol, or too much output | killed at once | `agent_bug`, `budget` |
//! | the exit | its descendants are killed, the rest of its output is read | status 0: the value; else `exit_codes` |
//! | the end of stdout | 5 s to end by itself | as the exit; without one `agent_bug` |
//! | the timeout, or silence | SIGTERM, 250 ms later SIGKILL | `timeout` |
//! | a cancel | SIGTERM, after the grace SIGKILL | `cancelled` |
//!
//! A `result` or `error` line that comes in a grace still counts: it says what really happened.

use std::future::pending;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use ghostlight_model::event::Usage;
use ghostlight_model::failure::{ErrorClass, Failure, Happened};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep_until};

use super::exit::{Exit, ExitWatch};
use super::group::{self, Living, Streams};
use super::plan::{DISK_FULL, Plan};
use super::tail::Tail;
use crate::protocol::{
    AnswerReader, Broken, Final, Framing, broken_failure, command_document, reported_failure,
};
use crate::secret::Redactor;
use crate::within::within;
use crate::{Answer, Call, CancelToken, Outcome, Progress, ProgressSink, text};

/// How long a process that has given its result may take to end by itself.
const AFTER_RESULT: Duration = Duration::from_secs(2);
/// How long a process that has closed its stdout may take to end by itself.
const AFTER_STDOUT: Duration = Duration::from_secs(5);
/// Between SIGTERM and SIGKILL when the time is over: long enough to tidy up, short enough to keep the deadline.
const AFTER_TIMEOUT: Duration = Duration::from_millis(250);
/// How often an attempt for which there is no room on the disk looks again.
const ROOM_LOOK: Duration = Duration::from_millis(250);
/// What is read at once.
const PIECE_BYTES: usize = 32 * 1024;
/// How much of the output that lies in the pipe is read after the end: a pipe holds no more.
const LEFT_IN_PIPE_MAX: usize = 1024 * 1024;

/// Makes one attempt.
pub(super) async fn run(plan: Arc<Plan>, call: Call, progress: ProgressSink, cancel: CancelToken) -> Outcome {
    if cancel.is_cancelled() {
        return Err(Failure::new(
            ErrorClass::Cancelled,
            "cancelled",
            "cancelled before the start",
            Happened::No,
        ));
    }
    let ends_at = Instant::now() + call.timeout;
    let document = command_document(&call);
    // A program on a disk that does not answer may take long to start; the time of the call holds all the same.
    let begun = begin_when_there_is_room(&plan, &call, ends_at);
    let (living, streams, redactor) = within(&call, &cancel, begun).await?;
    let mut watch = ExitWatch::new(living.pid());
    progress.send(Progress::Started { pid: living.pid().as_raw_nonzero().get().unsigned_abs() });
    let mut talk = Talk::new(&plan, &call, &progress, &redactor, streams)
        .map_err(|error| machine(&format!("the streams of the process cannot be used: {error}")))?;

    let turn = talk.until_it_turns(&document, &mut watch, ends_at, &cancel).await;
    let exit = match turn {
        Turn::Exited(exit) => Some(exit),
        Turn::Broken(_) => None,
        Turn::Answered => talk.linger(&mut watch, AFTER_RESULT, Some(&cancel)).await,
        Turn::StdoutClosed => talk.linger(&mut watch, AFTER_STDOUT, Some(&cancel)).await,
        Turn::TimedOut | Turn::Silent => {
            living.ask_to_end();
            talk.linger(&mut watch, AFTER_TIMEOUT, None).await
        }
        Turn::Cancelled => {
            living.ask_to_end();
            talk.linger(&mut watch, plan.cancel_grace, None).await
        }
    };
    living.end().await;
    talk.read_the_rest();
    talk.verdict(turn, exit)
}

/// A full disk is no reason to fail: the attempt waits for room as long as it has time.
async fn begin_when_there_is_room(
    plan: &Arc<Plan>,
    call: &Call,
    ends_at: Instant,
) -> Result<(Living, Streams, Redactor), Failure> {
    loop {
        match begin(plan, call).await {
            // It ends by itself before its time does: that it never began is then known.
            Err(failure) if failure.code == DISK_FULL && Instant::now() + ROOM_LOOK * 2 < ends_at => {
                tokio::time::sleep(ROOM_LOOK).await;
            }
            begun => return begun,
        }
    }
}

async fn begin(plan: &Arc<Plan>, call: &Call) -> Result<(Living, Streams, Redactor), Failure> {
    let (start, redactor) = {
        let (plan, call) = (plan.clone(), call.clone());
        let prepared = tokio::task::spawn_blocking(move || plan.prepare(&call)).await;
        prepared.map_err(|_| machine("preparing the attempt was interrupted"))??
    };
    let (living, streams) = group::start(start).await.map_err(|error| plan.not_started(&error))?;
    Ok((living, streams, redactor))
}

/// A failure of the machine before the program began to work.
fn machine(message: &str) -> Failure {
    Failure::new(ErrorClass::Transient, "attempt_not_prepared", message, Happened::No)
}

/// Why the conversation is over.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Turn {
    Answered,
    Broken(Broken),
    Exited(Exit),
    StdoutClosed,
    TimedOut,
    Silent,
    Cancelled,
}

/// The conversation with one process.
struct Talk<'a> {
    plan: &'a Plan,
    call: &'a Call,
    progress: &'a ProgressSink,
    redactor: &'a Redactor,
    stdin: Option<pipe::Sender>,
    stdout: Option<pipe::Receiver>,
    stderr: Option<pipe::Receiver>,
    out_piece: Vec<u8>,
    err_piece: Vec<u8>,
    reader: AnswerReader,
    broken: Option<Broken>,
    tail: Tail,
    usage: Usage,
}

impl<'a> Talk<'a> {
    fn new(
        plan: &'a Plan,
        call: &'a Call,
        progress: &'a ProgressSink,
        redactor: &'a Redactor,
        streams: Streams,
    ) -> std::io::Result<Self> {
        let Streams { stdin, stdout, stderr } = streams;
        Ok(Self {
            plan,
            call,
            progress,
            redactor,
            stdin: stdin.map(|stdin| pipe::Sender::from_owned_fd(OwnedFd::from(stdin))).transpose()?,
            stdout: stdout.map(|stdout| pipe::Receiver::from_owned_fd(OwnedFd::from(stdout))).transpose()?,
            stderr: stderr.map(|stderr| pipe::Receiver::from_owned_fd(OwnedFd::from(stderr))).transpose()?,
            out_piece: vec![0; PIECE_BYTES],
            err_piece: vec![0; PIECE_BYTES],
            reader: AnswerReader::new(Framing::Undecided, plan.output_bytes_max),
            broken: None,
            tail: Tail::default(),
            usage: Usage::default(),
        })
    }

    /// Hands over the document and listens, until something decides how it goes on.
    async fn until_it_turns(
        &mut self,
        document: &[u8],
        watch: &mut ExitWatch,
        ends_at: Instant,
        cancel: &CancelToken,
    ) -> Turn {
        let mut unwritten = document;
        let mut last_sign = Instant::now();
        loop {
            let silent_at = self.call.heartbeat.map(|heartbeat| last_sign + heartbeat);
            tokio::select! {
                // Exit before the streams: what it wrote before is read afterwards, in any case.
                biased;
                () = cancel.cancelled() => return Turn::Cancelled,
                () = sleep_until(ends_at) => return Turn::TimedOut,
                () = sleep_until_maybe(silent_at) => return Turn::Silent,
                exit = watch.ended() => return Turn::Exited(exit),
                read = read_some(&mut self.stdout, &mut self.out_piece) => {
                    last_sign = Instant::now();
                    self.progress.alive();
                    if let Some(turn) = self.take_stdout(read) {
                        return turn;
                    }
                }
                read = read_some(&mut self.stderr, &mut self.err_piece) => {
                    last_sign = Instant::now();
                    self.progress.alive();
                    self.take_stderr(read);
                }
                written = write_some(&mut self.stdin, unwritten) => {
                    unwritten = &unwritten[written.min(unwritten.len())..];
                    // The end of the document is the end of the file. A program that reads no further is free to do so.
                    if written == 0 || unwritten.is_empty() {
                        self.stdin = None;
                    }
                }
            }
        }
    }

    /// Goes on listening for a while, so that the process is not blocked by a full pipe. Gives the exit if it comes.
    async fn linger(
        &mut self,
        watch: &mut ExitWatch,
        grace: Duration,
        cancel: Option<&CancelToken>,
    ) -> Option<Exit> {
        self.stdin = None;
        let ends_at = Instant::now() + grace;
        loop {
            tokio::select! {
                biased;
                () = sleep_until(ends_at) => return None,
                () = cancelled_maybe(cancel) => return None,
                exit = watch.ended() => return Some(exit),
                read = read_some(&mut self.stdout, &mut self.out_piece) => {
                    self.take_stdout(read);
                }
                read = read_some(&mut self.stderr, &mut self.err_piece) => self.take_stderr(read),
            }
        }
    }

    /// Reads what lies in the pipes when nobody is left who could write, or who would be waited for.
    fn read_the_rest(&mut self) {
        let mut left = LEFT_IN_PIPE_MAX;
        while let Some(read) = read_now(&self.stdout, &mut self.out_piece)
            && left > 0
        {
            left = left.saturating_sub(read);
            self.take_stdout(read);
        }
        left = LEFT_IN_PIPE_MAX;
        while let Some(read) = read_now(&self.stderr, &mut self.err_piece)
            && left > 0
        {
            left = left.saturating_sub(read);
            self.take_stderr(read);
        }
    }

    fn take_stdout(&mut self, read: usize) -> Option<Turn> {
        if read == 0 {
            self.stdout = None;
            return (!self.reader.is_answered()).then_some(Turn::StdoutClosed);
        }
        if self.broken.is_some() {
            return None;
        }
        let (progress, redactor, usage) = (self.progress, self.redactor, &mut self.usage);
        let pushed =
            self.reader.push(&self.out_piece[..read], |said| report(said, progress, redactor, usage));
        match pushed {
            Ok(()) => self.reader.is_answered().then_some(Turn::Answered),
            Err(broken) => {
                self.broken = Some(broken.clone());
                Some(Turn::Broken(broken))
            }
        }
    }

    fn take_stderr(&mut self, read: usize) {
        if read == 0 {
            self.stderr = None;
        }
        self.tail.push(&self.err_piece[..read]);
    }

    /// What the end means.
    fn verdict(mut self, turn: Turn, exit: Option<Exit>) -> Outcome {
        let stderr = text::lines(&self.redactor.text(&self.tail.text()), usize::MAX);
        if !stderr.is_empty() {
            self.progress.send(Progress::StderrTail(stderr.clone()));
        }
        let judged = self.judge(turn, exit, &stderr);
        let usage = self.usage;
        match judged {
            Ok(mut output) => {
                self.redactor.value(&mut output);
                Ok(Answer { output: Arc::new(output), usage })
            }
            Err(mut failure) => {
                self.redactor.string(&mut failure.message);
                Err(failure)
            }
        }
    }

    fn judge(&mut self, turn: Turn, exit: Option<Exit>, stderr: &str) -> Result<serde_json::Value, Failure> {
        let (progress, redactor, usage) = (self.progress, self.redactor, &mut self.usage);
        let reader = std::mem::replace(&mut self.reader, AnswerReader::new(Framing::Value, 0));
        let is_line = reader.is_answered();
        let is_lines = reader.framing() == Framing::Lines;
        let answer = match self.broken.take() {
            Some(broken) => Err(broken),
            None => reader.finish(|said| report(said, progress, redactor, usage)),
        };
        let call = self.call;
        match (answer, turn, exit) {
            // The last line may lack its line end.
            (Ok(answer), ..) if is_line || is_lines => self.given(answer),
            (Err(broken), Turn::Broken(_), _) => Err(broken_failure(&broken, call)),
            (_, Turn::Cancelled, _) => Err(self.cancelled()),
            (_, Turn::TimedOut, _) => {
                let message = format!("no result within {:?}", call.timeout);
                Err(Failure::new(ErrorClass::Timeout, "timeout", message, call.unsure()))
            }
            (_, Turn::Silent, _) => {
                let message = format!("no sign of life for {:?}", call.heartbeat.unwrap_or_default());
                Err(Failure::new(ErrorClass::Timeout, "heartbeat_lost", message, call.unsure()))
            }
            // Said on the way out, but said all the same: a line against the protocol is a bug whatever the status.
            (Err(broken @ (Broken::Line(_) | Broken::TooLong { .. })), ..) => {
                Err(broken_failure(&broken, call))
            }
            (answer, _, Some(Exit::Status(0))) => {
                answer.map_err(|broken| broken_failure(&broken, call)).and_then(|answer| self.given(answer))
            }
            (_, _, Some(exit)) => Err(self.ended_badly(exit, stderr)),
            (_, _, None) => {
                let message = "the process closed its output without a result and went on";
                Err(Failure::new(ErrorClass::AgentBug, "closed_stdout", message, call.unsure()))
            }
        }
    }

    fn given(&self, answer: Final) -> Result<serde_json::Value, Failure> {
        match answer {
            Final::Output(output) => Ok(output),
            Final::Error(reported) => Err(reported_failure(reported, self.call)),
        }
    }

    fn cancelled(&self) -> Failure {
        let message = "cancelled while the process was running";
        Failure::new(ErrorClass::Cancelled, "cancelled", message, self.call.unsure())
    }

    fn ended_badly(&self, exit: Exit, stderr: &str) -> Failure {
        let (class, code, what) = match exit {
            Exit::Status(status) => {
                let class = self.plan.exit_codes.get(&status).copied().unwrap_or(ErrorClass::Unknown);
                (class, format!("exit_{status}"), format!("the process ended with status {status}"))
            }
            Exit::Signal(signal) => {
                let what = format!("the process was ended by signal {signal}");
                (ErrorClass::Unknown, format!("signal_{signal}"), what)
            }
        };
        let last_line = stderr.lines().rev().find(|line| !line.trim().is_empty());
        let message = match last_line {
            Some(line) => format!("{what}: {}", text::one_line(line, 500)),
            None => what,
        };
        Failure::new(class, &code, message, self.call.unsure())
    }
}

/// Passes on what the process says, without secrets, and counts what it uses.
fn report(mut said: Progress, progress: &ProgressSink, redactor: &Redactor, usage: &mut Usage) {
    redactor.progress(&mut said);
    if let Progress::Usage(used) = &said {
        usage.add(*used);
    }
    progress.send(said);
}

/// Bytes read; 0 at the end or when the stream cannot be read. Waits for ever when there is no stream.
async fn read_some(stream: &mut Option<pipe::Receiver>, piece: &mut [u8]) -> usize {
    match stream {
        Some(stream) => stream.read(piece).await.unwrap_or(0),
        None => pending().await,
    }
}

/// Bytes that lie in the pipe now; 0 at its end, none when there is no more now. It asks the kernel itself: the runtime
/// answers from what it has heard, and it has not heard of the last words of a process that has only just ended.
fn read_now(stream: &Option<pipe::Receiver>, piece: &mut [u8]) -> Option<usize> {
    let stream = stream.as_ref()?;
    rustix::io::retry_on_intr(|| rustix::io::read(stream, &mut *piece)).ok()
}

/// Bytes written; 0 when nobody reads. Waits for ever when there is no stream.
async fn write_some(stream: &mut Option<pipe::Sender>, bytes: &[u8]) -> usize {
    match stream {
        Some(stream) => stream.write(bytes).await.unwrap_or(0),
        None => pending().await,
    }
}

async fn sleep_until_maybe(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

async fn cancelled_maybe(cancel: Option<&CancelToken>) {
    match cancel {
        Some(cancel) => cancel.cancelled().await,
        None => pending().await,
    }
}
