//! Raw mode, the alternate screen, and the way back out of them, whatever happens. Sends a frame in one write, and
//! nothing at all when nothing changed. Never decides what is drawn.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::panic;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::queue;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
};
use ratatui::Terminal;
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

use super::model::Model;
use super::view::view;
use crate::ports::KillSwitch;

/// Why the console cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    #[error("this is no terminal; use `--headless` to run without a screen")]
    None,
    #[error("cannot {what} the terminal")]
    Io { what: &'static str, source: io::Error },
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> TerminalError {
    move |source| TerminalError::Io { what, source }
}

/// The terminal's own file: standard input or output when that is one, else the controlling terminal.
fn tty() -> Result<File, TerminalError> {
    let stdout = io::stdout();
    if stdout.is_terminal() {
        let fd: OwnedFd = stdout.as_fd().try_clone_to_owned().map_err(failed("open"))?;
        return Ok(File::from(fd));
    }
    File::options()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(|_| TerminalError::None)
}

/// Where keys come from.
pub fn keys_fd() -> Result<OwnedFd, TerminalError> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return stdin.as_fd().try_clone_to_owned().map_err(failed("open"));
    }
    let tty = File::open("/dev/tty").map_err(|_| TerminalError::None)?;
    Ok(OwnedFd::from(tty))
}

/// The way back to a terminal that a shell can use. Done once, by whoever comes first.
#[derive(Debug, Clone)]
struct WayBack {
    tty: Arc<File>,
    is_ours: Arc<AtomicBool>,
}

impl WayBack {
    fn go(&self) {
        if !self.is_ours.swap(false, Ordering::SeqCst) {
            return;
        }
        let mut bytes = Vec::new();
        // Writing into memory cannot fail; a terminal that is gone needs no restoring.
        let _ = queue!(
            bytes,
            EndSynchronizedUpdate,
            DisableBracketedPaste,
            Show,
            LeaveAlternateScreen
        );
        let _ = (&*self.tty).write_all(&bytes);
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

/// The terminal, for as long as the console has it. Dropping it gives it back.
pub struct Guard<W: Write = File> {
    terminal: Terminal<Thrifty<W>>,
    /// Before `hook`: on the way out the terminal is restored first.
    _way_back: Option<RestoreOnDrop>,
    _hook: Option<Hook>,
}

struct RestoreOnDrop(WayBack);

impl Drop for RestoreOnDrop {
    fn drop(&mut self) {
        self.0.go();
    }
}

impl Guard<File> {
    /// Takes the terminal. From here on a panic of any thread pulls the kill switch; one of this thread gives the
    /// terminal back as well.
    ///
    /// # Errors
    /// When there is no terminal, or it cannot be switched.
    pub fn enter(kill: &KillSwitch) -> Result<Self, TerminalError> {
        let tty = Arc::new(tty()?);
        let writer = tty.try_clone().map_err(failed("open"))?;
        crossterm::terminal::enable_raw_mode().map_err(failed("switch"))?;
        let way_back = WayBack {
            tty,
            is_ours: Arc::new(AtomicBool::new(true)),
        };
        let hook = Hook::install(way_back.clone(), Arc::clone(kill));
        let restore = RestoreOnDrop(way_back.clone());
        let mut bytes = Vec::new();
        queue!(bytes, EnterAlternateScreen, EnableBracketedPaste, Hide).map_err(failed("switch"))?;
        (&*way_back.tty).write_all(&bytes).map_err(failed("switch"))?;
        let terminal = Terminal::new(Thrifty::new(writer)).map_err(failed("measure"))?;
        Ok(Self {
            terminal,
            _way_back: Some(restore),
            _hook: Some(hook),
        })
    }
}

impl<W: Write> Guard<W> {
    /// A screen that is written to `writer`, for tests and benches.
    ///
    /// # Errors
    /// When the screen cannot be measured.
    pub fn onto(writer: W, area: ratatui::layout::Rect) -> Result<Self, TerminalError> {
        let options = ratatui::TerminalOptions {
            viewport: ratatui::Viewport::Fixed(area),
        };
        let terminal = Terminal::with_options(Thrifty::new(writer), options).map_err(failed("measure"))?;
        Ok(Self {
            terminal,
            _way_back: None,
            _hook: None,
        })
    }

    /// Draws a model; gives how many bytes were sent.
    ///
    /// # Errors
    /// When the terminal does not take them: it is gone.
    pub fn draw(&mut self, model: &Model) -> io::Result<usize> {
        self.terminal.draw(|frame| view(model, frame))?;
        self.terminal.backend_mut().send()
    }

    /// Forgets what is on the screen: the next frame is sent whole.
    ///
    /// # Errors
    /// When the terminal does not take it: it is gone.
    pub fn forget(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }
}

/// What a panic does while the console is shown.
struct Hook {
    previous: Arc<dyn Fn(&panic::PanicHookInfo<'_>) + Send + Sync>,
}

impl Hook {
    fn install(way_back: WayBack, kill: KillSwitch) -> Self {
        let previous: Arc<dyn Fn(&panic::PanicHookInfo<'_>) + Send + Sync> = Arc::from(panic::take_hook());
        let before = Arc::clone(&previous);
        let screen = std::thread::current().id();
        panic::set_hook(Box::new(move |info| {
            // The switch first: it cannot block, a terminal can.
            kill("panic");
            if std::thread::current().id() == screen {
                way_back.go();
                before(info);
            } else {
                // The screen is still there: a message on it would only garble it.
                tracing::error!(panic = %info, "a part of the program failed");
            }
        }));
        Self { previous }
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let previous = Arc::clone(&self.previous);
            panic::set_hook(Box::new(move |info| previous(info)));
        }
    }
}

/// Collects a frame; flushing does nothing, so that a frame is one write. Shared, because the backend does not give its
/// writer back.
#[derive(Clone, Default)]
struct Sheet(Rc<RefCell<Vec<u8>>>);

impl Write for Sheet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where the cursor is, as the terminal was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cursor {
    Hidden,
    Shown(Option<Position>),
}

/// A backend that sends nothing when nothing changed.
pub struct Thrifty<W: Write> {
    inner: CrosstermBackend<Sheet>,
    sheet: Sheet,
    writer: W,
    cursor: Cursor,
}

impl<W: Write> Thrifty<W> {
    fn new(writer: W) -> Self {
        let sheet = Sheet::default();
        Self {
            inner: CrosstermBackend::new(sheet.clone()),
            sheet,
            writer,
            cursor: Cursor::Hidden,
        }
    }

    fn send(&mut self) -> io::Result<usize> {
        let bytes = self.sheet.0.take();
        if bytes.is_empty() {
            return Ok(0);
        }
        let mut frame = Vec::with_capacity(bytes.len() + 16);
        queue!(frame, BeginSynchronizedUpdate)?;
        frame.extend(bytes);
        queue!(frame, EndSynchronizedUpdate)?;
        self.writer.write_all(&frame)?;
        self.writer.flush()?;
        Ok(frame.len())
    }
}

impl<W: Write> Backend for Thrifty<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        if let Cursor::Shown(place) = &mut self.cursor {
            *place = None;
        }
        self.inner.draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.cursor == Cursor::Hidden {
            return Ok(());
        }
        self.cursor = Cursor::Hidden;
        self.inner.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if self.cursor != Cursor::Hidden {
            return Ok(());
        }
        self.cursor = Cursor::Shown(None);
        self.inner.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        // Asking a terminal takes its answer out of the keyboard's stream; the whole screen is ours anyway.
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.cursor == Cursor::Shown(Some(position)) {
            return Ok(());
        }
        if self.cursor != Cursor::Hidden {
            self.cursor = Cursor::Shown(Some(position));
        }
        self.inner.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.inner.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.inner.clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        self.inner.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.inner.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
