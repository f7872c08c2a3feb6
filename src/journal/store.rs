//! Where runs are kept: `<state>/runs/<id>/`. Hands out journals to write and to read; never follows a name
//! that is not a well-formed run id, and never deletes.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::base_strategy::{BaseStrategy as _, Xdg};

use super::debts::{Owed, owed};
use super::error::JournalError;
use super::reader::{Damage, Journal, merge, read, skim};
use super::writer::{Writer, is_held, make_private_dir, sync_parent, write_private};
use crate::units::RunId;

const PLAYBOOK: &str = "playbook.yaml";

/// Who writes: each process has its own file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    Console,
    Warden,
    /// `firedrill kill`, by its process id.
    Kill(u32),
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Console => f.write_str("console"),
            Self::Warden => f.write_str("warden"),
            Self::Kill(pid) => write!(f, "kill-{pid}"),
        }
    }
}

/// All runs of this user.
#[derive(Debug, Clone)]
pub struct Store {
    state: PathBuf,
    runs: PathBuf,
}

impl Store {
    /// `$FIREDRILL_STATE`, else the state folder of this user.
    pub fn from_env() -> Result<Self, JournalError> {
        if let Some(given) = std::env::var_os("FIREDRILL_STATE").filter(|given| !given.is_empty()) {
            let given = PathBuf::from(given);
            let state = std::path::absolute(&given).map_err(JournalError::io("resolve", &given))?;
            return Ok(Self::at(state));
        }
        let home = Xdg::new().map_err(|_| JournalError::NoHome)?;
        let state = home.state_dir().ok_or(JournalError::NoHome)?;
        Ok(Self::at(state.join("firedrill")))
    }

    pub fn at(state: impl Into<PathBuf>) -> Self {
        let state = state.into();
        let runs = state.join("runs");
        Self { state, runs }
    }

    /// The same store with its runs in another folder.
    #[must_use]
    pub fn with_runs_in(self, runs: impl Into<PathBuf>) -> Self {
        let runs = runs.into();
        Self { runs, ..self }
    }

    /// The state folder: runs, kills, latches.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The folder that the runs are in.
    pub fn runs(&self) -> &Path {
        &self.runs
    }

    /// A new run's folder, with the playbook as it was read.
    pub fn create(&self, id: &RunId, playbook: &str) -> Result<RunDir, JournalError> {
        let path = self.path_of(id.as_str())?;
        make_private_dir(self.runs())?;
        let mut folder = fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder.create(&path).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => JournalError::Exists { id: id.to_string() },
            _ => JournalError::Io {
                what: "create",
                path: path.clone(),
                source,
            },
        })?;
        let copy = path.join(PLAYBOOK);
        write_private(&copy, playbook.as_bytes())?;
        sync_parent(&copy)?;
        sync_parent(&path)?;
        Ok(RunDir { id: id.clone(), path })
    }

    /// The ids of all runs, newest first; whatever else lies there is left out.
    pub fn list(&self) -> Result<Vec<RunId>, JournalError> {
        let runs = self.runs();
        let entries = match fs::read_dir(runs) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => {
                return Err(JournalError::Io {
                    what: "list",
                    path: runs.to_owned(),
                    source,
                });
            }
        };
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry.map_err(JournalError::io("list", runs))?;
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if let Some(name) = entry
                .file_name()
                .to_str()
                .filter(|name| is_folder && RunId::is_well_formed(name))
            {
                ids.push(RunId::new(name));
            }
        }
        ids.sort_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    /// The run of this id; `last` is the newest.
    pub fn open(&self, id: &str) -> Result<RunDir, JournalError> {
        if id == "last" {
            let newest = self
                .list()?
                .into_iter()
                .next()
                .ok_or_else(|| JournalError::NoRuns {
                    runs: self.runs.clone(),
                })?;
            return self.open(newest.as_str());
        }
        let path = self.path_of(id)?;
        // A link is not followed: it could lead anywhere.
        if !fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir()) {
            return Err(JournalError::NoSuchRun {
                id: id.to_owned(),
                runs: self.runs.clone(),
            });
        }
        Ok(RunDir {
            id: RunId::new(id),
            path,
        })
    }

    fn path_of(&self, id: &str) -> Result<PathBuf, JournalError> {
        if !RunId::is_well_formed(id) {
            return Err(JournalError::NotARunId { text: id.to_owned() });
        }
        Ok(self.runs().join(id))
    }
}

/// One run's folder.
#[derive(Debug, Clone)]
pub struct RunDir {
    id: RunId,
    path: PathBuf,
}

impl RunDir {
    pub fn id(&self) -> &RunId {
        &self.id
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn file_of(&self, process: Process) -> PathBuf {
        self.path.join(format!("journal.{process}.jsonl"))
    }

    /// This process's journal: a new one, or the one that an earlier process left. Locked from now on.
    pub fn writer(&self, process: Process) -> Result<Writer, JournalError> {
        let path = self.file_of(process);
        if path.exists() {
            Writer::reopen(&path).map(|(writer, _)| writer)
        } else {
            Writer::create(&path)
        }
    }

    /// Whether the console of this run lives, in this process or another.
    pub fn is_live(&self) -> bool {
        is_held(&self.file_of(Process::Console)).unwrap_or(false)
    }

    /// The playbook as it was read; `None` when its copy is gone.
    pub fn playbook(&self) -> Option<String> {
        fs::read_to_string(self.path.join(PLAYBOOK)).ok()
    }

    /// Everything that all journals of this run say.
    pub fn read(&self) -> Result<Journal, JournalError> {
        self.read_with(read)
    }

    /// What all journals of this run say, without the facts named in `skip` and with no chain verified.
    pub fn skim(&self, skip: &[&str]) -> Result<Journal, JournalError> {
        self.read_with(|file, bytes| skim(file, bytes, skip))
    }

    fn read_with(&self, read: impl Fn(&str, &[u8]) -> Journal) -> Result<Journal, JournalError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(JournalError::io("list", &self.path))? {
            let name = entry.map_err(JournalError::io("list", &self.path))?.file_name();
            let Some(name) = name.to_str() else { continue };
            if let Some(process) = name
                .strip_prefix("journal.")
                .and_then(|rest| rest.strip_suffix(".jsonl"))
            {
                names.push((process.to_owned(), self.path.join(name)));
            }
        }
        // The console first: of two facts of one moment its own comes before that of a helper.
        names.sort_by_key(|(process, _)| (process != "console", process.clone()));
        let one = |(process, path): (String, PathBuf)| match fs::read(&path) {
            Ok(bytes) => read(&process, &bytes),
            Err(error) => {
                let damage = vec![Damage::Unseen {
                    file: process,
                    why: error.to_string(),
                }];
                Journal {
                    damage,
                    ..Journal::default()
                }
            }
        };
        Ok(merge(names.into_iter().map(one).collect()))
    }

    /// What this run still owes, by its own journals.
    pub fn owed(&self) -> Result<Owed, JournalError> {
        Ok(owed(self.read()?.entries()))
    }
}
