//! Makes text from outside safe inside Markdown: it can open no tag, link, table cell, list, heading or code.
//! Control characters are shown, as everywhere. Pure.

use crate::text::printable;

/// One line of text as Markdown that reads as exactly this text; safe in a line and in a table cell.
pub fn line(text: &str) -> String {
    // Leading spaces would mean code.
    let text = printable(text.trim_start());
    let mut out = String::with_capacity(text.len() + 8);
    for (number, word) in text.split(' ').enumerate() {
        if number > 0 {
            out.push(' ');
        }
        if links(word) {
            let inner = word.trim_start_matches(OPENING).trim_end_matches(CLOSING);
            let start = word.len() - word.trim_start_matches(OPENING).len();
            escape(&word[..start], number == 0, &mut out);
            code(inner, &mut out);
            escape(&word[start + inner.len()..], false, &mut out);
        } else {
            escape(word, number == 0, &mut out);
        }
    }
    out
}

/// Around an address, and not part of it.
const OPENING: [char; 3] = ['(', '"', '\''];
const CLOSING: [char; 7] = [')', '"', '\'', ',', '.', ';', ':'];

/// Several lines as one, with line breaks that tables and lists survive.
pub fn lines(text: &str) -> String {
    text.lines().map(line).collect::<Vec<_>>().join("<br>")
}

/// Whether readers of Markdown make a link or a mention of a bare word.
fn links(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    lower.contains("://") || lower.contains("www.") || lower.contains("mailto:") || word.contains('@')
}

/// Nothing becomes a link inside of code.
fn code(word: &str, out: &mut String) {
    // A fence longer than any run of backticks inside cannot be closed from inside.
    let longest = word.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    out.push_str(&fence);
    out.push_str(pad);
    // A bar would end the cell of a table even inside of code; its look-alike does not.
    out.push_str(&word.replace('|', "¦"));
    out.push_str(pad);
    out.push_str(&fence);
}

fn escape(word: &str, first: bool, out: &mut String) {
    let digits = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    for (at, c) in word.char_indices() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            // Only at the beginning of a line do these mean a heading, a list or a rule.
            '#' | '-' | '+' | '=' if first && at == 0 => {
                out.push('\\');
                out.push(c);
            }
            '.' | ')' if first && at == digits && digits > 0 && at + 1 == word.len() => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_markdown_is_taken_literally() {
        for (text, markdown) in [
            ("emqx-pod-kill 中文", "emqx-pod-kill 中文"),
            ("a|b", "a\\|b"),
            ("<script>&", "&lt;script&gt;&amp;"),
            ("`rm` *x* _y_", "\\`rm\\` \\*x\\* \\_y\\_"),
            ("[x](javascript:1)", "\\[x\\](javascript:1)"),
            ("# no heading", "\\# no heading"),
            ("- no list", "\\- no list"),
            ("12. no list", "12\\. no list"),
            ("1.5 s", "1.5 s"),
            ("x (https://evil.example/), y", "x (`https://evil.example/`), y"),
            (
                "see https://evil.example/?a|b now",
                "see `https://evil.example/?a¦b` now",
            ),
            ("@team `@x`", "`@team` `` `@x` ``"),
            ("a\u{1b}[0m\nb", "a␛\\[0m␊b"),
        ] {
            assert_eq!(line(text), markdown, "{text}");
        }
        assert_eq!(lines("first\n| second"), "first<br>\\| second");
    }
}
