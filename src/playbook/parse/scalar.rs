//! What a plain YAML word means, by the core schema of YAML 1.2; and which words other programs read otherwise. Pure.

use serde_json::Number;

use super::node::Data;

/// What a plain (unquoted) scalar means, or why nobody can be sure.
pub fn resolve(text: &str) -> Result<Data, &'static str> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Data::Null),
        "true" | "True" | "TRUE" => return Ok(Data::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Data::Bool(false)),
        _ => {}
    }
    if text.len() > 64 || !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return Ok(Data::Text(text.to_owned()));
    }
    let unsigned = text.trim_start_matches(['+', '-']);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return Err("a number without an end is of no use here; quote it if it is text");
    }
    let radix = |digits: &str, radix| {
        (!digits.is_empty() && digits.chars().all(|c| c.is_digit(radix)))
            .then(|| i64::from_str_radix(digits, radix).map_err(|_| "the number is too big"))
    };
    if let Some(number) = unsigned.strip_prefix("0x").and_then(|digits| radix(digits, 16)) {
        return number.map(|number| Data::Number(number.into()));
    }
    if let Some(number) = unsigned.strip_prefix("0o").and_then(|digits| radix(digits, 8)) {
        return number.map(|number| Data::Number(number.into()));
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) {
        if unsigned.len() > 1 && unsigned.starts_with('0') {
            return Err(
                "a number that begins with 0 is read as octal by some programs and as decimal by others; \
                 quote it if it is text",
            );
        }
        return text
            .trim_start_matches('+')
            .parse::<i64>()
            .map(|number| Data::Number(number.into()))
            .map_err(|_| "the number is too big");
    }
    if is_decimal(unsigned)
        && let Some(number) = text.parse().ok().and_then(Number::from_f64)
    {
        return Ok(Data::Number(number));
    }
    Ok(Data::Text(text.to_owned()))
}

/// Digits with one point or an exponent: `0.5`, `.5`, `1e3`.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.trim_start_matches(['+', '-']))),
        None => (text, None),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

/// A plain word that kubectl reads as true or false and this program as text.
pub fn is_old_boolean(text: &str) -> bool {
    ["y", "n", "yes", "no", "on", "off"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_mean_what_yaml_1_2_says() {
        let number = |n: f64| Data::Number(Number::from_f64(n).unwrap());
        for (text, want) in [
            ("no", Data::Text("no".into())),
            ("on", Data::Text("on".into())),
            ("true", Data::Bool(true)),
            ("~", Data::Null),
            ("12", Data::Number(12.into())),
            ("-3", Data::Number((-3).into())),
            ("0x1f", Data::Number(31.into())),
            ("0o17", Data::Number(15.into())),
            ("0", Data::Number(0.into())),
            ("0.5", number(0.5)),
            ("1e3", number(1000.0)),
            ("1_000", Data::Text("1_000".into())),
            ("12:30:45", Data::Text("12:30:45".into())),
            ("1.2.3", Data::Text("1.2.3".into())),
            ("90s", Data::Text("90s".into())),
            (".", Data::Text(".".into())),
            ("-", Data::Text("-".into())),
            ("2001-01-01", Data::Text("2001-01-01".into())),
        ] {
            assert_eq!(resolve(text), Ok(want), "{text}");
        }
        for text in [
            "012",
            ".inf",
            "-.INF",
            "99999999999999999999",
            "0xffffffffffffffffff",
        ] {
            assert!(resolve(text).is_err(), "{text}");
        }
    }
}
