//! Where the figures go: terminal, JSON, document.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use spg_local::workspace;

use crate::contender::Programs;
use crate::goals::Goal;
use crate::options::Options;
use crate::plot;
use crate::run::Results;
use crate::tables::{Table, all, void};

const PAGE: &str = "docs/performance.md";
const PLOT: &str = "docs/performance.svg";
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
pub fn json(results: &Results, goals: &[Goal], options: &Options, programs: &Programs) -> Value {
    let prices = results.priced.iter().map(|(contender, price)| json!({"contender": contender, "price": price.json()}));
    json!({
        "rounds": options.rounds,
        "invocations": options.invocations,
        "tls": options.tls,
        "batch": results.batch,
        "waits": results.waits,
        "memoryMb": results.memory_mb,
        "interpreters": programs.peers.as_ref().map(|peers| &peers.versions),
        "prices": {"region": results.prices.region, "published": results.prices.published},
        "goals": goals,
        "rows": results.figures,
        "starts": results.starts,
        "timings": results.timings,
        "priced": prices.collect::<Vec<_>>(),
    })
}

/// Puts the tables between the marks of the page, and draws the plot.
///
/// # Errors
/// The page is not there, or has lost its marks.
pub fn document(
    results: &Results,
    goals: &[Goal],
    options: &Options,
    programs: &Programs,
) -> Result<(), Box<dyn Error>> {
    fs::write(workspace().join(PLOT), plot::svg(results))?;
    let path = workspace().join(PAGE);
    let page = fs::read_to_string(&path).map_err(|error| format!("{PAGE}: {error}"))?;
    let (before, rest) = page.split_once(BEGIN).ok_or("the page has no mark where the figures begin")?;
    let (_, after) = rest.split_once(END).ok_or("the page has no mark where the figures end")?;
    let section = |table: &Table| format!("\n### {}\n\n{}", table.title, table.markdown());
    let sections: String = all(results, goals).iter().map(section).collect();
    let how = how(options, programs);
    write(&path, &format!("{before}{BEGIN}\n\n{how}\n{sections}\n{END}{after}"))
}

fn how(options: &Options, programs: &Programs) -> String {
    let with =
        programs.peers.as_ref().map(|peers| format!(", {} and Node.js {}", peers.versions[0], peers.versions[1]));
    let Options { rounds, invocations, .. } = options;
    format!(
        "{rounds} rounds of {invocations} invocations of each row, medians{}{}.",
        with.unwrap_or_default(),
        if options.tls { ", everything over TLS" } else { "" }
    )
}

/// Makes the folder as well.
pub fn write(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()).into())
}
