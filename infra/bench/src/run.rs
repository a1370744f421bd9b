//! The passes of a measurement, in order.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tests::Tls;

use crate::contender::{Contender, Programs, Role};
use crate::figures::{Figure, Start, figure, median_of, nanoseconds};
use crate::life::{Conditions, Life, WARM_UP, live};
use crate::options::Options;
use crate::price::{Price, Priced, Prices};
use crate::stand::Waits;
use crate::work::Row;
use crate::{instructions, packages};

/// Enough for a median beside a first invocation.
const TLS_INVOCATIONS: usize = 40;
/// Each waits for a slow Status API.
const TIMED_INVOCATIONS: usize = 15;
const TIMED_WARM_UP: usize = 5;
/// Each process is started anew in each of these.
const TIMED_ROUNDS_MAX: u32 = 3;

/// Everything that was measured, as it stands in the JSON; prices and goals follow from it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    pub rounds: u32,
    pub invocations: u32,
    pub tls: bool,
    pub batch: usize,
    pub waits: Waits,
    pub memory_mb: u32,
    /// What Python and Node.js say that they are.
    pub interpreters: Option<[String; 2]>,
    pub rows: Vec<Figure>,
    pub starts: Vec<Start>,
    pub timings: Vec<Timing>,
}

/// What was measured, and what it costs.
pub struct Results {
    pub measured: Measured,
    pub prices: Prices,
    pub priced: Vec<(Contender, Price)>,
}

/// How long invocations take where everything outside is as slow as it was told to be.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timing {
    pub contender: Contender,
    pub ack_ns: u64,
    pub one_ns: u64,
    pub batch_ns: u64,
}

type Lives = BTreeMap<(Contender, Role), Vec<Life>>;

impl Results {
    /// # Errors
    /// The table of prices cannot be read.
    pub fn of(measured: Measured) -> Result<Self, Box<dyn Error>> {
        let mut results = Self { measured, prices: Prices::read()?, priced: Vec::new() };
        results.priced = priced(&results);
        Ok(results)
    }

    pub fn figure(&self, contender: Contender, row: Row) -> Option<&Figure> {
        let figure = self.measured.rows.iter().find(|figure| figure.contender == contender && figure.row == row)?;
        // A void row says nothing.
        figure.wrong.is_none().then_some(figure)
    }

    pub fn start(&self, contender: Contender, role: Role) -> Option<&Start> {
        self.measured.starts.iter().find(|start| start.contender == contender && start.role == role)
    }

    pub fn timing(&self, contender: Contender) -> Option<&Timing> {
        self.measured.timings.iter().find(|timing| timing.contender == contender)
    }

    pub fn price(&self, contender: Contender, batch: usize) -> Option<&Price> {
        self.priced.iter().find(|(it, price)| *it == contender && price.batch == batch).map(|(_, price)| price)
    }

    /// Contender, row and what was wrong.
    pub fn void(&self) -> impl Iterator<Item = (&Figure, &str)> {
        self.measured.rows.iter().filter_map(|figure| Some((figure, figure.wrong.as_deref()?)))
    }
}

/// Measures everything.
///
/// # Errors
/// A process does not start or fails, or valgrind is missing where instructions are to be counted.
pub fn run(programs: &Programs, options: &Options, folder: &Path) -> Result<Measured, Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let tls = Tls::create(folder);
    let batch = options.batch as usize;
    let waits = Waits { queue_ms: options.queue_ms, store_ms: options.store_ms, status_api_ms: options.status_api_ms };

    let plain = Conditions {
        tls: options.tls.then_some(&tls),
        waits: Waits::default(),
        warm_up: WARM_UP,
        invocations: options.invocations as usize,
        batch,
    };
    let lives = rounds(programs, options.rounds, "rows", &plain, Row::of)?;
    let first = Conditions { tls: Some(&tls), warm_up: 1, invocations: TLS_INVOCATIONS, ..plain };
    let first = rounds(programs, options.rounds, "first invocation over TLS", &first, |role| &Row::of(role)[..1])?;
    let timed = Conditions { tls: None, waits, warm_up: TIMED_WARM_UP, invocations: TIMED_INVOCATIONS, batch };
    let timed = rounds(programs, options.rounds.min(TIMED_ROUNDS_MAX), "with waits", &timed, |role| match role {
        Role::Ack => &[Row::Accepted],
        Role::Processor => &[Row::NewFinal, Row::Distinct],
    })?;

    let mut rows = figures(&lives, batch);
    rows.iter_mut().for_each(|figure| void_by(figure, &timed));
    if options.instructions {
        instructions::count(programs, batch, folder, &mut rows)?;
    }
    Ok(Measured {
        rounds: options.rounds,
        invocations: options.invocations,
        tls: options.tls,
        batch,
        waits,
        memory_mb: options.memory,
        interpreters: programs.peers.as_ref().map(|peers| peers.versions.clone()),
        rows,
        starts: starts(programs, &lives, &first)?,
        timings: timings(&timed),
    })
}

/// What an earlier run has left.
///
/// # Errors
/// The file is not there, or is none of ours.
pub fn earlier(file: &Path) -> Result<Measured, Box<dyn Error>> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let all: Value = serde_json::from_str(&text)?;
    Ok(Measured::deserialize(&all["measured"])?)
}

/// Every contender in turn, round after round, so that what else the machine does meets all alike.
fn rounds(
    programs: &Programs,
    rounds: u32,
    what: &str,
    conditions: &Conditions<'_>,
    rows: impl Fn(Role) -> &'static [Row],
) -> Result<Lives, Box<dyn Error>> {
    let mut lives = Lives::new();
    for round in 1..=rounds {
        for role in Role::ALL {
            for contender in programs.contenders(role) {
                eprintln!("bench: {what}, round {round} of {rounds}: {} of {}", role.name(), contender.name());
                let life = live(programs, contender, role, rows(role), conditions)?;
                lives.entry((contender, role)).or_default().push(life);
            }
        }
    }
    Ok(lives)
}

fn figures(lives: &Lives, batch: usize) -> Vec<Figure> {
    let of = |((contender, role), lives): (&(Contender, Role), &Vec<Life>)| {
        let notifications = |row: Row| row.jobs(0..1, batch)[0].notifications.len();
        let rows = Row::of(*role).iter();
        rows.filter_map(|row| figure(*contender, *role, *row, notifications(*row), lives)).collect::<Vec<_>>()
    };
    let mut figures: Vec<Figure> = lives.iter().flat_map(of).collect();
    figures.sort_by_key(|figure| (figure.row, figure.contender));
    figures
}

/// A wrong answer where everything is slow is a wrong answer.
fn void_by(figure: &mut Figure, lives: &Lives) {
    let lives = lives.get(&(figure.contender, figure.role)).into_iter().flatten();
    let wrong = lives.filter_map(|life| life.rows.get(&figure.row)?.wrong.clone()).next();
    figure.wrong = figure.wrong.take().or(wrong);
}

fn starts(programs: &Programs, lives: &Lives, first: &Lives) -> Result<Vec<Start>, Box<dyn Error>> {
    let mut starts = Vec::new();
    for ((contender, role), lives) in lives {
        let first = first.get(&(*contender, *role)).map(Vec::as_slice).unwrap_or_default();
        let of = |what: &dyn Fn(&Life) -> Duration| median_of(lives.iter().map(|life| nanoseconds(what(life))));
        let warm =
            |life: &Life| life.rows.values().next().map(|sample| nanoseconds(sample.median())).unwrap_or_default();
        starts.push(Start {
            contender: *contender,
            role: *role,
            init_ns: of(&|life| life.init),
            init_cpu_ns: of(&|life| life.init_cpu),
            resident_bytes: median_of(lives.iter().map(|life| life.resident_bytes)),
            package_bytes: packages::compressed_bytes(programs, *contender, *role)?,
            first_tls_ns: median_of(first.iter().map(|life| nanoseconds(life.first))),
            warm_tls_ns: median_of(first.iter().map(warm)),
        });
    }
    starts.sort_by_key(|start| (start.role, start.contender));
    Ok(starts)
}

fn timings(lives: &Lives) -> Vec<Timing> {
    let wall = |contender, role, row| {
        let lives = lives.get(&(contender, role))?;
        Some(median_of(lives.iter().filter_map(|life| Some(nanoseconds(life.rows.get(&row)?.median())))))
    };
    let of = |contender| {
        Some(Timing {
            contender,
            ack_ns: wall(contender, Role::Ack, Row::Accepted)?,
            one_ns: wall(contender, Role::Processor, Row::NewFinal)?,
            batch_ns: wall(contender, Role::Processor, Row::Distinct)?,
        })
    };
    Contender::ALL.into_iter().filter_map(of).collect()
}

/// Each with a record alone, the dearest case, and in batches.
fn priced(results: &Results) -> Vec<(Contender, Price)> {
    let of = |timing: &Timing, row, processor_wall_ns| {
        let contender = timing.contender;
        let priced = Priced {
            ack: results.figure(contender, Row::Accepted)?,
            ack_wall_ns: timing.ack_ns,
            processor: results.figure(contender, row)?,
            processor_wall_ns,
            memory_mb: results.measured.memory_mb,
        };
        Some((contender, results.prices.of(&priced)?))
    };
    let both = |timing: &Timing| {
        let one = of(timing, Row::NewFinal, timing.one_ns);
        let batch = of(timing, Row::Distinct, timing.batch_ns).filter(|(_, price)| price.batch > 1);
        [one, batch].into_iter().flatten().collect::<Vec<_>>()
    };
    results.measured.timings.iter().flat_map(both).collect()
}
