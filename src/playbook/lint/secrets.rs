//! Rules about secrets: the playbook is kept with every run, in its journal and its report, so none may stand in it.

use serde_json::Value;

use super::rules::{Out, Rule, faults};
use crate::playbook::findings::shown;
use crate::playbook::model::Probe;
use crate::playbook::parse::draft::Draft;
use crate::playbook::parse::node::Way;

pub const RULES: &[Rule] = &[
    Rule::error("secret-in-url", &[], secret_in_url),
    Rule::warning("secret-in-variable", &["vars"], secret_in_variable),
    Rule::error("secret-in-fault", &[], secret_in_fault),
];

/// Words that name a secret, wherever they stand.
const SECRETS: [&str; 7] = [
    "password", "passwd", "secret", "token", "apikey", "api_key", "api-key",
];

/// Headers that carry a secret without saying so.
const HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

/// Whether a URL carries a secret that would reach the journal.
fn carries_secret(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, tail) = rest.split_once(['/', '?']).unwrap_or((rest, ""));
    let in_user = authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.split_once(':').is_some_and(|(_, word)| !word.is_empty()));
    let query = tail.to_ascii_lowercase();
    let in_query = query.split(['?', '&', '#', ';']).any(|pair| {
        pair.split_once('=').is_some_and(|(name, value)| {
            !value.is_empty() && SECRETS.iter().any(|secret| name.contains(secret))
        })
    });
    in_user || in_query
}

fn secret_in_url(draft: &Draft, out: &mut Out) {
    const HINT: &str =
        "the playbook is kept with every run; name the source here and give its secret in a profile";
    for (name, url) in &draft.playbook.sources {
        if carries_secret(url) {
            out.advise(
                Way::to("sources").key(name),
                "this address carries a secret",
                HINT,
            );
        }
    }
    for (number, check) in draft.playbook.checks.iter().enumerate() {
        if let Probe::Http(http) = &check.probe
            && carries_secret(&http.url)
        {
            let way = draft.check_way(number).key("http").key("url");
            out.advise(way, "this address carries a secret", HINT);
        }
    }
}

fn secret_in_variable(draft: &Draft, out: &mut Out) {
    for (name, value) in &draft.playbook.vars {
        let said = name.to_ascii_lowercase();
        let filled = value.as_str().is_some_and(|text| !text.is_empty());
        if filled && SECRETS.iter().any(|secret| said.contains(secret)) {
            out.advise(
                Way::to("vars").key(name),
                format!("the variable {} looks like a secret", shown(name)),
                "variables are kept with every run; a secret belongs into the environment or a profile",
            );
        }
    }
}

/// Whether what is called so holds a secret itself; `secretName` and its like only say where one is kept.
fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let refers = ["name", "namespace", "ref"].iter().any(|end| name.ends_with(end));
    HEADERS.contains(&name.as_str()) || !refers && SECRETS.iter().any(|secret| name.contains(secret))
}

/// Whether a value stands there as it is: not empty, and nothing like `${TOKEN}` that is filled in later.
fn is_literal(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let text = text.trim();
            let later = (text.starts_with("${") && text.ends_with('}'))
                || (text.starts_with("$(") && text.ends_with(')'));
            !text.is_empty() && !later
        }
        Value::Number(_) => true,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Whether one of the addresses in a text carries a secret.
fn address_with_secret(text: &str) -> bool {
    text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`'))
        .any(|word| word.contains("://") && carries_secret(word))
}

fn secret_in_fault(draft: &Draft, out: &mut Out) {
    for (way, fault) in faults(draft) {
        search(&way.key("chaos_mesh"), &fault.chaos_mesh, out);
    }
}

/// Walks a manifest. A name with its value is a field, a list of two (`[X-Api-Key, …]`), or `name` beside `value`.
fn search(way: &Way, value: &Value, out: &mut Out) {
    match value {
        Value::Object(fields) => {
            let named = fields.get("name").and_then(Value::as_str);
            for (name, value) in fields {
                // Labels are looked up, not kept secret, and may be called anything.
                if name.ends_with("Selectors") {
                    continue;
                }
                let way = way.clone().key(name);
                match named.filter(|_| name == "value") {
                    Some(name) => judge(&way, name, value, out),
                    None => judge(&way, name, value, out),
                }
            }
        }
        Value::Array(items) => match items.as_slice() {
            [Value::String(name), value] if names_secret(name) => {
                judge(&way.clone().item(1), name, value, out);
            }
            items => {
                for (number, value) in items.iter().enumerate() {
                    search(&way.clone().item(number), value, out);
                }
            }
        },
        Value::String(text) if address_with_secret(text) => {
            out.advise(way.clone(), "this address carries a secret", FAULT_HINT);
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

const FAULT_HINT: &str =
    "the manifest is kept with every run and sent to the cluster; use a value that is worth nothing";

fn judge(way: &Way, name: &str, value: &Value, out: &mut Out) {
    if names_secret(name) && is_literal(value) {
        let message = format!("{} looks like a secret", shown(name));
        out.advise(way.clone(), message, FAULT_HINT);
    } else {
        search(way, value, out);
    }
}
