//! The record of a kill: its own folder, and a journal of its own in each run whose debts it pays. Written on a
//! thread of its own; what cannot be written stops nothing and is told at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

use super::latch::private_folder;
use crate::clock::{self, Clock};
use crate::fault::Gone;
use crate::journal::{self, JournalError, Process, RunDir, Store, Writer};
use crate::ports::{KillTells, ObjectVerdict};
use crate::run::{Entry, Fact, Tag};
use crate::units::{DebtId, ErrorChain, RunId};

/// A journal and its clock.
struct Book {
    writer: Writer,
    clock: Clock,
    seq: u64,
    /// Debts whose verdict stands in it, and those that may still change.
    written: BTreeMap<DebtId, Gone>,
    open: BTreeMap<DebtId, Gone>,
}

impl Book {
    fn new(path: &Path, clock: Clock, writer: Result<Writer, JournalError>) -> Result<Self, JournalError> {
        let writer = writer?;
        // A process of the same number may have been here before.
        let before = std::fs::read(path).unwrap_or_default();
        let before = journal::read("kill", &before);
        let seq = before
            .entries()
            .last()
            .map_or(0, |entry| entry.seq.saturating_add(1));
        Ok(Self {
            writer,
            clock,
            seq,
            written: BTreeMap::new(),
            open: BTreeMap::new(),
        })
    }

    fn own(folder: &Path) -> Result<Self, JournalError> {
        let path = folder.join(format!("journal.{}.jsonl", Process::Kill(std::process::id())));
        let writer = Writer::create(&path);
        Self::new(&path, Clock::start(1.0), writer)
    }

    fn of_run(run: &RunDir) -> Result<Self, JournalError> {
        let base = run.read()?.entries().find_map(|entry| match &entry.fact {
            Fact::RunStarted { clock, .. } => Some(clock.clone()),
            _ => None,
        });
        let clock = base.map_or_else(|| Clock::start(1.0), |base| Clock::resume(&base).0);
        let process = Process::Kill(std::process::id());
        let path = run.path().join(format!("journal.{process}.jsonl"));
        Self::new(&path, clock, run.writer(process))
    }

    fn append(&mut self, fact: Fact) -> Result<(), JournalError> {
        let entry = Entry {
            seq: self.seq,
            at: self.clock.mark(),
            wall: clock::wall(),
            fact,
        };
        self.seq += 1;
        self.writer.append(&[entry]).map(|_| ())
    }

    fn verdict(&mut self, debt: &DebtId, gone: &Gone) -> Result<(), JournalError> {
        if gone.is_moving() {
            self.open.insert(debt.clone(), gone.clone());
            return Ok(());
        }
        self.open.remove(debt);
        if self.written.insert(debt.clone(), gone.clone()).as_ref() == Some(gone) {
            return Ok(());
        }
        self.append(Fact::RevertSettled {
            debt: debt.clone(),
            gone: gone.clone(),
        })
    }

    fn end(&mut self, clear: bool) -> Result<(), JournalError> {
        for (debt, gone) in std::mem::take(&mut self.open) {
            self.append(Fact::RevertSettled { debt, gone })?;
        }
        self.append(Fact::KillEnded { clear })?;
        self.writer.sync()
    }
}

/// What the thread writes.
struct Pages {
    by: String,
    store: Store,
    own: Option<Book>,
    runs: BTreeMap<String, Option<Book>>,
    verdicts: Option<File>,
    failed: BTreeSet<String>,
}

impl Pages {
    fn attempt<T, E: std::error::Error + 'static>(&mut self, tried: Result<T, E>) -> Option<T> {
        tried
            .inspect_err(|error| {
                self.failed.insert(ErrorChain::of(error).to_string());
            })
            .ok()
    }

    fn run(&mut self, id: &str) -> Option<&mut Book> {
        if !self.runs.contains_key(id) {
            let opened = self.store.open(id).and_then(|run| Book::of_run(&run));
            let mut book = self.attempt(opened);
            if let Some(book) = &mut book {
                let why = self.by.clone();
                let closed = book.append(Fact::GateClosed { why });
                self.attempt(closed);
            }
            self.runs.insert(id.to_owned(), book);
        }
        self.runs.get_mut(id).and_then(Option::as_mut)
    }

    fn object(&mut self, verdict: &ObjectVerdict) {
        let (Some(debt), Some(run)) = (&verdict.debt, &verdict.run) else {
            return;
        };
        let Some(book) = self.run(run) else { return };
        let kept = book.verdict(debt, &verdict.gone);
        self.attempt(kept);
    }

    fn own(&mut self, fact: Fact) {
        let Some(book) = &mut self.own else { return };
        let kept = book.append(fact);
        self.attempt(kept);
    }

    fn take(&mut self, tells: &KillTells) {
        if let (Some(file), Ok(mut line)) = (&mut self.verdicts, serde_json::to_vec(tells)) {
            line.push(b'\n');
            let kept = file.write_all(&line);
            self.attempt(kept);
        }
        match tells {
            KillTells::GateClosed => {
                let why = self.by.clone();
                self.own(Fact::GateClosed { why });
            }
            KillTells::Object(verdict) => self.object(verdict),
            KillTells::NotSeen { what, why } => self.own(note(format!("not seen: {what} ({why})"))),
            KillTells::Note { text } => self.own(note(text.clone())),
            KillTells::Ended(summary) => {
                let clear = summary.all_clear;
                let mut ends = Vec::new();
                for book in self.runs.values_mut().flatten().chain(&mut self.own) {
                    ends.push(book.end(clear));
                }
                for end in ends {
                    self.attempt(end);
                }
            }
        }
    }
}

fn note(text: String) -> Fact {
    Fact::NoteAdded {
        text,
        tags: vec![Tag::Observation],
        author: None,
    }
}

/// Where the facts of one kill go.
#[derive(Debug)]
pub struct KillRecord {
    folder: PathBuf,
    tells: Option<mpsc::Sender<KillTells>>,
    done: oneshot::Receiver<Vec<String>>,
}

impl KillRecord {
    /// Makes `<state>/kills/<id>/` and writes from now on. Never fails: without a disk it only remembers that.
    pub fn start(store: &Store, by: &str) -> Self {
        let id = RunId::at(clock::wall(), fastrand::u16(..));
        let folder = store.state().join("kills").join(id.as_str());
        let (tells, todo) = mpsc::channel::<KillTells>();
        let (tell, done) = oneshot::channel();
        let (store, by, place) = (store.clone(), by.to_owned(), folder.clone());
        let spawned = thread::Builder::new()
            .name("kill-record".to_owned())
            .spawn(move || {
                let mut pages = Pages {
                    by,
                    store,
                    own: None,
                    runs: BTreeMap::new(),
                    verdicts: None,
                    failed: BTreeSet::new(),
                };
                let made = private_folder(&place);
                if pages.attempt(made).is_some() {
                    let own = Book::own(&place);
                    pages.own = pages.attempt(own);
                    let mut options = OpenOptions::new();
                    let file = options
                        .create_new(true)
                        .append(true)
                        .mode(0o600)
                        .open(place.join("verdicts.jsonl"));
                    pages.verdicts = pages.attempt(file);
                }
                for tells in todo {
                    pages.take(&tells);
                }
                // Who waits may have gone on.
                let _ = tell.send(pages.failed.into_iter().collect());
            });
        if let Err(error) = spawned {
            tracing::error!(%error, "no thread to record the kill");
        }
        Self {
            folder,
            tells: Some(tells),
            done,
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the manifests of what is not ours belong.
    pub fn manifests(&self) -> PathBuf {
        self.folder.join("manifests")
    }

    /// Hands over what was told; returns at once.
    pub fn take(&self, tells: &KillTells) {
        if let Some(to) = &self.tells {
            // Without the thread there is no disk to write to either.
            let _ = to.send(tells.clone());
        }
    }

    /// What could not be written, once everything else is. Bound it: a disk may hang.
    pub async fn finish(mut self) -> Vec<String> {
        self.tells = None;
        self.done.await.unwrap_or_default()
    }
}
