//! How times look on the screen: clocks that run, ages in coarse steps. Pure.

use std::time::Duration;

use crate::units::Mark;

/// `04:12`, from an hour on `1:04:12`.
pub fn clock(span: Duration) -> String {
    let secs = span.as_secs();
    let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{secs:02}")
    } else {
        format!("{minutes:02}:{secs:02}")
    }
}

/// `00:07.4`, from an hour on `1:00:07.4`.
pub fn tenths(span: Duration) -> String {
    format!("{}.{}", clock(span), span.subsec_millis() / 100)
}

/// An age in coarse steps, so that a screen at rest stands still: `<5s`, `5s`, `10s`, `15s`, `30s`, `45s`, `3m`, `2h`, `4d`.
pub fn age(span: Duration) -> String {
    const STEPS: [u64; 5] = [45, 30, 15, 10, 5];
    let secs = span.as_secs();
    match secs {
        0..5 => "<5s".to_owned(),
        5..60 => {
            let step = STEPS.into_iter().find(|step| secs >= *step).unwrap_or(5);
            format!("{step}s")
        }
        60..3_600 => format!("{}m", secs / 60),
        3_600..86_400 => format!("{}h", secs / 3_600),
        _ => format!("{}d", secs / 86_400),
    }
}

/// Reads a time of the run as people write it: `T+00:12.5`, `0:12`, `1:02:05`.
pub fn parse_mark(text: &str) -> Option<Mark> {
    let text = text.trim();
    let text = text
        .strip_prefix("T+")
        .or_else(|| text.strip_prefix("t+"))
        .unwrap_or(text);
    let parts: Vec<&str> = text.split(':').collect();
    let (last, whole) = parts.split_last()?;
    if whole.len() > 2 || whole.iter().chain([last]).any(|part| part.is_empty()) {
        return None;
    }
    let (secs, fraction) = last.split_once('.').unwrap_or((last, "0"));
    let digits = |part: &str| !part.is_empty() && part.len() <= 6 && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(secs) || !digits(fraction) || !whole.iter().all(|part| digits(part)) {
        return None;
    }
    let mut total = 0_u64;
    for part in whole.iter().copied().chain([secs]) {
        let part: u64 = part.parse().ok()?;
        total = total.checked_mul(60)?.checked_add(part)?;
    }
    let millis: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(Mark::from_millis(total.checked_mul(1_000)?.checked_add(millis)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_move_in_coarse_steps() {
        let shown: Vec<String> = [0, 4, 5, 9, 29, 59, 60, 3_599, 7_200, 400_000]
            .into_iter()
            .map(|secs| age(Duration::from_secs(secs)))
            .collect();
        assert_eq!(
            shown,
            ["<5s", "<5s", "5s", "5s", "15s", "45s", "1m", "59m", "2h", "4d"]
        );
    }

    #[test]
    fn times_are_read_as_they_are_shown() {
        for mark in [0, 7_400, 61_000, 3_725_900] {
            let mark = Mark::from_millis(mark);
            assert_eq!(parse_mark(&mark.to_string()), Some(mark));
        }
        assert_eq!(parse_mark("1:02"), Some(Mark::from_secs(62)));
        for bad in [
            "",
            "T+",
            "a",
            "1:",
            ":1",
            "1:2:3:4",
            "-1:00",
            "1.2.3",
            "9999999:00",
        ] {
            assert_eq!(parse_mark(bad), None, "{bad}");
        }
    }
}
