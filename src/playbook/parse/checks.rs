//! Checks: one probe each, expectations, and the short form that judges several measures of one probe.

use super::node::{Data, Node};
use super::reader::{Fields, Read, Reader, word};
use crate::evidence::Expect;
use crate::playbook::findings::{Finding, Place};
use crate::playbook::model::{
    Check, EndpointsProbe, HttpProbe, MqttProbe, NoData, PodLogsProbe, PodsReadyProbe, Probe,
    PrometheusProbe, When,
};
use crate::units::CheckId;

/// The fields of a check that name its probe.
pub const PROBES: [&str; 6] = [
    "pods_ready",
    "endpoints",
    "prometheus",
    "mqtt",
    "http",
    "pod_logs",
];
/// What an MQTT probe can be judged by.
pub const MEASURES: [&str; 4] = ["loss", "p99", "connected", "duplicates"];

/// A check as written: one of the model, or several where it judges several measures.
#[derive(Debug)]
pub struct Written {
    /// The id in the file; the ids of `checks` begin with it.
    pub id: CheckId,
    pub checks: Vec<Check>,
}

impl Read for NoData {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let words = [
            ("unknown", Self::Unknown),
            ("fail", Self::Fail),
            ("pass", Self::Pass),
        ];
        word(reader, node, &words)
    }
}

impl Read for When {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let words = [
            ("before", Self::Before),
            ("fault", Self::Fault),
            ("after", Self::After),
            ("always", Self::Always),
            ("until-recovered", Self::UntilRecovered),
        ];
        word(reader, node, &words)
    }
}

impl Read for PrometheusProbe {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let fields = reader.fields(node, "prometheus")?;
        let (query, source) = (fields.need(reader, "query"), fields.maybe(reader, "source"));
        Some(Self {
            query: query?,
            source: source?,
        })
    }
}

impl Read for MqttProbe {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let fields = reader.fields(node, "mqtt")?;
        let qos = fields.need(reader, "qos");
        let every = fields.maybe(reader, "every");
        let measure = match fields.get("measure") {
            Some(node) => word(reader, node, &MEASURES.map(|name| (name, name))).map(str::to_owned),
            None => Some(String::new()),
        };
        Some(Self {
            qos: qos?,
            every: every?,
            measure: measure?,
        })
    }
}

impl Read for HttpProbe {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let fields = reader.fields(node, "http")?;
        let (url, status) = (fields.need(reader, "url"), fields.maybe(reader, "status"));
        Some(Self {
            url: url?,
            status: status?,
        })
    }
}

impl Read for PodLogsProbe {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let fields = reader.fields(node, "pod_logs")?;
        let (pattern, within) = (fields.need(reader, "pattern"), fields.maybe(reader, "within"));
        Some(Self {
            pattern: pattern?,
            within: within?,
        })
    }
}

fn probe(reader: &mut Reader, kind: &str, node: &Node) -> Option<Probe> {
    // `pods_ready:` alone says all there is to say.
    let bare = |reader: &mut Reader, what| match node.data {
        Data::Null => Some(()),
        _ => reader.fields(node, what).map(|_| ()),
    };
    match kind {
        "pods_ready" => bare(reader, "pods_ready").map(|()| Probe::PodsReady(PodsReadyProbe {})),
        "endpoints" => bare(reader, "endpoints").map(|()| Probe::Endpoints(EndpointsProbe {})),
        "prometheus" => Read::read(reader, node).map(Probe::Prometheus),
        "mqtt" => Read::read(reader, node).map(Probe::Mqtt),
        "http" => Read::read(reader, node).map(Probe::Http),
        _ => Read::read(reader, node).map(Probe::PodLogs),
    }
}

/// The one probe of a check.
fn one_probe(reader: &mut Reader, node: &Node) -> Option<Probe> {
    let Data::Map(entries) = &node.data else {
        return None;
    };
    let named: Vec<_> = entries
        .iter()
        .filter(|entry| PROBES.contains(&entry.key.as_str()))
        .collect();
    match named.as_slice() {
        [] => {
            let place = entries.first().map_or(node.place, |entry| entry.place);
            let finding = Finding::error("no-probe", place, "the check looks at nothing");
            reader
                .findings
                .push(finding.hint(format!("give it one of {}", PROBES.join(", "))));
            None
        }
        [one] => probe(reader, &one.key, &one.value),
        [_, second, ..] => {
            let message = format!("`{}` is a second probe in one check", second.key);
            reader
                .findings
                .push(Finding::error("two-probes", second.place, message).hint("make it a check of its own"));
            None
        }
    }
}

/// One word, or a list of them.
fn when(reader: &mut Reader, fields: &Fields<'_>) -> Option<Vec<When>> {
    match fields.get("when") {
        None => Some(vec![When::Always]),
        Some(node) if matches!(node.data, Data::Text(_)) => When::read(reader, node).map(|when| vec![when]),
        Some(node) => Read::read(reader, node),
    }
}

/// Expectations of an MQTT probe, one a measure.
fn measures(reader: &mut Reader, node: &Node) -> Option<Vec<(&'static str, Expect)>> {
    let Data::Map(entries) = &node.data else {
        return None;
    };
    let read: Vec<Option<(&'static str, Expect)>> = entries
        .iter()
        .map(|entry| {
            let key = Node {
                place: entry.place,
                data: Data::Text(entry.key.clone()),
            };
            let measure = word(reader, &key, &MEASURES.map(|name| (name, name)));
            let expect = Expect::read(reader, &entry.value);
            Some((measure?, expect?))
        })
        .collect();
    read.into_iter().collect()
}

impl Read for Written {
    fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let fields = reader.fields(node, "check")?;
        let id: Option<CheckId> = fields.need(reader, "id");
        let probe = one_probe(reader, node);
        let every = fields.maybe(reader, "every");
        let when = when(reader, &fields);
        let no_data = fields.or(reader, "no_data", NoData::default());
        let for_ = fields.maybe(reader, "for");
        // By its name: a probe that cannot be read is still meant to be one.
        let is_mqtt = fields.get("mqtt").is_some();
        let several = fields
            .get("expect")
            .filter(|node| matches!(node.data, Data::Map(_)) && is_mqtt);
        let expects = match several {
            Some(node) => measures(reader, node),
            None => fields
                .maybe::<Expect>(reader, "expect")
                .map(|expect| expect.map(|expect| ("", expect)).into_iter().collect()),
        };
        let (id, probe, expects) = (id?, probe?, expects?);
        let check = Check {
            id: id.clone(),
            probe,
            expect: None,
            every: every?,
            when: when?,
            no_data: no_data?,
            for_: for_?,
        };
        let place = several.map_or(Place::default(), |node| node.place);
        Some(Self {
            id,
            checks: expand(reader, check, expects, place)?,
        })
    }
}

/// One check for each measure; a single one keeps its id.
fn expand(
    reader: &mut Reader,
    check: Check,
    expects: Vec<(&'static str, Expect)>,
    place: Place,
) -> Option<Vec<Check>> {
    let builtin = matches!(check.probe, Probe::PodsReady(_) | Probe::Endpoints(_));
    let several = expects.len() > 1;
    if expects.is_empty() {
        let expect = builtin.then_some(Expect::All);
        return Some(vec![Check { expect, ..check }]);
    }
    let mut checks = Vec::new();
    for (measure, expect) in expects {
        let mut one = Check {
            expect: Some(expect),
            ..check.clone()
        };
        if let Probe::Mqtt(mqtt) = &mut one.probe
            && !measure.is_empty()
        {
            if !mqtt.measure.is_empty() {
                reader.error(
                    "two-measures",
                    Place::new(place.start, place.start + 1),
                    "`measure` and a map of expectations both say what is judged; keep one of them",
                );
                return None;
            }
            measure.clone_into(&mut mqtt.measure);
        }
        if several {
            one.id = CheckId::new(format!("{}-{measure}", check.id));
        }
        checks.push(one);
    }
    Some(checks)
}
