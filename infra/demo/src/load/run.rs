use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use spg_local::Stack;
use spg_simulator::traffic::PlannedPayment;
use spg_simulator::{DeliveryResult, Payment, SimTime, TrafficSummary};
use tokio::time::Instant;

use crate::fixture::millis;
use crate::load::compare::{Seen, compare, whole};
use crate::load::cutter::Cutter;
use crate::load::faults::{self, Done, Plan};
use crate::load::figures::{FaultFigures, Figures};
use crate::load::latency::{self, Moments};
use crate::load::traffic;
use crate::{Event, Failure, Fixture, Item, Options, interactive};

const RESULT_FILE: &str = "load.json";
const NAME: &str = "load";
const SHOW_EACH: Duration = Duration::from_secs(15);
/// After the last webhook: the sweeper, messages of killed processes (invisible for three minutes), and the references that are
/// first queried after ten minutes.
const SETTLED_WITHIN: Duration = Duration::from_secs(15 * 60);
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Nothing came for so long: nothing more comes. Longer than the half minute after which a Success is queried again and the
/// sweeper's minute together, so that what a recheck does wrong is still seen.
const QUIET: Duration = Duration::from_secs(110);
const LOG_OF_DEATHS: &str = "Runtime exited before returning a response";

/// How it is run.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    pub payments: u32,
    pub kills: u32,
    pub per_minute: u32,
    /// No fault at all: for latency.
    pub undisturbed: bool,
    /// What the Status API takes for an answer.
    pub status_api: Duration,
    pub seed: u64,
    pub keep: bool,
    pub port: u16,
    pub dir: PathBuf,
}

/// Success only if nothing was lost, wrong or done twice.
pub async fn run(options: LoadOptions) -> ExitCode {
    match load(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn load(options: &LoadOptions) -> Result<bool, Failure> {
    let dir = std::path::absolute(&options.dir)?;
    spg_local::end_on_interrupt(dir.clone())?;
    let outcome = on_fixture(options, &dir).await;
    if !options.keep || outcome.is_err() {
        tokio::task::spawn_blocking(move || Stack::down(&dir)).await??;
    }
    outcome
}

async fn on_fixture(options: &LoadOptions, dir: &Path) -> Result<bool, Failure> {
    let cutter = Cutter::start().await?;
    let LoadOptions { seed, port, keep, .. } = *options;
    let fixture_options = Options { keep, seed, only: None, list: false, port, dir: options.dir.clone() };
    let fixture = Arc::new(Fixture::with_functions_port(&crate::DEMO, &fixture_options, Some(cutter.port())).await?);
    let aws_port = fixture.info.aws_endpoint.rsplit(':').next().and_then(|port| port.parse().ok());
    cutter.lead_to(aws_port.ok_or("the emulator's address has no port")?);

    let within = Duration::from_secs(60) * options.payments / options.per_minute.max(1);
    let seed_of_all = fixture.spg.config().seed;
    let plan = if options.undisturbed { Plan::nothing() } else { Plan::draw(seed_of_all, within, options.kills) };
    let well = faults::slow(options.status_api);
    fixture.spg.set_faults(well.clone());
    let burst = traffic::plan(&fixture.spg, options.payments, within, options.undisturbed)?;
    let planned = burst.payments.clone();
    fixture.say(NAME, &format!("{} payments within {} s, seed {seed}", planned.len(), within.as_secs()));

    let (began, began_simulated, began_millis) = (Instant::now(), fixture.spg.clock().now(), fixture.now_millis());
    let registering = tokio::spawn(traffic::register_all(Arc::clone(&fixture), planned.clone(), began));
    let shown = tokio::spawn(show(Arc::clone(&fixture), planned.clone(), began));
    let disturbing = faults::play(&fixture, dir, &cutter, &plan, &well, began);
    let (traffic, done) = tokio::join!(fixture.spg.play_burst(burst), disturbing);
    let (done, registrations_refused) = (done?, registering.await??);
    fixture.say(NAME, "all webhooks are delivered or lost");
    let truths: BTreeMap<String, Payment> = planned
        .iter()
        .map(|it| Ok((it.transaction_id.clone(), fixture.spg.payment(&it.transaction_id)?)))
        .collect::<Result<_, Failure>>()?;
    let items = until_settled(&fixture, &truths).await?;
    shown.abort();

    let faults = fault_figures(&fixture, dir, &cutter, &plan, done, began_millis, registrations_refused);
    let run = Run { fixture: &fixture, planned: &planned, truths, items, began_simulated, began_millis, began };
    let figures = run.figures(options, within, traffic, faults).await?;
    let file = dir.join(RESULT_FILE);
    fs::write(&file, serde_json::to_vec_pretty(&figures)?)?;
    println!("\n{}\nresults: {}", figures.in_words(), file.display());
    if options.keep {
        interactive::until_interrupted(&fixture, dir).await;
    }
    Ok(figures.held)
}

/// Shows how far it is, until it is ended.
async fn show(fixture: Arc<Fixture>, planned: Vec<PlannedPayment>, began: Instant) {
    loop {
        tokio::time::sleep(SHOW_EACH).await;
        let now = fixture.simulated(began.elapsed());
        let arrived = planned.iter().filter(|payment| payment.start <= now).count();
        let waiting = fixture.clients.waiting(&fixture.info.queue_url).await;
        let waiting = waiting.map_or_else(|_| "?".to_owned(), |waiting| waiting.to_string());
        let told = fixture.outcomes.count();
        fixture.say(NAME, &format!("{arrived} payments arrived, {told} events told, {waiting} messages on the queue"));
    }
}

/// Waits until all are in SPG's true state and the merchant has its event, the queue is empty, and nothing more comes; or
/// the time is over.
async fn until_settled(
    fixture: &Fixture,
    truths: &BTreeMap<String, Payment>,
) -> Result<BTreeMap<String, Item>, Failure> {
    let deadline = Instant::now() + SETTLED_WITHIN;
    let (mut quiet_since, mut last) = (Instant::now(), 0);
    let mut open: Vec<String> = truths.keys().cloned().collect();
    while Instant::now() < deadline {
        let items = fixture.items(&open).await?;
        let told = fixture.outcomes.merchant_view();
        let settled = |id: &String| {
            let status = truths[id].truth().status.as_str();
            items.get(id).is_some_and(|item| item.status == status)
                && told.get(id).is_some_and(|event| event.status() == status)
        };
        open.retain(|id| !settled(id));
        let count = fixture.outcomes.count();
        let waiting = fixture.clients.waiting(&fixture.info.queue_url).await?;
        if count != last || waiting > 0 || !open.is_empty() {
            (quiet_since, last) = (Instant::now(), count);
        }
        if quiet_since.elapsed() >= QUIET {
            break;
        }
        fixture.say(NAME, &format!("{} of {} settled and told", truths.len() - open.len(), truths.len()));
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let all: Vec<String> = truths.keys().cloned().collect();
    fixture.items(&all).await
}

fn fault_figures(
    fixture: &Fixture,
    dir: &Path,
    cutter: &Cutter,
    plan: &Plan,
    done: Done,
    began: u64,
    registrations_refused: usize,
) -> FaultFigures {
    let log = fs::read(dir.join("emulator.log")).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let deaths: Vec<&str> = log.lines().filter(|line| line.contains(LOG_OF_DEATHS)).collect();
    let functions = &fixture.info.functions;
    let killed_at_work = [&functions.ack, &functions.processor, &functions.sweeper, &functions.publisher]
        .map(|name| (name.clone(), deaths.iter().filter(|line| line.contains(name.as_str())).count()));
    let window = |from: Option<Duration>, to: Option<Duration>| {
        (millis(from.unwrap_or_default()).cast_signed(), millis(to.unwrap_or_default()).cast_signed())
    };
    let since = |at: u64| at.cast_signed() - began.cast_signed();
    let cuts = cutter.cuts();
    FaultFigures {
        kills_window: window(plan.kills.first().map(|kill| kill.0), plan.kills.last().map(|kill| kill.0)),
        cuts_window: window(plan.cuts.first().map(|cut| cut.0), plan.cuts.last().map(|cut| cut.0)),
        outage_window: done.outage.map_or((0, 0), |(from, to)| (since(from), since(to))),
        kills: done.kills,
        killed_at_work: killed_at_work.into(),
        cuts: done.cuts,
        connections_cut: cuts.connections,
        answers_cut: cuts.waiting,
        connections_refused: cuts.refused,
        dark_milliseconds: millis(done.dark),
        registrations_refused,
    }
}

/// A run that is over.
struct Run<'a> {
    fixture: &'a Fixture,
    planned: &'a [PlannedPayment],
    truths: BTreeMap<String, Payment>,
    items: BTreeMap<String, Item>,
    began_simulated: SimTime,
    began_millis: u64,
    began: Instant,
}

impl Run<'_> {
    async fn figures(
        &self,
        options: &LoadOptions,
        within: Duration,
        traffic: TrafficSummary,
        faults: FaultFigures,
    ) -> Result<Figures, Failure> {
        let report = self.fixture.spg.report();
        let reports: BTreeMap<&str, _> = report.payments.iter().map(|it| (it.transaction_id.as_str(), it)).collect();
        let told = self.fixture.outcomes.all();
        let told_at = self.fixture.outcomes.told_at();
        let mut events: BTreeMap<&str, Vec<Event>> = BTreeMap::new();
        told.iter().for_each(|event| events.entry(event.transaction_id()).or_default().push(event.clone()));
        let distinct: usize = self.fixture.outcomes.by_transaction().values().map(Vec::len).sum();
        let all: Vec<Seen<'_>> = self
            .planned
            .iter()
            .filter_map(|planned| {
                let id = planned.transaction_id.as_str();
                Some(Seen {
                    planned,
                    truth: self.truths.get(id)?,
                    report: reports.get(id).copied(),
                    item: self.items.get(id),
                    events: events.get(id).map_or(&[], Vec::as_slice),
                    told_at: told_at.get(id).copied(),
                })
            })
            .collect();
        let mut verdict = compare(&all);
        let waiting = self.fixture.clients.waiting(&self.fixture.info.queue_url).await?;
        let panics =
            ["ack", "processor", "sweeper", "publisher"].map(|it| self.fixture.log_lines(it, &["panicked at"]));
        whole(&mut verdict, &report, waiting, self.fixture.dead_letters.bodies().len(), panics.iter().sum());
        let samples = latency::samples(&all, self.began_millis, self);
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        let mut endings: BTreeMap<String, usize> = BTreeMap::new();
        for payment in self.planned {
            *kinds.entry(format!("{:?}", payment.kind)).or_default() += 1;
            *endings.entry(format!("{:?}", payment.ending)).or_default() += 1;
        }
        Ok(Figures {
            seed: options.seed,
            undisturbed: options.undisturbed,
            status_api_milliseconds: millis(options.status_api),
            payments: all.len(),
            kinds,
            endings,
            arrivals_milliseconds: millis(within),
            took_milliseconds: millis(self.began.elapsed()),
            traffic,
            without_any_webhook: self.planned.iter().filter(|it| it.is_lost()).count(),
            events: distinct,
            events_again: told.len() - distinct,
            queries: report.summary.queries,
            queries_max: report.payments.iter().map(|it| it.queries.len()).max().unwrap_or_default(),
            latency: latency::by_class(&samples, &faults),
            recovery: latency::recovery(&samples, faults.outage_window),
            faults,
            held: verdict.held(),
            verdict,
            samples,
        })
    }
}

impl Moments for Run<'_> {
    /// What succeeds at once does so when it arrives.
    fn ended(&self, seen: &Seen<'_>) -> u64 {
        let last = seen.truth.truths.last().map_or(SimTime::default(), |moment| moment.at);
        let arrived = self.began_simulated.plus(seen.planned.start);
        self.fixture.epoch_millis(last.max(arrived))
    }

    fn sent(&self, webhook: &DeliveryResult) -> u64 {
        self.fixture.epoch_millis(webhook.at)
    }
}
