//! Durations and sizes as Go and Chaos Mesh write them.

/// `1m30s`, `250ms`, `-5m`, `0`: signed nanoseconds.
pub fn parse_nanos(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|ch: char| !ch.is_ascii_digit() && ch != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let tail = &rest[digits..];
        let unit = tail
            .find(|ch: char| ch.is_ascii_digit() || ch == '.')
            .unwrap_or(tail.len());
        let scale = match &tail[..unit] {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        total += number * scale;
        rest = &tail[unit..];
    }
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the cast saturates; three centuries are enough"
    )]
    Some((sign * total) as i64)
}

/// A duration; negative ones count as none at all.
pub fn parse_duration(text: &str) -> Option<std::time::Duration> {
    parse_nanos(text).map(|nanos| std::time::Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)))
}

/// `512MB` is decimal, `512MiB` binary, `50%` a share of `whole`.
pub fn parse_bytes(text: &str, whole: u64) -> Option<u64> {
    let text = text.trim();
    if let Some(percent) = text.strip_suffix('%') {
        let percent: u64 = percent.trim().parse().ok()?;
        return Some(whole.saturating_mul(percent.min(100)) / 100);
    }
    let digits = text
        .find(|ch: char| !ch.is_ascii_digit() && ch != '.')
        .unwrap_or(text.len());
    let number: f64 = text[..digits].parse().ok()?;
    let unit = text[digits..].trim().to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let (letter, base) = match unit.strip_suffix('i') {
        Some(letter) => (letter, 1024_f64),
        None => (unit, 1000_f64),
    };
    let power = ["", "k", "m", "g", "t", "p"]
        .iter()
        .position(|one| *one == letter)?;
    let power = i32::try_from(power).ok()?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates"
    )]
    Some((number * base.powi(power)) as u64)
}

/// A Kubernetes quantity of memory.
pub fn parse_quantity(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_suffix('i') {
        Some(_) => parse_bytes(&format!("{text}B"), 0),
        None => parse_bytes(text, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_reads_them() {
        for (text, nanos) in [
            ("2m", Some(120_000_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("250ms", Some(250_000_000)),
            ("-5m", Some(-300_000_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            ("0", Some(0)),
            ("", None),
            ("5", None),
            ("5 m", None),
            ("m", None),
        ] {
            assert_eq!(parse_nanos(text), nanos, "{text}");
        }
    }

    #[test]
    fn sizes_are_decimal_unless_they_say_binary() {
        assert_eq!(parse_bytes("512MB", 0), Some(512_000_000));
        assert_eq!(parse_bytes("512MiB", 0), Some(512 << 20));
        assert_eq!(parse_bytes("50%", 1000), Some(500));
        assert_eq!(parse_quantity("1Gi"), Some(1 << 30));
        assert_eq!(parse_quantity("500M"), Some(500_000_000));
        assert_eq!(parse_bytes("a lot", 0), None);
    }
}
