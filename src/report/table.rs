//! Columns of text for a terminal, measured in columns of the terminal, not in characters. Pure.

use crate::text::{clip, width};

/// `text` in exactly `columns`: cut with `…` or filled with spaces.
pub fn fit(text: &str, columns: usize) -> String {
    let cut = clip(text, columns);
    let missing = columns.saturating_sub(width(&cut));
    format!("{cut}{}", " ".repeat(missing))
}

/// `text` on the right of `columns`.
pub fn fit_right(text: &str, columns: usize) -> String {
    let cut = clip(text, columns);
    let missing = columns.saturating_sub(width(&cut));
    format!("{}{cut}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_as_wide_as_its_column() {
        for text in ["", "plain", "消息丢失率必须为零", "e\u{301}", "中"] {
            for columns in [1, 2, 5, 20] {
                assert_eq!(width(&fit(text, columns)), columns, "{text} in {columns}");
                assert_eq!(width(&fit_right(text, columns)), columns, "{text} in {columns}");
            }
        }
    }
}
