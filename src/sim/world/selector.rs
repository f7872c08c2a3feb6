//! Label and field selectors: the text forms of a query and the object form of a spec.

use serde_json::Value;

use super::object;
use super::status::Status;

/// Requirements on labels; all must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelSelector {
    needs: Vec<Need>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
}

impl LabelSelector {
    /// `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
    pub fn parse(text: &str) -> Result<Self, Status> {
        let mut needs = Vec::new();
        for part in split_outside_brackets(text) {
            let part = part.trim();
            if !part.is_empty() {
                needs.push(parse_need(part).ok_or_else(|| {
                    Status::bad_request(format!(
                        "unable to parse requirement: found '{part}', expected: a label requirement"
                    ))
                })?);
            }
        }
        Ok(Self { needs })
    }

    /// From a `labelSelectors`-like map, or from `{matchLabels, matchExpressions}`.
    pub fn from_object(selector: &Value) -> Self {
        let mut needs = Vec::new();
        for (key, value) in selector
            .get("matchLabels")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            needs.push(equals(key, value));
        }
        let expressions = selector.get("matchExpressions").and_then(Value::as_array);
        needs.extend(expressions.into_iter().flatten().filter_map(expression));
        Self { needs }
    }

    /// From a flat map of labels.
    pub fn from_labels(labels: &Value) -> Self {
        let needs = labels
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| equals(key, value))
            .collect();
        Self { needs }
    }

    /// From a list of expressions.
    pub fn from_expressions(expressions: &Value) -> Self {
        Self {
            needs: expressions
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(expression)
                .collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.needs.is_empty()
    }

    /// Whether a map of labels satisfies every requirement.
    pub fn matches(&self, labels: Option<&Value>) -> bool {
        self.needs.iter().all(|need| {
            let value = labels
                .and_then(|labels| labels.get(&need.key))
                .and_then(Value::as_str);
            match &need.test {
                Test::In(wanted) => value.is_some_and(|value| wanted.iter().any(|one| one == value)),
                Test::NotIn(barred) => value.is_none_or(|value| barred.iter().all(|one| one != value)),
                Test::Exists => value.is_some(),
                Test::Absent => value.is_none(),
            }
        })
    }
}

fn equals(key: &str, value: &Value) -> Need {
    Need {
        key: key.to_owned(),
        test: Test::In(vec![value.as_str().unwrap_or_default().to_owned()]),
    }
}

fn expression(expression: &Value) -> Option<Need> {
    let values = || {
        let values = expression.get("values").and_then(Value::as_array);
        values
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let test = match expression.get("operator").and_then(Value::as_str)? {
        "In" => Test::In(values()),
        "NotIn" => Test::NotIn(values()),
        "Exists" => Test::Exists,
        "DoesNotExist" => Test::Absent,
        _ => return None,
    };
    Some(Need {
        key: expression.get("key").and_then(Value::as_str)?.to_owned(),
        test,
    })
}

fn split_outside_brackets(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, ch) in text.char_indices() {
        match ch {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn parse_need(part: &str) -> Option<Need> {
    let need = |key: &str, test| {
        let key = key.trim();
        let plain = key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
        (!key.is_empty() && plain).then(|| Need {
            key: key.to_owned(),
            test,
        })
    };
    let one = |value: &str| vec![value.trim().to_owned()];
    if let Some(key) = part.strip_prefix('!') {
        return need(key, Test::Absent);
    }
    if let Some((left, list)) = part.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
        let values = list.split(',').map(|value| value.trim().to_owned()).collect();
        let mut words = left.split_whitespace();
        let (key, operator) = (words.next()?, words.next()?);
        return match operator {
            "in" => need(key, Test::In(values)),
            "notin" => need(key, Test::NotIn(values)),
            _ => None,
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return need(key, Test::NotIn(one(value)));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return need(key, Test::In(one(value)));
    }
    need(part, Test::Exists)
}

/// Requirements on single fields, by dotted path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSelector {
    needs: Vec<(String, Sign, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Equal,
    Unequal,
}

impl FieldSelector {
    /// `metadata.name=x,status.phase!=Running`.
    pub fn parse(text: &str) -> Result<Self, Status> {
        let mut needs = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (path, sign, value) = if let Some((path, value)) = part.split_once("!=") {
                (path, Sign::Unequal, value)
            } else if let Some((path, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (path, Sign::Equal, value)
            } else {
                return Err(Status::bad_request(format!(
                    "invalid selector: '{part}'; can't understand '{part}'"
                )));
            };
            needs.push((path.trim().to_owned(), sign, value.trim().to_owned()));
        }
        Ok(Self { needs })
    }

    /// Requirements of equality, from a map.
    pub fn from_map(map: &Value) -> Self {
        let needs = map.as_object().into_iter().flatten();
        Self {
            needs: needs
                .map(|(path, value)| {
                    (
                        path.clone(),
                        Sign::Equal,
                        value.as_str().unwrap_or_default().to_owned(),
                    )
                })
                .collect(),
        }
    }

    /// The paths asked for, so that a server can refuse what it has no index for.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.needs.iter().map(|(path, _, _)| path.as_str())
    }

    pub fn matches(&self, object: &Value) -> bool {
        self.needs.iter().all(|(path, sign, wanted)| {
            let found = object::text_at(object, path);
            (found == *wanted) == (*sign == Sign::Equal)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn label_selectors_read_as_kubectl_writes_them() {
        let labels = json!({"app": "emqx-go", "tier": "edge"});
        for (text, holds) in [
            ("", true),
            ("app=emqx-go", true),
            ("app==emqx-go,tier=edge", true),
            ("app!=emqx-go", false),
            ("app in (a, emqx-go),tier", true),
            ("app notin (emqx-go)", false),
            ("!tier", false),
            ("!zone", true),
            ("zone!=a", true),
            ("zone=a", false),
        ] {
            assert_eq!(
                LabelSelector::parse(text).unwrap().matches(Some(&labels)),
                holds,
                "{text}"
            );
        }
        assert!(LabelSelector::parse("a b=c").is_err());
    }

    #[test]
    fn fields_compare_as_text_and_absent_is_empty() {
        let pod = json!({"metadata": {"name": "a"}, "spec": {"nodeName": "node-1"}});
        for (text, holds) in [
            ("metadata.name=a", true),
            ("spec.nodeName!=node-1", false),
            ("status.phase=", true),
        ] {
            assert_eq!(FieldSelector::parse(text).unwrap().matches(&pod), holds, "{text}");
        }
    }
}
