//! Rules about checks, and about what names them.

use super::rules::{Out, Rule};
use crate::evidence::Expect;
use crate::playbook::findings::shown;
use crate::playbook::model::{Check, NoData, Probe, When};
use crate::playbook::parse::MEASURES;
use crate::playbook::parse::draft::Draft;
use crate::text::nearest;

pub const RULES: &[Rule] = &[
    Rule::error("unknown-check", &["checks"], unknown_check),
    Rule::error("no-expectation", &[], no_expectation),
    Rule::error("all-of-a-number", &[], all_of_a_number),
    Rule::error("no-measure", &[], no_measure),
    Rule::error("no-such-qos", &[], no_such_qos),
    Rule::error("empty-probe", &[], empty_probe),
    Rule::error("bad-pattern", &[], bad_pattern),
    Rule::error("never-looks", &[], never_looks),
    Rule::error("no-data-passes", &[], no_data_passes),
    Rule::warning("condition-in-query", &[], condition_in_query),
    Rule::warning("not-watched-after", &["checks", "recovery"], not_watched_after),
    Rule::warning(
        "not-watched-in-fault",
        &["checks", "stop_when"],
        not_watched_in_fault,
    ),
];

fn unknown_check(draft: &Draft, out: &mut Out) {
    let all = draft.playbook.all_checks();
    let mut known: Vec<&str> = draft.written.iter().map(|(_, id)| id.as_str()).collect();
    known.extend(all.iter().map(|check| check.id.as_str()));
    for mention in &draft.mentions {
        let id = mention.id.as_str();
        if known.contains(&id) || crate::playbook::builtin(id, &draft.playbook.target).is_some() {
            continue;
        }
        let near = (id.len() <= 64)
            .then(|| nearest(id, known.iter().copied()))
            .flatten();
        let hint = near.map_or_else(
            || format!("there are {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        out.advise(
            mention.way.clone(),
            format!("no check is called {}", shown(id)),
            hint,
        );
    }
}

fn each(draft: &Draft) -> impl Iterator<Item = (usize, &Check)> {
    draft.playbook.checks.iter().enumerate()
}

/// Of the others it is known what is good: all pods, an answer, no line that matches.
const fn needs_expectation(probe: &Probe) -> bool {
    matches!(probe, Probe::Prometheus(_) | Probe::Mqtt(_))
}

fn no_expectation(draft: &Draft, out: &mut Out) {
    for (number, check) in each(draft) {
        if check.expect.is_none() && needs_expectation(&check.probe) {
            out.advise(
                draft.check_way(number).key("id"),
                format!("the check {} expects nothing", shown(check.id.as_str())),
                "say what it must see, such as `expect: \">= 0.66\"`",
            );
        }
    }
}

fn all_of_a_number(draft: &Draft, out: &mut Out) {
    for (number, check) in each(draft) {
        let one_number = matches!(
            check.probe,
            Probe::Prometheus(_) | Probe::Mqtt(_) | Probe::PodLogs(_)
        );
        if check.expect == Some(Expect::All) && one_number {
            out.advise(
                draft.check_way(number).key("expect"),
                format!(
                    "`all` says nothing about the one number that {} gives",
                    check.probe.name()
                ),
                "compare it: `>= 3`, `== 0`, `0.9..1.1`",
            );
        }
    }
}

fn no_measure(draft: &Draft, out: &mut Out) {
    for (number, check) in each(draft) {
        if let Probe::Mqtt(mqtt) = &check.probe
            && mqtt.measure.is_empty()
            && check.expect.is_some()
        {
            out.advise(
                draft.check_way(number).key("expect"),
                "it is not said what of the round trip is judged",
                format!(
                    "write `expect: {{ loss: \"== 0\" }}`; there are {}",
                    MEASURES.join(", ")
                ),
            );
        }
    }
}

fn no_such_qos(draft: &Draft, out: &mut Out) {
    for (number, check) in each(draft) {
        if let Probe::Mqtt(mqtt) = &check.probe
            && mqtt.qos > 2
        {
            let way = draft.check_way(number).key("mqtt").key("qos");
            out.say(way, format!("MQTT has no QoS {}", mqtt.qos));
        }
    }
}

fn empty_probe(draft: &Draft, out: &mut Out) {
    for (number, check) in each(draft) {
        let (text, field) = match &check.probe {
            Probe::Prometheus(probe) => (&probe.query, ["prometheus", "query"]),
            Probe::Http(probe) => (&probe.url, ["http", "url"]),
            Probe::PodLogs(probe) => (&probe.pattern, ["pod_logs", "pattern"]),
            Probe::PodsReady(_) | Probe::Endpoints(_) | Probe::Mqtt(_) => continue,
        };
        if text.trim().is_empty() {
            let way = draft.check_way(number).key(field[0]).key(field[1]);
            out.say(way, format!("`{}` is empty", field[1]));
        }
    }
}

fn bad_pattern(draft: &Draft, out: &mut Out) {
    for (number, check) in each(draft) {
        let Probe::PodLogs(probe) = &check.probe else {
            continue;
        };
        let made = regex::RegexBuilder::new(&probe.pattern)
            .size_limit(1 << 20)
            .build();
        if let Err(error) = made {
            // The first lines of the error draw the pattern; the last one says what is wrong with it.
            let why = error.to_string();
            let why = why
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            out.advise(
                draft.check_way(number).key("pod_logs").key("pattern"),
                format!(
                    "cannot read the regular expression: {}",
                    shown(why).trim_matches('`')
                ),
                "put a backslash before a sign that is meant as itself",
            );
        }
    }
}

fn never_looks(draft: &Draft, out: &mut Out) {
    for (number, check) in each(draft) {
        if check.when.is_empty() {
            out.say(draft.check_way(number).key("when"), "the check never looks");
        }
        if check.every.is_some_and(|every| every.0.is_zero()) {
            let way = draft.check_way(number).key("every");
            out.advise(way, "`every: 0s` is no rhythm", "such as 5s");
        }
    }
}

/// What stops a clock or a run must have been seen; a source that is down has seen nothing.
fn no_data_passes(draft: &Draft, out: &mut Out) {
    let playbook = &draft.playbook;
    for (number, check) in each(draft).filter(|(_, check)| check.no_data == NoData::Pass) {
        let recovers = playbook
            .recovery
            .iter()
            .any(|recovery| recovery.when.contains(&check.id));
        let stops = playbook.stop_when.iter().any(|stop| stop.check == check.id);
        let message = match (recovers, stops) {
            (true, _) => "recovery waits for this check, and missing data would stop the clock",
            (false, true) => "this check can stop the run, and missing data would hide that it must",
            (false, false) => continue,
        };
        out.advise(
            draft.check_way(number).key("no_data"),
            message,
            "leave it `unknown`, or write `fail`",
        );
    }
}

/// In PromQL `x >= 0.66` gives `x` or nothing: a condition that is not met looks like missing data.
fn condition_in_query(draft: &Draft, out: &mut Out) {
    for (number, check) in each(draft) {
        let Probe::Prometheus(probe) = &check.probe else {
            continue;
        };
        if let Some(sign) = outer_comparison(&probe.query) {
            out.advise(
                draft.check_way(number).key("prometheus").key("query"),
                format!("a query with `{sign}` gives nothing when the comparison fails, and that is no data"),
                "keep the query a value and put the comparison into `expect`, or write `bool` behind the sign",
            );
        }
    }
}

/// A comparison outside of braces, brackets, parentheses and quotes, without `bool`.
fn outer_comparison(query: &str) -> Option<&'static str> {
    let (mut depth, mut quote, mut previous) = (0_i32, None, ' ');
    for (at, c) in query.char_indices() {
        match quote {
            Some(open) => {
                if c == open && previous != '\\' {
                    quote = None;
                }
            }
            None => match c {
                '"' | '\'' | '`' => quote = Some(c),
                '(' | '{' | '[' => depth += 1,
                ')' | '}' | ']' => depth -= 1,
                '<' | '>' | '=' | '!' if depth == 0 => {
                    let sign = ["==", "!=", ">=", "<=", ">", "<"]
                        .into_iter()
                        .find(|sign| query[at..].starts_with(sign))?;
                    let behind = query[at + sign.len()..].trim_start();
                    return (!behind.starts_with("bool")).then_some(sign);
                }
                _ => {}
            },
        }
        previous = c;
    }
    None
}

fn looks(when: &[When], wanted: &[When]) -> bool {
    when.iter().any(|when| wanted.contains(when))
}

fn not_watched_after(draft: &Draft, out: &mut Out) {
    let Some(recovery) = &draft.playbook.recovery else {
        return;
    };
    for (number, check) in each(draft) {
        let wanted = [When::After, When::Always, When::UntilRecovered];
        if recovery.when.contains(&check.id) && !looks(&check.when, &wanted) {
            out.advise(
                draft.check_way(number).key("when"),
                format!(
                    "recovery waits for {}, which is not looked at after the fault",
                    shown(check.id.as_str())
                ),
                "add `after` or `until-recovered`",
            );
        }
    }
}

fn not_watched_in_fault(draft: &Draft, out: &mut Out) {
    for stop in &draft.playbook.stop_when {
        let found = each(draft).find(|(_, check)| check.id == stop.check);
        let wanted = [When::Fault, When::Always, When::UntilRecovered];
        if let Some((number, check)) = found
            && !looks(&check.when, &wanted)
        {
            out.advise(
                draft.check_way(number).key("when"),
                format!(
                    "it could stop the run, and is not looked at during the fault: {}",
                    shown(check.id.as_str())
                ),
                "add `fault`",
            );
        }
    }
}
