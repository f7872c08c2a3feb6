//! Folds what the journals of a run say into what people want to know of it. Pure; invents nothing: what no fact
//! says stays empty.

use std::collections::BTreeMap;
use std::time::Duration;

use super::moment::{Answer, Correction, Kill, Life, Marked, Moment, Note, Outcome, Told, moved, shifted};
use super::stories::{CheckStory, FaultStory, ObjectiveStory, Score, StepStory};
use super::words::{Names, sentence, sign};
use crate::fault::ClusterPin;
use crate::journal::{Damage, Head, Journal, Owed, Record, owed};
use crate::playbook::{Playbook, Step};
use crate::run::{Fact, Run, Tag, Unattended, Why};
use crate::units::{CheckId, RunId};

/// A run, folded.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    pub run: RunId,
    /// `None` when the journal does not say how the run began.
    pub playbook: Option<Playbook>,
    pub names: Names,
    pub version: Option<String>,
    pub cluster: Option<ClusterPin>,
    pub unattended: Option<Unattended>,
    /// How many seconds of drill time pass in one second.
    pub speed: Option<f64>,
    pub started: Option<Moment>,
    /// The last fact, of whatever kind.
    pub last: Option<Moment>,
    pub outcome: Outcome,
    pub aborts: Vec<(Moment, Why)>,
    pub gate_closed: Option<String>,
    pub kill: Option<Kill>,
    pub faults: Vec<FaultStory>,
    pub symptom: Option<Marked>,
    pub detected: Option<Marked>,
    pub mitigated: Option<Marked>,
    pub recovered: Option<Marked>,
    pub stable: Option<Marked>,
    pub objective: Option<ObjectiveStory>,
    pub predictions_locked: Option<Moment>,
    pub predictions: Vec<Score>,
    pub checks: Vec<CheckStory>,
    pub steps: Vec<StepStory>,
    pub notes: Vec<Note>,
    pub answers: Vec<Answer>,
    pub owed: Owed,
    pub timeline: Vec<Told>,
    /// Facts of a later version.
    pub unknown: usize,
    pub damage: Vec<Damage>,
    pub heads: Vec<Head>,
}

impl Summary {
    /// Folds the journals of `run`.
    pub fn of(run: &RunId, journal: &Journal, life: Life) -> Self {
        let mut state = Run::new(empty(), Unattended::No);
        for record in &journal.records {
            state.evolve(record.entry.at, &record.entry.fact);
        }
        let fold = Fold::new(journal);
        let mut summary = Self {
            run: run.clone(),
            playbook: None,
            names: Names::default(),
            version: None,
            cluster: None,
            unattended: None,
            speed: None,
            started: None,
            last: journal.records.last().map(|record| fold.moment(record)),
            outcome: match life {
                Life::Running => Outcome::Running,
                Life::Gone => Outcome::Unfinished,
            },
            aborts: Vec::new(),
            gate_closed: state.gate_closed.clone(),
            kill: None,
            faults: Vec::new(),
            symptom: None,
            detected: None,
            mitigated: None,
            recovered: None,
            stable: None,
            objective: None,
            predictions_locked: None,
            predictions: Vec::new(),
            checks: Vec::new(),
            steps: Vec::new(),
            notes: Vec::new(),
            answers: Vec::new(),
            owed: owed(journal.entries()),
            timeline: Vec::new(),
            unknown: 0,
            damage: journal.damage.clone(),
            heads: journal.heads.clone(),
        };
        let mut checks = BTreeMap::new();
        for record in &journal.records {
            summary.take(record, &fold, &mut checks);
        }
        summary.finish(&state, checks);
        summary
    }

    /// The playbook's title, else its name, else nothing.
    pub fn title(&self) -> String {
        match &self.playbook {
            Some(playbook) if !playbook.title.to_string().is_empty() => playbook.title.to_string(),
            Some(playbook) => playbook.name.clone(),
            None => String::new(),
        }
    }

    /// From the first fact to the last.
    pub fn took(&self) -> Option<Duration> {
        Some(self.last.as_ref()?.at.since(self.started.as_ref()?.at))
    }

    /// Notes that carry `tag`.
    pub fn tagged(&self, tag: Tag) -> impl Iterator<Item = &Note> {
        self.notes.iter().filter(move |note| note.tags.contains(&tag))
    }

    fn take(&mut self, record: &Record, fold: &Fold, checks: &mut BTreeMap<CheckId, CheckStory>) {
        let moment = fold.moment(record);
        let fact = &record.entry.fact;
        self.frame(&moment, fact);
        self.people(&moment, fact);
        self.marks(&moment, fact);
        match fact {
            Fact::InjectIntended { debt, .. } => {
                self.faults.push(FaultStory::new(debt.clone(), moment.clone()));
            }
            Fact::InjectSettled { debt, .. }
            | Fact::FaultEnded { debt, .. }
            | Fact::RevertIntended { debt }
            | Fact::RevertSettled { debt, .. } => {
                let story = self.faults.iter_mut().find(|story| story.debt.id == *debt);
                if let Some(story) = story {
                    story.take(&moment, fact);
                }
            }
            Fact::CheckChanged {
                check,
                verdict,
                reading,
            } => {
                let after = self
                    .faults
                    .iter()
                    .any(|story| story.intended.moment.at <= reading.at);
                let seen = moved(&moment, reading.at);
                checks
                    .entry(check.clone())
                    .or_insert_with(|| CheckStory::new(check.clone()))
                    .changed(seen, *verdict, reading, after);
            }
            _ => {}
        }
        self.timeline.push(Told {
            moment,
            sign: sign(fact),
            sentence: sentence(fact, &self.names),
            fact: fact.clone(),
        });
    }

    /// How the run began, ended, and why early.
    fn frame(&mut self, moment: &Moment, fact: &Fact) {
        match fact {
            Fact::RunStarted {
                playbook,
                clock,
                cluster,
                unattended,
                version,
                ..
            } => {
                self.names = Names::of(playbook);
                self.playbook = Some((**playbook).clone());
                self.version = Some(version.clone());
                self.cluster = Some(cluster.clone());
                self.unattended = Some(*unattended);
                self.speed = Some(clock.speed);
                self.started = Some(moment.clone());
            }
            Fact::AbortBegan { why } => {
                if let Why::Killed { by } = why {
                    self.kill = Some(Kill {
                        moment: moment.clone(),
                        by: by.clone(),
                        clear: None,
                    });
                }
                self.aborts.push((moment.clone(), why.clone()));
            }
            Fact::KillEnded { clear } => {
                let kill = self.kill.get_or_insert_with(|| Kill {
                    moment: moment.clone(),
                    by: moment.file.clone(),
                    clear: None,
                });
                kill.clear = Some(*clear);
            }
            Fact::RunEnded { exit, summary } => {
                self.outcome = Outcome::Ended {
                    exit: *exit,
                    summary: summary.clone(),
                };
            }
            Fact::Unknown(_) => self.unknown += 1,
            _ => {}
        }
    }

    /// What people said and did.
    fn people(&mut self, moment: &Moment, fact: &Fact) {
        let pressed = || Marked {
            moment: moment.clone(),
            source: "a person's key".to_owned(),
            resolution: None,
        };
        match fact {
            Fact::NoteAdded { text, tags, author } => self.notes.push(Note {
                moment: moment.clone(),
                text: text.clone(),
                tags: tags.clone(),
                author: author.clone(),
            }),
            Fact::PredictionsLocked => self.predictions_locked = Some(moment.clone()),
            Fact::Detected if self.detected.is_none() => self.detected = Some(pressed()),
            Fact::Mitigated if self.mitigated.is_none() => self.mitigated = Some(pressed()),
            _ => {}
        }
    }

    /// The marks of the recovery.
    fn marks(&mut self, moment: &Moment, fact: &Fact) {
        match fact {
            Fact::Symptom {
                check,
                at,
                resolution,
            } if self.symptom.is_none() => {
                self.symptom = Some(Marked {
                    moment: moved(moment, *at),
                    source: check.to_string(),
                    resolution: Some(*resolution),
                });
            }
            Fact::Recovering { since } => {
                self.recovered = Some(Marked {
                    moment: moved(moment, *since),
                    source: "every recovery signal".to_owned(),
                    resolution: None,
                });
            }
            Fact::Relapsed { .. } => (self.recovered, self.stable, self.objective) = (None, None, None),
            Fact::ObjectiveStopped { objective } => {
                if let (Some(recovered), Some(at)) = (&mut self.recovered, objective.recovered) {
                    // The signals may have gone on moving after they were first back.
                    recovered.moment.wall = shifted(recovered.moment.wall, recovered.moment.at, at);
                    recovered.moment.at = at;
                    if let Some((check, resolution)) = &objective.slowest {
                        recovered.source = format!("{check}, the last signal");
                        recovered.resolution = Some(*resolution);
                    }
                }
                self.stable = objective.stable.map(|at| Marked {
                    moment: moved(moment, at),
                    source: "the hold was over".to_owned(),
                    resolution: None,
                });
                self.objective = Some(ObjectiveStory::new(objective.clone()));
            }
            _ => {}
        }
    }

    fn finish(&mut self, state: &Run, mut checks: BTreeMap<CheckId, CheckStory>) {
        let end = self.last.as_ref().map(|moment| moment.at);
        let open = self.owed.debts.iter().map(|owed| &owed.debt.id);
        let open: Vec<_> = open.cloned().collect();
        for story in &mut self.faults {
            story.owed = open.contains(&story.debt.id);
        }
        for (id, why) in &state.not_measured {
            checks
                .entry(id.clone())
                .or_insert_with(|| CheckStory::new(id.clone()))
                .not_measured = Some(why.clone());
        }
        if let Some(playbook) = &self.playbook {
            for check in playbook.all_checks().into_iter().chain(playbook.stop_checks()) {
                let story = checks
                    .remove(&check.id)
                    .unwrap_or_else(|| CheckStory::new(check.id.clone()));
                self.checks.push(story.of(&check));
            }
            let steps = playbook.steps.iter().zip(&state.steps);
            self.steps = steps.map(|(step, state)| StepStory::new(step, state)).collect();
            self.answers = answers(playbook, state);
            self.predictions = Score::all(playbook, &state.scores);
            if let (Some(story), Some(recovery)) = (&mut self.objective, &playbook.recovery) {
                let faults = self
                    .faults
                    .iter()
                    .flat_map(|fault| [&fault.injected, &fault.removed]);
                let from = faults
                    .chain([&self.symptom])
                    .flatten()
                    .map(|marked| &marked.moment);
                story.judge_again(
                    recovery,
                    from,
                    self.recovered.as_ref().map(|marked| &marked.moment),
                );
            }
        }
        self.checks.extend(checks.into_values());
        for check in &mut self.checks {
            check.close(end);
        }
    }
}

/// What a correction says of which fact.
struct Fold {
    corrections: BTreeMap<(String, u64), Correction>,
}

impl Fold {
    fn new(journal: &Journal) -> Self {
        let mut corrections = BTreeMap::new();
        for record in &journal.records {
            if let Fact::TimeCorrected { seq, at, reason } = &record.entry.fact {
                // A number means a fact of the same file; the last correction counts.
                let correction = Correction {
                    at: *at,
                    reason: reason.clone(),
                };
                corrections.insert((record.file.clone(), *seq), correction);
            }
        }
        Self { corrections }
    }

    fn moment(&self, record: &Record) -> Moment {
        let (file, entry) = (record.file.clone(), &record.entry);
        Moment {
            corrected: self.corrections.get(&(file.clone(), entry.seq)).cloned(),
            file,
            seq: entry.seq,
            at: entry.at,
            wall: entry.wall,
        }
    }
}

fn answers(playbook: &Playbook, state: &Run) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (step, state) in playbook.steps.iter().zip(&state.steps) {
        let Step::Debrief(debrief) = step else { continue };
        for (number, question) in debrief.questions.iter().enumerate() {
            answers.push(Answer {
                question: question.to_string(),
                text: state.answers.get(&number).cloned(),
            });
        }
    }
    answers
}

/// What a run is before its first fact.
fn empty() -> Playbook {
    Playbook {
        firedrill: 1,
        name: String::new(),
        title: crate::playbook::Title::default(),
        description: None,
        severity: None,
        vars: BTreeMap::new(),
        target: crate::playbook::Target {
            namespace: String::new(),
            pods: BTreeMap::new(),
        },
        limits: crate::playbook::Limits::default(),
        sources: BTreeMap::new(),
        load: None,
        checks: Vec::new(),
        stop_when: Vec::new(),
        recovery: None,
        predict: Vec::new(),
        steps: Vec::new(),
    }
}
