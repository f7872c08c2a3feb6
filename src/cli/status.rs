//! `firedrill status`: every active fault in reach, whoever made it, and what could not be seen. Looks once, by lists;
//! never deletes, never writes.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use super::record::{RecordError, StoreArgs};
use crate::clock;
use crate::cluster::{ChaosKind, ChaosObject, Cluster, ClusterError};
use crate::fault::{ChaosRef, ClusterPin, Lasting, Undo};
use crate::journal::{JournalError, OwedDebt};
use crate::text::{printable, width};
use crate::units::{DebtId, ErrorChain, FaultId, RunId, human};
use crate::watch::{FaultSeen, Phase, Places, Survey, Unseen, survey};

/// Show every active fault in the cluster, whoever made it.
///
/// Exits with 0 when nothing is on and everything could be seen, 1 when a fault of someone else is on,
/// 5 when something of ours is owed or something could not be seen.
#[derive(Debug, Clone, clap::Args)]
pub struct StatusArgs {
    /// The context of the kubeconfig; its current one if not given
    #[arg(long, value_name = "C")]
    pub context: Option<String>,
    /// Look at this namespace only
    #[arg(long, short = 'n', value_name = "N")]
    pub namespace: Option<String>,
    /// The kubeconfig; this user's if not given
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Answer as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Where the object of a debt was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "found")]
enum Found {
    InTheCluster {
        says: String,
    },
    /// Its object is gone; nothing in the journal proves that the fault is.
    NotInTheCluster,
    /// It happened once, and its object is gone: nothing is left to undo.
    OneShotGone,
    /// Something else has its name.
    Replaced,
    NotSeen {
        why: String,
    },
    AnotherCluster {
        context: String,
        server: String,
    },
    /// The embedded cluster that it was owed in is not there any more, and the fault with it.
    EndedWithItsCluster,
}

/// A debt that a local journal knows of.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Debt {
    run: RunId,
    /// The run is on: its console pays this by itself.
    live: bool,
    id: DebtId,
    fault: FaultId,
    summary: String,
    object: ChaosRef,
    #[serde(flatten)]
    found: Found,
}

impl Debt {
    const fn counts(&self) -> bool {
        match self.found {
            Found::EndedWithItsCluster | Found::OneShotGone => false,
            Found::InTheCluster { .. }
            | Found::NotInTheCluster
            | Found::Replaced
            | Found::NotSeen { .. }
            | Found::AnotherCluster { .. } => true,
        }
    }
}

/// The whole answer.
#[derive(Debug, Serialize)]
struct Answer {
    context: Option<String>,
    server: Option<String>,
    /// Nothing when the cluster could not be reached; then it is among what was not seen.
    #[serde(flatten)]
    survey: Option<Survey>,
    owed: Vec<Debt>,
    /// Journals that could not be read or understood, and the cluster when it could not be reached.
    not_read: Vec<Unseen>,
    exit: u8,
}

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error)]
enum StatusError {
    #[error("cannot start")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error("the answer cannot be written")]
    Output(#[source] io::Error),
}

/// Runs the command.
pub fn main(args: &StatusArgs) -> ExitCode {
    match run(args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let chain = ErrorChain::of(&error);
            let _ = writeln!(io::stderr(), "firedrill: {}", printable(&chain.to_string()));
            ExitCode::from(2)
        }
    }
}

fn run(args: &StatusArgs) -> Result<u8, StatusError> {
    let runtime = tokio::runtime::Runtime::new().map_err(StatusError::Runtime)?;
    let answer = runtime.block_on(look(args))?;
    let text = if args.json {
        let mut json =
            serde_json::to_string_pretty(&answer).map_err(|error| StatusError::Output(error.into()))?;
        json.push('\n');
        json
    } else {
        people(&answer)
    };
    match io::stdout().write_all(text.as_bytes()) {
        // A reader that has gone away has seen all it wanted.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(StatusError::Output(error)),
        Ok(()) | Err(_) => Ok(answer.exit),
    }
}

async fn look(args: &StatusArgs) -> Result<Answer, StatusError> {
    let mut not_read = Vec::new();
    let cluster = match Cluster::connect(args.kubeconfig.as_deref(), args.context.as_deref()).await {
        Ok(cluster) => Some(cluster),
        Err(error @ (ClusterError::Kubeconfig { .. } | ClusterError::Context { .. })) => {
            return Err(error.into());
        }
        // What is owed is worth saying all the same.
        Err(error @ (ClusterError::Client { .. } | ClusterError::Identity { .. })) => {
            not_read.push(Unseen {
                what: "the cluster".to_owned(),
                why: ErrorChain::of(&error).to_string(),
            });
            None
        }
    };
    let survey = match &cluster {
        Some(cluster) => Some(survey(cluster, args.namespace.as_deref(), clock::wall()).await),
        None => None,
    };
    let mut owed = Vec::new();
    for (run, live, debt) in local(&args.store, &mut not_read) {
        let Undo::DeleteChaos {
            cluster: pin,
            object,
            uid,
            lasting,
        } = debt.debt.undo;
        let found = find(cluster.as_ref(), (&pin, &object), (uid.as_deref(), lasting), live).await;
        owed.push(Debt {
            run,
            live,
            id: debt.debt.id,
            fault: debt.debt.fault,
            summary: debt.debt.summary,
            object,
            found,
        });
    }
    let exit = exit_of(survey.as_ref(), &owed, &not_read);
    let pin = cluster.as_ref().map(Cluster::pin);
    Ok(Answer {
        context: pin.map(|pin| pin.context.clone()),
        server: pin.map(|pin| pin.server.clone()),
        survey,
        owed,
        not_read,
        exit,
    })
}

/// Every unpaid debt of this user's journals, and whether its run is on.
fn local(store: &StoreArgs, not_read: &mut Vec<Unseen>) -> Vec<(RunId, bool, OwedDebt)> {
    let listed = store.store().and_then(|store| Ok((store.list()?, store)));
    let (runs, store) = match listed {
        Ok(listed) => listed,
        // Without a home there are no journals.
        Err(RecordError::Journal(JournalError::NoHome)) => return Vec::new(),
        Err(error) => {
            let why = ErrorChain::of(&error).to_string();
            let what = "local journals".to_owned();
            not_read.push(Unseen { what, why });
            return Vec::new();
        }
    };
    let mut debts = Vec::new();
    for id in runs {
        let read = store
            .open(id.as_str())
            .and_then(|run| Ok((run.is_live(), run.owed()?)));
        let (live, owed) = match read {
            Ok(read) => read,
            Err(error) => {
                not_read.push(Unseen {
                    what: format!("run {id}"),
                    why: ErrorChain::of(&error).to_string(),
                });
                continue;
            }
        };
        if !owed.not_understood.is_empty() {
            not_read.push(Unseen {
                what: format!("{} facts of run {id}", owed.not_understood.len()),
                why: "they are of a later version".to_owned(),
            });
        }
        debts.extend(owed.debts.into_iter().map(|debt| (id.clone(), live, debt)));
    }
    debts
}

/// Where a debt stands.
async fn find(
    cluster: Option<&Cluster>,
    (pin, object): (&ClusterPin, &ChaosRef),
    (uid, lasting): (Option<&str>, Lasting),
    live: bool,
) -> Found {
    let Some(cluster) = cluster.filter(|cluster| cluster.pin().is_same_cluster(pin)) else {
        if !live && is_ended_sim(pin).await {
            return Found::EndedWithItsCluster;
        }
        return Found::AnotherCluster {
            context: pin.context.clone(),
            server: pin.server.clone(),
        };
    };
    match cluster.get_chaos(object).await {
        Ok(Some(seen)) if uid.is_none_or(|uid| uid == seen.uid) => Found::InTheCluster { says: says(&seen) },
        Ok(Some(_)) => Found::Replaced,
        Ok(None) if lasting == Lasting::OneShot && !live => Found::OneShotGone,
        Ok(None) => Found::NotInTheCluster,
        Err(fault) => Found::NotSeen {
            why: fault.to_string(),
        },
    }
}

fn says(object: &ChaosObject) -> String {
    Phase::of(&ChaosKind::of(&object.object), object).to_string()
}

/// An embedded cluster lives in one process on this machine: when nobody listens there, it is gone.
async fn is_ended_sim(pin: &ClusterPin) -> bool {
    let Some(address) = pin.server.strip_prefix("https://127.0.0.1:") else {
        return false;
    };
    if pin.context != "firedrill-sim" {
        return false;
    }
    let Ok(port) = address.parse::<u16>() else {
        return false;
    };
    let tried = tokio::net::TcpStream::connect(("127.0.0.1", port));
    let tried = tokio::time::timeout(Duration::from_secs(1), tried).await;
    tried.is_ok_and(|tried| tried.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused))
}

fn exit_of(survey: Option<&Survey>, owed: &[Debt], not_read: &[Unseen]) -> u8 {
    let Some(survey) = survey else { return 5 };
    let ours = survey.faults.iter().any(|fault| fault.ours) || owed.iter().any(Debt::counts);
    if ours || !survey.unseen.is_empty() || !not_read.is_empty() {
        5
    } else {
        u8::from(survey.faults.iter().any(|fault| fault.on))
    }
}

fn looked_at(survey: &Survey) -> String {
    let kinds = match survey.kinds.len() {
        1 => "1 kind".to_owned(),
        many => format!("{many} kinds"),
    };
    match &survey.places {
        Places::AllNamespaces => format!("{kinds}, all namespaces"),
        Places::Only(names) => match names.as_slice() {
            [one] => format!("{kinds}, namespace {one}"),
            several => format!("{kinds}, namespaces {}", several.join(", ")),
        },
    }
}

fn span(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| "-".to_owned(), |seconds| human(Duration::from_secs(seconds)))
}

fn cells(fault: &FaultSeen) -> [String; 8] {
    let by = match (&fault.run, fault.ours) {
        (Some(run), _) => format!("run {run}"),
        (None, true) => "firedrill".to_owned(),
        (None, false) => "not ours".to_owned(),
    };
    let targets = match fault.targets.as_slice() {
        [] => "-".to_owned(),
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        few => few.join(", "),
    };
    let action = if fault.action.is_empty() {
        "-"
    } else {
        &fault.action
    };
    let left = match fault.remaining_seconds {
        Some(0) => "over".to_owned(),
        left => span(left),
    };
    let paused = if fault.paused && fault.state != Phase::Paused {
        ", paused"
    } else {
        ""
    };
    [
        fault.object.kind.clone(),
        format!("{}/{}", fault.object.namespace, fault.object.name),
        action.to_owned(),
        format!("{}{paused}", fault.says),
        span(fault.age_seconds),
        left,
        by,
        targets,
    ]
    .map(|cell| printable(&cell).into_owned())
}

fn table(faults: &[FaultSeen]) -> String {
    let heads = [
        "KIND", "OBJECT", "ACTION", "STATE", "AGE", "LEFT", "BY", "TARGETS",
    ];
    let rows: Vec<[String; 8]> = std::iter::once(heads.map(str::to_owned))
        .chain(faults.iter().map(cells))
        .collect();
    let mut text = String::new();
    for row in &rows {
        for (at, cell) in row.iter().enumerate() {
            let wide = rows.iter().map(|row| width(&row[at])).max().unwrap_or(0);
            let gap = if at + 1 == row.len() {
                0
            } else {
                wide - width(cell) + 2
            };
            text.push_str(cell);
            text.push_str(&" ".repeat(gap));
        }
        text.push('\n');
    }
    text
}

/// What one line says of how much is on.
fn verdict(survey: &Survey) -> String {
    let on = survey.faults.iter().filter(|fault| fault.on).count();
    let ours = survey
        .faults
        .iter()
        .filter(|fault| fault.on && fault.ours)
        .count();
    let left = survey.faults.len() - on;
    let looked = looked_at(survey);
    let mut text = match on {
        0 if survey.kinds.is_empty() => {
            "no active fault: no kind of chaos-mesh.org is served here".to_owned()
        }
        0 if survey.places == Places::Only(Vec::new()) => "nothing could be looked at".to_owned(),
        0 if !survey.unseen.is_empty() => {
            format!("no active fault seen in {looked}; not everything could be seen")
        }
        0 => format!("no active fault in {looked}"),
        1 => format!("1 active fault ({ours} of ours) in {looked}"),
        many => format!("{many} active faults ({ours} of ours) in {looked}"),
    };
    match left {
        0 => {}
        1 => text.push_str("; 1 object is left of a fault that is over"),
        many => {
            let _ = write!(text, "; {many} objects are left of faults that are over");
        }
    }
    text
}

fn debt_line(debt: &Debt) -> String {
    let found = match &debt.found {
        Found::InTheCluster { says } => format!("in the cluster: {says}"),
        Found::NotInTheCluster => {
            "not in the cluster; nothing in the journal proves that the fault is gone".to_owned()
        }
        Found::OneShotGone => "not in the cluster; it happens once, so nothing is owed any more".to_owned(),
        Found::Replaced => "not in the cluster; another object has its name".to_owned(),
        Found::NotSeen { why } => format!("could not be looked for: {why}"),
        Found::AnotherCluster { context, server } => {
            format!("in another cluster (context {context}, {server}); not looked at")
        }
        Found::EndedWithItsCluster => "ended with its embedded cluster; nothing is owed any more".to_owned(),
    };
    let live = if debt.live { ", the run is on" } else { "" };
    format!(
        "run {}{live}: {} ({}): {found}",
        debt.run, debt.summary, debt.object
    )
}

/// The answer for people. Everything from outside is made harmless here.
fn people(answer: &Answer) -> String {
    let mut text = String::new();
    let mut line = |words: &str| {
        text.push_str(&printable(words));
        text.push('\n');
    };
    if let (Some(context), Some(server)) = (&answer.context, &answer.server) {
        line(&format!("cluster {context} ({server})"));
    }
    if let Some(survey) = &answer.survey {
        line(&verdict(survey));
    }
    for unseen in answer
        .survey
        .iter()
        .flat_map(|survey| &survey.unseen)
        .chain(&answer.not_read)
    {
        line(&format!("NOT SEEN  {}: {}", unseen.what, unseen.why));
    }
    for latch in answer.survey.iter().flat_map(|survey| &survey.latches) {
        let at = latch.at.as_deref().unwrap_or("an unknown time");
        line(&format!(
            "LATCHED   {} by {} at {at}: {}; `firedrill reset` opens it",
            latch.namespace, latch.by, latch.why
        ));
    }
    for unseen in answer.survey.iter().flat_map(|survey| &survey.latches_unseen) {
        line(&format!("note      {} not read: {}", unseen.what, unseen.why));
    }
    for debt in &answer.owed {
        let word = if debt.counts() { "OWED     " } else { "note     " };
        line(&format!("{word} {}", debt_line(debt)));
    }
    match &answer.survey {
        Some(survey) if !survey.faults.is_empty() => format!("{text}\n{}", table(&survey.faults)),
        Some(_) | None => text,
    }
}
