//! Keeps the manifests of what is deleted and not ours, secrets left out, on a thread of its own: a slow or full
//! disk delays no delete. Never restores anything.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use serde_json::Value;
use tokio::sync::oneshot;

use crate::cluster::ChaosObject;

const LEFT_OUT: &str = "LEFT-OUT-BY-FIREDRILL";

/// Who makes an object anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nobody but who restores it.
    Own,
    /// What owns it makes it again.
    Child,
}

/// What was kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub files: Vec<PathBuf>,
    pub redacted: usize,
    /// What could not be kept, and why.
    pub lost: Vec<String>,
}

struct Order {
    path: PathBuf,
    manifest: Value,
    origin: Origin,
    name: String,
}

/// Writes what it is handed.
pub(super) struct Keeper {
    orders: Option<mpsc::Sender<Order>>,
    folder: PathBuf,
    done: oneshot::Receiver<Kept>,
    sent: usize,
}

impl Keeper {
    pub fn start(folder: &Path) -> io::Result<Self> {
        let (orders, todo) = mpsc::channel::<Order>();
        let (tell, done) = oneshot::channel();
        thread::Builder::new()
            .name("manifests".to_owned())
            .spawn(move || {
                let mut kept = Kept::default();
                for order in todo {
                    write(order, &mut kept);
                }
                // The sweep may have gone on without it.
                let _ = tell.send(kept);
            })?;
        Ok(Self {
            orders: Some(orders),
            folder: folder.to_owned(),
            done,
            sent: 0,
        })
    }

    /// Hands a manifest over; returns at once.
    pub fn keep(&mut self, object: &ChaosObject, origin: Origin) {
        let name = |text: &str| -> String {
            let safe = |c: char| {
                if c.is_ascii_alphanumeric() || c == '-' {
                    c
                } else {
                    '_'
                }
            };
            text.chars().map(safe).take(60).collect()
        };
        let at = &object.object;
        let file = format!(
            "{}.{}.{}.{}.json",
            name(&at.plural),
            name(&at.namespace),
            name(&at.name),
            name(&object.uid)
        );
        // kubectl does not look into folders below the one that it is given.
        let folder = match origin {
            Origin::Own => self.folder.clone(),
            Origin::Child => self.folder.join("children"),
        };
        let order = Order {
            path: folder.join(file),
            manifest: object.manifest.clone(),
            origin,
            name: at.to_string(),
        };
        if let Some(orders) = &self.orders {
            self.sent += 1;
            // The thread lives as long as this.
            let _ = orders.send(order);
        }
    }

    pub const fn is_used(&self) -> bool {
        self.sent > 0
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Says what was kept, once all of it is written. `None` when the thread is gone.
    pub async fn finish(&mut self) -> Option<Kept> {
        self.orders = None;
        (&mut self.done).await.ok()
    }
}

fn write(order: Order, kept: &mut Kept) {
    let mut manifest = order.manifest;
    if redact(&mut manifest) > 0 {
        kept.redacted += 1;
    }
    let written = order.path.parent().map_or(Ok(()), |folder| {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)
    });
    let written = written.and_then(|()| {
        let mut text = serde_json::to_vec_pretty(&manifest)?;
        text.push(b'\n');
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&order.path)?;
        file.write_all(&text)?;
        file.sync_data()
    });
    match written {
        Ok(()) if order.origin == Origin::Own => kept.files.push(order.path),
        Ok(()) => {}
        Err(error) => kept.lost.push(format!("{}: {error}", order.name)),
    }
}

fn is_secret(name: &str) -> bool {
    const WORDS: [&str; 11] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "authorization",
        "credential",
        "apikey",
        "accesskey",
        "privatekey",
        "cookie",
    ];
    let name: String = name
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect::<String>()
        .to_lowercase();
    // `secretName` and the like name a secret and are none.
    let names_it = ["name", "ref", "namespace"].iter().any(|end| name.ends_with(end));
    !names_it && WORDS.iter().any(|word| name.contains(word))
}

/// Whether a text carries `user:password@` in an address.
fn without_login(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let end = rest.find(['/', '?', '#', ' ']).unwrap_or(rest.len());
    let at = rest[..end].rfind('@')?;
    Some(format!("{scheme}://{LEFT_OUT}{}", &rest[at..]))
}

/// Replaces what looks like a secret; says how many.
fn redact(value: &mut Value) -> usize {
    match value {
        Value::Object(map) => {
            // `{name: DB_PASSWORD, value: …}`, as the environment of a container has it.
            let named = map.get("name").and_then(Value::as_str).is_some_and(is_secret);
            map.iter_mut()
                .map(|(key, value)| {
                    let hide = is_secret(key) || (named && key == "value");
                    if hide && !value.is_object() && !value.is_null() {
                        *value = Value::from(LEFT_OUT);
                        1
                    } else {
                        redact(value)
                    }
                })
                .sum()
        }
        Value::Array(list) => {
            // `[Authorization, Bearer …]`, as the headers of an HTTPChaos are written.
            if let [Value::String(name), value @ Value::String(_)] = list.as_mut_slice()
                && is_secret(name)
            {
                *value = Value::from(LEFT_OUT);
                return 1;
            }
            list.iter_mut().map(redact).sum()
        }
        Value::String(text) => match without_login(text) {
            Some(safe) => {
                *text = safe;
                1
            }
            None => 0,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_left_out_and_the_rest_is_not() {
        let mut manifest = json!({
            "metadata": {"name": "n", "annotations": {"x/api-key": "k", "note": "the token ring"}},
            "spec": {
                "secretName": "aws", "url": "http://me:hunter2@host:80/p?q", "plain": "http://host/a@b",
                "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "MODE", "value": "fast"}],
                "replace": {"headers": {"Authorization": "Bearer hunter2"}},
                "patch": {"headers": [["Cookie", "hunter2"], ["Accept", "text"]]},
            },
        });
        assert_eq!(redact(&mut manifest), 5);
        let text = manifest.to_string();
        assert!(!text.contains("hunter2") && !text.contains("\"k\""), "{text}");
        for kept in [
            "\"aws\"",
            "the token ring",
            "http://host/a@b",
            "fast",
            "[\"Accept\",\"text\"]",
            "@host:80/p?q",
        ] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
    }
}
