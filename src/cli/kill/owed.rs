//! What local journals say is owed, and in which clusters. Only reads; a run that cannot be read is named.

use std::collections::BTreeMap;

use crate::fault::{ClusterPin, Undo};
use crate::guard::KnownDebt;
use crate::journal::{RunDir, Store};
use crate::run::Fact;
use crate::text::printable;
use crate::units::{DebtId, ErrorChain, Stamp};

/// Whose debts are asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub run: Option<String>,
    /// Only those owed by way of this context.
    pub context: Option<String>,
}

/// What is unpaid.
#[derive(Debug, Clone, Default)]
pub struct Unpaid {
    pub debts: Vec<KnownDebt>,
    /// What could not be read: something may be owed there.
    pub unread: Vec<String>,
}

pub(super) fn pin(debt: &KnownDebt) -> &ClusterPin {
    let Undo::DeleteChaos { cluster, .. } = &debt.debt.undo;
    cluster
}

fn of_run(run: &RunDir, unpaid: &mut Unpaid) {
    let journal = match run.read() {
        Ok(journal) => journal,
        Err(error) => {
            unpaid
                .unread
                .push(format!("run {}: {}", run.id(), ErrorChain::of(&error)));
            return;
        }
    };
    for damage in journal.damage.iter().filter(|damage| !damage.is_crash()) {
        let damage = damage.to_string();
        unpaid
            .unread
            .push(format!("run {}: {}", run.id(), printable(&damage)));
    }
    let intended: BTreeMap<&DebtId, Stamp> = journal
        .entries()
        .filter_map(|entry| match &entry.fact {
            Fact::InjectIntended { debt, .. } => Some((&debt.id, entry.wall)),
            _ => None,
        })
        .collect();
    let owed = crate::journal::owed(journal.entries());
    if !owed.not_understood.is_empty() {
        unpaid.unread.push(format!(
            "run {}: a later version wrote it; it may owe what is not understood here",
            run.id()
        ));
    }
    for owed in owed.debts {
        unpaid.debts.push(KnownDebt {
            intended: intended.get(&owed.debt.id).copied(),
            debt: owed.debt,
            run: Some(run.id().clone()),
        });
    }
}

/// Everything that local journals say is owed.
pub fn unpaid(store: &Store, asked: &Asked) -> Unpaid {
    let mut unpaid = Unpaid::default();
    let runs = match store.list() {
        Ok(runs) => runs,
        Err(error) => {
            unpaid.unread.push(ErrorChain::of(&error).to_string());
            return unpaid;
        }
    };
    for id in runs {
        if asked.run.as_ref().is_some_and(|run| run != id.as_str()) {
            continue;
        }
        match store.open(id.as_str()) {
            Ok(run) => of_run(&run, &mut unpaid),
            Err(error) => unpaid.unread.push(ErrorChain::of(&error).to_string()),
        }
    }
    if let Some(context) = &asked.context {
        unpaid.debts.retain(|debt| pin(debt).context == *context);
    }
    unpaid
}
