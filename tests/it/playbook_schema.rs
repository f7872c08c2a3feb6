//! The JSON Schema and the reader say the same of a playbook: what one takes, the other takes, field by field.

use std::collections::BTreeMap;

use firedrill::playbook::{Grade, Title, load, playbook_schema, shipped, shipped_suites, suite_schema};
use serde_json::{Map, Value, json};

/// As much of JSON Schema as the format's schema uses; anything else in it fails the test. Patterns are not judged:
/// the reader's own tests do that.
struct Judge<'s> {
    root: &'s Value,
}

impl Judge<'_> {
    fn judge(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let schema = match schema {
            Value::Bool(true) => return Ok(()),
            Value::Bool(false) => return Err("nothing is allowed here".into()),
            Value::Object(schema) => schema,
            other => panic!("no schema: {other}"),
        };
        for (word, rule) in schema {
            self.word(schema, word, rule, value)?;
        }
        Ok(())
    }

    fn word(
        &self,
        schema: &Map<String, Value>,
        word: &str,
        rule: &Value,
        value: &Value,
    ) -> Result<(), String> {
        let fail = || Err(short(&format!("{word} {rule} refuses {value}")));
        match word {
            "$schema" | "$defs" | "title" | "description" | "default" | "format" | "propertyNames" => Ok(()),
            // The one pattern that tells shapes apart; the reader's own tests judge the others.
            "pattern" if rule.as_str().unwrap().starts_with("^\\$\\{") => match value.as_str() {
                Some(text) if !text.starts_with("${") => fail(),
                _ => Ok(()),
            },
            "pattern" => Ok(()),
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                let target = self
                    .root
                    .pointer(pointer)
                    .unwrap_or_else(|| panic!("no {pointer}"));
                self.judge(target, value)
            }
            "type" => {
                let known = |kind: &str| match kind {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_u64() || value.is_i64(),
                    "number" => value.is_number(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    other => panic!("type {other}"),
                };
                let fits = match rule {
                    Value::Array(kinds) => kinds.iter().any(|kind| known(kind.as_str().unwrap())),
                    kind => known(kind.as_str().unwrap()),
                };
                if fits { Ok(()) } else { fail() }
            }
            "enum" if !rule.as_array().unwrap().contains(value) => fail(),
            "const" if rule != value => fail(),
            "minimum" if value.as_f64().is_some_and(|n| n < rule.as_f64().unwrap()) => fail(),
            "maximum" if value.as_f64().is_some_and(|n| n > rule.as_f64().unwrap()) => fail(),
            "minItems" if value.as_array().is_some_and(|items| items.len() < size(rule)) => fail(),
            "minProperties" if value.as_object().is_some_and(|map| map.len() < size(rule)) => fail(),
            "maxProperties" if value.as_object().is_some_and(|map| map.len() > size(rule)) => fail(),
            "enum" | "const" | "minimum" | "maximum" | "minItems" | "minProperties" | "maxProperties" => {
                Ok(())
            }
            "items" => value
                .as_array()
                .into_iter()
                .flatten()
                .try_for_each(|item| self.judge(rule, item)),
            "required" => {
                let missing =
                    |name: &&Value| value.is_object() && value.get(name.as_str().unwrap()).is_none();
                match rule.as_array().unwrap().iter().find(missing) {
                    Some(name) => Err(format!("{name} is missing in {value}")),
                    None => Ok(()),
                }
            }
            "properties" => value
                .as_object()
                .into_iter()
                .flatten()
                .try_for_each(|(name, part)| {
                    rule.get(name).map_or(Ok(()), |schema| self.judge(schema, part))
                }),
            "additionalProperties" => value
                .as_object()
                .into_iter()
                .flatten()
                .try_for_each(|(name, part)| {
                    if schema
                        .get("properties")
                        .is_some_and(|known| known.get(name).is_some())
                    {
                        return Ok(());
                    }
                    self.judge(rule, part).map_err(|why| format!("{name}: {why}"))
                }),
            "anyOf" | "oneOf" => {
                let tries: Vec<_> = rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|one| self.judge(one, value))
                    .collect();
                let fits = tries.iter().filter(|one| one.is_ok()).count();
                if fits == 1 || (fits > 1 && word == "anyOf") {
                    return Ok(());
                }
                let why: Vec<_> = tries.into_iter().filter_map(Result::err).collect();
                Err(short(&format!("{fits} of {word} fit: {}", why.join(" | "))))
            }
            other => panic!("the test does not know the word {other}"),
        }
    }
}

/// Enough of a reason to see what is meant.
fn short(why: &str) -> String {
    why.chars().take(300).collect()
}

fn size(rule: &Value) -> usize {
    usize::try_from(rule.as_u64().unwrap()).unwrap()
}

fn takes(schema: &Value, value: &Value) -> Result<(), String> {
    Judge { root: schema }.judge(schema, value)
}

/// A YAML text as JSON, by another reader than the program's own.
fn as_json(text: &str) -> Value {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).unwrap()
}

/// Whether the reader takes it, as far as a schema could judge: rules about meaning are none of its business.
fn reader_takes(value: &Value) -> bool {
    const SHAPE: [&str; 17] = [
        "no-playbook",
        "unknown-kind",
        "empty",
        "unknown-field",
        "missing-field",
        "wrong-type",
        "bad-value",
        "unknown-word",
        "unknown-step",
        "two-steps",
        "no-probe",
        "two-probes",
        "unknown-language",
        "never-looks",
        "no-spec",
        "wrong-api-version",
        "format-version",
    ];
    // JSON is YAML.
    match load(&value.to_string(), "x", &BTreeMap::new()) {
        Ok(_) => true,
        Err(findings) => !findings
            .iter()
            .any(|one| one.grade == Grade::Error && SHAPE.contains(&one.rule)),
    }
}

#[test]
fn what_is_shipped_fits_the_schema() {
    let schema = playbook_schema();
    for (name, text) in shipped() {
        takes(&schema, &as_json(text)).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    takes(&schema, &as_json(super::playbook::BASE)).unwrap();
    let schema = suite_schema();
    for (name, text) in shipped_suites() {
        takes(&schema, &as_json(text)).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    assert!(takes(&schema, &json!({"firedrill": 1, "suite": "x"})).is_err());
}

/// Every place of a document, as JSON pointers.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Value::Object(map) => {
            for (key, part) in map {
                places(
                    part,
                    &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")),
                    into,
                );
            }
        }
        Value::Array(items) => {
            for (number, part) in items.iter().enumerate() {
                places(part, &format!("{at}/{number}"), into);
            }
        }
        _ => {}
    }
}

/// What is inside of a manifest, and of maps with free names, is not the format's to judge.
fn is_free(at: &str) -> bool {
    at.contains("/chaos_mesh/")
        || at.starts_with("/vars")
        || at.starts_with("/sources")
        || at.starts_with("/load/qos")
}

#[test]
fn the_schema_and_the_reader_agree_on_every_small_change() {
    let schema = playbook_schema();
    let odd = [
        Value::Null,
        json!(7),
        json!("certainly not"),
        json!(["x"]),
        json!({}),
    ];
    let mut documents = vec![as_json(super::playbook::BASE)];
    let mut disagreements = Vec::new();
    for document in &mut documents {
        // Patterns are the reader's own business, and so is what only looks like a duration.
        let mut all = Vec::new();
        places(document, "", &mut all);
        for at in all.iter().filter(|at| !is_free(at)) {
            let mut tried: Vec<(String, Value)> = Vec::new();
            let mut change = |what: String, edit: &dyn Fn(&mut Value)| {
                let mut changed = document.clone();
                edit(changed.pointer_mut(at).unwrap());
                tried.push((what, changed));
            };
            for new in &odd {
                change(format!("{at} = {new}"), &|part| *part = new.clone());
            }
            change(format!("{at} + field"), &|part| {
                if let Some(map) = part.as_object_mut() {
                    map.insert("zzz".to_owned(), json!("1s"));
                }
            });
            let fields: Vec<String> = document
                .pointer(at)
                .and_then(Value::as_object)
                .map(|map| map.keys().cloned().collect())
                .unwrap_or_default();
            for field in fields {
                change(format!("{at} - {field}"), &|part| {
                    part.as_object_mut().unwrap().remove(&field);
                });
            }
            for (what, changed) in tried {
                let by_schema = takes(&schema, &changed);
                let by_reader = reader_takes(&changed);
                if by_schema.is_ok() && !by_reader && only_text_differs(&changed) {
                    continue;
                }
                if by_schema.is_ok() != by_reader {
                    let why = by_schema.err().unwrap_or_else(|| {
                        load(&changed.to_string(), "x", &BTreeMap::new())
                            .unwrap_err()
                            .to_string()
                    });
                    disagreements.push(format!("{what}: {why}"));
                }
            }
        }
    }
    let first: Vec<_> = disagreements.iter().take(12).collect();
    assert!(first.is_empty(), "{} in all: {first:#?}", disagreements.len());
}

/// The schema says what a text must look like by a pattern, which this test's judge passes over.
fn only_text_differs(value: &Value) -> bool {
    let findings = load(&value.to_string(), "x", &BTreeMap::new()).unwrap_err();
    findings
        .iter()
        .filter(|one| one.grade == Grade::Error)
        .all(|one| matches!(one.rule, "bad-value" | "unknown-language") || one.message.contains("the text `"))
}

#[test]
fn variables_fit_wherever_a_word_or_a_number_does() {
    let schema = playbook_schema();
    let mut document = as_json(super::playbook::BASE);
    document["limits"]["pods"] = json!("${pods}");
    document["limits"]["percent"] = json!("${percent}");
    document["severity"] = json!("${severity}");
    document["recovery"]["clock"] = json!("${clock}");
    document["recovery"]["when"] = json!("${signals}");
    document["checks"][0]["when"] = json!(["${when}"]);
    document["predict"] = json!("${predictions}");
    takes(&schema, &document).unwrap();
}

#[test]
fn a_title_is_text_or_texts() {
    let title: Title = serde_json::from_value(json!({"en": "a", "zh": "乙"})).unwrap();
    assert_eq!(title.to_string(), "a / 乙");
}
