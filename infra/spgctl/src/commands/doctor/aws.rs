//! What AWS runs: the stack, its address, schedule, consumers, queues and alarms.

use std::time::Duration;

use aws_sdk_scheduler::types::ScheduleState;
use spg_reconcile::DueIndex as _;
use spg_time::Clock as _;

use super::Finding;
use crate::inbox::Inbox;
use crate::output::span;
use crate::{Deployment, http};

const STACK: &str = "stack";
const URL: &str = "webhook URL";
const SCHEDULE: &str = "sweep schedule";
const DEAD_LETTERS: &str = "dead-letter queue";
const DUE: &str = "due index";
const ALARMS: &str = "alarms";
/// The state of an alarm that has gone off.
const RINGING: &str = "ALARM";
/// The sweeper runs each minute, and what is due is queried within the next.
const OVERDUE_AFTER: Duration = Duration::from_secs(5 * 60);

pub(super) fn stack(at: &Deployment) -> Finding {
    let status = at.stack_status.as_str();
    if status.ends_with("_COMPLETE") && !status.contains("ROLLBACK") && !status.starts_with("DELETE") {
        return Finding::ok(STACK, format!("{}: {status}", at.stack));
    }
    if status.ends_with("_IN_PROGRESS") {
        return Finding::note(STACK, format!("{}: {status}", at.stack));
    }
    Finding::wrong(STACK, format!("{}: {status}", at.stack), "look at the stack's events, fix the cause, deploy again")
}

/// An empty request is refused by the function itself: the way to it is open, and nothing is recorded.
pub(super) async fn webhook_url(at: &Deployment) -> Finding {
    const EXPECTED: u16 = 400;
    const REMEDY: &str = "look at the log of ack, and at the custom domain if there is one";
    let sent = match http::client() {
        Ok(client) => client.post(&at.webhook_url).send().await,
        Err(error) => return Finding::unseen(URL, error),
    };
    match sent {
        Ok(answer) if answer.status().as_u16() == EXPECTED => Finding::ok(URL, format!("{} answers", at.webhook_url)),
        Ok(answer) => {
            let status = answer.status().as_u16();
            Finding::wrong(URL, format!("{} answers {status} instead of {EXPECTED}", at.webhook_url), REMEDY)
        }
        Err(error) => Finding::wrong(
            URL,
            format!("{} does not answer: {}", at.webhook_url, spg_time::error_chain(&error)),
            REMEDY,
        ),
    }
}

pub(super) async fn schedule(at: &Deployment) -> Finding {
    let name = match at.resource("SweeperSchedule") {
        Ok(name) => name,
        Err(error) => return Finding::unseen(SCHEDULE, error),
    };
    match at.aws.scheduler().get_schedule().name(name).send().await {
        Ok(schedule) if schedule.state == Some(ScheduleState::Enabled) => {
            Finding::ok(SCHEDULE, schedule.schedule_expression.unwrap_or_default())
        }
        Ok(schedule) => Finding::wrong(
            SCHEDULE,
            format!("{name} is {}", schedule.state.map_or_else(|| "off".to_owned(), |state| state.as_str().to_owned())),
            "enable it in EventBridge Scheduler, or deploy the stack again: nothing that is due is queried",
        ),
        Err(error) => Finding::unseen(SCHEDULE, spg_time::error_chain(&error)),
    }
}

/// What reads the queue and what reads the stream.
pub(super) async fn consumers(at: &Deployment) -> Vec<Finding> {
    let of = [
        ("queue consumer", "ProcessorSource", "notifications stay on the queue"),
        ("stream consumer", "PublisherSource", "no outcome is published; the stream keeps them for a day"),
    ];
    futures::future::join_all(of.map(|(check, resource, so)| consumer(at, check, resource, so))).await
}

async fn consumer(at: &Deployment, check: &'static str, resource: &str, so: &str) -> Finding {
    let uuid = match at.resource(resource) {
        Ok(uuid) => uuid,
        Err(error) => return Finding::unseen(check, error),
    };
    let mapping = match at.aws.lambda().get_event_source_mapping().uuid(uuid).send().await {
        Ok(mapping) => mapping,
        Err(error) => return Finding::unseen(check, spg_time::error_chain(&error)),
    };
    let state = mapping.state.unwrap_or_default();
    let last = mapping.last_processing_result.unwrap_or_default();
    if state != "Enabled" && state != "Updating" && state != "Enabling" {
        return Finding::wrong(
            check,
            format!("it is {state}: {so}"),
            "enable the event source mapping, or deploy again",
        );
    }
    if last.starts_with("PROBLEM") || last == "FAILED" {
        let remedy = "look at the function's log; after a longer failure of the publisher: `spgctl republish --since`";
        return Finding::wrong(check, format!("its last batch failed: {last}"), remedy);
    }
    Finding::ok(check, state)
}

pub(super) async fn dead_letters(at: &Deployment) -> Finding {
    let url = match at.dlq_url() {
        Ok(url) => url,
        Err(error) => return Finding::unseen(DEAD_LETTERS, error),
    };
    match Inbox::new(&at.aws.sqs(), url).size().await {
        Some(0) => Finding::ok(DEAD_LETTERS, "empty"),
        Some(count) => Finding::wrong(DEAD_LETTERS, format!("about {count} messages"), "`spgctl dlq list`"),
        None => Finding::unseen(DEAD_LETTERS, "the queue does not say how many messages it holds"),
    }
}

/// Something that has been due for minutes: the sweeper does not keep up, or does not run.
pub(super) async fn overdue(at: &Deployment) -> Finding {
    let ledger = match at.ledger() {
        Ok(ledger) => ledger,
        Err(error) => return Finding::unseen(DUE, error),
    };
    let now = spg_time::SystemClock.now();
    let until = crate::Moment::Ago(OVERDUE_AFTER).seen_from(now);
    let mut oldest = None;
    for shard in 0..ledger.shards() {
        match ledger.due(shard, until, 1).await {
            Ok(due) => oldest = [oldest, due.first().map(|due| due.at)].into_iter().flatten().min(),
            Err(error) => return Finding::unseen(DUE, spg_time::error_chain(&error)),
        }
    }
    match oldest {
        None => Finding::ok(DUE, format!("nothing has been due for more than {}", span(OVERDUE_AFTER))),
        Some(at) => Finding::wrong(
            DUE,
            format!("the oldest query has been due for {}", span(now.since(at))),
            "is the Status API answering? look at the log of the sweeper",
        ),
    }
}

/// Those of this stack: another one's may begin with its name.
pub(super) async fn alarms(at: &Deployment) -> Finding {
    let names = at.of_type("AWS::CloudWatch::Alarm");
    let states = match crate::alarms::states(&at.aws, &names).await {
        Ok(states) => states,
        Err(error) => return Finding::unseen(ALARMS, error),
    };
    let count = names.len();
    let missing: Vec<&str> = names.into_iter().filter(|name| !states.contains_key(*name)).collect();
    if !missing.is_empty() {
        let detail = format!("{} of {count} are gone: {}", missing.len(), missing.join(", "));
        return Finding::wrong(
            ALARMS,
            detail,
            "somebody has deleted them: put them back as the template has them; the stack's drift shows what is missing",
        );
    }
    let ringing: Vec<&str> =
        states.iter().filter(|(_, state)| *state == RINGING).map(|(name, _)| name.as_str()).collect();
    if !ringing.is_empty() {
        let detail = format!("{} of {count} ring: {}", ringing.len(), ringing.join(", "));
        return Finding::wrong(ALARMS, detail, "the runbook has an entry for each");
    }
    match count {
        0 => Finding::note(ALARMS, "the stack has none"),
        count => Finding::ok(ALARMS, format!("{count}, all quiet")),
    }
}
