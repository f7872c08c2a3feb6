//! The one set of words for facts: a sign and a sentence for each, used by the screen, the headless lines, `show`
//! and the report. What comes from outside is made printable here. Never decides, never wraps, never colours.

use std::time::Duration;

use crate::clock::Resumed;
use crate::evidence::{Reading, Verdict};
use crate::fault::{ClusterPin, Debt};
use crate::playbook::{Playbook, Step};
use crate::run::{Fact, Injected, Kept, Objective, Plan, Refusal, StepOutcome, Tag, Ticked, Unattended, Why};
use crate::text::{clip, printable};
use crate::units::{CheckId, DebtId, StepIx, human};

/// How a line is meant, for whoever colours it. Without colour the glyph says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// Something went its way.
    Plain,
    Good,
    /// Acceptable, unknown, stale: look at it.
    Caution,
    Bad,
    /// A fault begins, is on, or ends.
    Fault,
    /// A person said or did it.
    Person,
}

/// What stands before a line: one column each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sign {
    pub glyph: &'static str,
    /// For terminals without the glyph.
    pub ascii: &'static str,
    pub tone: Tone,
}

const PLAIN: Sign = sign_of("·", ".", Tone::Plain);
const STEP: Sign = sign_of("▶", ">", Tone::Plain);
const GOOD: Sign = sign_of("✓", "+", Tone::Good);
const CAUTION: Sign = sign_of("?", "?", Tone::Caution);
const BAD: Sign = sign_of("✗", "x", Tone::Bad);
const STOP: Sign = sign_of("■", "#", Tone::Bad);
const FAULT: Sign = sign_of("●", "*", Tone::Fault);
const UNDO: Sign = sign_of("○", "o", Tone::Fault);
const PERSON: Sign = sign_of("✎", "~", Tone::Person);

const fn sign_of(glyph: &'static str, ascii: &'static str, tone: Tone) -> Sign {
    Sign { glyph, ascii, tone }
}

/// What numbers in facts are called in the playbook that was run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    steps: Vec<StepNames>,
    predictions: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct StepNames {
    /// `fault kill-one`, `observe 2m`.
    title: String,
    /// Items of a checklist or questions of a debriefing.
    parts: Vec<String>,
}

impl Names {
    pub fn of(playbook: &Playbook) -> Self {
        let text = |title: &crate::playbook::Title| printable(&title.to_string()).into_owned();
        let parts = |step: &Step| match step {
            Step::Checklist(list) => list.items.iter().map(text).collect(),
            Step::Debrief(step) => step.questions.iter().map(text).collect(),
            Step::Brief(_)
            | Step::Baseline(_)
            | Step::Fault(_)
            | Step::Observe(_)
            | Step::Recover(_)
            | Step::Verify(_) => Vec::new(),
        };
        let name = |step: &Step| StepNames {
            title: step_title(step),
            parts: parts(step),
        };
        Self {
            steps: playbook.steps.iter().map(name).collect(),
            predictions: playbook.predict.iter().map(text).collect(),
        }
    }

    /// `step 4 fault kill-one`.
    pub fn step(&self, step: StepIx) -> String {
        match self.steps.get(step.0) {
            Some(names) => format!("step {} {}", step.number(), names.title),
            None => format!("step {}", step.number()),
        }
    }

    /// The item or question of a step, as the playbook writes it.
    pub fn part(&self, step: StepIx, part: usize) -> String {
        self.steps
            .get(step.0)
            .and_then(|names| names.parts.get(part))
            .map_or_else(|| format!("number {}", part + 1), Clone::clone)
    }

    /// The prediction as the playbook writes it.
    pub fn prediction(&self, prediction: usize) -> String {
        self.predictions
            .get(prediction)
            .map_or_else(|| format!("prediction {}", prediction + 1), Clone::clone)
    }
}

/// A step by its word and what tells it from others of its kind: `fault kill-one`, `observe 2m`.
pub fn step_title(step: &Step) -> String {
    let word = step.word();
    match step {
        Step::Baseline(step) => format!("{word} {}", step.for_),
        Step::Observe(step) => format!("{word} {}", step.for_),
        Step::Fault(fault) => format!("{word} {}", printable(fault.id.as_str())),
        Step::Brief(_) | Step::Checklist(_) | Step::Recover(_) | Step::Verify(_) | Step::Debrief(_) => {
            word.to_owned()
        }
    }
}

/// What stands before the line of this fact.
pub fn sign(fact: &Fact) -> Sign {
    match fact {
        Fact::RunStarted { .. } | Fact::StepBegan { .. } => STEP,
        Fact::RunResumed { .. }
        | Fact::CheckNotMeasured { .. }
        | Fact::ClockJumped { .. }
        | Fact::Unknown(_) => CAUTION,
        Fact::CheckChanged { verdict, .. } => match verdict {
            Verdict::Holds => GOOD,
            Verdict::Broken => BAD,
            Verdict::Unknown => CAUTION,
        },
        Fact::StepEnded { outcome, .. } => match outcome {
            StepOutcome::Passed => GOOD,
            StepOutcome::Overridden { .. } | StepOutcome::Skipped => CAUTION,
            StepOutcome::Failed { .. } => BAD,
        },
        Fact::PredictionScored { came_true, .. } => match came_true {
            Some(true) => GOOD,
            Some(false) => BAD,
            None => PERSON,
        },
        Fact::ItemTicked { .. }
        | Fact::Answered { .. }
        | Fact::Detected
        | Fact::Mitigated
        | Fact::NoteAdded { .. }
        | Fact::TimeCorrected { .. } => PERSON,
        Fact::PredictionsLocked
        | Fact::BaselineBegan
        | Fact::ArmAsked { .. }
        | Fact::Disarmed { .. }
        | Fact::ObjectiveStarted { .. }
        | Fact::EndingBegan => PLAIN,
        Fact::Armed { .. } | Fact::InjectIntended { .. } => FAULT,
        Fact::InjectSettled { outcome, .. } => match outcome {
            Injected::Yes { .. } => FAULT,
            Injected::No { .. } => BAD,
        },
        Fact::FaultEnded { .. } | Fact::RevertIntended { .. } => UNDO,
        Fact::RevertSettled { gone, .. } => {
            if gone.pays() {
                GOOD
            } else {
                CAUTION
            }
        }
        Fact::Refused { .. }
        | Fact::BaselineBroken { .. }
        | Fact::Symptom { .. }
        | Fact::Relapsed { .. }
        | Fact::StopConditionRunning { .. } => BAD,
        Fact::Recovering { .. } | Fact::StopConditionCleared { .. } => GOOD,
        Fact::ObjectiveStopped { objective } => match objective.kept {
            Kept::Met => GOOD,
            Kept::Acceptable | Kept::NotJudged { .. } => CAUTION,
            Kept::Missed => BAD,
        },
        Fact::GateClosed { .. } | Fact::AbortBegan { .. } | Fact::HandedOver { .. } => STOP,
        Fact::KillEnded { clear } => {
            if *clear {
                GOOD
            } else {
                BAD
            }
        }
        Fact::RunEnded { exit, .. } => {
            if *exit == 0 {
                GOOD
            } else {
                STOP
            }
        }
    }
}

/// One line that says what happened; safe to show as it is.
#[allow(clippy::too_many_lines, reason = "one arm a fact, so that none is forgotten")]
pub fn sentence(fact: &Fact, book: &Names) -> String {
    let text = match fact {
        Fact::RunStarted {
            run,
            playbook,
            clock,
            cluster,
            unattended,
            version,
        } => {
            let speed = if (clock.speed - 1.0).abs() > f64::EPSILON {
                format!(", at speed {}", clock.speed)
            } else {
                String::new()
            };
            let alone = match unattended {
                Unattended::Yes => ", unattended",
                Unattended::No => "",
            };
            let (name, place) = (&playbook.name, place(cluster));
            format!("run {run} of {name} begins on {place}{alone}{speed} (firedrill {version})")
        }
        Fact::RunResumed { how, .. } => format!("the run is taken up again, {}", resumed(*how)),
        Fact::CheckNotMeasured { check, why } => format!("{check} is not measured: {why}"),
        Fact::CheckChanged {
            check,
            verdict,
            reading,
        } => check_changed(check, *verdict, reading),
        Fact::StepBegan { step } => format!("{} begins", book.step(*step)),
        Fact::StepEnded { step, outcome } => format!("{} {}", book.step(*step), outcome_words(outcome)),
        Fact::ItemTicked { step, item, ticked } => match ticked {
            Ticked::Yes => format!("done: {}", book.part(*step, *item)),
            Ticked::No => format!("not done after all: {}", book.part(*step, *item)),
        },
        Fact::Answered { step, question, text } => format!("{} {text}", book.part(*step, *question)),
        Fact::PredictionsLocked => "the predictions are locked".to_owned(),
        Fact::PredictionScored {
            prediction,
            came_true,
        } => format!(
            "{}: {}",
            came_true_words(*came_true),
            book.prediction(*prediction)
        ),
        Fact::BaselineBegan => "the steady state holds; the baseline begins".to_owned(),
        Fact::BaselineBroken { check } => format!("the baseline is broken by {check}; it begins anew"),
        Fact::ArmAsked { fault, attempt } => format!("{fault}: arming asked, attempt {attempt}"),
        Fact::Armed { plan } => armed(plan),
        Fact::Refused { fault, refusal } => refused(fault.as_str(), refusal),
        Fact::Disarmed { fault } => format!("{fault}: disarmed"),
        Fact::InjectIntended { debt, .. } => intended(debt),
        Fact::InjectSettled { debt, outcome } => injected(debt.as_str(), outcome),
        Fact::Symptom {
            check,
            at,
            resolution,
        } => format!(
            "first symptom: {check} broken at {at}, seen to within {}",
            human(*resolution)
        ),
        Fact::Detected => "detected by a person".to_owned(),
        Fact::Mitigated => "mitigated by a person".to_owned(),
        Fact::FaultEnded { debt, at } => format!("{debt}: its own clock ended it at {at}"),
        Fact::RevertIntended { debt } => format!("{debt}: undo begins"),
        Fact::RevertSettled { debt, gone } => format!("{debt}: {gone}"),
        Fact::ObjectiveStarted { from } => format!("the recovery clock runs from {from}"),
        Fact::Recovering { since } => format!("every recovery signal is back since {since}"),
        Fact::Relapsed { check } => format!("relapse: {check} does not hold any more"),
        Fact::ObjectiveStopped { objective } => objective_words(objective),
        Fact::StopConditionRunning { check, since } => {
            format!("stop condition: {check} broken since {since}")
        }
        Fact::StopConditionCleared { check } => format!("stop condition on {check} cleared"),
        Fact::GateClosed { why } => format!("the gate is closed: {why}"),
        Fact::AbortBegan { why } => format!("the run is aborted: {}", why_words(why, book)),
        Fact::ClockJumped { by_seconds } => clock_jumped(*by_seconds),
        Fact::NoteAdded { text, tags, author } => note(text, tags, author.as_deref()),
        Fact::TimeCorrected { seq, at, reason } => {
            format!("the time of fact {seq} is corrected to {at}: {reason}")
        }
        Fact::EndingBegan => "all steps are over; what is owed is being paid".to_owned(),
        Fact::KillEnded { clear: true } => "the kill switch is through: all clear".to_owned(),
        Fact::KillEnded { clear: false } => "the kill switch is through: not all clear".to_owned(),
        Fact::HandedOver { owed } => format!("handed over, still owed: {}", list(owed)),
        Fact::RunEnded { exit, summary } => {
            format!("the run ends, {}", ended_words(*exit, summary))
        }
        Fact::Unknown(value) => format!(
            "not understood by this version: {}",
            clip(&value.to_string(), 200)
        ),
    };
    printable(&text).into_owned()
}

/// `kind-drill (https://…)`.
fn place(cluster: &ClusterPin) -> String {
    format!("{} ({})", cluster.context, cluster.server)
}

const fn resumed(how: Resumed) -> &'static str {
    match how {
        Resumed::SameBoot => "its clock still true",
        Resumed::ByWallTime => "its clock as good as the wall time since the machine was restarted",
    }
}

fn check_changed(check: &CheckId, verdict: Verdict, reading: &Reading) -> String {
    format!("{check} {verdict}: {} since {}", reading.observed, reading.at)
}

fn armed(plan: &Plan) -> String {
    let fault = &plan.debt.fault;
    let names: Vec<_> = plan.pods.iter().map(|pod| pod.name.as_str()).collect();
    let hits = match names.len() {
        0 => "no pod".to_owned(),
        many if many == plan.hurt => names.join(", "),
        _ => format!("{} of {}", plan.hurt, names.join(", ")),
    };
    let broken = plan.limits.iter().filter(|limit| !limit.held).count();
    let limits = match broken {
        0 => String::new(),
        n => format!(", {n} limits do not hold"),
    };
    let warnings = plan.warnings.iter().fold(String::new(), |text, warning| {
        format!("{text}; know that: {warning}")
    });
    format!(
        "{fault}: armed, {} would hit {hits} ({} of the ready pods){limits}{warnings}",
        plan.action, plan.share
    )
}

fn refused(fault: &str, refusal: &Refusal) -> String {
    format!("{fault}: refused: {refusal}")
}

fn intended(debt: &Debt) -> String {
    let clock = match debt.own_clock {
        Some(span) => format!(", ends by itself after {}", human(span)),
        None => String::new(),
    };
    format!("{}: fired: {}{clock}", debt.id, debt.summary)
}

fn injected(debt: &str, outcome: &Injected) -> String {
    match outcome {
        Injected::Yes {
            at,
            server_stamp,
            targets,
            ..
        } => {
            let hit = if targets.is_empty() {
                String::new()
            } else {
                format!(" into {}", targets.join(", "))
            };
            let stamp = match server_stamp {
                Some(stamp) => format!(", the server says {stamp}"),
                None => String::new(),
            };
            format!("{debt}: injected{hit} at {at}{stamp}")
        }
        Injected::No { error } => format!("{debt}: not seen injected, still owed: {error}"),
    }
}

/// What came of the objective: `met: recovered in 7.4s`.
pub fn objective_words(objective: &Objective) -> String {
    let kept = kept_words(&objective.kept);
    match (objective.took, &objective.slowest) {
        (Some(took), Some((check, _))) => {
            format!("objective {kept}: recovered in {}, last {check}", human(took))
        }
        (Some(took), None) => format!("objective {kept}: recovered in {}", human(took)),
        (None, _) if objective.kept == Kept::Missed => format!("objective {kept}: not recovered in time"),
        (None, _) => format!("objective {kept}"),
    }
}

/// The verdict on an objective, with the reason when there is none.
pub fn kept_words(kept: &Kept) -> String {
    match kept {
        Kept::Met => "met".to_owned(),
        Kept::Acceptable => "acceptable".to_owned(),
        Kept::Missed => "missed".to_owned(),
        Kept::NotJudged { why } => format!("not judged ({})", printable(why)),
    }
}

/// How a step ended.
pub fn outcome_words(outcome: &StepOutcome) -> String {
    match outcome {
        StepOutcome::Passed => "passed".to_owned(),
        StepOutcome::Overridden { reason } => format!("overridden: {}", printable(reason)),
        StepOutcome::Skipped => "skipped".to_owned(),
        StepOutcome::Failed { what } => format!("failed: {}", printable(what)),
    }
}

/// Why a run was ended early.
pub fn why_words(why: &Why, book: &Names) -> String {
    match why {
        Why::Quit => "the operator left".to_owned(),
        Why::Step { step, what } => format!("{}: {}", book.step(*step), printable(what)),
        Why::StopCondition { check } => format!("the stop condition on {check}"),
        Why::JournalLost { error } => {
            format!("the journal cannot be written: {}", printable(&error.to_string()))
        }
        Why::Latched { by } => format!("latched from elsewhere: {}", printable(by)),
        Why::Killed { by } => format!("kill switch: {}", printable(by)),
    }
}

/// Whether a prediction came true.
pub const fn came_true_words(came_true: Option<bool>) -> &'static str {
    match came_true {
        Some(true) => "came true",
        Some(false) => "did not come true",
        None => "not scored",
    }
}

/// What an exit code means.
pub const fn exit_words(exit: u8) -> &'static str {
    match exit {
        0 => "held",
        1 => "hypothesis broken or objective missed",
        2 => "usage or playbook error",
        3 => "aborted, clean",
        4 => "killed, clean",
        5 => "debts owed",
        _ => "unknown",
    }
}

/// How a run ended; the summary says it all unless it names only what failed.
pub fn ended_words(exit: u8, summary: &str) -> String {
    let summary = printable(summary);
    match exit {
        1 | 2 => format!("exit {exit}, {}: {summary}", exit_words(exit)),
        _ => format!("exit {exit}: {summary}"),
    }
}

/// The word of a tag.
pub const fn tag_word(tag: Tag) -> &'static str {
    match tag {
        Tag::Observation => "observation",
        Tag::Decision => "decision",
        Tag::Surprise => "surprise",
        Tag::ActionItem => "action item",
        Tag::Question => "question",
        Tag::Risk => "risk",
    }
}

fn note(text: &str, tags: &[Tag], author: Option<&str>) -> String {
    let kind = match tags {
        [] => "note".to_owned(),
        tags => tags
            .iter()
            .map(|tag| tag_word(*tag))
            .collect::<Vec<_>>()
            .join(", "),
    };
    match author {
        Some(author) => format!("{kind} by {author}: {text}"),
        None => format!("{kind}: {text}"),
    }
}

fn clock_jumped(by_seconds: i64) -> String {
    let by = human(Duration::from_secs(by_seconds.unsigned_abs()));
    let direction = if by_seconds < 0 { "back" } else { "forward" };
    format!("the system's wall time jumped {direction} by {by}; the run's clock did not")
}

fn list(ids: &[DebtId]) -> String {
    ids.iter().map(DebtId::as_str).collect::<Vec<_>>().join(", ")
}
