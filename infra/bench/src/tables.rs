//! The figures as tables, for the terminal and for the document.

use crate::contender::{Contender, Role};
use crate::figures::{Figure, Start};
use crate::goals::Goal;
use crate::price::{Price, cents};
use crate::run::Results;
use crate::work::Row;

const NONE: &str = "-";

/// A table of text; numbers stand on the right.
pub struct Table {
    pub title: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

pub fn all(results: &Results, goals: &[Goal]) -> Vec<Table> {
    vec![goal_table(goals), work(results), starts(results), timings(results), prices(results)]
}

impl Table {
    fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { title: title.into(), columns, rows: Vec::new() }
    }

    pub fn text(&self) -> String {
        let width = |index: usize| {
            let cells = self.rows.iter().chain([&self.columns]).filter_map(|row| row.get(index));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let pad = |(cell, width): (&String, &usize)| {
                if is_number(cell) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            };
            row.iter().zip(&widths).map(pad).collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1));
        let rows = self.rows.iter().map(line).collect::<Vec<_>>().join("\n");
        format!("{}\n{rule}\n{}\n{rule}\n{rows}\n", self.title, line(&self.columns))
    }

    pub fn markdown(&self) -> String {
        let line = |row: &[String]| format!("| {} |\n", row.join(" | "));
        let rule = format!("|{}\n", "---|".repeat(self.columns.len()));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}{rule}{rows}", line(&self.columns))
    }
}

fn is_number(cell: &str) -> bool {
    cell == NONE || cell.starts_with(|first: char| first.is_ascii_digit())
}

fn goal_table(goals: &[Goal]) -> Table {
    let mut table = Table::new("Goals", &["measure", "goal", "measured", "reached"]);
    for goal in goals {
        let reached = match goal.reached {
            Some(true) => "yes",
            Some(false) => "NO",
            None => NONE,
        };
        table.rows.push([&goal.measure, &goal.goal, &goal.measured, reached].map(str::to_owned).to_vec());
    }
    table
}

/// One invocation of each row.
fn work(results: &Results) -> Table {
    let columns = [
        "work",
        "by",
        "CPU ms",
        "per notification",
        "p50 ms",
        "k instructions",
        "AWS calls",
        "reads",
        "queries",
        "writes",
        "RCU",
        "WCU",
        "index WCU",
        "log bytes",
    ];
    let mut table = Table::new("One invocation (CPU: user and system)", &columns);
    for figure in &results.measured.rows {
        let mut row = work_row(figure);
        if figure.wrong.is_some() {
            // What was wrong is told below the tables.
            row.truncate(2);
            row.resize(columns.len(), "VOID".to_owned());
        }
        table.rows.push(row);
    }
    table
}

fn work_row(figure: &Figure) -> Vec<String> {
    let writes = figure.called("UpdateItem") + figure.called("PutItem");
    let counts = [figure.calls_sum(), figure.called("GetItem"), figure.queries, writes];
    let units = [figure.read_units, figure.write_units, figure.index_units];
    let mut row = vec![
        figure.row.name().to_owned(),
        figure.contender.name().to_owned(),
        milliseconds(figure.cpu_ns),
        milliseconds(figure.cpu_per_notification()),
        milliseconds(figure.p50_ns),
        figure.instructions.map_or_else(|| NONE.to_owned(), |count| (count / 1000).to_string()),
    ];
    row.extend(counts.iter().chain(&units).map(|number| count(*number)));
    row.push(format!("{:.0}", figure.log_bytes));
    row
}

fn starts(results: &Results) -> Table {
    let columns =
        ["function", "of", "init ms", "init CPU ms", "resident MB", "package MB", "first ms, TLS", "warm p50 ms, TLS"];
    let mut table = Table::new("Starts", &columns);
    let row = |start: &Start| {
        vec![
            start.role.name().to_owned(),
            start.contender.name().to_owned(),
            milliseconds(start.init_ns),
            milliseconds(start.init_cpu_ns),
            megabytes(start.resident_bytes),
            start.package_bytes.map_or_else(|| NONE.to_owned(), megabytes),
            milliseconds(start.first_tls_ns),
            milliseconds(start.warm_tls_ns),
        ]
    };
    table.rows.extend(results.measured.starts.iter().map(row));
    table
}

fn timings(results: &Results) -> Table {
    let waits = results.measured.waits;
    let title = format!(
        "p50 in ms, with a queue of {} ms, a store of {} ms and a Status API of {} ms",
        waits.queue_ms, waits.store_ms, waits.status_api_ms
    );
    let batch = format!("processor, batch of {}", results.measured.batch);
    let mut table = Table::new(title, &["by", "ack", "processor, one record", &batch]);
    for timing in &results.measured.timings {
        let row = [timing.ack_ns, timing.one_ns, timing.batch_ns].map(milliseconds);
        table.rows.push([timing.contender.name().to_owned()].into_iter().chain(row).collect());
    }
    table
}

fn prices(results: &Results) -> Table {
    let prices = &results.prices;
    let title = format!(
        "Dollars per million new notifications ({}, list prices of {}, {} MB)",
        prices.region, prices.published, results.measured.memory_mb
    );
    let told: Vec<&(Contender, Price)> = results.priced.iter().collect();
    let heads = told.iter().map(|(contender, price)| match price.batch {
        1 => format!("{}, one by one", contender.name()),
        batch => format!("{}, batches of {batch}", contender.name()),
    });
    let mut table = Table::new(title, &[]);
    table.columns = ["per million".to_owned()].into_iter().chain(heads).collect();
    let row = |name: &str, of: &dyn Fn(&Price) -> String| {
        [name.to_owned()].into_iter().chain(told.iter().map(|(_, price)| of(price))).collect::<Vec<_>>()
    };
    // The project has every line that there is.
    let Some((_, first)) = told.first() else { return table };
    let line = |lines: &[(&'static str, rust_decimal::Decimal)], name: &str| {
        lines.iter().find(|(line, _)| *line == name).map_or_else(|| NONE.to_owned(), |(_, dollars)| cents(*dollars))
    };
    for (name, _) in &first.lines {
        table.rows.push(row(name, &|price| line(&price.lines, name)));
    }
    table.rows.push(row("together", &|price| cents(price.sum)));
    for (name, _) in &first.apart {
        table.rows.push(row(&format!("apart: {name}"), &|price| line(&price.apart, name)));
    }
    table.rows.push(row("billed ms, ack", &|price| price.billed_ms_ack.to_string()));
    table.rows.push(row("billed ms, processor", &|price| price.billed_ms_processor.to_string()));
    table.rows.push(row("log bytes per notification", &|price| price.log_bytes.round().to_string()));
    table
}

pub fn milliseconds(nanoseconds: u64) -> String {
    let milliseconds = nanoseconds as f64 / 1e6;
    if milliseconds < 10.0 { format!("{milliseconds:.3}") } else { format!("{milliseconds:.1}") }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1e6)
}

fn count(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Rows that were void, for the end of the output.
pub fn void(results: &Results) -> Vec<String> {
    let told = |(figure, wrong): (&Figure, &str)| {
        let (row, role): (Row, Role) = (figure.row, figure.role);
        format!("void: {} of {}, {}: {wrong}", role.name(), figure.contender.name(), row.name())
    };
    results.void().map(told).collect()
}
