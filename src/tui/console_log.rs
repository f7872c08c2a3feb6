//! The program's own log as a screen: tui-logger keeps and scrolls it, the lines are ours, because its own formatter
//! counts characters where columns count and so loses the tail of Chinese lines. Never writes to a terminal.

use std::fmt;
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use tui_logger::{ExtLogRecord, LogFormatter, TuiLoggerWidget, TuiWidgetEvent, TuiWidgetState};

use super::theme::{Ink, Look};
use crate::text;

/// Starts to keep what is logged from `level` on. Once a process; later calls only change the level.
///
/// # Errors
/// When the thread that moves the lines cannot be started.
pub fn keep(level: log::LevelFilter) -> Result<(), tui_logger::TuiLoggerError> {
    static STARTED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    if STARTED.swap(true, std::sync::atomic::Ordering::SeqCst) {
        tui_logger::set_default_level(level);
        return Ok(());
    }
    tui_logger::set_hot_buffer_depth(10_000);
    tui_logger::init_logger(level)
}

/// What takes `tracing` events to the screen; a layer of the process's subscriber.
pub const fn layer() -> tui_logger::TuiTracingSubscriberLayer {
    tui_logger::TuiTracingSubscriberLayer
}

/// What takes records of the `log` crate to the screen, with the target that they were written under.
///
/// The bridge from `log` to `tracing` calls every target `log`: install this one instead.
#[derive(Debug, Clone, Copy)]
pub struct Bridge {
    pub level: log::LevelFilter,
}

impl log::Log for Bridge {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            tui_logger::Drain::new().log(record);
        }
    }

    fn flush(&self) {}
}

/// Where the reader of the log is; tui-logger moves it.
#[derive(Clone, Default)]
pub struct Scroll(Arc<TuiWidgetState>);

impl Scroll {
    pub fn back(&self) {
        self.0.transition(TuiWidgetEvent::PrevPageKey);
    }

    pub fn forward(&self) {
        self.0.transition(TuiWidgetEvent::NextPageKey);
    }

    pub fn follow(&self) {
        self.0.transition(TuiWidgetEvent::EscapeKey);
    }
}

impl fmt::Debug for Scroll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scroll")
    }
}

struct Formatter {
    look: Look,
}

impl LogFormatter for Formatter {
    fn min_width(&self) -> u16 {
        4
    }

    fn format(&self, width: usize, event: &ExtLogRecord) -> Vec<Line<'_>> {
        let (word, ink) = match event.level {
            log::Level::Error => ("ERROR", Ink::Wrong),
            log::Level::Warn => ("WARN ", Ink::Amber),
            log::Level::Info => ("INFO ", Ink::Good),
            log::Level::Debug => ("DEBUG", Ink::Faint),
            log::Level::Trace => ("TRACE", Ink::Faint),
        };
        let time = event.timestamp.strftime("%H:%M:%S").to_string();
        let target = text::printable(event.target());
        let said = event
            .msg()
            .lines()
            .map(|line| text::printable(line.trim_end()))
            .collect::<Vec<_>>()
            .join("\n");
        let said = format!("{target}: {}", said.trim_start());
        // The head is `HH:MM:SS WARN  `; lines that go on stand under the text where there is room.
        let indent = if width >= 40 { 15 } else { 2 };
        let head = if width >= 40 {
            vec![
                Span::styled(format!("{time} "), self.look.ink(Ink::Faint)),
                Span::styled(format!("{word} "), self.look.ink(ink)),
            ]
        } else {
            vec![Span::styled(format!("{} ", &word[..1]), self.look.ink(ink))]
        };
        let mut lines: Vec<Line<'_>> = text::wrap(&said, width.saturating_sub(indent))
            .into_iter()
            .map(|line| Line::from(vec![Span::raw(" ".repeat(indent)), Span::raw(line)]))
            .collect();
        if let Some(first) = lines.first_mut() {
            let rest = first.spans.pop();
            first.spans = head;
            first.spans.extend(rest);
        }
        lines
    }
}

/// Draws the newest lines, or where the reader scrolled to.
pub fn draw(scroll: &Scroll, look: &Look, area: Rect, buffer: &mut Buffer) {
    TuiLoggerWidget::default()
        .formatter(Box::new(Formatter { look: look.clone() }))
        .state(&scroll.0)
        .render(area, buffer);
}
