//! Where the figures go: terminal, JSON, document.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use spg_local::workspace;

use crate::goals::Goal;
use crate::plot;
use crate::run::{Measured, Results};
use crate::tables::{Table, all, void};

const PAGE: &str = "docs/evidence/performance.md";
const PLOT: &str = "docs/evidence/performance.svg";
const BEGIN: &str = "<!-- figures: written by `cargo xtask bench --document` -->";
const END: &str = "<!-- end of the figures -->";

/// Shows the tables on standard output.
#[expect(clippy::print_stdout, reason = "what the command is for")]
pub fn show(results: &Results, goals: &[Goal]) {
    for table in all(results, goals).iter().rev() {
        println!("{}", table.text());
    }
    void(results).iter().for_each(|line| println!("{line}"));
}

/// Everything as JSON.
pub fn json(results: &Results, goals: &[Goal]) -> Value {
    let prices = results.priced.iter().map(|(contender, price)| json!({"contender": contender, "price": price.json()}));
    json!({
        "goals": goals,
        "prices": {"region": results.prices.region, "published": results.prices.published},
        "priced": prices.collect::<Vec<_>>(),
        "measured": results.measured,
    })
}

/// Puts the tables between the marks of the page, and draws the plot.
///
/// # Errors
/// The page is not there, or has lost its marks.
pub fn document(results: &Results, goals: &[Goal]) -> Result<(), Box<dyn Error>> {
    fs::write(workspace().join(PLOT), plot::svg(results))?;
    let path = workspace().join(PAGE);
    let page = fs::read_to_string(&path).map_err(|error| format!("{PAGE}: {error}"))?;
    let (before, rest) = page.split_once(BEGIN).ok_or("the page has no mark where the figures begin")?;
    let (_, after) = rest.split_once(END).ok_or("the page has no mark where the figures end")?;
    let section = |table: &Table| format!("\n### {}\n\n{}", table.title, table.markdown());
    let sections: String = all(results, goals).iter().map(section).collect();
    let how = how(&results.measured);
    write(&path, &format!("{before}{BEGIN}\n\n{how}\n{sections}\n{END}{after}"))
}

fn how(measured: &Measured) -> String {
    let with = measured.interpreters.as_ref().map(|[python, node]| format!(", {python} and Node.js {node}"));
    format!(
        "{} rounds of {} invocations of each row, medians{}{}.",
        measured.rounds,
        measured.invocations,
        with.unwrap_or_default(),
        if measured.tls { ", everything over TLS" } else { "" }
    )
}

/// Makes the folder as well.
pub fn write(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()).into())
}
