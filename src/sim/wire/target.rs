//! What a request is about: the grammar of the API's paths and of their queries. Pure.

use std::borrow::Cow;

use super::refusal::Refusal;

/// A path under `/api/v1` or `/apis/<group>/<version>`, taken apart. Nothing in it is known to exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Target {
    pub group: String,
    pub version: String,
    pub namespace: Option<String>,
    pub plural: String,
    pub name: Option<String>,
    pub subresource: Option<String>,
}

/// Undoes percent-encoding; bytes that are not UTF-8 become the replacement character.
fn decode(text: &str, plus_is_space: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'%' if tail.len() >= 2 && tail[..2].iter().all(u8::is_ascii_hexdigit) => {
                let hex = std::str::from_utf8(&tail[..2]).unwrap_or("00");
                bytes.push(u8::from_str_radix(hex, 16).unwrap_or(b'?'));
                rest = &tail[2..];
            }
            b'+' if plus_is_space => bytes.push(b' '),
            byte => bytes.push(*byte),
        }
    }
    match String::from_utf8_lossy(&bytes) {
        Cow::Borrowed(_) => String::from_utf8(bytes).unwrap_or_default(),
        Cow::Owned(text) => text,
    }
}

impl Target {
    /// Reads a path; `None` for one that names no resource.
    pub fn parse(path: &str) -> Option<Self> {
        let parts: Vec<String> = path.split('/').skip(1).map(|part| decode(part, false)).collect();
        let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        if parts.last() == Some(&"") {
            parts.pop();
        }
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _other => return None,
        };
        let (namespace, rest) = match rest {
            // A namespace is itself a resource with subresources.
            ["namespaces", _name, "status" | "finalize"] => (None, rest),
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
            rest => (None, rest),
        };
        let (plural, name, subresource) = match rest {
            [plural] => (*plural, None, None),
            [plural, name] => (*plural, Some(*name), None),
            [plural, name, subresource] => (*plural, Some(*name), Some(*subresource)),
            _other => return None,
        };
        Some(Self {
            group: group.to_owned(),
            version: version.to_owned(),
            namespace,
            plural: plural.to_owned(),
            name: name.map(str::to_owned),
            subresource: subresource.map(str::to_owned),
        })
    }
}

/// The query of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub fn parse(text: Option<&str>) -> Self {
        let pairs = text
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(key, true), decode(value, true))
                })
                .collect(),
        )
    }

    /// The first value of a key that is not empty.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(have, value)| have == key && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Whether a flag is set; `watch`, `watch=1` and `watch=true` all are.
    pub fn flag(&self, key: &str) -> bool {
        self.0
            .iter()
            .any(|(have, value)| have == key && !["0", "false", "False", "F", "f"].contains(&value.as_str()))
    }

    /// A number, where one is given.
    pub fn number(&self, key: &str) -> Result<Option<u64>, Refusal> {
        self.get(key)
            .map(|text| {
                text.parse().map_err(|_| {
                    Refusal::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"))
                })
            })
            .transpose()
    }

    /// Whether nothing may be kept: `dryRun=All`.
    pub fn dry_run(&self) -> Result<bool, Refusal> {
        match self.get("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => Err(Refusal::new(
                422,
                "Invalid",
                format!(
                    " \"\" is invalid: dryRun: Unsupported value: \"{other}\": supported values: \"All\""
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        for (path, shown) in [
            ("/api/v1/namespaces/a", "/v1 - namespaces a -"),
            ("/api/v1/namespaces/a/pods/b/log", "/v1 a pods b log"),
            ("/api/v1/namespaces/a/status", "/v1 - namespaces a status"),
            ("/apis/g/v1/things/x%2Fy", "g/v1 - things x/y -"),
            ("/apis/g/v1/namespaces/a/things/", "g/v1 a things - -"),
        ] {
            let t = Target::parse(path).unwrap();
            let or_dash = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
            let got = [
                format!("{}/{}", t.group, t.version),
                or_dash(t.namespace),
                t.plural,
                or_dash(t.name),
                or_dash(t.subresource),
            ];
            assert_eq!(got.join(" "), shown, "{path}");
        }
        for none in [
            "/",
            "/api/v1",
            "/apis/g",
            "/api/v1//pods",
            "/api/v1/pods/a/b/c",
            "/else",
        ] {
            assert_eq!(Target::parse(none), None, "{none}");
        }
    }

    #[test]
    fn queries_are_decoded() {
        let query = Query::parse(Some("labelSelector=app%3Da+b&watch&limit=&x=%zz&force=false"));
        assert_eq!(query.get("labelSelector"), Some("app=a b"));
        assert_eq!(query.get("limit"), None);
        assert_eq!(query.get("x"), Some("%zz"));
        assert!(query.flag("watch") && !query.flag("force") && !query.flag("absent"));
    }
}
