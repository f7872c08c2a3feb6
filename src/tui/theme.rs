//! What colours and signs mean, and the plain forms of both. Red is only for what is wrong now; every colour has a
//! sign or a word beside it, so that nothing is lost without colour.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

/// Whether colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    #[default]
    Full,
    /// `NO_COLOR` or `--no-color`: weights and reverse video only.
    None,
}

/// Which characters the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signs {
    #[default]
    Unicode,
    /// Everything that is not ASCII gets a stand-in, text from outside included.
    Ascii,
}

/// How the console looks and speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pub colour: Colour,
    pub signs: Signs,
    /// `en` or `zh`: which of a playbook's texts are shown.
    pub language: String,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            colour: Colour::default(),
            signs: Signs::default(),
            language: "en".to_owned(),
        }
    }
}

/// What a piece of text means; the look says how that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    Plain,
    /// Labels, rules, what is over.
    Faint,
    Strong,
    /// Headings.
    Title,
    Good,
    /// Acceptable, no data, stale.
    Amber,
    /// Wrong now.
    Wrong,
    /// A key that can be pressed.
    Key,
    /// Cannot be overlooked, without being wrong: a production context.
    Loud,
    /// The row under the cursor.
    Chosen,
    /// The kill key.
    Kill,
}

impl Look {
    pub fn ink(&self, ink: Ink) -> Style {
        match self.colour {
            Colour::Full => coloured(ink),
            Colour::None => plain(ink),
        }
    }
}

const fn coloured(ink: Ink) -> Style {
    let style = Style::new();
    match ink {
        Ink::Plain => style,
        Ink::Faint => style.fg(Color::DarkGray),
        Ink::Strong => style.add_modifier(Modifier::BOLD),
        Ink::Title => style.fg(Color::Cyan),
        Ink::Good => style.fg(Color::Green),
        Ink::Amber => style.fg(Color::Yellow),
        Ink::Wrong => style.fg(Color::Red).add_modifier(Modifier::BOLD),
        Ink::Key => style.fg(Color::Cyan).add_modifier(Modifier::BOLD),
        Ink::Loud => style
            .fg(Color::Yellow)
            .add_modifier(Modifier::BOLD)
            .add_modifier(Modifier::REVERSED),
        Ink::Chosen => style.add_modifier(Modifier::REVERSED),
        Ink::Kill => style
            .add_modifier(Modifier::BOLD)
            .add_modifier(Modifier::REVERSED),
    }
}

const fn plain(ink: Ink) -> Style {
    let style = Style::new();
    match ink {
        Ink::Plain | Ink::Faint | Ink::Good => style,
        Ink::Strong | Ink::Title | Ink::Amber | Ink::Key => style.add_modifier(Modifier::BOLD),
        Ink::Wrong => style
            .add_modifier(Modifier::BOLD)
            .add_modifier(Modifier::UNDERLINED),
        Ink::Loud | Ink::Kill => style
            .add_modifier(Modifier::BOLD)
            .add_modifier(Modifier::REVERSED),
        Ink::Chosen => style.add_modifier(Modifier::REVERSED),
    }
}

/// Signs that stand beside colours.
pub mod sign {
    pub const GOOD: &str = "✓";
    pub const WRONG: &str = "✗";
    pub const UNKNOWN: &str = "?";
    pub const ON: &str = "●";
    pub const OFF: &str = "○";
    pub const NOW: &str = "▶";
    pub const HIT: &str = "◂";
    pub const MOVING: &str = "◐";
    pub const NOT_MEASURED: &str = "–";
}

/// What stands for a character that the terminal cannot show.
fn stand_in(symbol: &str) -> &'static str {
    match symbol {
        "✓" | "┌" | "┐" | "└" | "┘" | "┬" | "┴" | "┼" => "+",
        "✗" | "×" => "x",
        "●" => "*",
        "○" | "◦" => "o",
        "◐" | "✎" | "…" | "±" => "~",
        "▶" | "▸" | "→" | "≥" => ">",
        "◂" | "←" | "≤" => "<",
        "│" | "┃" | "▏" | "▕" | "├" | "┤" | "╎" => "|",
        "─" | "━" | "–" | "—" | "┄" => "-",
        "■" | "█" | "▉" | "▊" | "▋" | "▌" | "▓" => "#",
        "▍" | "▎" => "=",
        "·" => ".",
        "↑" => "^",
        "↓" => "v",
        "µ" => "u",
        // Control pictures: what was a control character.
        s if s
            .chars()
            .next()
            .is_some_and(|c| ('\u{2400}'..='\u{2426}').contains(&c)) =>
        {
            "^"
        }
        _ => "?",
    }
}

/// The last step of a frame on a terminal without Unicode.
pub fn to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            let plain = stand_in(cell.symbol());
            cell.set_symbol(plain);
        }
    }
}
