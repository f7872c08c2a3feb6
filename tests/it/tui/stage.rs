//! A run played by the real engine, watched by the console: what the tests put on the stage.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use firedrill::clock::ClockBase;
use firedrill::evidence::{Observed, Reading, Verdict};
use firedrill::fault::{ChaosRef, ClusterPin, Debt, Gone, Lasting, Undo};
use firedrill::playbook::{
    BaselineStep, BriefStep, ChecklistStep, ClockFrom, DebriefStep, Fault, Headless, ObserveStep, Playbook,
    RecoverStep, Recovery, Severity, Span, Step, Title, VerifyStep,
};
use firedrill::ports::{CheckNow, EventLine, Freshness, KillTells, LogLine, ObjectVerdict, PodRow, Streamed};
use firedrill::run::{Entry, Fact, Injected, Input, Judged, Plan, PlannedPod, Refusal, Run, Unattended};
use firedrill::tui::model::{Model, Sight, Start};
use firedrill::tui::theme::Look;
use firedrill::tui::update::{Ask, Msg, update};
use firedrill::tui::view::view;
use firedrill::units::{CheckId, DebtId, FaultId, Mark, Percent, RunId, Stamp};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

pub const RUN: &str = "20261121-033247-a9f0";

fn secs(n: u64) -> Span {
    Span(Duration::from_secs(n))
}

fn text(text: &str) -> Title {
    Title::One(text.to_owned())
}

fn both(en: &str, zh: &str) -> Title {
    Title::Each(BTreeMap::from([
        ("en".to_owned(), en.to_owned()),
        ("zh".to_owned(), zh.to_owned()),
    ]))
}

pub fn playbook() -> Playbook {
    let yaml = serde_json::json!({
        "firedrill": 1,
        "name": "emqx-pod-kill",
        "target": { "namespace": "default", "pods": { "app": "emqx-go" } },
        "checks": [
            { "id": "availability", "prometheus": { "query": "up" }, "expect": ">= 0.66" },
            { "id": "roundtrip", "mqtt": { "qos": 1, "measure": "p99" }, "expect": "< 500ms" },
        ],
        "stop_when": [{ "check": "availability", "expect": ">= 0.34", "broken_for": "15s" }],
        "steps": [],
    });
    let mut playbook: Playbook = serde_json::from_value(yaml).expect("a playbook");
    playbook.title = both("Pod kill: one broker node dies", "杀掉一个节点：Broker 少一个");
    playbook.severity = Some(Severity::P0);
    playbook.recovery = Some(Recovery {
        clock: ClockFrom::FaultStart,
        target: secs(10),
        acceptable: secs(30),
        when: vec!["pods-ready".into(), "endpoints".into()],
        hold: secs(5),
    });
    playbook.predict = vec![
        text("clients reconnect to the other nodes within 5 s"),
        text("no QoS 1 message is lost"),
    ];
    playbook.steps = vec![
        Step::Brief(BriefStep {
            text: both(
                "One broker pod is killed. Watch whether clients find the other two nodes, and how long the \
                 pod takes to come back.\nSay aloud what you see; nobody is tested, the system is.",
                "我们将杀掉一个 Broker 节点。观察客户端能否在其余两个节点上重新连接，以及节点恢复需要多长时间。",
            ),
            headless: Headless::Pass,
        }),
        Step::Checklist(ChecklistStep {
            items: vec![
                text("on-call told"),
                text("dashboards open"),
                text("rollback at hand"),
            ],
            headless: Headless::Pass,
        }),
        Step::Baseline(BaselineStep { for_: secs(30) }),
        Step::Fault(Fault {
            id: "kill-one".into(),
            chaos_mesh: serde_json::json!({"kind": "PodChaos", "spec": {"action": "pod-kill"}}),
        }),
        Step::Observe(ObserveStep { for_: secs(120) }),
        Step::Recover(RecoverStep { timeout: secs(120) }),
        Step::Verify(VerifyStep {
            checks: vec!["pods-ready".into(), "endpoints".into()],
            timeout: secs(30),
        }),
        Step::Debrief(DebriefStep {
            questions: vec![
                text("What surprised you?"),
                text("Which alert should have fired?"),
            ],
            headless: Headless::Skip,
        }),
    ];
    playbook
}

pub fn pin() -> ClusterPin {
    ClusterPin {
        context: "kind-drill".to_owned(),
        kubeconfig: None,
        server: "https://127.0.0.1:6443".to_owned(),
        ca_sha256: None,
        uid: "u".to_owned(),
    }
}

pub fn object(name: &str) -> ChaosRef {
    ChaosRef {
        kind: "PodChaos".to_owned(),
        plural: "podchaos".to_owned(),
        namespace: "default".to_owned(),
        name: name.to_owned(),
    }
}

pub fn plan() -> Plan {
    let undo = Undo::DeleteChaos {
        cluster: pin(),
        object: object("kill-one-1-7f3a"),
        lasting: Lasting::OneShot,
        uid: None,
    };
    let pod = |name: &str, node: &str| PlannedPod {
        namespace: "default".to_owned(),
        name: name.to_owned(),
        ready: true,
        node: Some(node.to_owned()),
    };
    let limit = |limit: &str| Judged {
        limit: limit.to_owned(),
        held: true,
    };
    Plan {
        debt: Debt {
            id: "kill-one-1".into(),
            fault: "kill-one".into(),
            summary: "pod-kill on one of app=emqx-go".to_owned(),
            undo,
            own_clock: None,
        },
        manifest: serde_json::json!({"spec": {"action": "pod-kill", "mode": "one", "selector": {"x": 1}}}),
        action: "pod-kill".to_owned(),
        pods: vec![
            pod("emqx-go-0", "n1"),
            pod("emqx-go-1", "n2"),
            pod("emqx-go-2", "n3"),
        ],
        hurt: 1,
        share: Percent(33.3),
        limits: vec![
            limit("pods 1 of at most 1"),
            limit("33 % of the ready pods, at most 34 %"),
            limit("namespace default is allowed"),
        ],
        duration: None,
        warnings: vec!["a one-shot has no clock: only the new pod being ready is recovery".to_owned()],
    }
}

pub fn pod(name: &str, ready: u32, state: &str, node: &str) -> PodRow {
    PodRow {
        namespace: "default".to_owned(),
        name: name.to_owned(),
        uid: name.to_owned(),
        ready: (ready, 1),
        state: state.to_owned(),
        restarts: 0,
        created: Some(wall(0)),
        node: node.to_owned(),
        terminating: false,
    }
}

pub fn pods() -> Vec<PodRow> {
    vec![
        pod("emqx-go-0", 1, "Running", "n1"),
        pod("emqx-go-1", 1, "Running", "n2"),
        pod("emqx-go-2", 1, "Running", "n3"),
    ]
}

/// The wall clock at a second of the run; pods and chaos objects of second 0 are three days old.
pub fn wall(at: u64) -> Stamp {
    let base = if at == 0 {
        1_795_000_000 - 259_200
    } else {
        1_795_000_000
    };
    Stamp(jiff::Timestamp::from_second(base + i64::try_from(at).unwrap_or(0)).expect("a time"))
}

/// A console, and the engine whose facts it sees.
pub struct Stage {
    pub engine: Run,
    pub model: Model,
    pub asks: Vec<Ask>,
    seq: u64,
    at: Mark,
}

impl Stage {
    pub fn new(start: Start) -> Self {
        Self {
            engine: Run::new(playbook(), Unattended::No),
            model: Model::new(start),
            asks: Vec::new(),
            seq: 0,
            at: Mark::ZERO,
        }
    }

    /// A run that has begun, with everything well.
    pub fn begun() -> Self {
        Self::begun_with(Start::default(), playbook())
    }

    pub fn looking(look: Look) -> Self {
        let start = Start {
            look,
            ..Start::default()
        };
        Self::begun_with(start, playbook())
    }

    pub fn begun_with(start: Start, playbook: Playbook) -> Self {
        let mut stage = Self::new(start);
        let base = ClockBase {
            boot_id: String::new(),
            boot_nanos: 0,
            wall: wall(1),
            speed: 1.0,
        };
        stage.fact(Fact::RunStarted {
            run: RunId::new(RUN),
            playbook: Box::new(playbook),
            clock: base,
            cluster: pin(),
            unattended: Unattended::No,
            version: "0.1.0".to_owned(),
        });
        for check in ["availability", "roundtrip"] {
            stage.fact(Fact::CheckNotMeasured {
                check: CheckId::new(check),
                why: "no source for it in this version".to_owned(),
            });
        }
        stage.input(Input::Start);
        stage.look(Sight::Pods(Freshness::Live, Arc::new(pods())));
        stage.look(Sight::Chaos(Freshness::Live, Arc::default()));
        stage.see("pods-ready", 3, 3);
        stage.see("endpoints", 3, 3);
        stage
    }

    pub fn fact(&mut self, fact: Fact) {
        self.engine.evolve(self.at, &fact);
        self.enter(fact);
    }

    fn enter(&mut self, fact: Fact) {
        self.seq += 1;
        let secs = 1 + self.at.elapsed().as_secs();
        let entry = Entry {
            seq: self.seq,
            at: self.at,
            wall: wall(secs),
            fact,
        };
        let asks = update(&mut self.model, Msg::Entry(Box::new(entry)));
        self.asks.extend(asks);
    }

    /// Feeds the engine, and its facts to the console.
    pub fn input(&mut self, input: Input) {
        for fact in self.engine.step(self.at, input) {
            self.enter(fact);
        }
    }

    pub fn look(&mut self, sight: Sight) {
        let asks = update(&mut self.model, Msg::Readings(sight));
        self.asks.extend(asks);
    }

    pub fn msg(&mut self, msg: Msg) {
        let asks = update(&mut self.model, msg);
        self.asks.extend(asks);
    }

    /// The run's clock in milliseconds.
    pub fn at(&mut self, millis: u64) -> &mut Self {
        self.at = Mark::from_millis(millis);
        self.msg(Msg::Frame {
            now: self.at,
            wall: wall(1 + millis / 1_000),
        });
        self
    }

    /// A reading on the board, and for the engine when it is news.
    pub fn see(&mut self, check: &str, have: u32, want: u32) {
        let verdict = if have == want {
            Verdict::Holds
        } else {
            Verdict::Broken
        };
        let reading = Reading {
            at: self.at,
            observed: Observed::Parts { have, want },
            resolution: Duration::from_millis(100),
        };
        let mut board = self.model.board.clone();
        board.insert(
            CheckId::new(check),
            CheckNow {
                reading: reading.clone(),
                verdict,
            },
        );
        self.look(Sight::Checks(board));
        self.input(Input::Seen {
            check: CheckId::new(check),
            verdict,
            reading,
        });
    }

    /// Presses keys, does what is asked of the engine, and keeps what was asked for.
    pub fn press(&mut self, keys: &str) -> &mut Self {
        for c in keys.chars() {
            self.key(KeyCode::Char(c), KeyModifiers::NONE);
        }
        self
    }

    pub fn key(&mut self, code: KeyCode, modifiers: KeyModifiers) -> &mut Self {
        let asks = update(&mut self.model, Msg::Key(KeyEvent::new(code, modifiers)));
        for ask in &asks {
            if let Ask::Order(order) = ask {
                self.input(Input::Operator(order.clone()));
            }
        }
        self.asks.extend(asks);
        self
    }

    pub fn enter_key(&mut self) -> &mut Self {
        self.key(KeyCode::Enter, KeyModifiers::NONE)
    }

    /// To the checklist.
    pub fn reach_checklist(&mut self) -> &mut Self {
        self.at(20_000).enter_key()
    }

    /// To the baseline.
    pub fn reach_baseline(&mut self) -> &mut Self {
        self.reach_checklist();
        self.at(40_000).press("   ").enter_key()
    }

    /// To the fault step, the baseline having held.
    pub fn reach_fault(&mut self) -> &mut Self {
        self.reach_baseline();
        self.at(71_000);
        self.input(Input::Timeout);
        self
    }

    /// The card on the table.
    pub fn reach_card(&mut self) -> &mut Self {
        self.reach_fault();
        self.at(80_000).press("f");
        self.answer(Ok(Box::new(plan())));
        self
    }

    pub fn answer(&mut self, outcome: Result<Box<Plan>, Refusal>) {
        self.input(Input::Planned {
            fault: FaultId::new("kill-one"),
            outcome,
        });
    }

    /// The fault on, the pod gone, the clock running.
    pub fn reach_impact(&mut self) -> &mut Self {
        self.reach_card();
        self.at(90_000).press("F");
        self.at(90_400);
        self.input(Input::Injected {
            debt: DebtId::new("kill-one-1"),
            outcome: Injected::Yes {
                at: Mark::from_millis(90_400),
                server_stamp: None,
                targets: vec!["default/emqx-go-1".to_owned()],
                undo: Box::new(plan().debt.undo),
            },
        });
        self.at(91_000);
        self.see("pods-ready", 2, 3);
        self.see("endpoints", 2, 3);
        let mut rows = pods();
        rows[1] = pod("emqx-go-1", 0, "Pending", "n2");
        rows[1].created = Some(wall(91));
        self.look(Sight::Pods(Freshness::Live, Arc::new(rows)));
        self.lines();
        self.at(97_840)
    }

    /// Everything back, and the hold over.
    pub fn reach_recovered(&mut self) -> &mut Self {
        self.reach_impact();
        self.at(98_000);
        self.see("pods-ready", 3, 3);
        self.see("endpoints", 3, 3);
        self.look(Sight::Pods(Freshness::Live, Arc::new(pods())));
        self.at(103_500);
        self.input(Input::Timeout);
        self
    }

    /// To the debriefing, everything paid.
    pub fn reach_debrief(&mut self) -> &mut Self {
        self.reach_recovered();
        self.at(110_000).enter_key();
        self.input(Input::Reverted {
            debt: DebtId::new("kill-one-1"),
            gone: Gone::Proven,
        });
        self.at(111_000);
        self.input(Input::Timeout);
        self
    }

    /// The whole run, to its end.
    pub fn reach_end(&mut self) -> &mut Self {
        self.reach_debrief();
        self.at(131_000).enter_key()
    }

    pub fn lines(&mut self) {
        for (at, pod, said) in [
            (91, "emqx-go-0", "peer emqx-go-1 unreachable, retry 1"),
            (92, "emqx-go-2", "节点 emqx-go-1 连接断开，正在重试（第 1 次）"),
            (93, "emqx-go-0", "client c-118 reconnected after 412 ms"),
        ] {
            self.msg(Msg::Streamed(Streamed::Log(LogLine {
                pod: pod.to_owned(),
                container: "emqx-go".to_owned(),
                stamp: Some(wall(at)),
                text: said.to_owned(),
            })));
        }
        self.msg(Msg::Streamed(Streamed::Event(EventLine {
            stamp: Some(wall(91)),
            warning: true,
            reason: "Killing".to_owned(),
            object: "Pod/emqx-go-1".to_owned(),
            message: "Stopping container emqx-go".to_owned(),
            count: 1,
        })));
    }

    /// The kill switch pulled, with verdicts of every kind.
    pub fn reach_kill(&mut self) -> &mut Self {
        self.reach_impact();
        self.key(KeyCode::Char('k'), KeyModifiers::CONTROL);
        self.input(Input::Killed {
            by: "ctrl-k".to_owned(),
        });
        self.at(98_100);
        self.msg(Msg::KillTells(KillTells::GateClosed));
        let verdicts = [
            ("kill-one-1-7f3a", Some(RUN), Gone::Proven, None),
            ("delay-all", None, Gone::Recovering { done: 2, of: 3 }, None),
            (
                "stuck-one",
                None,
                Gone::Stuck {
                    why: "the daemon does not answer".to_owned(),
                    at: Some("node n3".to_owned()),
                },
                Some("restart chaos-daemon on n3, then `firedrill kill`"),
            ),
            (
                "zz-new",
                Some("20261120-000000-0000"),
                Gone::Unknown { why: String::new() },
                None,
            ),
        ];
        for (name, run, gone, next) in verdicts {
            self.tell(name, run, gone, next);
        }
        self.at(99_300)
    }

    pub fn tell(&mut self, name: &str, run: Option<&str>, gone: Gone, next: Option<&str>) {
        self.msg(Msg::KillTells(KillTells::Object(Box::new(ObjectVerdict {
            object: object(name),
            uid: None,
            debt: None,
            run: run.map(str::to_owned),
            targets: vec!["default/emqx-go-1".to_owned()],
            gone,
            next: next.map(str::to_owned),
        }))));
    }

    pub fn draw(&self, columns: u16, rows: u16) -> Buffer {
        draw(&self.model, columns, rows)
    }

    pub fn shown(&self, columns: u16, rows: u16) -> String {
        shown(&self.draw(columns, rows))
    }
}

pub fn draw(model: &Model, columns: u16, rows: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a screen");
    terminal
        .draw(|frame| view(model, frame))
        .expect("drawn")
        .buffer
        .clone()
}

/// The text of a buffer, a line a row; the second column of a wide character is left out.
pub fn shown(buffer: &Buffer) -> String {
    let area = buffer.area;
    let mut out = String::new();
    for y in area.top()..area.bottom() {
        let mut row = String::new();
        let mut skip = 0;
        for x in area.left()..area.right() {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            skip = firedrill::text::width(symbol).saturating_sub(1);
            row.push_str(symbol);
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

pub const SIZES: [(u16, u16); 4] = [(80, 24), (120, 40), (200, 50), (40, 12)];
