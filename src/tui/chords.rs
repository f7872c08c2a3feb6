//! The emergency keys: what they ask for, however they are encoded and however often they are pressed. Pure.

use crossterm::event::{KeyCode, KeyEvent};

use super::keys::{Stroke, stroke};

/// What the emergency keys ask for, in the order of pressing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chord {
    /// Pull the kill switch; by what.
    Kill(&'static str),
    /// End the run and undo what is owed.
    Quit,
    /// Leave at once; what is at work goes on without the screen.
    Leave,
}

/// Counts the presses of Ctrl-C: once, twice, three times mean different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chords {
    interrupts: u32,
}

impl Chords {
    /// What an emergency key asks for; `None` for any other key.
    pub fn take(&mut self, event: &KeyEvent) -> Option<Chord> {
        match stroke(event)? {
            Stroke::Ctrl('k') => Some(Chord::Kill("ctrl-k")),
            Stroke::Code(KeyCode::F(12)) => Some(Chord::Kill("f12")),
            Stroke::Ctrl('c') => {
                self.interrupts = self.interrupts.saturating_add(1);
                Some(match self.interrupts {
                    1 => Chord::Quit,
                    2 => Chord::Kill("ctrl-c twice"),
                    _ => Chord::Leave,
                })
            }
            Stroke::Code(_) | Stroke::Ctrl(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyEventKind, KeyModifiers};

    use super::*;

    #[test]
    fn the_kill_chord_counts_however_it_is_encoded() {
        let mut chords = Chords::default();
        for event in [
            KeyEvent::new(KeyCode::Char('k'), KeyModifiers::CONTROL),
            KeyEvent::new(KeyCode::Char('K'), KeyModifiers::CONTROL | KeyModifiers::SHIFT),
            KeyEvent::new(KeyCode::Char('k'), KeyModifiers::CONTROL | KeyModifiers::ALT),
            KeyEvent::new(KeyCode::F(12), KeyModifiers::SHIFT),
        ] {
            assert!(matches!(chords.take(&event), Some(Chord::Kill(_))), "{event:?}");
        }
        let release = KeyEvent::new_with_kind(KeyCode::F(12), KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(chords.take(&release), None);
    }

    #[test]
    fn interrupts_escalate() {
        let mut chords = Chords::default();
        let event = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(chords.take(&event), Some(Chord::Quit));
        assert_eq!(chords.take(&event), Some(Chord::Kill("ctrl-c twice")));
        assert_eq!(chords.take(&event), Some(Chord::Leave));
    }
}
