//! Makes text from outside safe to show: logs, names, payloads, playbooks.
//! Control characters are shown, not obeyed; nothing is thrown away without a trace. Never does IO.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

/// Whether a terminal, a browser or a person could be misled by this character.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Bidirectional overrides and isolates reorder what is read.
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Line and paragraph separators break a line where none is.
            | '\u{2028}' | '\u{2029}'
            // Invisible: byte order mark, word joiner and friends, tags, interlinear annotation.
            | '\u{feff}' | '\u{2060}'..='\u{2064}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// One line of text with every control character made visible: `␛[31m`, `␊`, `<U+202E>`. Tabs become four spaces.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            '\u{7f}' => out.push('␡'),
            c if (c as u32) < 0x20 => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('?')),
            c if is_hostile(c) => {
                // Writing into a string cannot fail.
                let _ = write!(out, "<U+{:04X}>", c as u32);
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Like [`printable`], but keeps line breaks, for text that may have several lines.
pub fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// Columns that `text` takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` cut to at most `columns`, with `…` where something was cut; never splits a grapheme.
pub fn clip(text: &str, columns: usize) -> Cow<'_, str> {
    use unicode_segmentation::UnicodeSegmentation;
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    if columns == 0 {
        return Cow::Borrowed("");
    }
    let mut out = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let wide = width(grapheme);
        if used + wide > columns - 1 {
            break;
        }
        used += wide;
        out.push_str(grapheme);
    }
    out.push('…');
    Cow::Owned(out)
}

/// `text` in lines of at most `columns`, broken at spaces where there are any and between graphemes where not.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    use unicode_segmentation::UnicodeSegmentation;
    let columns = columns.max(2);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        let mut used = 0;
        for word in paragraph.split_word_bounds() {
            let wide = width(word);
            if used + wide <= columns {
                line.push_str(word);
                used += wide;
                continue;
            }
            if used > 0 {
                let carried = carried(&mut line, word, columns);
                lines.push(line.trim_end().to_owned());
                used = width(&carried);
                line = carried;
            }
            if word.trim().is_empty() {
                continue;
            }
            for grapheme in word.graphemes(true) {
                let wide = width(grapheme);
                if used + wide > columns {
                    let carried = carried(&mut line, grapheme, columns);
                    used = width(&carried);
                    lines.push(std::mem::replace(&mut line, carried));
                }
                line.push_str(grapheme);
                used += wide;
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// Closing punctuation of Chinese and Japanese, which does not begin a line.
const CLOSING: [char; 11] = ['。', '，', '、', '！', '？', '；', '：', '）', '」', '』', '】'];

/// What leaves the end of `line` so that the closing punctuation of `next` has something before it on the line
/// below: the last word, or the last grapheme of a word that fills the line. Nothing where that cannot help.
fn carried(line: &mut String, next: &str, columns: usize) -> String {
    use unicode_segmentation::UnicodeSegmentation;
    let Some(first) = next
        .graphemes(true)
        .next()
        .filter(|first| first.starts_with(CLOSING))
    else {
        return String::new();
    };
    let mut at = line.len();
    for (start, word) in line.split_word_bound_indices().rev() {
        if word.trim().is_empty() {
            break;
        }
        at = start;
        if !word.starts_with(CLOSING) {
            break;
        }
    }
    if at == 0 {
        at = line
            .grapheme_indices(true)
            .next_back()
            .map_or(0, |(start, _)| start);
    }
    let rest = &line[at..];
    let helps = at > 0 && !rest.is_empty() && !rest.starts_with(CLOSING);
    if helps && width(rest) + width(first) <= columns {
        line.split_off(at)
    } else {
        String::new()
    }
}

/// The nearest of `known` to `given`, when it is near enough to be a slip of the fingers.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (edits(given, name), name))
        .filter(|(distance, name)| *distance <= (name.chars().count().max(3) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Edits (insert, delete, replace, swap of neighbours) between two words, letter case apart.
fn edits(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_not_obeyed() {
        assert_eq!(printable("plain 中文 ok"), "plain 中文 ok");
        assert_eq!(printable("\u{1b}[31mred\r\n"), "␛[31mred␍␊");
        assert_eq!(printable("a\u{202e}b\u{9b}1m"), "a<U+202E>b<U+009B>1m");
        assert!(printable("\u{7f}\u{0}").chars().all(|c| !c.is_control()));
    }

    #[test]
    fn chinese_is_measured_and_wrapped_by_columns() {
        assert_eq!(width("中文"), 4);
        assert_eq!(clip("中文字符", 5), "中文…");
        assert_eq!(clip("中文字符", 8), "中文字符");
        let lines = wrap("消息丢失率必须为零 on every broker", 8);
        assert!(lines.iter().all(|line| width(line) <= 8), "{lines:?}");
        assert_eq!(lines.concat().replace(' ', ""), "消息丢失率必须为零oneverybroker");
    }

    #[test]
    fn closing_punctuation_does_not_begin_a_line() {
        assert_eq!(wrap("消息丢失，为零。", 8), ["消息丢", "失，为", "零。"]);
        assert_eq!(wrap("他说好」。完", 6), ["他说", "好」。", "完"]);
        assert_eq!(wrap("all back。", 8), ["all", "back。"]);
        assert_eq!(wrap("recovery。", 8), ["recover", "y。"]);
        // Nothing to carry, or no room for it: the width comes first.
        assert_eq!(wrap("好。", 2), ["好", "。"]);
        assert_eq!(wrap("。。。", 4), ["。。", "。"]);
        let text = "故障：Pod 被删除（一个），恢复目标 10 秒；可接受 30 秒。「消息不丢失」！";
        for columns in 4..60 {
            let lines = wrap(text, columns);
            assert!(
                lines.iter().all(|line| width(line) <= columns),
                "{columns}: {lines:?}"
            );
            assert_eq!(
                lines.concat().replace(' ', ""),
                text.replace(' ', ""),
                "{columns}"
            );
            if columns >= 8 {
                assert!(
                    !lines.iter().any(|line| line.starts_with(CLOSING)),
                    "{columns}: {lines:?}"
                );
            }
        }
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        let known = ["namespace", "pods", "duration"];
        assert_eq!(nearest("namepsace", known), Some("namespace"));
        assert_eq!(nearest("durations", known), Some("duration"));
        assert_eq!(nearest("colour", known), None);
    }
}
