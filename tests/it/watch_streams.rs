//! Lines, events and chaos rows against the embedded cluster: each line once, none left out, nothing made harmless
//! on the way that must stay what it was.

use std::collections::BTreeMap;
use std::time::Duration;

use firedrill::evidence::{Observed, Verdict};
use firedrill::playbook::{Check, PodLogsProbe, Probe, Span};
use firedrill::ports::{CheckNow, EventLine, Freshness, LogLine, Streamed};
use firedrill::watch::Watching;
use serde_json::json;

use crate::watch::{Stage, check, until, within};

/// What streams, until something is there.
async fn stream_until(
    watching: &mut Watching,
    what: &str,
    mut enough: impl FnMut(&[LogLine], &[EventLine]) -> bool,
) -> (Vec<LogLine>, Vec<EventLine>) {
    let (mut lines, mut events) = (Vec::new(), Vec::new());
    within(what, async {
        while !enough(&lines, &events) {
            match watching.streamed.recv().await.expect("more to come") {
                Streamed::Log(line) => lines.push(line),
                Streamed::Event(event) => events.push(event),
                Streamed::Dropped(count) => panic!("{count} lines were let go"),
            }
        }
    })
    .await;
    (lines, events)
}

fn has(lines: &[LogLine], text: &str) -> bool {
    lines.iter().any(|line| line.text == text)
}

#[tokio::test]
async fn every_line_once_through_restart_and_death() {
    let stage = Stage::usual().await;
    let mut watching = stage.watching();
    stream_until(&mut watching, "the first lines", |lines, _| {
        ["emqx-go-0", "emqx-go-1", "emqx-go-2"]
            .iter()
            .all(|pod| lines.iter().any(|line| line.pod == *pod))
    })
    .await;
    let says = |pod: &str, from: u32| {
        for n in from..from + 50 {
            stage.says(pod, &format!("行号 {n} 节点掉线 🔥"));
        }
    };
    says("emqx-go-0", 0);
    stage.says("emqx-go-0", "hostile \u{1b}[2J\u{1b}]0;title\u{7} \u{202e}txt");
    let (mut lines, _) = stream_until(&mut watching, "the line before the restart", |lines, _| {
        lines.iter().any(|line| line.text.starts_with("hostile"))
    })
    .await;
    // What streams is what was written; to make it harmless is for whoever shows it.
    assert!(has(&lines, "hostile \u{1b}[2J\u{1b}]0;title\u{7} \u{202e}txt"));

    stage.chaos(
        "PodChaos",
        "restart",
        &json!({
            "action": "container-kill", "mode": "one", "containerNames": ["emqx-go"],
            "selector": {"namespaces": ["default"], "pods": {"default": ["emqx-go-0"]}},
        }),
    );
    let (more, _) = stream_until(&mut watching, "a new process", |lines, _| {
        lines
            .iter()
            .any(|line| line.pod == "emqx-go-0" && line.text.contains("broker starting"))
    })
    .await;
    lines.extend(more);
    says("emqx-go-0", 50);
    let (more, _) = stream_until(&mut watching, "lines after the restart", |lines, _| {
        has(lines, "行号 99 节点掉线 🔥")
    })
    .await;
    lines.extend(more);

    stage.kill("emqx-go-0");
    let (more, _) = stream_until(&mut watching, "a new pod", |lines, _| {
        lines
            .iter()
            .any(|line| line.pod == "emqx-go-0" && line.text.contains("broker starting"))
    })
    .await;
    lines.extend(more);
    says("emqx-go-0", 100);
    let (more, _) = stream_until(&mut watching, "lines of the new pod", |lines, _| {
        has(lines, "行号 149 节点掉线 🔥")
    })
    .await;
    lines.extend(more);

    let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.text.starts_with("行号")) {
        assert!(line.stamp.is_some() && line.container == "emqx-go");
        *numbers.entry(line.text.clone()).or_default() += 1;
    }
    assert_eq!(numbers.len(), 150, "lines are missing");
    assert!(
        numbers.values().all(|times| *times == 1),
        "lines came twice: {numbers:?}"
    );
    watching.stop.stopped().await;
    stage.sim.shutdown().await;
}

#[tokio::test]
async fn a_very_long_line_is_cut_and_says_so() {
    let stage = Stage::usual().await;
    let mut watching = stage.watching();
    let long = "长".repeat(20_000);
    stream_until(&mut watching, "the first lines", |lines, _| {
        lines.iter().any(|line| line.pod == "emqx-go-1")
    })
    .await;
    stage.says("emqx-go-1", &long);
    let (lines, _) = stream_until(&mut watching, "the long line", |lines, _| {
        lines.iter().any(|line| line.text.starts_with("长长长"))
    })
    .await;
    let line = lines.iter().find(|line| line.text.starts_with("长长长")).unwrap();
    assert!(
        line.text.len() < 17 * 1024 && line.text.ends_with("bytes more]"),
        "{}",
        line.text.len()
    );
    stage.sim.shutdown().await;
}

#[tokio::test]
async fn a_pattern_is_counted_from_now_on() {
    let stage = Stage::usual().await;
    stage.says("emqx-go-0", "连接失败 before anyone looked");
    let watching = stage.watching();
    let errors = Check {
        every: Some(Span(Duration::from_millis(500))),
        ..check(Probe::PodLogs(PodLogsProbe {
            pattern: "连接失败|panic:".to_owned(),
            within: Some(Span(Duration::from_secs(20))),
        }))
    };
    let mut readings = watching.probes.start(&errors).unwrap();
    let number = |now: &CheckNow| match now.reading.observed {
        Observed::Number { value } => Some(value),
        Observed::Parts { .. } | Observed::NoData { .. } => None,
    };
    let quiet = until(&mut readings, "nothing yet", |now| number(now) == Some(0.0)).await;
    assert_eq!(quiet.last().unwrap().verdict, Verdict::Holds);
    stage.says("emqx-go-0", "redis 连接失败 and 连接失败 again");
    stage.says("emqx-go-2", "panic: no such thing");
    stage.says("emqx-go-2", "all is well");
    let found = until(&mut readings, "both", |now| number(now) == Some(2.0)).await;
    assert_eq!(found.last().unwrap().verdict, Verdict::Broken);
    let over = until(&mut readings, "the window to pass", |now| {
        number(now) == Some(0.0)
    })
    .await;
    assert_eq!(over.last().unwrap().verdict, Verdict::Holds);
    stage.sim.shutdown().await;
    let lost = until(&mut readings, "no data", |now| number(now).is_none()).await;
    assert_eq!(lost.last().unwrap().verdict, Verdict::Unknown);
}

#[tokio::test]
async fn events_come_as_lines() {
    let stage = Stage::usual().await;
    let mut watching = stage.watching();
    stage.kill("emqx-go-2");
    let (_, events) = stream_until(&mut watching, "the new pod's events", |_, events| {
        events
            .iter()
            .any(|event| event.object == "pod/emqx-go-2" && event.reason == "Started")
    })
    .await;
    assert!(
        events
            .iter()
            .all(|event| event.stamp.is_some() && event.count >= 1),
        "{events:#?}"
    );
    stage.sim.shutdown().await;
}

#[tokio::test]
async fn chaos_of_anyone_is_a_row_with_its_phase() {
    let stage = Stage::usual().await;
    let watching = stage.watching();
    let mut chaos = watching.views.chaos.clone();
    within(
        "an empty view",
        chaos.wait_for(|shown| shown.0 == Freshness::Live && shown.1.is_empty()),
    )
    .await
    .unwrap();
    stage.chaos("NetworkChaos", "theirs", &json!({
        "action": "delay", "mode": "one", "direction": "to", "duration": "20s", "delay": {"latency": "250ms"},
        "selector": {"namespaces": ["default"], "labelSelectors": {"app": "emqx-go"}},
    }));
    let on = |shown: &(Freshness, std::sync::Arc<Vec<firedrill::ports::ChaosRow>>)| {
        shown.1.iter().any(|row| row.phase == "injected")
    };
    let row = within("it to be injected", chaos.wait_for(on)).await.unwrap().1[0].clone();
    assert_eq!(
        (row.object.to_string().as_str(), row.action.as_str()),
        ("NetworkChaos default/theirs", "delay")
    );
    assert_eq!(
        (row.injected, row.duration, row.run),
        ((1, 1), Some(Duration::from_secs(20)), None)
    );
    assert!(!row.deleting && !row.ended && row.targets[0].starts_with("default/emqx-go-"));
    let ended = chaos.wait_for(|shown| shown.1.iter().any(|row| row.ended && row.phase == "ended"));
    within("its own clock to end it", ended).await.unwrap();
    stage.delete_chaos("NetworkChaos", "theirs");
    within("it to be gone", chaos.wait_for(|shown| shown.1.is_empty()))
        .await
        .unwrap();
    stage.sim.shutdown().await;
}

#[tokio::test]
async fn chaos_without_the_right_to_see_all_says_so() {
    let stage = Stage::as_user("viewer", 4.0).await;
    let watching = stage.watching();
    let mut chaos = watching.views.chaos.clone();
    let forbidden = chaos.wait_for(
        |shown| matches!(&shown.0, Freshness::Forbidden { right } if right.contains("in every namespace")),
    );
    within("no right", forbidden).await.unwrap();
    stage.sim.shutdown().await;
}
