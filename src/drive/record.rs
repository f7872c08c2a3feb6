//! The journal behind a thread of its own, so that a slow disk delays only what must wait for it: a new debt.
//! Never drops a fact; an error is told once as an input and again to whoever waits.

use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::{mpsc as inbox, oneshot};

use crate::journal::{JournalError, Writer};
use crate::run::{Entry, Input};
use crate::units::ErrorChain;

/// Settles when the facts are on the disk, or cannot get there.
pub type Durable = oneshot::Receiver<Result<(), ErrorChain>>;

struct Batch {
    entries: Vec<Entry>,
    durable: oneshot::Sender<Result<(), ErrorChain>>,
}

/// Where facts are sent to be kept.
#[derive(Debug)]
pub struct Recorder {
    batches: Option<mpsc::Sender<Batch>>,
    head: Arc<Mutex<String>>,
    path: PathBuf,
    finished: Option<oneshot::Receiver<Option<ErrorChain>>>,
}

impl Recorder {
    /// Takes the journal over. Errors arrive at `inputs` as [`Input::JournalLost`].
    pub fn start(mut writer: Writer, inputs: inbox::UnboundedSender<Input>) -> std::io::Result<Self> {
        let head = Arc::new(Mutex::new(writer.head().to_owned()));
        let path = writer.path().to_owned();
        let (batches, todo) = mpsc::channel::<Batch>();
        let (done, finished) = oneshot::channel();
        let published = Arc::clone(&head);
        thread::Builder::new().name("journal".to_owned()).spawn(move || {
            while let Ok(batch) = todo.recv() {
                let kept = writer.append(&batch.entries);
                publish(&writer, &published);
                let kept = kept.map(|_| ()).map_err(|error| lost(&error, &inputs));
                // Who does not wait for the disk does not listen.
                let _ = batch.durable.send(kept);
            }
            // The disk may have room again for what could not be written.
            let end = writer.append(&[]).and_then(|_| writer.sync());
            publish(&writer, &published);
            let lost = end.err().map(|error| ErrorChain::of(&error));
            if let Some(error) = &lost {
                tracing::error!(%error, "the journal's end may not be on the disk");
            }
            // Nobody may be left to hear it.
            let _ = done.send(lost);
        })?;
        Ok(Self {
            batches: Some(batches),
            head,
            path,
            finished: Some(finished),
        })
    }

    /// Hands facts over; what comes back settles once they are on the disk.
    pub fn keep(&self, entries: Vec<Entry>) -> Durable {
        let (durable, settled) = oneshot::channel();
        if let Some(batches) = &self.batches {
            // The thread lives as long as this; were it gone, `settled` says so to who waits.
            let _ = batches.send(Batch { entries, durable });
        }
        settled
    }

    /// The hash of the last line in the file.
    pub fn head(&self) -> String {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Waits until everything that was handed over is on the disk; why it is not, if it could not get there.
    pub async fn finish(&mut self) -> Option<ErrorChain> {
        self.batches = None;
        // Gone without a word means the thread panicked; the head then says how far it got.
        self.finished
            .take()?
            .await
            .unwrap_or_else(|_| Some(ErrorChain::message("the journal's thread ended without a word")))
    }
}

fn publish(writer: &Writer, head: &Mutex<String>) {
    writer
        .head()
        .clone_into(&mut head.lock().unwrap_or_else(PoisonError::into_inner));
}

fn lost(error: &JournalError, inputs: &inbox::UnboundedSender<Input>) -> ErrorChain {
    let chain = ErrorChain::of(error);
    // The run may be over.
    let _ = inputs.send(Input::JournalLost { error: chain.clone() });
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Fact;
    use crate::units::{Mark, Stamp};

    #[tokio::test]
    async fn a_full_disk_is_told_to_the_engine_and_to_who_waits() {
        let full = std::path::Path::new("/dev/full");
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(full)
            .expect("a full device");
        let (inputs, mut inbox) = inbox::unbounded_channel();
        let mut recorder = Recorder::start(Writer::on(file, full), inputs).expect("a thread");
        let entry = Entry {
            seq: 0,
            at: Mark::ZERO,
            wall: Stamp(jiff::Timestamp::UNIX_EPOCH),
            fact: Fact::Detected,
        };
        let kept = recorder.keep(vec![entry]).await.expect("an answer");
        assert!(kept.is_err());
        assert!(matches!(inbox.recv().await, Some(Input::JournalLost { .. })));
        let before = recorder.head();
        assert!(recorder.finish().await.is_some(), "a lost end is told");
        assert_eq!(recorder.head(), before, "no line got into the file");
    }
}
