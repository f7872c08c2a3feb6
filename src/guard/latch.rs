//! The latch: what keeps the gate closed for every process of this user on this machine, one file a cluster. Its
//! space is taken at the start, so that a full disk cannot stop it. Never looks at a cluster.
//!
//! A file system that writes every change to a new place (btrfs, zfs) may still need a block when it is full; the
//! latch of the cluster itself and the gate of the process do not depend on it.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::units::{ErrorChain, Stamp};

/// The space that is taken for the latch's text.
const SPACE: usize = 4096;
/// More than this of a latch is not read.
const MOST: u64 = 64 * 1024;

/// Who closed the latch, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latched {
    /// The account and the machine.
    pub who: String,
    pub at: Stamp,
    /// What pulled the kill switch: `ctrl-k`, `firedrill kill`, …
    pub why: String,
    /// The context that was used.
    #[serde(default)]
    pub context: String,
    #[serde(default)]
    pub pid: u32,
}

impl fmt::Display for Latched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let safe = crate::text::printable;
        write!(
            f,
            "closed by {} at {}: {}",
            safe(&self.who),
            self.at,
            safe(&self.why)
        )
    }
}

/// Why the latch could not be closed, read or opened.
#[derive(Debug, thiserror::Error)]
pub enum LatchError {
    #[error("cannot {what} the latch {}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write the latch as JSON")]
    Encode(#[source] serde_json::Error),
}

/// What closing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    Now,
    /// It was closed already; whoever closed it first stays named.
    Before,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    spare: Result<PathBuf, ErrorChain>,
}

/// The latch of one cluster. Cheap to clone. Dropping the last clone gives the reserved space back; a closed latch
/// stays closed.
#[derive(Debug, Clone)]
pub struct Latch(Arc<Inner>);

/// A file name that no uid, however odd, can use to get out of the folder or to be taken for another's.
fn file_name(uid: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !uid.is_empty() && uid.len() <= 64 && uid.chars().all(plain) {
        return uid.to_owned();
    }
    let digest = Sha256::digest(uid.as_bytes());
    digest
        .iter()
        .fold("odd_".to_owned(), |name, byte| format!("{name}{byte:02x}"))
}

/// Makes the folder, and those above it, for its owner alone.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
}

fn reserve(folder: &Path) -> io::Result<PathBuf> {
    private_folder(folder)?;
    let path = folder.join(format!(".spare-{}", uuid::Uuid::new_v4().simple()));
    let mut file = private_file().open(&path)?;
    let written = file.write_all(&[b' '; SPACE]).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // It holds nothing.
        let _ = fs::remove_file(&path);
        return Err(error);
    }
    Ok(path)
}

impl Latch {
    /// The latch of the cluster with this uid of `kube-system`, and its space. Never fails: what could not be
    /// reserved is tried again when it is closed.
    pub fn prepare(state: &Path, uid: &str) -> Self {
        let folder = state.join("latch");
        Self(Arc::new(Inner {
            path: folder.join(file_name(uid)),
            spare: reserve(&folder).map_err(|error| ErrorChain::of(&error)),
        }))
    }

    /// The same latch for who only looks: takes no space and makes no folder.
    pub fn unprepared(state: &Path, uid: &str) -> Self {
        Self(Arc::new(Inner {
            path: state.join("latch").join(file_name(uid)),
            spare: Err(ErrorChain::message("no space was asked for")),
        }))
    }

    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Why no space could be taken at the start, if so.
    pub fn unreserved(&self) -> Option<&ErrorChain> {
        self.0.spare.as_ref().err()
    }

    fn io(&self, what: &'static str) -> impl FnOnce(io::Error) -> LatchError {
        let path = self.0.path.clone();
        move |source| LatchError::Io { what, path, source }
    }

    /// Who closed it, when and why; `None` while it is open. A latch that cannot be understood is closed.
    pub fn read(&self) -> Result<Option<Latched>, LatchError> {
        let file = match File::open(&self.0.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io("read")(error)),
        };
        let mut bytes = Vec::new();
        let at = file
            .metadata()
            .and_then(|meta| meta.modified())
            .ok()
            .and_then(|time| jiff::Timestamp::try_from(time).ok())
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        file.take(MOST).read_to_end(&mut bytes).map_err(self.io("read"))?;
        Ok(Some(serde_json::from_slice(&bytes).unwrap_or_else(|_| Latched {
            who: "someone".to_owned(),
            at: Stamp(at),
            why: format!("{} cannot be understood", self.0.path.display()),
            context: String::new(),
            pid: 0,
        })))
    }

    /// Closes it for every process from now on.
    pub fn close(&self, latched: &Latched) -> Result<Closed, LatchError> {
        let mut text = serde_json::to_vec(latched).map_err(LatchError::Encode)?;
        text.push(b'\n');
        let (ready, written) = match &self.0.spare {
            Ok(spare) if spare.exists() => (spare.clone(), overwrite(spare, &text)),
            // An earlier close of this one, or of a clone, has used the space up.
            Ok(_) | Err(_) if self.0.path.exists() => return Ok(Closed::Before),
            Ok(_) | Err(_) => self.write_anew(&text)?,
        };
        // A latch that says nothing still blocks: what could not be written must not stop it.
        let placed = place(&ready, &self.0.path);
        match placed {
            Ok(Closed::Before) => {
                // Only what is ours.
                let _ = fs::remove_file(&ready);
                Ok(Closed::Before)
            }
            Ok(Closed::Now) => {
                if let Err(error) = written {
                    tracing::warn!(%error, "the latch is closed and does not say by whom");
                }
                if let Some(Ok(folder)) = self.0.path.parent().map(File::open) {
                    // Durable if it can be; it holds for all that live either way.
                    let _ = folder.sync_all();
                }
                Ok(Closed::Now)
            }
            // A clone was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.0.path.exists() => {
                Ok(Closed::Before)
            }
            Err(error) => Err(self.io("close")(error)),
        }
    }

    fn write_anew(&self, text: &[u8]) -> Result<(PathBuf, io::Result<()>), LatchError> {
        let folder = self.0.path.parent().unwrap_or(Path::new("."));
        private_folder(folder).map_err(self.io("make the folder of"))?;
        let path = folder.join(format!(".spare-{}", uuid::Uuid::new_v4().simple()));
        let mut file = private_file().open(&path).map_err(self.io("write"))?;
        let written = file.write_all(text).and_then(|()| file.sync_all());
        Ok((path, written))
    }

    /// Opens it. There is none to open is no error.
    pub fn open(&self) -> Result<(), LatchError> {
        match fs::remove_file(&self.0.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.io("open")(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Writes over the reserved bytes, so that no new space is needed; spaces after JSON mean nothing.
fn overwrite(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(text)?;
    file.sync_data()
}

/// Gives the file its name, unless another has it.
fn place(from: &Path, to: &Path) -> io::Result<Closed> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(Closed::Now),
        Err(rustix::io::Errno::EXIST) => return Ok(Closed::Before),
        // Not every file system knows it.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {}
        Err(error) => return Err(error.into()),
    }
    match fs::hard_link(from, to) {
        Ok(()) => {
            // The other name of the same file.
            let _ = fs::remove_file(from);
            Ok(Closed::Now)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Closed::Before),
        Err(_) if to.exists() => Ok(Closed::Before),
        Err(_) => fs::rename(from, to).map(|()| Closed::Now),
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Ok(spare) = &self.spare {
            // Gone if it became the latch.
            let _ = fs::remove_file(spare);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn latched(why: &str) -> Latched {
        Latched {
            who: "someone@here".to_owned(),
            at: Stamp(jiff::Timestamp::UNIX_EPOCH),
            why: why.to_owned(),
            context: "kind".to_owned(),
            pid: 1,
        }
    }

    #[test]
    fn the_first_to_close_stays_named_until_it_is_opened() {
        let state = tempfile::tempdir().unwrap();
        let (one, two) = (
            Latch::prepare(state.path(), "u"),
            Latch::prepare(state.path(), "u"),
        );
        assert_eq!(one.read().unwrap(), None);
        assert_eq!(one.close(&latched("first")).unwrap(), Closed::Now);
        assert_eq!(two.close(&latched("second")).unwrap(), Closed::Before);
        assert_eq!(two.read().unwrap().unwrap().why, "first");
        let mode = fs::metadata(one.path()).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let folder = one.path().parent().unwrap().to_owned();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        drop((one, two));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no spare is left");
        let again = Latch::prepare(state.path(), "u");
        again.open().unwrap();
        again.open().unwrap();
        assert_eq!(again.read().unwrap(), None);
    }

    #[test]
    fn one_latch_closes_again_and_after_a_reset() {
        let state = tempfile::tempdir().unwrap();
        let latch = Latch::prepare(state.path(), "u");
        assert_eq!(latch.close(&latched("first")).unwrap(), Closed::Now);
        assert_eq!(latch.close(&latched("second")).unwrap(), Closed::Before);
        assert_eq!(latch.read().unwrap().unwrap().why, "first");
        Latch::unprepared(state.path(), "u").open().unwrap();
        assert_eq!(latch.close(&latched("third")).unwrap(), Closed::Now);
        assert_eq!(latch.read().unwrap().unwrap().why, "third");
        drop(latch);
        let folder = state.path().join("latch");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "no spare is left");
    }

    #[test]
    fn a_latch_closes_without_reserved_space_and_without_words() {
        let state = tempfile::tempdir().unwrap();
        drop(Latch::prepare(state.path(), "u"));
        let latch = Latch(Arc::new(Inner {
            path: state.path().join("latch").join("u"),
            spare: Err(ErrorChain::message("no space")),
        }));
        assert_eq!(latch.close(&latched("late")).unwrap(), Closed::Now);
        fs::write(latch.path(), b"not JSON").unwrap();
        assert!(
            latch
                .read()
                .unwrap()
                .unwrap()
                .why
                .contains("cannot be understood")
        );
    }

    #[test]
    fn no_uid_leads_out_of_the_folder() {
        for odd in ["", "..", "../../etc/passwd", "a/b", "\u{1b}[2J", &"x".repeat(300)] {
            let name = file_name(odd);
            assert!(name.starts_with("odd_") && name.len() < 80, "{odd:?} → {name}");
        }
        assert_eq!(
            file_name("8f6c0d3e-1b2a-4c5d-9e8f-000000000001"),
            "8f6c0d3e-1b2a-4c5d-9e8f-000000000001"
        );
        assert_ne!(file_name("a/b"), file_name("a_b"));
    }
}
