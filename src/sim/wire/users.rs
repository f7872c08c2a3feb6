//! Who may come in: the bearer tokens of one embedded cluster. Never decides what a user may do.

/// Someone who showed a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub name: String,
    pub groups: Vec<&'static str>,
    pub token: String,
}

/// Names and groups; `system:masters` may do everything, as on any cluster.
const KNOWN: [(&str, &[&str]); 5] = [
    ("admin", &["system:masters", "system:authenticated"]),
    ("console", &["firedrill:console", "system:authenticated"]),
    ("viewer", &["firedrill:viewer", "system:authenticated"]),
    ("abort-only", &["firedrill:abort-only", "system:authenticated"]),
    ("nobody", &["system:authenticated"]),
];

/// All users of one cluster. Tokens are made anew for each, and are worth nothing elsewhere.
#[derive(Debug)]
pub(super) struct Users(Vec<User>);

impl Users {
    pub fn new() -> Self {
        Self(
            KNOWN
                .iter()
                .map(|(name, groups)| User {
                    name: (*name).to_owned(),
                    groups: groups.to_vec(),
                    token: format!("sim-{}", uuid::Uuid::new_v4().simple()),
                })
                .collect(),
        )
    }

    pub fn iter(&self) -> impl Iterator<Item = &User> {
        self.0.iter()
    }

    /// The user whose token an `Authorization` header carries.
    pub fn authenticate(&self, authorization: Option<&str>) -> Option<&User> {
        let (scheme, token) = authorization?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        self.0.iter().find(|user| user.token == token.trim())
    }

    /// Someone whom an `Impersonate-User` header names; a stranger has no groups.
    pub fn impersonated(&self, name: &str) -> User {
        self.0
            .iter()
            .find(|user| user.name == name)
            .cloned()
            .unwrap_or_else(|| User {
                name: name.to_owned(),
                groups: vec!["system:authenticated"],
                token: String::new(),
            })
    }
}
