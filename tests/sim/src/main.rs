//! `cargo xtask sim`: many seeds with a verdict, one seed with its story, or the known-bad receivers.
#![allow(clippy::print_stdout, reason = "talks to people")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use spg_sim::{Campaign, Defect, Options, Spec, Violation, campaign, run, shrink};

/// Lines of a story that are shown without being asked for.
const STORY_LINES: usize = 40;
/// Seeds after which a known-bad receiver counts as not caught.
const VARIANT_SEEDS: u64 = 10_000;

#[derive(Parser)]
#[command(name = "cargo xtask sim", about = "Runs the whole system under seeds, in virtual time, with every fault")]
struct Cli {
    /// How many seeds
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Threads
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// One seed, replayed
    #[arg(long)]
    seed: Option<u64>,
    /// With --seed: tell all that happened
    #[arg(long, requires = "seed")]
    story: bool,
    /// With --seed: make the failing run short, and tell that one
    #[arg(long, requires = "seed")]
    shrink: bool,
    /// A known-bad receiver, by name
    #[arg(long, value_parser = defect)]
    variant: Option<Defect>,
    /// All known-bad receivers, as a table
    #[arg(long)]
    variants: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.seed {
        _ if cli.variants => variants(),
        Some(seed) => one(seed, &cli),
        None => many(&cli),
    }
}

fn defect(name: &str) -> Result<Defect, String> {
    let found = Defect::ALL.into_iter().find(|defect| defect.name().eq_ignore_ascii_case(name));
    let names = || Defect::ALL.map(Defect::name).join(", ");
    found.ok_or_else(|| format!("no such variant; there are {}", names()))
}

fn many(cli: &Cli) -> ExitCode {
    let started = Instant::now();
    let done = campaign(cli.from, cli.seeds, cli.jobs, cli.variant);
    let (wall, busy) = (started.elapsed(), processor_time());
    for (seed, violation) in done.failures.iter().take(20) {
        println!("seed {seed}: {}: {}", violation.invariant, violation.text);
    }
    if let Some((seed, violation)) = done.failures.first() {
        tell_end(*seed, violation, cli.variant);
    }
    summary(&done, wall, busy.unwrap_or(wall));
    if done.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell_end(seed: u64, violation: &Violation, variant: Option<Defect>) {
    let story = run(&Spec::drawn(seed), &Options { defect: variant, story: true, ..Options::default() }).story;
    println!("\nseed {seed}, the last {STORY_LINES} lines of its story:");
    story.iter().rev().take(STORY_LINES).rev().for_each(|line| println!("{line}"));
    let variant = variant.map_or(String::new(), |v| format!(" --variant {}", v.name()));
    println!("\n{}: {}", violation.invariant, violation.text);
    println!("replay:  cargo xtask sim --seed {seed} --story{variant}");
    println!("shorten: cargo xtask sim --seed {seed} --shrink{variant}\n");
}

fn summary(done: &Campaign, wall: Duration, busy: Duration) {
    let per_second = |time: Duration| u128::from(done.seeds) * 1000 / time.as_millis().max(1);
    let years = done.lasted / spg_sim::moment::DAY / 365;
    println!(
        "{} seeds, {} failed; {} events, {} invocations, {} effects, {years} years of virtual time",
        done.seeds,
        done.failures.len(),
        done.events,
        done.invocations,
        done.effects
    );
    println!(
        "{:.1} s, {} seeds per second; {:.1} s of processor time, {} seeds per second and core",
        wall.as_secs_f32(),
        per_second(wall),
        busy.as_secs_f32(),
        per_second(busy)
    );
}

/// Of this process, all threads together; Linux counts it in hundredths of a second.
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold spaces.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 10))
}

fn one(seed: u64, cli: &Cli) -> ExitCode {
    let mut spec = Spec::drawn(seed);
    let options = Options { defect: cli.variant, story: cli.story || cli.shrink, ..Options::default() };
    let mut report = run(&spec, &options);
    if let Some(violation) = report.violation.clone().filter(|_| cli.shrink) {
        spec = shrink(&spec, violation.invariant, &options);
        report = run(&spec, &options);
    }
    if options.story {
        println!("{spec:#?}\n");
        report.story.iter().for_each(|line| println!("{line}"));
    }
    println!("seed {seed}: {} events, trace {:016x}", report.events, report.hash);
    match report.violation {
        Some(violation) => {
            println!("{}: {}", violation.invariant, violation.text);
            ExitCode::FAILURE
        }
        None => {
            println!("every invariant holds");
            ExitCode::SUCCESS
        }
    }
}

fn variants() -> ExitCode {
    let mut missed = 0;
    println!("{:<28} {:<26} {:>6}  what it does", "variant", "caught by", "seeds");
    for defect in Defect::ALL {
        let options = Options { defect: Some(defect), ..Options::default() };
        let found =
            (0..VARIANT_SEEDS).find_map(|seed| run(&Spec::drawn(seed), &options).violation.map(|v| (seed + 1, v)));
        match found {
            Some((seeds, violation)) => {
                let caught_by = violation.invariant.to_string();
                println!("{:<28} {caught_by:<26} {seeds:>6}  {}", defect.name(), defect.about());
            }
            None => {
                missed += 1;
                println!("{:<28} {:<26} {VARIANT_SEEDS:>6}  {}", defect.name(), "NOT CAUGHT", defect.about());
            }
        }
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
