//! What a run still owes, folded from its facts alone. Pure; never asks a cluster.

use std::collections::BTreeMap;

use crate::fault::{Debt, Gone};
use crate::run::{Entry, Fact, Injected};
use crate::units::DebtId;

/// A debt that no fact has proven paid.
#[derive(Debug, Clone, PartialEq)]
pub struct OwedDebt {
    pub debt: Debt,
    /// What was last seen of its undo.
    pub last: Option<Gone>,
}

/// What a run still owes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Owed {
    /// In the order in which they were made.
    pub debts: Vec<OwedDebt>,
    /// Numbers of facts that speak of a debt in a way not understood here: something may be owed.
    pub not_understood: Vec<u64>,
}

impl Owed {
    /// Whether nothing is owed as far as the facts go.
    pub const fn is_clear(&self) -> bool {
        self.debts.is_empty() && self.not_understood.is_empty()
    }
}

/// Folds facts, in order, into what is still owed.
pub fn owed<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Owed {
    let mut open: BTreeMap<DebtId, (usize, OwedDebt)> = BTreeMap::new();
    let mut not_understood = Vec::new();
    for (order, entry) in entries.into_iter().enumerate() {
        match &entry.fact {
            Fact::InjectIntended { debt, .. } => {
                let owed = OwedDebt {
                    debt: debt.clone(),
                    last: None,
                };
                open.insert(debt.id.clone(), (order, owed));
            }
            Fact::InjectSettled {
                debt,
                outcome: Injected::Yes { undo, .. },
            } => {
                if let Some((_, owed)) = open.get_mut(debt) {
                    owed.debt.undo = (**undo).clone();
                }
            }
            Fact::RevertSettled { debt, gone } if gone.pays() => {
                open.remove(debt);
            }
            Fact::RevertSettled { debt, gone } => {
                if let Some((_, owed)) = open.get_mut(debt) {
                    owed.last = Some(gone.clone());
                }
            }
            Fact::Unknown(value) => {
                let name = value
                    .get("fact")
                    .and_then(serde_json::Value::as_str)
                    .unwrap_or_default();
                if name.starts_with("inject") {
                    not_understood.push(entry.seq);
                }
            }
            _ => {}
        }
    }
    let mut debts: Vec<_> = open.into_values().collect();
    debts.sort_by_key(|(order, _)| *order);
    Owed {
        debts: debts.into_iter().map(|(_, owed)| owed).collect(),
        not_understood,
    }
}
