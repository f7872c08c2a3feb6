//! `firedrill run` and `firedrill demo`: find the playbooks, decide where and with or without a screen, then go.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::outcome::CliError;
use super::play::{self, Playing};
use super::signals::Signals;
use super::trace::{self, Talk};
use crate::assemble::{Firing, Place, World};
use crate::cluster::looks_like_production;
use crate::journal::Store;
use crate::playbook::{self, Loaded, Opened};
use crate::text::printable;
use crate::tui::theme::{Colour, Look, Signs};

/// Walk a playbook on a cluster: faults on a keypress, the kill switch on Ctrl-K.
#[derive(Debug, clap::Args)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch on the command line"
)]
pub struct RunArgs {
    /// A playbook or suite: a file, or the name of one that is built in
    #[arg(value_name = "PLAYBOOK|SUITE", required_unless_present = "resume")]
    playbooks: Vec<String>,
    /// Run on an embedded cluster instead of a real one
    #[cfg(feature = "sim")]
    #[arg(long, conflicts_with_all = ["context", "kubeconfig"])]
    sim: bool,
    /// The context of the kubeconfig; its current one unless named
    #[arg(long, value_name = "C")]
    context: Option<String>,
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Fills the playbook's variable `namespace`
    #[arg(long, value_name = "N")]
    namespace: Option<String>,
    /// Without a screen, the context that looks like production, typed out
    #[arg(long, value_name = "CONTEXT")]
    confirm: Option<String>,
    /// Take the target over from this run, which still holds it
    #[arg(long, value_name = "RUN")]
    take_over: Option<String>,
    /// Take a run up again whose console died
    #[arg(long, value_name = "RUN", conflicts_with_all = ["playbooks", "dry_run"])]
    resume: Option<String>,
    /// Say what would happen, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Watch only: no fault can be fired from here
    #[arg(long)]
    read_only: bool,
    #[command(flatten)]
    common: CommonArgs,
}

/// Walk the built-in game day on an embedded cluster: needs nothing else.
#[cfg(feature = "sim")]
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// One of the built-in playbooks
    #[arg(long, value_name = "NAME", default_value = "emqx-pod-kill")]
    playbook: String,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, clap::Args)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch on the command line"
)]
struct CommonArgs {
    /// No screen: one line a fact on standard output; manual steps follow their policy
    #[arg(long)]
    headless: bool,
    /// One JSON object a line instead of words; implies --headless
    #[arg(long)]
    json: bool,
    /// Seconds of drill time in one second, on an embedded cluster
    #[cfg(feature = "sim")]
    #[arg(long, value_name = "N")]
    speed: Option<f64>,
    /// The same seed gives the same embedded cluster
    #[cfg(feature = "sim")]
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Sets a variable of the playbook
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Where the runs are, instead of the folder `runs` of $FIREDRILL_STATE or of the user's state folder
    #[arg(long, value_name = "D")]
    runs_dir: Option<PathBuf>,
    /// No colour; NO_COLOR in the environment says the same
    #[arg(long)]
    no_color: bool,
    /// Boxes and signs in ASCII
    #[arg(long)]
    ascii: bool,
}

/// `name=value`.
pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// What to play, all of it read and checked before anything begins.
struct Programme {
    items: Vec<Loaded>,
    pause: Duration,
}

/// `firedrill demo`.
#[cfg(feature = "sim")]
pub fn demo(args: &DemoArgs) -> ExitCode {
    let speed = args.common.speed;
    let sets = args.common.set.iter().cloned().collect();
    let work = || {
        let programme = read(std::slice::from_ref(&args.playbook), &sets)?;
        let headless = headless(&args.common, Embedded::Yes)?;
        // Nobody watches: the same drill, sooner over. Said in the first line.
        let speed = speed.unwrap_or(if headless { 10.0 } else { 1.0 });
        let place = embedded(args.common.seed, speed)?;
        go(place, &args.common, headless, |world, playing| {
            play_all(world, playing, &programme, (Firing::Allowed, None))
        })
    };
    work().unwrap_or_else(|error: CliError| error.tell())
}

/// `firedrill run`.
pub fn run(args: &RunArgs) -> ExitCode {
    let work = || {
        let mut sets: BTreeMap<String, String> = args.common.set.iter().cloned().collect();
        if let Some(namespace) = &args.namespace {
            sets.insert("namespace".to_owned(), namespace.clone());
        }
        let programme = read(&args.playbooks, &sets)?;
        if args.dry_run {
            return Ok(explain(&programme));
        }
        #[cfg(feature = "sim")]
        let place = if args.sim {
            embedded(args.common.seed, args.common.speed.unwrap_or(1.0))?
        } else if args.common.speed.is_some() {
            return Err(CliError::message("only an embedded cluster can be hurried")
                .hint("leave --speed out, or add --sim"));
        } else {
            Place::Cluster {
                kubeconfig: args.kubeconfig.clone(),
                context: args.context.clone(),
            }
        };
        #[cfg(not(feature = "sim"))]
        let place = Place::Cluster {
            kubeconfig: args.kubeconfig.clone(),
            context: args.context.clone(),
        };
        let is_embedded = match &place {
            #[cfg(feature = "sim")]
            Place::Embedded { .. } => Embedded::Yes,
            Place::Cluster { .. } => Embedded::No,
        };
        let headless = headless(&args.common, is_embedded)?;
        let firing = if args.read_only {
            Firing::Never
        } else {
            Firing::Allowed
        };
        go(place, &args.common, headless, |world, playing| {
            if headless && firing == Firing::Allowed {
                confirmed(world, args.confirm.as_deref())?;
            }
            match &args.resume {
                Some(id) => play::resume(world, playing, id, (firing, args.take_over.clone())),
                None => play_all(world, playing, &programme, (firing, args.take_over.clone())),
            }
        })
    };
    work().unwrap_or_else(|error: CliError| error.tell())
}

/// Reads everything before anything begins: the third playbook's typo must not show after the second one's fault.
fn read(names: &[String], sets: &BTreeMap<String, String>) -> Result<Programme, CliError> {
    let mut programme = Programme {
        items: Vec::new(),
        pause: Duration::ZERO,
    };
    let mut wrong = Vec::new();
    for name in names {
        match playbook::find(name, sets) {
            Ok(Opened::Playbook(loaded)) => programme.items.push(*loaded),
            Ok(Opened::Suite(suite, loaded)) => {
                programme.pause = programme.pause.max(suite.pause.0);
                programme.items.extend(loaded);
            }
            Err(findings) => wrong.extend(findings),
        }
    }
    if !wrong.is_empty() {
        for findings in &wrong {
            tell(&findings.to_string());
        }
        return Err(CliError::message(
            "nothing was started: a playbook cannot be read as it is",
        ));
    }
    for item in programme.items.iter().filter(|item| !item.warnings.is_empty()) {
        tell(&item.warnings.to_string());
    }
    Ok(programme)
}

fn tell(text: &str) {
    // Nobody may be listening.
    let _ = writeln!(
        std::io::stderr(),
        "{}",
        crate::text::printable_lines(text).trim_end()
    );
}

fn explain(programme: &Programme) -> ExitCode {
    let mut out = std::io::stdout().lock();
    for item in &programme.items {
        if writeln!(out, "{}", playbook::explain(&item.playbook)).is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Embedded {
    #[cfg(feature = "sim")]
    Yes,
    No,
}

/// Without a terminal only an embedded cluster goes headless by itself, and says so.
fn headless(common: &CommonArgs, embedded: Embedded) -> Result<bool, CliError> {
    if common.headless || common.json {
        return Ok(true);
    }
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return Ok(false);
    }
    match embedded {
        #[cfg(feature = "sim")]
        Embedded::Yes => {
            tell("no terminal here: going headless, one line a fact");
            Ok(true)
        }
        Embedded::No => Err(CliError::message("there is no terminal here for the console")
            .hint("on a real cluster a run without a screen must be asked for: add --headless")),
    }
}

#[cfg(feature = "sim")]
fn embedded(seed: u64, speed: f64) -> Result<Place, CliError> {
    if !(speed > 0.0 && speed <= 1000.0) {
        return Err(CliError::message(format!(
            "the speed {speed} is not between 0 and 1000"
        )));
    }
    Ok(Place::Embedded { seed, speed })
}

/// Without a screen, production wants its context typed out.
fn confirmed(world: &World, confirm: Option<&str>) -> Result<(), CliError> {
    let pin = world.cluster().pin();
    if let Some(confirm) = confirm.filter(|confirm| *confirm != pin.context) {
        let (given, context) = (printable(confirm), printable(&pin.context));
        return Err(CliError::message(format!(
            "--confirm {given} does not name the context, which is {context}"
        )));
    }
    match looks_like_production(pin) {
        Some(why) if confirm.is_none() => {
            let context = printable(&pin.context);
            Err(
                CliError::message(format!("{context} looks like production ({why})"))
                    .hint(format!("to fire there without a screen, add --confirm {context}")),
            )
        }
        Some(_) | None => Ok(()),
    }
}

fn go(
    place: Place,
    common: &CommonArgs,
    headless: bool,
    work: impl FnOnce(&World, &Playing) -> Result<u8, CliError>,
) -> Result<ExitCode, CliError> {
    let trace = trace::start(if headless { Talk::Stderr } else { Talk::Screen });
    let store = match &common.runs_dir {
        // The latch stays where every process of this user looks for it.
        Some(folder) => Store::from_env()?.with_runs_in(std::path::absolute(folder)?),
        None => Store::from_env()?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let connecting = place.connecting();
    if let Some(connecting) = &connecting {
        tell(connecting);
    }
    let world = runtime
        .block_on(World::connect(place))
        .map_err(|error| CliError::of(&error).exit(error.exit()))?;
    let playing = Playing {
        signals: Signals::listen(runtime.handle())?,
        runtime: runtime.handle().clone(),
        store,
        trace,
        headless,
        json: common.json,
        look: look(common),
    };
    let done = work(&world, &playing);
    runtime.block_on(world.leave());
    // A task that hangs must not keep the shell waiting.
    runtime.shutdown_timeout(Duration::from_secs(2));
    done.map(ExitCode::from)
}

/// What the environment and the switches say of colour, signs and language.
fn look(common: &CommonArgs) -> Look {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(env)
        .unwrap_or_default();
    let utf8 = ["utf-8", "utf8"]
        .iter()
        .any(|word| locale.to_lowercase().contains(word));
    let no_colour = common.no_color || env("NO_COLOR").is_some() || env("TERM").as_deref() == Some("dumb");
    Look {
        colour: if no_colour { Colour::None } else { Colour::Full },
        // An unset locale says nothing; most terminals can.
        signs: if common.ascii || !(utf8 || locale.is_empty()) {
            Signs::Ascii
        } else {
            Signs::default()
        },
        language: if locale.starts_with("zh") { "zh" } else { "en" }.to_owned(),
    }
}

/// All playbooks, one after the other; what was aborted or killed ends it.
fn play_all(
    world: &World,
    playing: &Playing,
    programme: &Programme,
    how: (Firing, Option<String>),
) -> Result<u8, CliError> {
    let (firing, take_over) = how;
    let mut worst = 0;
    for (n, item) in programme.items.iter().enumerate() {
        if n > 0 {
            playing.pause(programme.pause)?;
        }
        let exit = play::begin(world, playing, item, (firing, take_over.clone()))?;
        // 5, 4, 3, 2, 1, 0: the codes are in the order of their weight.
        worst = worst.max(exit);
        if exit > 2 {
            let left = programme.items.len() - n - 1;
            if left > 0 {
                tell(&format!("the suite stops here; {left} playbooks were not run"));
            }
            break;
        }
    }
    Ok(worst)
}
