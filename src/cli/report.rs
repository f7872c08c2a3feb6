//! `firedrill report RUN`: the retrospective of a run, as Markdown or JSON, to standard output or into a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::record::{RecordError, StoreArgs, say, summary, warn};
use crate::report::{json, json_text, markdown};

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Markdown, for people
    Md,
    /// JSON, for programs
    Json,
}

/// Write the retrospective of a run.
#[derive(Debug, Clone, clap::Args)]
pub struct ReportArgs {
    /// The run's id, the beginning of it, or `last`
    #[arg(value_name = "RUN")]
    pub run: String,
    #[arg(long, value_enum, default_value = "md", value_name = "FORMAT")]
    pub format: Format,
    /// Into this file, readable for its owner only
    #[arg(long, short = 'o', value_name = "F")]
    pub output: Option<PathBuf>,
    /// Replace the file if there is one
    #[arg(long, requires = "output")]
    pub force: bool,
    #[command(flatten)]
    pub store: StoreArgs,
}

/// What happens to a file of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Existing {
    Keep,
    Replace,
}

/// Writes the report.
pub fn run(args: &ReportArgs) -> Result<(), RecordError> {
    let summary = summary(&args.store.store()?, &args.run)?;
    let text = match args.format {
        Format::Md => markdown(&summary),
        Format::Json => json_text(&json(&summary)),
    };
    let Some(path) = &args.output else {
        return say(&text);
    };
    let existing = if args.force {
        Existing::Replace
    } else {
        Existing::Keep
    };
    write(path, &text, existing)?;
    warn(&format!("wrote {}", path.display()));
    Ok(())
}

/// All of it or nothing: a reader never sees half a report.
fn write(path: &Path, text: &str, existing: Existing) -> Result<(), RecordError> {
    let taken = |source: &io::Error| source.kind() == io::ErrorKind::AlreadyExists;
    if existing == Existing::Keep && fs::symlink_metadata(path).is_ok() {
        return Err(RecordError::Exists {
            path: path.to_owned(),
        });
    }
    let beside = beside(path);
    let written = fill(&beside, text).and_then(|()| match existing {
        Existing::Replace => fs::rename(&beside, path),
        // A link, unlike a rename, never replaces a file that came meanwhile.
        Existing::Keep => match fs::hard_link(&beside, path) {
            Err(error) if !taken(&error) => fs::rename(&beside, path),
            linked => linked,
        },
    });
    // Gone already after a rename.
    let _left_over = fs::remove_file(&beside);
    written.map_err(|source| {
        let path = path.to_owned();
        if taken(&source) {
            RecordError::Exists { path }
        } else {
            RecordError::File {
                what: "write",
                path,
                source,
            }
        }
    })
}

fn fill(path: &Path, text: &str) -> io::Result<()> {
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A name in the same folder that nobody else uses.
fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}-{:08x}", std::process::id(), fastrand::u32(..)));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_report_is_private_whole_and_never_replaces_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.md");
        write(&path, "one", Existing::Keep).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let refused = write(&path, "two", Existing::Keep);
        assert!(matches!(refused, Err(RecordError::Exists { .. })), "{refused:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        write(&path, "three", Existing::Replace).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three");
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
        let nowhere = write(&folder.path().join("no/such/r.md"), "x", Existing::Keep);
        assert!(matches!(nowhere, Err(RecordError::File { .. })), "{nowhere:?}");
    }
}
