//! The rules in one list, and how they are held against a draft.

use super::{checks, head, recovery, secrets, selectors, spec, steps};
use crate::playbook::findings::{Finding, Grade};
use crate::playbook::model::{Fault, Step};
use crate::playbook::parse::draft::Draft;
use crate::playbook::parse::node::{Node, Way};

/// A rule of the house.
#[derive(Debug)]
pub struct Rule {
    /// Stable: people silence and look up rules by it.
    pub id: &'static str,
    pub grade: Grade,
    /// Fields that must have been read for the rule to say anything sensible.
    pub needs: &'static [&'static str],
    pub look: fn(&Draft, &mut Out),
}

impl Rule {
    pub(super) const fn error(
        id: &'static str,
        needs: &'static [&'static str],
        look: fn(&Draft, &mut Out),
    ) -> Self {
        Self {
            id,
            grade: Grade::Error,
            needs,
            look,
        }
    }

    pub(super) const fn warning(
        id: &'static str,
        needs: &'static [&'static str],
        look: fn(&Draft, &mut Out),
    ) -> Self {
        Self {
            grade: Grade::Warning,
            ..Self::error(id, needs, look)
        }
    }
}

/// What a rule found.
#[derive(Debug)]
pub struct Remark {
    way: Way,
    message: String,
    hint: Option<String>,
}

/// Where a rule puts what it finds.
#[derive(Debug, Default)]
pub struct Out(Vec<Remark>);

impl Out {
    pub fn say(&mut self, way: Way, message: impl Into<String>) {
        self.0.push(Remark {
            way,
            message: message.into(),
            hint: None,
        });
    }

    pub fn advise(&mut self, way: Way, message: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Remark {
            way,
            message: message.into(),
            hint: Some(hint.into()),
        });
    }
}

/// Every rule, in the order of a playbook.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        head::RULES,
        secrets::RULES,
        checks::RULES,
        recovery::RULES,
        steps::RULES,
        spec::RULES,
        selectors::RULES,
    ]
    .into_iter()
    .flatten()
}

/// Holds every rule against a draft.
pub fn lint(draft: &Draft, root: &Node) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in rules() {
        if rule.needs.iter().any(|field| draft.damaged.contains(field)) {
            continue;
        }
        let mut out = Out::default();
        (rule.look)(draft, &mut out);
        findings.extend(out.0.into_iter().map(|remark| Finding {
            rule: rule.id,
            grade: rule.grade,
            message: remark.message,
            place: Some(root.place_of(&remark.way)),
            hint: remark.hint,
        }));
    }
    findings
}

/// Every fault of the playbook with the way to its fields.
pub fn faults(draft: &Draft) -> impl Iterator<Item = (Way, &Fault)> {
    draft
        .playbook
        .steps
        .iter()
        .enumerate()
        .filter_map(|(number, step)| match step {
            Step::Fault(fault) => Some((draft.step_way(number), fault)),
            Step::Brief(_)
            | Step::Checklist(_)
            | Step::Baseline(_)
            | Step::Observe(_)
            | Step::Recover(_)
            | Step::Verify(_)
            | Step::Debrief(_) => None,
        })
}
