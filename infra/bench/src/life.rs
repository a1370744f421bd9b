//! The life of one process: started, invoked many times, looked at, ended.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use tests::{Function, Launch, Phase};

use crate::contender::{Contender, Programs, Role};
use crate::process::{processor_time, resident_bytes};
use crate::stand::{Stand, Waits};
use crate::work::{Job, Row};

/// Invocations before the measured ones of each row: caches fill, interpreters compile.
pub const WARM_UP: usize = 30;

/// How processes live.
pub struct Conditions<'a> {
    pub tls: Option<&'a tests::Tls>,
    pub waits: Waits,
    pub warm_up: usize,
    pub invocations: usize,
    pub batch: usize,
}

/// What was seen of one process.
#[derive(Debug, Clone)]
pub struct Life {
    pub init: Duration,
    pub init_cpu: Duration,
    /// The very first invocation, of the first row.
    pub first: Duration,
    pub resident_bytes: u64,
    pub rows: BTreeMap<Row, Sample>,
}

/// What was seen of one row.
#[derive(Debug, Clone)]
pub struct Sample {
    pub invocations: usize,
    pub cpu: Duration,
    /// Each invocation, from handing the event out to receiving the answer, sorted.
    pub durations: Vec<Duration>,
    /// AWS calls of all invocations, by operation.
    pub calls: BTreeMap<String, usize>,
    pub queries: usize,
    pub read_units: f64,
    pub write_units: f64,
    pub index_units: f64,
    pub log_bytes: usize,
    pub log_lines: usize,
    /// What was wrong first; the row is void then.
    pub wrong: Option<String>,
}

impl Sample {
    pub fn median(&self) -> Duration {
        self.durations.get(self.durations.len() / 2).copied().unwrap_or_default()
    }
}

/// Runs one process through the rows of its role.
///
/// # Errors
/// It does not start, or fails as a whole. A wrong answer is no error: it voids the row.
pub fn live(
    programs: &Programs,
    contender: Contender,
    role: Role,
    rows: &[Row],
    conditions: &Conditions<'_>,
) -> Result<Life, Box<dyn Error>> {
    let stand = Stand::new(conditions.tls, conditions.waits);
    let launch = programs.launch(contender, role, &stand);
    let running = start(contender, launch)?;
    let (init, init_cpu) = (running.init_duration(), processor_time(running.pid())?);
    let mut life = Life { init, init_cpu, first: Duration::ZERO, resident_bytes: 0, rows: BTreeMap::new() };
    for row in rows {
        let (warm_up, invocations) = (conditions.warm_up, conditions.invocations);
        let first = row.jobs(0..warm_up, conditions.batch);
        let (_, wrong_before) = play(&running, contender, *row, &first, &stand, &mut life.first)?;
        let jobs = row.jobs(warm_up..warm_up + invocations, conditions.batch);
        let (mut sample, wrong) = play(&running, contender, *row, &jobs, &stand, &mut life.first)?;
        sample.wrong = wrong_before.or(wrong);
        life.rows.insert(*row, sample);
    }
    life.resident_bytes = resident_bytes(running.pid())?;
    Ok(life)
}

pub fn start(contender: Contender, launch: Launch) -> Result<Function, Box<dyn Error>> {
    launch.start().map_err(|error| format!("{}: {error}", contender.name()).into())
}

/// Invokes it with every job in turn and judges what came of them.
pub fn play(
    running: &Function,
    contender: Contender,
    row: Row,
    jobs: &[Job],
    stand: &Stand,
    first: &mut Duration,
) -> Result<(Sample, Option<String>), Box<dyn Error>> {
    stand.expect(jobs);
    let mut wrong = None;
    let mut durations = Vec::with_capacity(jobs.len());
    let (mark, before) = (running.logs().mark(), processor_time(running.pid())?);
    for job in jobs {
        let answer = running.invoke(job.event.clone()).map_err(|error| format!("{}: {error}", contender.name()))?;
        let duration = running.last_duration().unwrap_or_default();
        if first.is_zero() {
            *first = duration;
        }
        durations.push(duration);
        wrong = wrong.or_else(|| row.judge_answer(contender, job, &answer).err());
    }
    let cpu = processor_time(running.pid())?.saturating_sub(before);
    let wrong = wrong.or_else(|| row.judge_effect(contender, jobs, stand).err());
    durations.sort();
    let logs = running.logs().text_since(mark);
    let mut sample = Sample {
        invocations: jobs.len(),
        cpu,
        durations,
        calls: stand.aws.counts(),
        queries: stand.status_api.queries().len(),
        read_units: 0.0,
        write_units: 0.0,
        index_units: 0.0,
        log_bytes: logs.len(),
        log_lines: logs.lines().count(),
        wrong: None,
    };
    for call in stand.aws.calls().iter().filter(|call| call.phase != Phase::Init) {
        let reads = call.operation.contains("GetItem");
        let table = call.capacity_units - call.index_units;
        *(if reads { &mut sample.read_units } else { &mut sample.write_units }) += table;
        sample.index_units += call.index_units;
    }
    Ok((sample, wrong))
}
