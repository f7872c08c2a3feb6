//! A list's cursor and filter. Rows have numbers that stay theirs while older rows are let go. Pure.

/// Where a reader is in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List {
    /// The row under the cursor; `None` at the list's own end: the newest line of a log, the first row of a table.
    pub at: Option<u64>,
    /// Only rows with this text are shown.
    pub filter: String,
}

/// Which end of a list a reader is at who has not moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    First,
    Last,
}

impl List {
    /// The position of the cursor among the rows that are shown; the nearest one when its own row is not.
    pub fn position(&self, rows: &[u64], rest: Rest) -> Option<usize> {
        let last = rows.len().checked_sub(1)?;
        Some(match (self.at, rest) {
            (Some(at), _) => rows.partition_point(|row| *row < at).min(last),
            (None, Rest::First) => 0,
            (None, Rest::Last) => last,
        })
    }

    /// Moves the cursor by so many shown rows. Past the last row of a log it follows the end again.
    pub fn step(&mut self, rows: &[u64], rest: Rest, by: isize) {
        let (Some(now), Some(last)) = (self.position(rows, rest), rows.len().checked_sub(1)) else {
            self.at = None;
            return;
        };
        let next = now.saturating_add_signed(by).min(last);
        let follows = rest == Rest::Last && by > 0 && next == last;
        self.at = (!follows).then(|| rows[next]);
    }

    pub fn first(&mut self, rows: &[u64]) {
        self.at = rows.first().copied();
    }

    pub fn last(&mut self, rows: &[u64], rest: Rest) {
        self.at = match rest {
            Rest::Last => None,
            Rest::First => rows.last().copied(),
        };
    }
}

/// Whether `text` has `needle` in it, ASCII letter case apart; an empty needle is in everything.
pub fn matches(text: &str, needle: &str) -> bool {
    let (text, needle) = (text.as_bytes(), needle.as_bytes());
    needle.is_empty()
        || text
            .windows(needle.len())
            .any(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_followed_until_somebody_looks_back() {
        let rows: Vec<u64> = (100..110).collect();
        let mut list = List::default();
        assert_eq!(list.position(&rows, Rest::Last), Some(9));
        list.step(&rows, Rest::Last, -3);
        assert_eq!(list.at, Some(106));
        // Four newer lines came, six old ones went: the reader still looks at the same line.
        let rows: Vec<u64> = (106..114).collect();
        assert_eq!(list.position(&rows, Rest::Last), Some(0));
        list.step(&rows, Rest::Last, 100);
        assert_eq!(list.at, None);
        list.step(&[], Rest::Last, -1);
        assert_eq!(list.position(&[], Rest::Last), None);
    }

    #[test]
    fn filters_are_not_particular_about_letter_case() {
        assert!(matches("Peer UNREACHABLE", "unreach"));
        assert!(matches("连接断开", "断开"));
        assert!(matches("x", ""));
        assert!(!matches("x", "xy"));
    }
}
