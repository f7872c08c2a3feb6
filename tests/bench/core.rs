fn main() {}

/// A console in the middle of a drill, with a full log.
fn console() -> stage::Stage {
    let mut stage = stage::Stage::begun();
    stage.to_impact();
    for n in 0..20_000 {
        stage.msg(Msg::Streamed(Streamed::Log(LogLine {
            pod: format!("emqx-go-{}", n % 3),
            container: "emqx-go".to_owned(),
            stamp: None,
            text: format!("level=info msg=\"\u{6d88}\u{606f} {n}\" sessions=334 topics=50"),
        })));
    }
    stage
}

/// A whole frame as it is sent to a terminal that shows nothing yet.
#[divan::bench(args = [(80, 24), (200, 50)])]
fn draw_a_full_screen(bencher: divan::Bencher<'_, '_>, (columns, rows): (u16, u16)) {
    let stage = console();
    bencher
        .with_inputs(|| Guard::onto(std::io::sink(), Rect::new(0, 0, columns, rows)).expect("a screen"))
        .bench_local_values(|mut screen| screen.draw(&stage.model).expect("drawn"));
}

/// The next frame, of which little has changed; one of at most thirty a second.
#[divan::bench(args = ["1", "4", "6", "4/sessions=334"])]
fn draw_the_next_frame(bencher: divan::Bencher<'_, '_>, keys: &str) {
    let mut stage = console();
    stage.press(keys);
    let mut screen = Guard::onto(std::io::sink(), Rect::new(0, 0, 200, 50)).expect("a screen");
    let mut millis = 98_000;
    bencher.bench_local(|| {
        millis += 33;
        stage.at(millis);
        screen.draw(&stage.model).expect("drawn")
    });
}
