//! A run as the retrospective that people read: Markdown with every section there, and "not recorded" where no
//! fact says anything. Pure.

use super::escape::{line, lines};
use super::fold::Summary;
use super::moment::{Marked, Note, Outcome};
use super::stories::{CheckStory, FaultStory, StepStory};
use super::words::{came_true_words, ended_words, kept_words, outcome_words, tag_word, why_words};
use crate::evidence::Verdict;
use crate::journal::Damage;
use crate::run::{Kept, Tag, Unattended};
use crate::units::human;

const NOT_RECORDED: &str = "not recorded";

/// The retrospective.
pub fn markdown(summary: &Summary) -> String {
    let mut page = Page::default();
    let title = match summary.title() {
        title if title.is_empty() => summary.run.to_string(),
        title => title,
    };
    page.line(&format!("# {}", line(&title)));
    overview(&mut page, summary);
    impact(&mut page, summary);
    timeline(&mut page, summary);
    predictions(&mut page, summary);
    recovery(&mut page, summary);
    page.head("Message loss");
    page.line(NOT_RECORDED);
    checks(&mut page, summary);
    page.head("Alerts");
    page.line(NOT_RECORDED);
    steps(&mut page, summary);
    people(&mut page, summary);
    debts(&mut page, summary);
    record(&mut page, summary);
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn head(&mut self, title: &str) {
        self.line("");
        self.line(&format!("## {title}"));
        self.line("");
    }

    /// A table; "not recorded" when it has no rows. Cells are Markdown already.
    fn table(&mut self, heads: &[&str], rows: &[Vec<String>]) {
        if rows.is_empty() {
            return self.line(NOT_RECORDED);
        }
        self.line(&format!("| {} |", heads.join(" | ")));
        self.line(&format!("|{}", " --- |".repeat(heads.len())));
        for row in rows {
            self.line(&format!("| {} |", row.join(" | ")));
        }
    }

    /// A list; "not recorded" when it is empty. Items are Markdown already.
    fn list(&mut self, items: &[String]) {
        if items.is_empty() {
            return self.line(NOT_RECORDED);
        }
        for item in items {
            self.line(&format!("- {item}"));
        }
    }
}

/// How the run stands, in words.
pub(super) fn outcome(summary: &Summary) -> String {
    match &summary.outcome {
        Outcome::Running => "running".to_owned(),
        Outcome::Unfinished => "unfinished: its process died before the end".to_owned(),
        Outcome::Ended { exit, summary: why } => {
            let paid = if *exit == 5 && summary.owed.is_clear() {
                "; paid since"
            } else {
                ""
            };
            format!("{}{paid}", ended_words(*exit, why))
        }
    }
}

/// What came of the objective, with what was asked for.
pub(super) fn objective(summary: &Summary) -> Option<String> {
    let story = summary.objective.as_ref()?;
    let kept = kept_words(&story.objective.kept);
    let took = match story.objective.took {
        Some(took) => format!(": recovered in {}", human(took)),
        None if story.objective.kept == Kept::Missed => ": not recovered in time".to_owned(),
        None => String::new(),
    };
    let asked = story.recovery.as_ref().map_or_else(String::new, |asked| {
        let (target, acceptable) = (asked.target, asked.acceptable);
        format!(" (target {target}, ok to {acceptable}, from {})", asked.clock)
    });
    let corrected = story.corrected.as_ref().map_or_else(String::new, |(took, kept)| {
        format!("; by corrected times {}: {}", kept_words(kept), human(*took))
    });
    Some(format!("{kept}{took}{asked}{corrected}"))
}

fn overview(page: &mut Page, summary: &Summary) {
    page.head("Summary");
    let mut rows = Vec::new();
    let mut row = |name: &str, value: Option<String>| {
        let value = value.map_or_else(|| NOT_RECORDED.to_owned(), |value| line(&value));
        rows.push(vec![name.to_owned(), value]);
    };
    let playbook = summary.playbook.as_ref();
    row("Run", Some(summary.run.to_string()));
    row("Playbook", playbook.map(|book| book.name.clone()));
    row(
        "Severity",
        playbook
            .and_then(|book| book.severity)
            .map(|severity| format!("{severity:?}")),
    );
    row("Outcome", Some(outcome(summary)));
    row("Objective", objective(summary));
    let cluster = summary.cluster.as_ref();
    row(
        "Cluster",
        cluster.map(|pin| format!("{} at {}, uid {}", pin.context, pin.server, pin.uid)),
    );
    row("Namespace", playbook.map(|book| book.target.namespace.clone()));
    row(
        "Began",
        summary.started.as_ref().map(|moment| moment.wall.rfc3339()),
    );
    let ended = matches!(summary.outcome, Outcome::Ended { .. });
    let last = summary.last.as_ref().map(|moment| moment.wall.rfc3339());
    row(if ended { "Ended" } else { "Last fact" }, last);
    row("Took", summary.took().map(human));
    row(
        "Operator",
        summary.unattended.map(|unattended| match unattended {
            Unattended::Yes => "nobody at the screen (unattended)".to_owned(),
            Unattended::No => "a person at the screen".to_owned(),
        }),
    );
    if let Some(speed) = summary.speed.filter(|speed| (speed - 1.0).abs() > f64::EPSILON) {
        row("Speed", Some(format!("{speed}: all times are drill time")));
    }
    row("firedrill", summary.version.clone());
    page.table(&["", ""], &rows);
    for (moment, why) in &summary.aborts {
        let why = why_words(why, &summary.names);
        page.line("");
        page.line(&format!("Aborted at {}: {}", moment.at, line(&why)));
    }
    if let Some(kill) = &summary.kill {
        let clear = match kill.clear {
            Some(true) => "all clear",
            Some(false) => "not all clear",
            None => "nobody said whether it is clear",
        };
        page.line("");
        page.line(&format!(
            "Kill switch at {} by {}: {clear}",
            kill.moment.at,
            line(&kill.by)
        ));
    }
}

fn impact(page: &mut Page, summary: &Summary) {
    page.head("Impact");
    let mut items = Vec::new();
    for fault in summary.faults.iter().filter(|fault| !fault.targets.is_empty()) {
        let (id, targets) = (line(fault.debt.id.as_str()), line(&fault.targets.join(", ")));
        items.push(format!("{id} hit {targets}"));
    }
    let broken = summary
        .checks
        .iter()
        .filter(|check| !check.id.is_stop_signal())
        .filter_map(|check| Some((check, check.first_broken.as_ref()?)));
    let mut seen = false;
    for (check, first) in broken {
        seen = true;
        let (id, span) = (line(check.id.as_str()), human(check.broken_for));
        let times = times(check.times_broken);
        items.push(format!("{id} broke at {} ({times}, {span} in all)", first.at));
    }
    let injected = summary.faults.iter().any(|fault| fault.injected.is_some());
    if injected && !seen && summary.checks.iter().any(|check| check.last.is_some()) {
        items.push("no check was seen broken after the fault".to_owned());
    }
    page.list(&items);
}

fn times(n: usize) -> String {
    if n == 1 {
        "once".to_owned()
    } else {
        format!("{n} times")
    }
}

fn timeline(page: &mut Page, summary: &Summary) {
    page.head("Timeline");
    let mut told: Vec<_> = summary.timeline.iter().collect();
    // Corrected facts stand where they belong; the sort keeps the order of the rest.
    told.sort_by_key(|told| told.moment.best_wall());
    let rows: Vec<_> = told
        .iter()
        .map(|told| {
            let moment = &told.moment;
            let time = match &moment.corrected {
                Some(correction) => format!("{} (recorded {})", correction.at, moment.at),
                None => moment.at.to_string(),
            };
            let why = moment.corrected.as_ref().map_or_else(String::new, |correction| {
                format!(" (time corrected: {})", line(&correction.reason))
            });
            let number = if moment.file == "console" {
                moment.seq.to_string()
            } else {
                format!("{} {}", line(&moment.file), moment.seq)
            };
            let what = format!("{} {}{why}", told.sign.glyph, line(&told.sentence));
            vec![number, time, moment.best_wall().time_of_day(), what]
        })
        .collect();
    page.table(&["Fact", "Time", "UTC", "What happened"], &rows);
}

fn predictions(page: &mut Page, summary: &Summary) {
    page.head("Predictions");
    let rows: Vec<_> = summary
        .predictions
        .iter()
        .map(|score| vec![line(&score.text), came_true_words(score.came_true).to_owned()])
        .collect();
    page.table(&["Prediction", "What happened"], &rows);
    if let Some(locked) = &summary.predictions_locked {
        page.line("");
        page.line(&format!("Locked at {}", locked.at));
    }
}

fn recovery(page: &mut Page, summary: &Summary) {
    page.head("Recovery times");
    match objective(summary) {
        Some(text) => page.line(&format!("Objective {}", line(&text))),
        None => page.line(&format!("Objective: {NOT_RECORDED}")),
    }
    for fault in &summary.faults {
        page.line("");
        page.line(&format!(
            "### {}",
            line(&format!("{}: {}", fault.debt.id, fault.debt.summary))
        ));
        page.line("");
        page.table(MARK_HEADS, &fault_marks(fault));
        if let Some(why) = &fault.failed {
            page.line("");
            page.line(&format!("Not seen injected: {}", line(why)));
        }
    }
    page.line("");
    page.line("### Recovery");
    page.line("");
    let rows = [
        ("first symptom", &summary.symptom),
        ("detected", &summary.detected),
        ("mitigated", &summary.mitigated),
        ("recovered", &summary.recovered),
        ("stable", &summary.stable),
    ];
    page.table(
        MARK_HEADS,
        &rows.map(|(name, marked)| mark(name, marked.as_ref())),
    );
}

const MARK_HEADS: &[&str] = &["Mark", "Time", "UTC", "Source", "Resolution", "Corrected"];

fn fault_marks(fault: &FaultStory) -> Vec<Vec<String>> {
    let mut rows = vec![
        mark("intended", Some(&fault.intended)),
        mark("injected", fault.injected.as_ref()),
    ];
    if let Some((stamp, resolution)) = &fault.server_stamp {
        let cell = line(stamp);
        let fine = human(*resolution);
        rows.push(
            ["injected, server's stamp", "", &cell, "the API server", &fine, ""]
                .map(str::to_owned)
                .to_vec(),
        );
    }
    rows.push(mark("gone", fault.gone.as_ref()));
    if fault.gone != fault.removed {
        rows.push(mark("object removed", fault.removed.as_ref()));
    }
    rows
}

fn mark(name: &str, marked: Option<&Marked>) -> Vec<String> {
    let Some(marked) = marked else {
        return [name, NOT_RECORDED, "", "", "", ""].map(str::to_owned).to_vec();
    };
    let moment = &marked.moment;
    let corrected = moment.corrected.as_ref().map_or_else(String::new, |correction| {
        format!("{} ({})", correction.at, line(&correction.reason))
    });
    vec![
        name.to_owned(),
        moment.at.to_string(),
        moment.wall.time_of_day(),
        line(&marked.source),
        marked.resolution.map_or_else(String::new, human),
        corrected,
    ]
}

fn checks(page: &mut Page, summary: &Summary) {
    page.head("Checks");
    let row = |check: &CheckStory| {
        let end = match (&check.not_measured, &check.last) {
            (Some(why), _) => format!("not measured: {}", line(why)),
            (None, None) => NOT_RECORDED.to_owned(),
            (None, Some((verdict, saw))) => format!("{} {verdict}: {}", lamp(*verdict), line(saw)),
        };
        let broken = if check.last.is_none() {
            String::new()
        } else if check.times_broken == 0 {
            "never".to_owned()
        } else {
            format!("{}, {}", times(check.times_broken), human(check.broken_for))
        };
        let expect = check.expect.as_deref().map_or_else(String::new, line);
        vec![line(check.id.as_str()), expect, broken, end]
    };
    let rows: Vec<_> = summary.checks.iter().map(row).collect();
    page.table(&["Check", "Expected", "Broken", "At the end"], &rows);
}

const fn lamp(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "✓",
        Verdict::Broken => "✗",
        Verdict::Unknown => "?",
    }
}

fn steps(page: &mut Page, summary: &Summary) {
    page.head("Steps");
    let row = |(number, step): (usize, &StepStory)| {
        let ended = match &step.ended {
            Some((_, outcome)) => line(&outcome_words(outcome)),
            None if step.began.is_some() => "begun, not ended".to_owned(),
            None => "not begun".to_owned(),
        };
        let ticked = match step.ticked {
            Some((done, of)) => format!(" ({done}/{of} ticked)"),
            None => String::new(),
        };
        let took = match (step.began, &step.ended) {
            (Some(began), Some((ended, _))) => human(ended.since(began)),
            _ => String::new(),
        };
        vec![(number + 1).to_string(), line(&step.title) + &ticked, took, ended]
    };
    let rows: Vec<_> = summary.steps.iter().enumerate().map(row).collect();
    page.table(&["", "Step", "Took", "Outcome"], &rows);
}

fn people(page: &mut Page, summary: &Summary) {
    page.head("What surprised people");
    let surprises: Vec<_> = summary.tagged(Tag::Surprise).map(note).collect();
    page.list(&surprises);
    if !summary.answers.is_empty() {
        page.head("Debriefing");
        let row = |answer: &super::Answer| {
            let text = answer
                .text
                .as_deref()
                .map_or_else(|| NOT_RECORDED.to_owned(), lines);
            vec![line(&answer.question), text]
        };
        let rows: Vec<_> = summary.answers.iter().map(row).collect();
        page.table(&["Question", "Answer"], &rows);
    }
    page.head("Action items");
    let actions: Vec<_> = summary.tagged(Tag::ActionItem).map(note).collect();
    page.list(&actions);
    let shown = |note: &&Note| {
        note.tags
            .iter()
            .any(|tag| matches!(tag, Tag::Surprise | Tag::ActionItem))
    };
    let others: Vec<_> = summary.notes.iter().filter(|n| !shown(n)).map(note).collect();
    page.head("Notes");
    page.list(&others);
}

fn note(note: &Note) -> String {
    let tags: Vec<_> = note.tags.iter().map(|tag| tag_word(*tag)).collect();
    let tags = if tags.is_empty() {
        String::new()
    } else {
        format!(" [{}]", tags.join(", "))
    };
    let author = note
        .author
        .as_deref()
        .map_or_else(String::new, |author| format!(" ({})", line(author)));
    let tags = tags.replace('[', "\\[").replace(']', "\\]");
    format!("{}{tags}: {}{author}", note.moment.best(), lines(&note.text))
}

fn debts(page: &mut Page, summary: &Summary) {
    page.head("Debts");
    let mut items: Vec<_> = Vec::new();
    for fault in &summary.faults {
        let (id, what) = (line(fault.debt.id.as_str()), line(&fault.debt.summary));
        let word = if fault.owed { "**still owed**" } else { "paid" };
        let last = match &fault.last {
            Some((gone, file)) => format!("{} (seen by {})", line(&gone.to_string()), line(file)),
            None => "its undo was never seen".to_owned(),
        };
        items.push(format!("{id}, {what}: {word}; {last}"));
    }
    for seq in &summary.owed.not_understood {
        items.push(format!(
            "fact {seq} speaks of a fault in words of a later version: **it may be owed**"
        ));
    }
    if items.is_empty() {
        items.push("no fault was fired".to_owned());
    }
    page.list(&items);
}

fn record(page: &mut Page, summary: &Summary) {
    page.head("Record");
    let row = |head: &crate::journal::Head| {
        vec![
            line(&head.file),
            head.lines.to_string(),
            format!("`{}`", head.sha256),
        ]
    };
    let rows: Vec<_> = summary.heads.iter().map(row).collect();
    page.table(&["Journal", "Facts", "Head (SHA-256)"], &rows);
    page.line("");
    let damage: Vec<_> = summary
        .damage
        .iter()
        .map(|damage: &Damage| line(&damage.to_string()))
        .collect();
    if summary.heads.is_empty() && damage.is_empty() {
        page.line("There is no journal.");
    } else if damage.is_empty() {
        page.line("The chain is whole. It proves nothing against its owner without a witness of the head.");
    } else {
        page.line("The record is damaged:");
        page.line("");
        page.list(&damage);
    }
    if summary.unknown > 0 {
        page.line("");
        let n = summary.unknown;
        page.line(&format!(
            "{n} facts are of a later version: kept and shown, not understood"
        ));
    }
}
