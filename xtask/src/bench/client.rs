//! A client of the daemon on one connection that is kept: HTTP/1.1 by hand, so that the load costs little beside the
//! daemon it is measured against.
//!
//! It speaks what the daemon needs of a good client and no more: one request at a time, bodies of known length out,
//! bodies of known length or in chunks back. Everything it reads is bounded.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// How long an answer may take; longer than any `Prefer: wait`.
const PATIENCE: Duration = Duration::from_secs(90);

/// A connection that is kept open.
pub struct Client {
    stream: TcpStream,
    host: String,
    request: Vec<u8>,
    buffer: Vec<u8>,
    chunk: Vec<u8>,
}

/// What the daemon said.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON, when the status is one of success.
    pub fn json(&self) -> anyhow::Result<Value> {
        self.expect_success()?;
        serde_json::from_slice(&self.body).context("read an answer as JSON")
    }

    /// An error that says what the daemon said, unless the status is one of success.
    pub fn expect_success(&self) -> anyhow::Result<()> {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(600)]);
        ensure!((200..300).contains(&self.status), "the daemon answered {}: {text}", self.status);
        Ok(())
    }

    /// Whether the body has this text in it.
    pub fn has(&self, text: &str) -> bool {
        self.body.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

impl Client {
    /// Connects.
    pub fn connect(to: SocketAddr) -> anyhow::Result<Self> {
        let stream =
            TcpStream::connect_timeout(&to, Duration::from_secs(5)).context("connect to the daemon")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            host: to.to_string(),
            request: Vec::new(),
            buffer: Vec::new(),
            chunk: vec![0; 64 << 10],
        })
    }

    /// `GET`.
    pub fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        self.send("GET", path, &[], "")
    }

    /// `POST` of JSON.
    pub fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &str) -> anyhow::Result<Answer> {
        let json = [("content-type", "application/json")];
        self.send("POST", path, &[json.as_slice(), headers].concat(), body)
    }

    /// Sends a request and reads its answer.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> anyhow::Result<Answer> {
        self.request.clear();
        write!(self.request, "{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.host)?;
        for (name, value) in headers {
            write!(self.request, "{name}: {value}\r\n")?;
        }
        if method != "GET" {
            write!(self.request, "content-length: {}\r\n", body.len())?;
        }
        write!(self.request, "\r\n{body}")?;
        // In one write: head and body in two packets would wait for each other.
        self.stream.write_all(&self.request).context("send a request")?;
        self.answer().with_context(|| format!("read the answer to {method} {path}"))
    }

    fn answer(&mut self) -> anyhow::Result<Answer> {
        let mut from = 0;
        let head_end = loop {
            if let Some(at) = find(&self.buffer, from, b"\r\n\r\n") {
                break at;
            }
            from = self.buffer.len().saturating_sub(3);
            self.fill()?;
        };
        let head = Head::parse(&self.buffer[..head_end])?;
        self.buffer.drain(..head_end + 4);
        let body = match head.length {
            Length::Known(length) => self.take(length)?,
            Length::Chunked => self.chunks()?,
        };
        Ok(Answer { status: head.status, body })
    }

    fn chunks(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line_end = loop {
                if let Some(at) = find(&self.buffer, 0, b"\r\n") {
                    break at;
                }
                self.fill()?;
            };
            let line = self.take(line_end + 2)?;
            let size = std::str::from_utf8(&line)?.trim().split(';').next().unwrap_or_default().to_owned();
            let size = usize::from_str_radix(&size, 16).context("the size of a chunk")?;
            let data = self.take(size + 2)?;
            if size == 0 {
                return Ok(body);
            }
            ensure!(body.len() + size <= ANSWER_BYTES_MAX, "an answer is too long");
            body.extend_from_slice(&data[..size]);
        }
    }

    fn take(&mut self, length: usize) -> anyhow::Result<Vec<u8>> {
        ensure!(length <= ANSWER_BYTES_MAX, "an answer is too long");
        while self.buffer.len() < length {
            self.fill()?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    fn fill(&mut self) -> anyhow::Result<()> {
        match self.stream.read(&mut self.chunk)? {
            0 => bail!("the daemon closed the connection"),
            read => self.buffer.extend_from_slice(&self.chunk[..read]),
        }
        ensure!(self.buffer.len() <= 2 * ANSWER_BYTES_MAX, "an answer is too long");
        Ok(())
    }
}

#[derive(Debug, PartialEq)]
enum Length {
    Known(usize),
    Chunked,
}

struct Head {
    status: u16,
    length: Length,
}

impl Head {
    fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let text = std::str::from_utf8(bytes).context("a head that is no text")?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let mut length = Length::Known(0);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = Length::Known(value.parse().context("a length")?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked")
            {
                length = Length::Chunked;
            }
        }
        Ok(Self { status: status.context("a status line")?, length })
    }
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    bytes[from..].windows(what.len()).position(|window| window == what).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Answers each request on one connection with the next of `answers`, in pieces of `piece` bytes.
    fn server(answers: Vec<&'static str>, piece: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4_096];
            for answer in answers {
                assert_ne!(stream.read(&mut request).unwrap(), 0);
                for bytes in answer.as_bytes().chunks(piece) {
                    stream.write_all(bytes).unwrap();
                    stream.flush().unwrap();
                }
            }
        });
        address
    }

    #[test]
    fn answers_of_known_length_and_in_chunks_are_read_however_they_arrive() {
        let answers = vec![
            "HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
        ];
        for piece in [1, 7, 4_096] {
            let mut client = Client::connect(server(answers.clone(), piece)).unwrap();
            let first = client.post("/x", &[], "{}").unwrap();
            assert_eq!((first.status, first.body.as_slice()), (201, b"hello".as_slice()));
            assert!(first.has("ell") && !first.has("help"));
            assert_eq!(client.get("/y").unwrap().json().unwrap()["a"], 1);
            assert_eq!(client.get("/z").unwrap().status, 204);
        }
    }

    #[test]
    fn a_refusal_says_what_the_daemon_said() {
        let address = server(vec!["HTTP/1.1 409 Conflict\r\ncontent-length: 4\r\n\r\nno 1"], 4_096);
        let error = Client::connect(address).unwrap().get("/x").unwrap().json().unwrap_err();
        assert_eq!(error.to_string(), "the daemon answered 409: no 1");
    }

    #[test]
    fn a_connection_that_ends_early_is_an_error() {
        let address = server(vec!["HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort"], 4_096);
        assert!(Client::connect(address).unwrap().get("/x").is_err());
    }
}
