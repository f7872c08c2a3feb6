//! The small change of tables: ages, counts, joined lists. Pure.

use serde_json::Value;

use crate::units::Stamp;

/// What the server shows where there is nothing.
pub(super) const NONE: &str = "<none>";
pub(super) const UNKNOWN: &str = "<unknown>";

/// Seconds as the server writes an age: `42s`, `3m5s`, `47m`, `5h12m`, `26h`, `3d4h`, `9d`.
pub(super) fn short_duration(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    let two = |big: i64, unit: char, small: i64, sub: char| {
        if small == 0 {
            format!("{big}{unit}")
        } else {
            format!("{big}{unit}{small}{sub}")
        }
    };
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        s if s < 2 * MINUTE => format!("{s}s"),
        s if s < 10 * MINUTE => two(s / MINUTE, 'm', s % MINUTE, 's'),
        s if s < 3 * HOUR => format!("{}m", s / MINUTE),
        s if s < 8 * HOUR => two(s / HOUR, 'h', s % HOUR / MINUTE, 'm'),
        s if s < 2 * DAY => format!("{}h", s / HOUR),
        s if s < 8 * DAY => two(s / DAY, 'd', s % DAY / HOUR, 'h'),
        s if s < 2 * YEAR => format!("{}d", s / DAY),
        s if s < 8 * YEAR => two(s / YEAR, 'y', s % YEAR / DAY, 'd'),
        s => format!("{}y", s / YEAR),
    }
}

/// How long ago a time was; `<unknown>` for none.
pub(super) fn since(time: &Value, now: Stamp) -> String {
    time.as_str()
        .and_then(|text| text.parse::<jiff::Timestamp>().ok())
        .map_or_else(
            || UNKNOWN.to_owned(),
            |then| short_duration(now.0.as_second() - then.as_second()),
        )
}

pub(super) fn name(object: &Value, _now: Stamp) -> Value {
    object["metadata"]["name"].clone()
}

pub(super) fn age(object: &Value, now: Stamp) -> Value {
    since(&object["metadata"]["creationTimestamp"], now).into()
}

pub(super) fn created_at(object: &Value, _now: Stamp) -> Value {
    object["metadata"]["creationTimestamp"].clone()
}

/// The text of a value, or `<none>`.
pub(super) fn text_or_none(value: &Value) -> Value {
    match value {
        Value::String(text) if !text.is_empty() => text.as_str().into(),
        Value::Number(number) => number.to_string().into(),
        _nothing => NONE.into(),
    }
}

/// The elements of a list, none where there is no list.
pub(super) fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Texts with commas between, or `<none>`.
pub(super) fn joined<T: AsRef<str>>(texts: &[T]) -> Value {
    if texts.is_empty() {
        return NONE.into();
    }
    texts
        .iter()
        .map(AsRef::as_ref)
        .collect::<Vec<_>>()
        .join(",")
        .into()
}

/// `a=b,c=d`, or `<none>`.
pub(super) fn labels(map: &Value) -> Value {
    let pairs: Vec<String> = map
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    joined(&pairs)
}

pub(super) fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// How many members a map or a list has.
pub(super) fn size(value: &Value) -> usize {
    value
        .as_object()
        .map(serde_json::Map::len)
        .or_else(|| value.as_array().map(Vec::len))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_as_the_server_writes_them() {
        for (seconds, text) in [
            (-5, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (185, "3m5s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (18_720, "5h12m"),
            (100_000, "27h"),
            (180_000, "2d2h"),
            (800_000, "9d"),
        ] {
            assert_eq!(short_duration(seconds), text, "{seconds}");
        }
    }
}
