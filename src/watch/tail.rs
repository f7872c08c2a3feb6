//! The log of one container, through restarts and lost connections: each line once, none left out that the
//! server still has. Never outlives its pod.

use std::time::Duration;

use futures::{AsyncBufRead, AsyncBufReadExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::log_lines::{Seen, Splitter, parse};
use super::logs::{Line, Origin, Sink};
use super::pods::ContainerSeen;
use super::pulse::{Beat, Pulse};
use crate::cluster::ApiFault;
use crate::ports::LogLine;
use crate::units::Mark;

/// Lines from before the first look.
const HISTORY: i64 = 20;
const ANSWER: Duration = Duration::from_secs(10);
/// So long the last words of a pod that is gone may take.
const LAST_WORDS: Duration = Duration::from_secs(5);
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
const FORBIDDEN: Duration = Duration::from_secs(30);

/// What is known of the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Now {
    There(ContainerSeen),
    /// Its pod is not there any more.
    Gone,
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// A few lines of what was there before are shown as such.
    WithHistory,
    AtTheBeginning,
}

/// How reading ended.
enum Ended {
    /// The server has no more of this process for now.
    Dry,
    Broken(ApiFault),
    /// The pod is gone, and time for its last words is over.
    Over,
}

/// Which log, and from where.
pub(super) struct Whose {
    pub api: Api<Pod>,
    pub pod: String,
    pub container: String,
    pub begin: Begin,
}

pub(super) struct Tail {
    whose: Whose,
    state: watch::Receiver<Now>,
    sink: Sink,
    pulse: Pulse,
    beats: watch::Receiver<Beat>,
    seen: Seen,
    /// The beginning of a line whose rest did not come.
    torn: Option<String>,
    /// What was read was complete then.
    proven: Mark,
    /// Since when lines may have waited to be read, until they were.
    gap_from: Option<Mark>,
    origin: Origin,
}

/// Ends when the pod is gone, or nobody knows any more whether it is.
async fn gone(state: &mut watch::Receiver<Now>) {
    // Either answer means the same.
    let _ = state.wait_for(|now| *now == Now::Gone).await.is_ok();
}

impl Tail {
    pub fn new(whose: Whose, state: watch::Receiver<Now>, sink: Sink, pulse: Pulse) -> Self {
        Self {
            whose,
            state,
            sink,
            beats: pulse.beats(),
            proven: pulse.clock().mark(),
            pulse,
            seen: Seen::default(),
            torn: None,
            gap_from: None,
            origin: Origin::New,
        }
    }

    fn name(&self) -> String {
        format!("{}/{}", self.whose.pod, self.whose.container)
    }

    pub async fn run(mut self) {
        self.read_on().await;
        self.flush_torn();
        self.sink.unread(&self.name(), None);
    }

    async fn read_on(&mut self) {
        // The process that is being read, and the one that was read to its end.
        let mut reading: Option<ContainerSeen> = None;
        let mut through = String::new();
        let mut pause = PAUSE.0;
        loop {
            let Some(now) = self.next_process(&through).await else {
                return;
            };
            if let Some(before) = reading.take().filter(|before| before.id != now.id) {
                if before.id != through {
                    self.last_of(&before, &now).await;
                }
                self.flush_torn();
            }
            if self.whose.begin == Begin::WithHistory {
                self.history().await;
                self.whose.begin = Begin::AtTheBeginning;
            }
            let began = Instant::now();
            let ended = self.follow().await;
            if began.elapsed() > PAUSE.1 {
                pause = PAUSE.0;
            }
            let wait = match ended {
                Ended::Over => return,
                Ended::Dry if !now.running => {
                    // It had ended before it was asked for: that was all of it.
                    through.clone_from(&now.id);
                    self.sink.unread(&self.name(), None);
                    Duration::ZERO
                }
                // What ended it may be known already.
                Ended::Dry if *self.state.borrow() != Now::There(now.clone()) => Duration::ZERO,
                Ended::Dry => pause,
                Ended::Broken(fault) => {
                    self.sink.unread(&self.name(), Some(fault.to_string()));
                    if matches!(fault, ApiFault::Forbidden { .. }) {
                        FORBIDDEN
                    } else {
                        pause
                    }
                }
            };
            reading = Some(now);
            pause = (pause * 2).min(PAUSE.1);
            // A change of the container, or a server that is back, is reason enough to look at once.
            let comebacks = self.beats.borrow_and_update().comebacks;
            let (state, beats) = (&mut self.state, &mut self.beats);
            let news = async {
                tokio::select! {
                    _ = state.changed() => {}
                    _ = beats.wait_for(|beat| beat.comebacks != comebacks) => {}
                }
            };
            let _ = timeout(wait, news).await;
        }
    }

    /// Waits for a process that has something to say; `None` when the pod is gone.
    async fn next_process(&mut self, through: &str) -> Option<ContainerSeen> {
        let waiting = self.state.wait_for(|now| match now {
            Now::Gone => true,
            Now::There(container) => !container.id.is_empty() && container.id != through,
        });
        match &*waiting.await.ok()? {
            Now::There(container) => Some(container.clone()),
            Now::Gone => None,
        }
    }

    fn params(&self) -> LogParams {
        LogParams {
            container: Some(self.whose.container.clone()),
            timestamps: true,
            ..LogParams::default()
        }
    }

    fn fault(error: &kube::Error) -> ApiFault {
        ApiFault::of(error, || "get pods/log".to_owned())
    }

    async fn history(&mut self) {
        let params = LogParams {
            tail_lines: Some(HISTORY),
            ..self.params()
        };
        self.origin = Origin::History;
        self.read(params).await;
        self.origin = Origin::New;
    }

    /// What a process said that is not there any more, as far as it is kept.
    async fn last_of(&mut self, before: &ContainerSeen, now: &ContainerSeen) {
        let params = LogParams {
            previous: true,
            since_time: self.seen.resume(),
            ..self.params()
        };
        let read = self.read(params).await;
        let between = now.restarts.saturating_sub(before.restarts);
        if between > 1 {
            let why = format!("it restarted {between} times between two looks");
            self.sink.lost(&self.whose.pod, &self.whose.container, &why);
        } else if !read {
            let why = "it restarted, and what it said last is not kept";
            self.sink.lost(&self.whose.pod, &self.whose.container, why);
        }
    }

    /// Reads what is there; says whether it could.
    async fn read(&mut self, params: LogParams) -> bool {
        let Ok(Ok(text)) = timeout(ANSWER, self.whose.api.logs(&self.whose.pod, &params)).await else {
            return false;
        };
        self.pulse.hear();
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        splitter.take(text.as_bytes(), |line| lines.push(line));
        lines.extend(splitter.rest());
        for line in lines {
            self.take(&line);
        }
        true
    }

    async fn follow(&mut self) -> Ended {
        let params = LogParams {
            follow: true,
            since_time: self.seen.resume(),
            ..self.params()
        };
        let comebacks = self.beats.borrow_and_update().comebacks;
        let opened = timeout(ANSWER, self.whose.api.log_stream(&self.whose.pod, &params)).await;
        let stream = match opened {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return match Self::fault(&error) {
                    // Not there any more, or not yet: the pod's watch knows better.
                    ApiFault::NotFound | ApiFault::Refused { code: 400, .. } => Ended::Dry,
                    fault => Ended::Broken(fault),
                };
            }
            Err(_) => {
                let text = format!("no answer to the log of {}", self.name());
                return Ended::Broken(ApiFault::Unreachable(crate::units::ErrorChain::message(text)));
            }
        };
        self.pulse.hear();
        self.sink.unread(&self.name(), None);
        self.gap_from = Some(self.proven);
        let mut splitter = Splitter::default();
        let ended = self.pump(Box::pin(stream), &mut splitter, comebacks).await;
        if matches!(ended, Ended::Dry) {
            self.proven = self.pulse.clock().mark();
        }
        if let Some(rest) = splitter.rest() {
            self.torn = Some(rest);
        }
        ended
    }

    async fn pump(
        &mut self,
        mut stream: std::pin::Pin<Box<impl AsyncBufRead>>,
        splitter: &mut Splitter,
        comebacks: u64,
    ) -> Ended {
        let mut over: Option<Instant> = None;
        // What was missed comes at once; what comes later is new.
        let caught_up = Instant::now() + Duration::from_secs(1);
        loop {
            let deadline = over.unwrap_or_else(Instant::now);
            let chunk = tokio::select! {
                biased;
                chunk = stream.fill_buf() => match chunk {
                    Ok([]) => return if over.is_some() { Ended::Over } else { Ended::Dry },
                    Ok(chunk) => chunk.to_vec(),
                    Err(error) => {
                        let chain = crate::units::ErrorChain::of(&error);
                        return Ended::Broken(ApiFault::Unreachable(chain));
                    }
                },
                () = tokio::time::sleep_until(deadline), if over.is_some() => return Ended::Over,
                () = gone(&mut self.state), if over.is_none() => {
                    over = Some(Instant::now() + LAST_WORDS);
                    continue;
                }
                changed = self.beats.changed() => {
                    let moved = changed.is_err() || self.beats.borrow_and_update().comebacks != comebacks;
                    if moved {
                        return Ended::Dry;
                    }
                    continue;
                }
            };
            stream.as_mut().consume(chunk.len());
            let now = self.pulse.hear();
            if Instant::now() >= caught_up {
                self.gap_from = None;
            }
            self.proven = now;
            let mut lines = Vec::new();
            splitter.take(&chunk, |line| lines.push(line));
            for line in lines {
                self.take(&line);
            }
        }
    }

    fn take(&mut self, line: &str) {
        let (stamp, _) = parse(line);
        if !self.seen.is_new(line, stamp) {
            return;
        }
        if let Some(torn) = self.torn.take() {
            // The rest of it has come: the line is whole now.
            if !line.starts_with(torn.trim_end_matches('\u{fffd}')) {
                self.emit(&torn);
            }
        }
        self.emit(line);
    }

    fn emit(&self, line: &str) {
        let (stamp, text) = parse(line);
        let at = self.pulse.clock().mark();
        let latency = self.beats.borrow().latency;
        self.sink.line(Line {
            at,
            origin: self.origin,
            late: self.gap_from.map_or(latency, |from| at.since(from).max(latency)),
            log: LogLine {
                pod: self.whose.pod.clone(),
                container: self.whose.container.clone(),
                stamp,
                text: text.to_owned(),
            },
        });
    }

    fn flush_torn(&mut self) {
        if let Some(torn) = self.torn.take() {
            self.emit(&torn);
        }
    }
}
