//! Lines that a person can paste into a shell. Everything in them that comes from outside is quoted so that the
//! shell takes it as one word and the terminal obeys nothing of it. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::cluster::ChaosObject;
use crate::fault::{ChaosRef, ClusterPin};
use crate::text::printable;

/// `text` as one word of a shell. What a terminal would obey is written as `$'\x1b'`, which bash and zsh read.
pub fn quote(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+%".contains(c);
    if !text.is_empty() && text.chars().all(plain) && !text.starts_with('=') {
        return Cow::Borrowed(text);
    }
    if printable(text) == text {
        return Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")));
    }
    let mut out = "$'".to_owned();
    for c in text.chars() {
        let mut bytes = [0; 4];
        let bytes = c.encode_utf8(&mut bytes);
        match c {
            '\'' => out.push_str(r"\'"),
            '\\' => out.push_str(r"\\"),
            _ if printable(bytes) == *bytes => out.push(c),
            _ => {
                for byte in bytes.bytes() {
                    // Writing into a string cannot fail.
                    let _ = write!(out, "\\x{byte:02x}");
                }
            }
        }
    }
    out.push('\'');
    Cow::Owned(out)
}

/// ` --kubeconfig=… --context=…`, as far as they are known.
fn place(pin: &ClusterPin) -> String {
    let mut out = String::new();
    if let Some(path) = &pin.kubeconfig {
        let _ = write!(out, " --kubeconfig={}", quote(&path.to_string_lossy()));
    }
    if pin.context != "in-cluster" && !pin.context.is_empty() {
        let _ = write!(out, " --context={}", quote(&pin.context));
    }
    out
}

/// `plural.chaos-mesh.org/name`: a name can then not be taken for an option.
fn named(object: &ChaosRef) -> String {
    quote(&format!("{}.chaos-mesh.org/{}", object.plural, object.name)).into_owned()
}

/// Deletes the object.
pub fn delete(pin: &ClusterPin, object: &ChaosRef) -> String {
    format!(
        "kubectl{} --namespace={} delete {} --wait=false",
        place(pin),
        quote(&object.namespace),
        named(object)
    )
}

/// Takes the object's finalizers off: the last resort.
pub fn force(pin: &ClusterPin, object: &ChaosRef) -> String {
    format!(
        "kubectl{} --namespace={} patch {} --type=merge --patch='{{\"metadata\":{{\"finalizers\":null}}}}'",
        place(pin),
        quote(&object.namespace),
        named(object)
    )
}

/// Shows what the cluster tells about the object, after its end as well.
pub fn events(pin: &ClusterPin, object: &ChaosRef) -> String {
    format!(
        "kubectl{} --namespace={} get events --field-selector={}",
        place(pin),
        quote(&object.namespace),
        quote(&format!("involvedObject.name={}", object.name))
    )
}

/// Lists a kind with all it has to say.
pub fn look(pin: &ClusterPin, object: &ChaosRef) -> String {
    format!(
        "kubectl{} --namespace={} describe {}",
        place(pin),
        quote(&object.namespace),
        named(object)
    )
}

/// Makes again what was deleted.
pub fn create(pin: &ClusterPin, file: &std::path::Path) -> String {
    format!(
        "kubectl{} create -f {}",
        place(pin),
        quote(&file.to_string_lossy())
    )
}

/// The kill switch on the debt's own cluster.
pub fn kill(pin: &ClusterPin) -> String {
    format!("firedrill kill{}", place(pin))
}

/// The way past a webhook that does not answer: never done by us, it disables a guard for everyone.
pub fn without_webhooks(pin: &ClusterPin) -> (String, String) {
    let place = place(pin);
    let both = "mutatingwebhookconfigurations,validatingwebhookconfigurations \
                --selector=app.kubernetes.io/name=chaos-mesh";
    let file = "chaos-mesh-webhooks.yaml";
    (
        format!("kubectl{place} get {both} -o yaml > {file} && kubectl{place} delete {both}"),
        format!("kubectl{place} create -f {file}"),
    )
}

/// Restarts the pods that still carry the fault: with the pod goes what was injected into it, and a pod that is
/// gone counts as recovered. `None` where the records name no pods.
pub fn restart(pin: &ClusterPin, object: &ChaosObject) -> Option<String> {
    const OUTSIDE: [&str; 4] = ["AWSChaos", "AzureChaos", "GCPChaos", "PhysicalMachineChaos"];
    const MOST: usize = 12;
    if OUTSIDE.contains(&object.object.kind.as_str()) {
        return None;
    }
    let mut pods: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let still_on = object
        .records
        .iter()
        .filter(|record| record.phase != "Not Injected");
    for record in still_on {
        let mut parts = record.id.split('/');
        let (Some(namespace), Some(pod)) = (parts.next(), parts.next()) else {
            return None;
        };
        let pods = pods.entry(namespace).or_default();
        if !pods.contains(&pod) {
            pods.push(pod);
        }
    }
    if pods.is_empty() || pods.values().map(Vec::len).sum::<usize>() > MOST {
        return None;
    }
    let lines: Vec<String> = pods
        .into_iter()
        .map(|(namespace, pods)| {
            let pods: Vec<String> = pods
                .into_iter()
                .map(|pod| quote(&format!("pod/{pod}")).into_owned())
                .collect();
            format!(
                "kubectl{} --namespace={} delete {} --wait=false",
                place(pin),
                quote(namespace),
                pods.join(" ")
            )
        })
        .collect();
    Some(lines.join(" && "))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const HOSTILE: [&str; 9] = [
        "",
        "plain-name.1",
        "it's",
        "$(touch /tmp/x) `id` \"${HOME}\"",
        "; rm -rf / #",
        "a\\nb\\",
        "new\nline\ttab",
        "\u{1b}[2J\u{7}\u{202e}txt\u{9b}1m",
        "中文 '名' \u{1b}",
    ];

    #[test]
    fn nothing_in_a_quoted_word_reaches_the_terminal_or_the_shell() {
        for text in HOSTILE {
            let quoted = quote(text);
            assert_eq!(printable(&quoted), quoted, "{text:?}");
        }
        let Ok(bash) = Command::new("bash").arg("--version").output() else {
            return;
        };
        assert!(bash.status.success());
        for text in HOSTILE {
            let script = format!("printf %s {}", quote(text));
            let said = Command::new("bash").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), text, "{script}");
        }
    }

    #[test]
    fn a_line_names_its_cluster_and_its_object() {
        let pin = ClusterPin {
            context: "eu prod".to_owned(),
            kubeconfig: Some("/tmp/k".into()),
            server: String::new(),
            ca_sha256: None,
            uid: String::new(),
        };
        let object = ChaosRef {
            kind: "NetworkChaos".to_owned(),
            plural: "networkchaos".to_owned(),
            namespace: "default".to_owned(),
            name: "-rf".to_owned(),
        };
        assert_eq!(
            delete(&pin, &object),
            "kubectl --kubeconfig=/tmp/k --context='eu prod' --namespace=default \
             delete networkchaos.chaos-mesh.org/-rf --wait=false"
        );
    }
}
