//! The terminal that `top` draws on: a screen of its own, its size, and the key that ends it.

use std::io::{self, IsTerminal, Read, Write};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use tokio::sync::mpsc;

use super::drawing::Size;

/// A second screen without cursor, and the first one again.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";

/// The screen. Dropping it gives the terminal back as it was.
pub(super) struct Screen {
    /// How the terminal read before keys were taken one by one.
    before: Option<Termios>,
    in_colour: bool,
}

impl Screen {
    /// Takes the terminal behind stdout, and keys one by one where stdin is one too.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open() -> io::Result<Self> {
        let before = take_keys();
        let in_colour = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
        let screen = Self { before, in_colour };
        write_now(ENTER)?;
        Ok(screen)
    }

    /// How large it is now.
    #[allow(clippy::unused_self, reason = "only who has the screen asks for its size")]
    pub fn size(&self) -> Size {
        size().unwrap_or(super::SIZE_ELSEWHERE)
    }

    /// Draws a picture over the one before, in one write. Says whether the terminal is still there.
    pub fn show(&self, picture: &str) -> bool {
        let picture = match self.in_colour {
            true => picture.to_owned(),
            false => anstream::adapter::strip_str(picture).to_string(),
        };
        // What an earlier picture left behind the end of a line, and below the last one, is taken away.
        let lines = picture.replace('\n', "\u{1b}[K\r\n");
        write_now(&format!("\u{1b}[H{lines}\u{1b}[K\u{1b}[J")).is_ok()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // There is nothing left to be done for a terminal that is gone.
        let _ = write_now(LEAVE);
        if let Some(before) = &self.before {
            let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// Beside the colours that are taken out elsewhere: where the cursor goes has to reach the terminal.
fn write_now(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// The size of the terminal behind stdout; none where there is no terminal, or it does not say.
pub(super) fn size() -> Option<Size> {
    let size = termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0)
        .then(|| Size { columns: size.ws_col.into(), rows: size.ws_row.into() })
}

/// Lets keys come one by one and unseen. Answers how it was; none where stdin is no terminal.
fn take_keys() -> Option<Termios> {
    let before = termios::tcgetattr(io::stdin()).ok()?;
    let mut one_by_one = before.clone();
    one_by_one.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    termios::tcsetattr(io::stdin(), OptionalActions::Now, &one_by_one).ok()?;
    Some(before)
}

/// Keys, as far as they mean something.
pub(super) struct Keys {
    ends: mpsc::Receiver<()>,
}

impl Keys {
    /// Listens, where stdin is a terminal. On a thread of its own, which ends with the process: a read of a terminal cannot be
    /// called off.
    pub fn listen() -> Self {
        let (tell, ends) = mpsc::channel(1);
        if io::stdin().is_terminal() {
            std::thread::spawn(move || {
                let is_end = |byte: io::Result<u8>| matches!(byte, Ok(b'q' | b'Q'));
                if io::stdin().lock().bytes().any(is_end) {
                    // Nobody waits when it has ended by itself.
                    let _ = tell.blocking_send(());
                }
            });
        }
        Self { ends }
    }

    /// Waits for the key that ends it; for ever where no key can be pressed.
    pub async fn end(&mut self) {
        if self.ends.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
