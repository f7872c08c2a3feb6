//! The model: everything that the console knows, and the folding of facts into it. Never draws.

use std::collections::BTreeMap;

use super::list::{self, Rest};
use super::{Dialog, KillState, Lines, List, Seen, Sight, Toast, Told, Tone};
use crate::evidence::Ring;
use crate::fault::ClusterPin;
use crate::ports::{ChaosRow, CheckNow, EventLine, LogLine, PodRow, Streamed};
use crate::report::words::Names;
use crate::run::{Arming, Entry, Fact, Injected, Run, Why};
use crate::tui::chords::Chords;
use crate::tui::console_log::Scroll;
use crate::tui::keys::Screen;
use crate::tui::theme::Look;
use crate::units::{CheckId, Mark, RunId, Stamp};

/// Lines of logs that are kept.
const LOGS: usize = 20_000;
/// Events that are kept.
const EVENTS: usize = 5_000;
/// Entries of the timeline that are kept on the screen; the journal has them all.
const ENTRIES: usize = 20_000;
/// How long a message stands.
const TOAST: std::time::Duration = std::time::Duration::from_secs(8);

/// What is true of the whole run.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    pub run: RunId,
    pub cluster: ClusterPin,
    pub speed: f64,
    pub version: String,
}

/// Whether facts still come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    Live,
    /// Nobody sends any more: the driver is gone.
    Ended,
}

/// Whether the operator wants to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    No,
    /// The run was asked to end; the console goes when it has.
    Asked,
}

/// What a model begins with.
#[derive(Debug, Clone, Default)]
pub struct Start {
    pub look: Look,
    /// Why the context looks like production, if it does.
    pub production: Option<String>,
}

/// Everything that the console knows.
#[derive(Debug)]
pub struct Model {
    pub look: Look,
    pub production: Option<String>,
    pub now: Mark,
    pub wall: Option<Stamp>,
    pub about: Option<About>,
    pub run: Option<Run>,
    pub feed: Feed,
    pub pods: Seen<PodRow>,
    pub chaos: Seen<ChaosRow>,
    pub board: BTreeMap<CheckId, CheckNow>,
    pub logs: Ring<LogLine>,
    pub events: Ring<EventLine>,
    /// Lines that were let go before they came here.
    pub lost: u64,
    /// What numbers in facts are called in this playbook.
    pub names: Names,
    pub told: Ring<Told>,
    pub corrections: BTreeMap<u64, Mark>,
    pub kill: KillState,
    pub chords: Chords,
    pub leaving: Leaving,
    pub screen: Screen,
    pub lists: BTreeMap<Screen, List>,
    pub lines: Lines,
    /// The item, question or line of the step under way that the cursor is at.
    pub step_cursor: usize,
    pub dialogs: Vec<Dialog>,
    /// When the cluster said what the card on the table shows.
    pub armed: Option<Mark>,
    pub toast: Option<Toast>,
    pub summary: Option<String>,
    pub console: Scroll,
}

impl Model {
    pub fn new(start: Start) -> Self {
        Self {
            look: start.look,
            production: start.production,
            now: Mark::ZERO,
            wall: None,
            about: None,
            run: None,
            feed: Feed::Live,
            pods: Seen::default(),
            chaos: Seen::default(),
            board: BTreeMap::new(),
            logs: Ring::new(LOGS),
            events: Ring::new(EVENTS),
            lost: 0,
            names: Names::default(),
            told: Ring::new(ENTRIES),
            corrections: BTreeMap::new(),
            kill: KillState::default(),
            chords: Chords::default(),
            leaving: Leaving::No,
            screen: Screen::Run,
            lists: BTreeMap::new(),
            lines: Lines::default(),
            step_cursor: 0,
            dialogs: Vec::new(),
            armed: None,
            toast: None,
            summary: None,
            console: Scroll::default(),
        }
    }

    /// A message in the line above the keys.
    pub fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.toast = Some(Toast {
            text: text.into(),
            tone,
            at: self.now,
        });
    }

    pub fn list(&self, screen: Screen) -> List {
        self.lists.get(&screen).cloned().unwrap_or_default()
    }

    /// The numbers of the rows that a screen shows, oldest first, and where its readers begin.
    pub fn rows(&self, screen: Screen) -> (Vec<u64>, Rest) {
        let filter = self.lists.get(&screen).map_or("", |list| list.filter.as_str());
        match screen {
            Screen::Run => {
                let rows = self.step_rows();
                ((0..rows).map(|row| row as u64).collect(), Rest::First)
            }
            Screen::Pods => (
                numbered(0, self.pods.rows.iter(), |pod| pod_matches(pod, filter)),
                Rest::First,
            ),
            Screen::Faults => (
                numbered(0, self.chaos.rows.iter(), |row| chaos_matches(row, filter)),
                Rest::First,
            ),
            Screen::Logs => match self.lines {
                Lines::Logs => (
                    numbered(self.logs.dropped(), self.logs.iter(), |line| {
                        log_matches(line, filter)
                    }),
                    Rest::Last,
                ),
                Lines::Events => (
                    numbered(self.events.dropped(), self.events.iter(), |line| {
                        event_matches(line, filter)
                    }),
                    Rest::Last,
                ),
            },
            Screen::Timeline => (
                numbered(self.told.dropped(), self.told.iter(), |told| {
                    told_matches(told, filter)
                }),
                Rest::Last,
            ),
            Screen::Kill => ((0..self.kill.objects.len() as u64).collect(), Rest::First),
            Screen::Broker | Screen::Console => (Vec::new(), Rest::First),
        }
    }

    /// The row under the cursor.
    pub fn chosen(&self, screen: Screen) -> Option<u64> {
        let (rows, rest) = self.rows(screen);
        let list = self.list(screen);
        list.position(&rows, rest).map(|position| rows[position])
    }

    /// How many things the cursor can stand on within the step under way.
    pub fn step_rows(&self) -> usize {
        use crate::playbook::Step;
        let Some((_, step)) = self.run.as_ref().and_then(Run::step_now) else {
            return 0;
        };
        match step {
            Step::Checklist(list) => list.items.len(),
            Step::Debrief(debrief) => debrief.questions.len(),
            // Enough to scroll the longest text on the narrowest screen.
            Step::Brief(brief) => {
                crate::text::width(brief.text.in_language(&self.look.language)) / 30
                    + brief.text.in_language(&self.look.language).lines().count()
            }
            Step::Baseline(_) | Step::Fault(_) | Step::Observe(_) | Step::Recover(_) | Step::Verify(_) => 0,
        }
    }

    /// How many faults of this run are on or may be.
    pub fn owed(&self) -> usize {
        self.run.as_ref().map_or(0, |run| run.owed().count())
    }

    /// Whether the console has nothing more to wait for.
    pub fn is_over(&self) -> bool {
        self.feed == Feed::Ended || self.run.as_ref().is_some_and(Run::is_over)
    }

    /// Whether the run itself has ended, so that nothing more is to come.
    pub fn is_settled(&self) -> bool {
        self.run.as_ref().is_some_and(Run::is_over)
    }

    pub fn time_passes(&mut self, now: Mark, wall: Stamp) {
        // After the end nobody looks any more: nothing gets older on the screen.
        let ended = self.run.as_ref().and_then(|run| run.ended).map(|(at, _)| at);
        let now = ended.map_or(now, |at| now.min(at));
        self.now = self.now.max(now);
        self.wall = Some(wall);
        if self
            .toast
            .as_ref()
            .is_some_and(|toast| self.now.since(toast.at) >= TOAST)
        {
            self.toast = None;
        }
    }

    pub fn see(&mut self, sight: Sight) {
        match sight {
            Sight::Pods(fresh, rows) => self.pods = Seen { fresh, rows },
            Sight::Chaos(fresh, rows) => self.chaos = Seen { fresh, rows },
            Sight::Checks(board) => self.board = board,
        }
    }

    pub fn stream(&mut self, streamed: Streamed) {
        match streamed {
            Streamed::Log(line) => self.logs.push(line),
            Streamed::Event(line) => self.events.push(line),
            Streamed::Dropped(lines) => self.lost = self.lost.saturating_add(lines),
        }
    }

    /// Folds one entry, and shows what it changes for the operator.
    pub fn enter(&mut self, entry: &Entry) {
        self.now = self.now.max(entry.at);
        if let Fact::RunStarted {
            run,
            playbook,
            clock,
            cluster,
            unattended,
            version,
        } = &entry.fact
        {
            self.about = Some(About {
                run: run.clone(),
                cluster: cluster.clone(),
                speed: clock.speed,
                version: version.clone(),
            });
            self.names = Names::of(playbook);
            self.run = Some(Run::new((**playbook).clone(), *unattended));
        }
        if let Some(run) = &mut self.run {
            run.evolve(entry.at, &entry.fact);
        }
        self.told.push(Told::of(entry, &self.names));
        self.react(entry);
    }

    fn react(&mut self, entry: &Entry) {
        match &entry.fact {
            Fact::StepBegan { .. } => self.step_cursor = 0,
            Fact::StepEnded { .. } | Fact::InjectIntended { .. } => self.close_arming(),
            Fact::Armed { .. } => {
                self.armed = Some(entry.at);
                self.show_card(None);
            }
            Fact::Refused { refusal, .. } => self.show_card(Some(refusal.clone())),
            Fact::TimeCorrected { seq, at, .. } => {
                self.corrections.insert(*seq, *at);
            }
            Fact::AbortBegan { why } => {
                self.close_arming();
                if let Why::Killed { by } = why {
                    self.kill.pull(entry.at, by);
                    self.screen = Screen::Kill;
                }
            }
            Fact::RunEnded { summary, .. } => self.summary = Some(summary.clone()),
            Fact::InjectSettled {
                outcome: Injected::No { .. },
                ..
            }
            | Fact::Relapsed { .. }
            | Fact::BaselineBroken { .. }
            | Fact::StopConditionRunning { .. }
            | Fact::StopConditionCleared { .. }
            | Fact::GateClosed { .. }
            | Fact::ClockJumped { .. }
            | Fact::ObjectiveStopped { .. }
            | Fact::Detected
            | Fact::Mitigated
            | Fact::NoteAdded { .. } => {
                if let Some(told) = self.told.last() {
                    let (tone, text) = (Tone::from(told.sign.tone), told.text.clone());
                    self.say(tone, text);
                }
            }
            _ => {}
        }
    }

    /// A refusal belongs on the card, as long as it lies on the table.
    fn show_card(&mut self, now: Option<crate::run::Refusal>) {
        let card = self.dialogs.iter_mut().find_map(|dialog| match dialog {
            Dialog::Arming { refusal, .. } => Some(refusal),
            _ => None,
        });
        match (card, now) {
            (Some(refusal), now) => *refusal = now,
            (None, Some(refusal)) => self.say(Tone::Amber, format!("refused: {refusal}")),
            (None, None) => {}
        }
    }

    fn close_arming(&mut self) {
        self.dialogs
            .retain(|dialog| !matches!(dialog, Dialog::Arming { .. }));
    }

    /// Whether an arming is under way or its card is on the table.
    pub fn arming(&self) -> Option<&Arming> {
        self.run.as_ref()?.arming.as_ref()
    }

    pub fn log(&self, number: u64) -> Option<&LogLine> {
        at(&self.logs, number)
    }

    pub fn event(&self, number: u64) -> Option<&EventLine> {
        at(&self.events, number)
    }

    pub fn entry(&self, number: u64) -> Option<&Told> {
        at(&self.told, number)
    }

    /// When an entry was, corrections applied.
    pub fn time_of(&self, told: &Told) -> Mark {
        self.corrections.get(&told.seq).copied().unwrap_or(told.at)
    }
}

fn at<T>(ring: &Ring<T>, number: u64) -> Option<&T> {
    let place = usize::try_from(number.checked_sub(ring.dropped())?).ok()?;
    ring.iter().nth(place)
}

fn numbered<'a, T: 'a>(
    first: u64,
    items: impl Iterator<Item = &'a T>,
    shown: impl Fn(&T) -> bool,
) -> Vec<u64> {
    (first..)
        .zip(items)
        .filter(|(_, item)| shown(item))
        .map(|(number, _)| number)
        .collect()
}

fn any<const N: usize>(texts: [&str; N], filter: &str) -> bool {
    filter.is_empty() || texts.iter().any(|text| list::matches(text, filter))
}

fn pod_matches(pod: &PodRow, filter: &str) -> bool {
    any([&pod.name, &pod.namespace, &pod.state, &pod.node], filter)
}

fn chaos_matches(row: &ChaosRow, filter: &str) -> bool {
    any(
        [
            &row.object.kind,
            &row.object.namespace,
            &row.object.name,
            &row.action,
            &row.phase,
        ],
        filter,
    ) || row.targets.iter().any(|target| list::matches(target, filter))
}

fn log_matches(line: &LogLine, filter: &str) -> bool {
    any([&line.pod, &line.container, &line.text], filter)
}

fn event_matches(line: &EventLine, filter: &str) -> bool {
    any([&line.reason, &line.object, &line.message], filter)
}

fn told_matches(told: &Told, filter: &str) -> bool {
    any([&told.text], filter)
}
