//! From nothing to the verdict and back to nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use spg_local::Stack;
use spg_simulator::DeliveryResult;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::audit::{self, Left, audit};
use crate::report::{Report, Row, seconds};
use crate::{Failure, Fixture, Item, Phase, Program, Scenario, Scene, interactive, item, outcomes};

/// How a program is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Leaves everything running until Ctrl-C.
    pub keep: bool,
    pub seed: u64,
    /// Only scenarios with this in their name, whatever the case.
    pub only: Option<String>,
    /// Shows the scenarios and plays none.
    pub list: bool,
    /// The emulator's port; 0 takes any that is free.
    pub port: u16,
    /// The folder of the stack.
    pub dir: PathBuf,
}

/// A scenario that was played, with its place in the table.
struct Played {
    place: usize,
    scenario: Scenario,
    scene: Scene,
}

/// Plays the scenarios; success only if all held.
pub async fn run(program: &'static Program, options: Options) -> ExitCode {
    let all = (program.scenarios)();
    let chosen: Vec<Scenario> = all.iter().filter(|scenario| options.chooses(scenario.name)).copied().collect();
    if options.list || chosen.is_empty() {
        all.iter().for_each(|scenario| println!("{:<42} {}", scenario.name, scenario.spg));
        let nothing = chosen.is_empty().then(|| eprintln!("no scenario has that in its name"));
        return nothing.map_or(ExitCode::SUCCESS, |()| ExitCode::FAILURE);
    }
    match play(program, &options, chosen).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}: {error}", program.name);
            ExitCode::FAILURE
        }
    }
}

impl Options {
    fn chooses(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.to_lowercase().contains(&only.to_lowercase()))
    }
}

async fn play(program: &'static Program, options: &Options, chosen: Vec<Scenario>) -> Result<bool, Failure> {
    let dir = std::path::absolute(&options.dir)?;
    spg_local::end_on_interrupt(dir.clone())?;
    let outcome = on_fixture(program, options, &dir, chosen).await;
    if !options.keep || outcome.is_err() {
        tokio::task::spawn_blocking(move || Stack::down(&dir)).await??;
    }
    outcome
}

async fn on_fixture(
    program: &'static Program,
    options: &Options,
    dir: &Path,
    chosen: Vec<Scenario>,
) -> Result<bool, Failure> {
    let began = Instant::now();
    let fixture = Arc::new(Fixture::up(program, options).await?);
    eprintln!("{}: {} to play, seed {}", program.name, chosen.len(), options.seed);
    let mut rows = play_all(&fixture, chosen).await;
    rows.sort_by_key(|(place, _)| *place);
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    let report = Report::new(options.seed, began.elapsed(), rows);
    let file = dir.join(program.result_file);
    fs::write(&file, serde_json::to_vec_pretty(&report)?)?;
    println!("\n{}", report.in_words(&program.headings));
    println!("results: {}", file.display());
    if options.keep {
        interactive::until_interrupted(&fixture, dir).await;
    }
    Ok(report.held)
}

/// The rows with their places in the table.
async fn play_all(fixture: &Arc<Fixture>, chosen: Vec<Scenario>) -> Vec<(usize, Row)> {
    let mut waiting: Vec<(usize, Scenario)> = chosen.into_iter().enumerate().collect();
    let mut take =
        |phase: Phase| -> Vec<(usize, Scenario)> { waiting.extract_if(.., |it| it.1.phase == phase).collect() };
    let slow = start(fixture, take(Phase::Slow));
    let mut played = finish(start(fixture, take(Phase::Quick))).await;
    played.extend(finish(start(fixture, take(Phase::Crowd))).await);
    for next in take(Phase::InTurn) {
        played.extend(finish(start(fixture, vec![next])).await);
    }
    played.extend(finish(slow).await);
    for alone in take(Phase::Alone) {
        played.extend(finish(start(fixture, vec![alone])).await);
    }
    let left = left_by(fixture, &played);
    let mut rows = Vec::new();
    for Played { place, scenario, scene } in played {
        rows.push((place, row(scenario.name, scenario.spg, scene).await));
    }
    let mut scene = Scene::new(audit::NAME, Arc::clone(fixture));
    if let Err(error) = audit(&mut scene, &left).await {
        scene.checks.broke(error);
    }
    rows.push((usize::MAX, row(audit::NAME, "everything that was played", scene).await));
    rows
}

fn start(fixture: &Arc<Fixture>, scenarios: Vec<(usize, Scenario)>) -> JoinSet<Played> {
    let mut in_flight = JoinSet::new();
    for (place, scenario) in scenarios {
        let fixture = Arc::clone(fixture);
        in_flight.spawn(async move {
            let mut scene = Scene::new(scenario.name, fixture);
            if let Err(error) = (scenario.play)(&mut scene).await {
                scene.checks.broke(error);
            }
            scene.say(&scene.checks.to_string());
            scene.checks.failed().for_each(|check| scene.say(&format!("  {check}")));
            Played { place, scenario, scene }
        });
    }
    in_flight
}

async fn finish(in_flight: JoinSet<Played>) -> Vec<Played> {
    in_flight.join_all().await
}

fn left_by(fixture: &Fixture, played: &[Played]) -> Left {
    let ends = played.iter().flat_map(|played| played.scene.ends.clone()).collect();
    // Only the scenario of the conflicting content is to leave one, and it has checked it.
    let expected = played.iter().filter(|played| played.scenario.name.starts_with("The same notificationID"));
    let ids = expected.flat_map(|played| played.scene.ids.clone());
    let dead_letters: BTreeSet<String> = ids.filter(|id| !fixture.dead_letters_about(id).is_empty()).collect();
    let table_lost = played.iter().any(|played| played.scene.table_lost);
    Left { ends, dead_letters, table_lost }
}

/// What there is to see in the end.
async fn row(name: &str, spg: &str, mut scene: Scene) -> Row {
    let items = match scene.fixture.items(&scene.ids).await {
        Ok(items) => items,
        Err(error) => {
            scene.checks.broke(error);
            Default::default()
        }
    };
    let several = scene.ids.len() > 1 && scene.stored_in_words.is_none();
    let mut stored: Vec<String> = scene.ids.iter().map(|id| stored(&scene, id, items.get(id))).collect();
    let mut events: Vec<String> =
        scene.ids.iter().map(|id| outcomes::in_words(&scene.fixture.outcomes.of(id))).collect();
    if several {
        stored.dedup();
        events.dedup();
    }
    let delivered = scene.delivered_in_words.clone().unwrap_or_else(|| delivered(&scene));
    let time_to_final = scene.time_to_final_in_words.or_else(|| scene.time_to_final.map(seconds)).unwrap_or_default();
    Row {
        scenario: name.to_owned(),
        transaction_ids: scene.ids,
        spg_did: spg.to_owned(),
        delivered,
        stored: scene.stored_in_words.unwrap_or_else(|| stored.join("\n")),
        events: scene.events_in_words.unwrap_or_else(|| events.join("\n")),
        time_to_final,
        held: scene.checks.held(),
        checks: scene.checks,
    }
}

/// The item in words, and what the Status API answered about it.
fn stored(scene: &Scene, id: &str, item: Option<&Item>) -> String {
    let queries = scene.fixture.spg.queries(id);
    let answers: Vec<&str> = queries.iter().map(|query| query.answered.as_str()).collect();
    let answered =
        if answers.is_empty() { "never asked".to_owned() } else { format!("answers: {}", answers.join(", ")) };
    format!("{}\n{answered}", item::in_words(item))
}

/// The registrations and every webhook with its answer, in the order in which they were sent.
fn delivered(scene: &Scene) -> String {
    let report = scene.fixture.spg.report();
    let ours = report.payments.iter().filter(|payment| scene.ids.contains(&payment.transaction_id));
    let notifications = ours.flat_map(|payment| &payment.notifications);
    let mut attempts: Vec<&DeliveryResult> = notifications.flat_map(|notification| &notification.attempts).collect();
    attempts.sort_by_key(|attempt| attempt.at);
    let mut lines: Vec<(String, usize)> = Vec::new();
    for attempt in attempts {
        let what = attempt.tamper.name().map_or_else(|| attempt.claims.to_string(), str::to_owned);
        let answer = attempt.http_status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let line = if attempt.is_lost() { format!("{what}: lost") } else { format!("{what}: {answer}") };
        match lines.last_mut().filter(|(last, _)| *last == line) {
            Some((_, times)) => *times += 1,
            None => lines.push((line, 1)),
        }
    }
    let registered = (scene.registrations > 0).then(|| format!("{} registered", scene.registrations));
    let webhooks = lines.into_iter().map(|(line, times)| if times > 1 { format!("{times} x {line}") } else { line });
    registered.into_iter().chain(webhooks).collect::<Vec<_>>().join("\n")
}
