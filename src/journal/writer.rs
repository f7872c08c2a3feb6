//! Appends facts to the one file of this process and keeps it locked. Never reads a clock, never rewrites a whole line.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::error::JournalError;
use super::format::{GENESIS, encode, hash};
use crate::run::Entry;

/// How far an append got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The kernel has it: a crash of this process does not lose it.
    Written,
    /// The disk has it: a power failure does not lose it.
    Synced,
}

/// The one journal file that this process appends to. Dropping it lets go of the lock.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: PathBuf,
    /// Hash of the last line handed over, written or not.
    head: String,
    /// Hash of the last line that was written.
    written: String,
    /// Where the last whole line on disk ends.
    end: u64,
    /// Lines that a failed append left behind; they go first the next time, so that no fact is skipped.
    pending: Vec<u8>,
    /// After a failed sync the kernel may have thrown the pages away and call the next sync a success.
    sync_lost: bool,
}

impl Writer {
    /// A new file; there must be none yet.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(path).map_err(JournalError::io("create", path))?;
        lock(&file, path)?;
        sync_parent(path)?;
        Ok(Self::on(file, path))
    }

    /// Goes on in a file that an earlier process left. The torn end of a line, which nobody was ever told was
    /// kept, is cut off; says how many bytes that were.
    pub fn reopen(path: &Path) -> Result<(Self, u64), JournalError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(JournalError::io("open", path))?;
        lock(&file, path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(JournalError::io("read", path))?;
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let mut writer = Self::on(file, path);
        writer.end = whole as u64;
        if let Some(last) = bytes[..whole].strip_suffix(b"\n") {
            let start = last
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            writer.head = hash(&last[start..]);
            writer.written.clone_from(&writer.head);
        }
        let torn = bytes.len() - whole;
        if torn > 0 {
            writer
                .file
                .set_len(writer.end)
                .map_err(JournalError::io("cut the torn end of", path))?;
        }
        Ok((writer, torn as u64))
    }

    pub(crate) fn on(file: File, path: &Path) -> Self {
        Self {
            file,
            path: path.to_owned(),
            head: GENESIS.to_owned(),
            written: GENESIS.to_owned(),
            end: 0,
            pending: Vec::new(),
            sync_lost: false,
        }
    }

    /// Appends in one write. Waits for the disk only when one of the facts would create a debt.
    ///
    /// After an error the facts are kept and go first the next time: the chain has no hole.
    pub fn append(&mut self, entries: &[Entry]) -> Result<Durability, JournalError> {
        for entry in entries {
            let line = encode(entry, &self.head).map_err(JournalError::Encode)?;
            self.head = hash(&line);
            self.pending.extend_from_slice(&line);
            self.pending.push(b'\n');
        }
        self.flush().map_err(JournalError::io("write", &self.path))?;
        if entries.iter().any(|entry| entry.fact.creates_debt()) {
            self.sync()?;
            return Ok(Durability::Synced);
        }
        Ok(Durability::Written)
    }

    /// Waits until everything so far is on the disk.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        if self.sync_lost {
            return Err(JournalError::SyncLost {
                path: self.path.clone(),
            });
        }
        if let Err(source) = self.file.sync_data() {
            self.sync_lost = true;
            return Err(JournalError::Io {
                what: "sync",
                path: self.path.clone(),
                source,
            });
        }
        Ok(())
    }

    /// Hash of the last line in the file: the witness to keep somewhere else.
    #[allow(
        clippy::misnamed_getters,
        reason = "the field `head` is of what was handed over, written or not"
    )]
    pub fn head(&self) -> &str {
        &self.written
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        // An earlier write may have stopped in the middle of a line: start where the last whole one ends.
        self.file.seek(SeekFrom::Start(self.end))?;
        if let Err(error) = self.file.write_all(&self.pending) {
            // What cannot be cut is a torn end, which readers know.
            let _best_effort = self.file.set_len(self.end);
            return Err(error);
        }
        self.end += self.pending.len() as u64;
        self.pending.clear();
        self.written.clone_from(&self.head);
        Ok(())
    }
}

/// Takes the lock that says that a process lives. Somebody who only asks holds it for an instant.
fn lock(file: &File, path: &Path) -> Result<(), JournalError> {
    for _ in 0..1000 {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(source)) => {
                return Err(JournalError::Io {
                    what: "lock",
                    path: path.to_owned(),
                    source,
                });
            }
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    Err(JournalError::Held {
        path: path.to_owned(),
    })
}

/// Whether a living process writes to this file.
pub(super) fn is_held(path: &Path) -> Result<bool, JournalError> {
    let file = File::open(path).map_err(JournalError::io("open", path))?;
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(JournalError::Io {
            what: "ask for the lock of",
            path: path.to_owned(),
            source,
        }),
    }
}

/// Makes the folder, and those above it, for its owner alone, durably.
pub(super) fn make_private_dir(path: &Path) -> Result<(), JournalError> {
    let missing: Vec<_> = path
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .collect();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(JournalError::io("create", path))?;
    missing.into_iter().rev().try_for_each(sync_parent)
}

/// Writes a whole small file for its owner alone, onto the disk; there must be none yet.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(path).map_err(JournalError::io("create", path))?;
    file.write_all(bytes).map_err(JournalError::io("write", path))?;
    file.sync_all().map_err(JournalError::io("sync", path))
}

/// A new name is durable only once its folder is.
pub(super) fn sync_parent(path: &Path) -> Result<(), JournalError> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    let parent = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(JournalError::io("sync", parent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Fact;
    use crate::units::{Mark, Stamp};

    fn entry(seq: u64) -> Entry {
        Entry {
            seq,
            at: Mark::from_secs(seq),
            wall: Stamp(jiff::Timestamp::UNIX_EPOCH),
            fact: Fact::Detected,
        }
    }

    #[test]
    fn a_full_disk_is_an_error_and_skips_no_fact() {
        let full = Path::new("/dev/full");
        let mut writer = Writer::on(OpenOptions::new().write(true).open(full).unwrap(), full);
        assert!(writer.append(&[entry(0)]).is_err());
        assert_eq!(writer.head(), GENESIS, "the head is what is in the file");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.console.jsonl");
        // The disk has room again.
        writer.file = Writer::create(&path).unwrap().file;
        assert_eq!(writer.append(&[entry(1)]).unwrap(), Durability::Written);
        let read = super::super::read("console", &std::fs::read(&path).unwrap());
        assert_eq!(read.records.len(), 2);
        assert!(read.damage.is_empty(), "{:?}", read.damage);
        assert_eq!(read.heads[0].sha256, writer.head());
    }

    #[test]
    fn a_lost_sync_is_never_vouched_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(&folder.path().join("j")).unwrap();
        writer.sync_lost = true;
        assert!(matches!(writer.sync(), Err(JournalError::SyncLost { .. })));
    }
}
