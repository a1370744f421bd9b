//! The figures as a picture: bars, each group with a scale of its own.

use std::fmt::Write as _;

use rust_decimal::prelude::ToPrimitive;

use crate::contender::{Contender, Role};
use crate::run::Results;
use crate::work::Row;

const WIDTH: f64 = 900.0;
const BAR: f64 = 18.0;
const GAP: f64 = 5.0;
const HEAD: f64 = 44.0;
const LEFT: f64 = 170.0;
const RIGHT: f64 = 110.0;

/// One group of bars.
struct Group {
    title: String,
    unit: &'static str,
    bars: Vec<(Contender, f64)>,
}

/// An SVG without anything from outside.
pub fn svg(results: &Results) -> String {
    let groups: Vec<Group> = groups(results).into_iter().filter(|group| !group.bars.is_empty()).collect();
    let height: f64 = groups.iter().map(|group| HEAD + group.bars.len() as f64 * (BAR + GAP)).sum::<f64>() + 20.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    let mut top = 0.0;
    for group in &groups {
        top = draw(group, top, &mut svg);
    }
    svg + "</svg>\n"
}

fn groups(results: &Results) -> Vec<Group> {
    let milliseconds = |nanoseconds: u64| nanoseconds as f64 / 1e6;
    let by = |of: &dyn Fn(Contender) -> Option<f64>| -> Vec<(Contender, f64)> {
        Contender::ALL.into_iter().filter_map(|it| Some((it, of(it)?))).collect()
    };
    let cpu = |row| by(&|it| results.figure(it, row).map(|figure| milliseconds(figure.cpu_per_notification())));
    let start = |role, of: &dyn Fn(&crate::figures::Start) -> u64| {
        by(&|it| results.start(it, role).map(|start| milliseconds(of(start))))
    };
    let batch = results.measured.batch;
    let group = |title: String, unit, bars| Group { title, unit, bars };
    vec![
        group("ack: processor time per notification".to_owned(), "ms", cpu(Row::Accepted)),
        group(format!("processor: processor time per notification, batch of {batch}"), "ms", cpu(Row::Distinct)),
        group(
            "ack: processor time from the start of the process until it asks for work".to_owned(),
            "ms",
            start(Role::Ack, &|it| it.init_cpu_ns),
        ),
        group("ack: first invocation, over TLS".to_owned(), "ms", start(Role::Ack, &|it| it.first_tls_ns)),
        group(
            format!("dollars per million new notifications, batches of {batch}"),
            "USD",
            by(&|it| results.price(it, batch)?.sum.to_f64()),
        ),
    ]
}

fn draw(group: &Group, top: f64, svg: &mut String) -> f64 {
    let most = group.bars.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let mut y = top + HEAD;
    let _ = writeln!(svg, "<text x=\"12\" y=\"{:.0}\" font-weight=\"bold\">{}</text>", y - 12.0, group.title);
    for (contender, value) in &group.bars {
        let width = (WIDTH - LEFT - RIGHT) * value / most;
        let middle = y + BAR / 2.0 + 4.5;
        let colour = match contender {
            Contender::Floor | Contender::FloorSend => "#b8b8b8",
            Contender::Project => "#1f5fa8",
            Contender::Python | Contender::TypeScript => "#d9a55b",
        };
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            contender.name()
        );
        let _ =
            writeln!(svg, "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>");
        let shown = if *value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") };
        let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{middle:.1}\">{shown} {}</text>", LEFT + width + 6.0, group.unit);
        y += BAR + GAP;
    }
    y
}
