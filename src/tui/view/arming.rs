//! The arming card: what the fault would do to what, how much of it, for how long, and how it is undone; or why not.

use ratatui::text::{Line, Span};

use super::pen::{Pen, wrapped};
use crate::fault::{Lasting, Undo};
use crate::run::{Arming, Plan, Refusal};
use crate::text;
use crate::tui::model::{Dialog, Lock, Model};
use crate::tui::theme::{Ink, sign};
use crate::units::human;

/// The card's lines; the line to type into is drawn below them.
pub fn lines(pen: &Pen<'_>, model: &Model, dialog: &Dialog, wide: u16) -> Vec<Line<'static>> {
    let Dialog::Arming { lock, refusal, .. } = dialog else {
        return Vec::new();
    };
    if let Some(refusal) = refusal {
        return refused(pen, refusal, wide);
    }
    match model.arming() {
        Some(Arming::Ready { plan }) => card(pen, model, plan, *lock, wide),
        Some(Arming::Asked { fault, at, .. }) => {
            let said = format!(
                "Asking the cluster what {fault} would hit: {}. Nothing is created by that.",
                human(std::time::Duration::from_secs(model.now.since(*at).as_secs()))
            );
            wrapped(&said, wide, pen.ink(Ink::Plain))
        }
        None => wrapped("Asking…", wide, pen.ink(Ink::Plain)),
    }
}

fn refused(pen: &Pen<'_>, refusal: &Refusal, wide: u16) -> Vec<Line<'static>> {
    let mut lines = vec![Line::styled(
        format!(" {} REFUSED: it cannot be fired", sign::WRONG),
        pen.ink(Ink::Wrong),
    )];
    lines.push(Line::default());
    lines.extend(wrapped(&refusal.why, wide, pen.ink(Ink::Plain)));
    if let Some(hint) = &refusal.hint {
        lines.push(Line::default());
        lines.extend(wrapped(hint, wide, pen.ink(Ink::Amber)));
    }
    lines
}

struct Card<'a> {
    pen: &'a Pen<'a>,
    wide: u16,
    lines: Vec<Line<'static>>,
}

impl Card<'_> {
    /// A label, and what it says, with further lines below it.
    fn row(&mut self, label: &str, said: &str, ink: Ink) {
        const LABEL: usize = 11;
        let wide = usize::from(self.wide).saturating_sub(LABEL + 2);
        let mut label = Some(label);
        for line in text::wrap(&text::printable_lines(said), wide) {
            self.lines.push(Line::from(vec![
                Span::styled(
                    format!(" {:<LABEL$}", label.take().unwrap_or("")),
                    self.pen.ink(Ink::Faint),
                ),
                Span::styled(line, self.pen.ink(ink)),
            ]));
        }
    }
}

fn card(pen: &Pen<'_>, model: &Model, plan: &Plan, lock: Lock, wide: u16) -> Vec<Line<'static>> {
    let mut card = Card {
        pen,
        wide,
        lines: Vec::new(),
    };
    let held = plan.limits.iter().all(|limit| limit.held);
    let (said, ink) = match (held, lock) {
        (false, _) => (format!("{} A LIMIT DOES NOT HOLD", sign::WRONG), Ink::Wrong),
        (true, Lock::Open) => (format!("{} ARMED: F fires it", sign::ON), Ink::Loud),
        (true, Lock::Locked) => ("PRODUCTION: type the context's name below".to_owned(), Ink::Loud),
    };
    card.lines.push(Line::from(vec![
        Span::raw(" "),
        Span::styled(format!(" {said} "), pen.ink(ink)),
    ]));
    if let Some(why) = &model.production {
        card.row("cluster", &format!("looks like production: {why}"), Ink::Amber);
    }
    card.row(
        "fault",
        &format!("{}  {}", plan.debt.fault, plan.action),
        Ink::Strong,
    );
    card.row("parameters", &parameters(&plan.manifest), Ink::Plain);
    card.row(
        "hits",
        &format!(
            "{} of {} matching pods, {} of the ready ones",
            plan.hurt,
            plan.pods.len(),
            plan.share
        ),
        Ink::Strong,
    );
    for pod in &plan.pods {
        let (mark, ink) = if pod.ready {
            (sign::ON, Ink::Plain)
        } else {
            (sign::WRONG, Ink::Amber)
        };
        let node = pod.node.as_deref().unwrap_or("no node");
        let ready = if pod.ready { "ready" } else { "NOT ready" };
        card.row(
            "",
            &format!("{mark} {}/{}  {ready}  {node}", pod.namespace, pod.name),
            ink,
        );
    }
    for (row, limit) in plan.limits.iter().enumerate() {
        let label = if row == 0 { "limits" } else { "" };
        let (mark, ink) = if limit.held {
            (sign::GOOD, Ink::Plain)
        } else {
            (sign::WRONG, Ink::Wrong)
        };
        card.row(label, &format!("{mark} {}", limit.limit), ink);
    }
    let lasts = plan.duration.map_or_else(|| "it happens once".to_owned(), human);
    card.row("lasts", &lasts, Ink::Plain);
    card.row("undo", &undo(plan), Ink::Plain);
    for warning in &plan.warnings {
        card.row("mind", warning, Ink::Amber);
    }
    card.lines
}

fn undo(plan: &Plan) -> String {
    let how = match &plan.debt.undo {
        Undo::DeleteChaos { object, lasting, .. } => match lasting {
            Lasting::OneShot => format!("delete {object}; what it did is not taken back"),
            Lasting::UntilUndone => format!("delete {object}, and see every record recovered"),
        },
    };
    match plan.debt.own_clock {
        Some(clock) => format!("{how}; ends by itself after {}", human(clock)),
        None => format!("{how}; no clock of its own"),
    }
}

/// The manifest's spec on one line, selectors apart: the pods are listed by name.
fn parameters(manifest: &serde_json::Value) -> String {
    let Some(spec) = manifest.get("spec").and_then(serde_json::Value::as_object) else {
        return "none".to_owned();
    };
    let said: Vec<String> = spec
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "selector" | "duration"))
        .map(|(key, value)| match value {
            serde_json::Value::String(text) => format!("{key} {text}"),
            value => format!("{key} {value}"),
        })
        .collect();
    if said.is_empty() {
        "none".to_owned()
    } else {
        said.join(", ")
    }
}
