//! The house rule: a file imports only lower floors or its own folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const FLOORS: &[(&[&str], u32)] = &[
    (&["units", "text"], 10),
    (&["clock", "fault", "evidence"], 20),
    (&["playbook"], 30),
    (&["run"], 40),
    // The ports speak the engine's words; the engine knows nothing of them.
    (&["ports"], 41),
    (&["cluster", "mqtt", "journal", "sim"], 50),
    (&["inject", "watch", "load", "report"], 60),
    (&["guard"], 70),
    (&["drive"], 80),
    (&["tui", "headless"], 90),
    (&["assemble"], 91),
    (&["cli"], 100),
    (&["lib", "main"], 110),
];

/// Packages that only some rooms may name.
const WALLS: &[(&str, &[&str])] = &[
    ("ratatui::", &["tui"]),
    ("kube::", &["cluster", "inject", "watch"]),
    ("rumqttc::", &["mqtt", "watch", "load"]),
    ("axum::", &["sim"]),
];

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// The room of a file: the first folder below `src`, or the file's own name.
fn room(root: &Path, file: &Path) -> String {
    let below = file.strip_prefix(root).expect("below src");
    let first = below
        .components()
        .next()
        .expect("a name")
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn a_file_imports_only_lower_floors_or_its_own_folder() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let floor: BTreeMap<&str, u32> = FLOORS
        .iter()
        .flat_map(|(rooms, n)| rooms.iter().map(move |room| (*room, *n)))
        .collect();
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut broken = Vec::new();
    for file in &files {
        let here = room(&root, file);
        let own = *floor
            .get(here.as_str())
            .unwrap_or_else(|| panic!("{here} is on no floor"));
        let text = fs::read_to_string(file).expect("UTF-8");
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for part in line.split("crate::").skip(1) {
                let there: String = part
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect();
                let Some(other) = floor.get(there.as_str()) else {
                    continue;
                };
                if there != here && *other >= own {
                    broken.push(format!(
                        "{}:{}: {here} imports {there}",
                        file.display(),
                        number + 1
                    ));
                }
            }
            for (package, rooms) in WALLS {
                if line.contains(&format!("use {package}")) && !rooms.contains(&here.as_str()) {
                    broken.push(format!("{}:{}: {package} in {here}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(files.len() > 20, "the rule looked at {} files only", files.len());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
