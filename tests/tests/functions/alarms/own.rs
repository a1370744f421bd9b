//! Alarms on our own metrics: the real binaries are brought into each state, and what they print crosses the threshold.

use std::time::Duration;

use serde_json::{Value, json};
use tests::alarm::Alarm;
use tests::webhook;
use tests::{Fault, Function, Reply, events, published};

use super::{alarm, alarms, healthy_run, printed};
use crate::support::{Stand, answer, deliver, notification, payload, post, process, record, says};

/// A state that must set off an alarm.
pub struct State {
    pub alarm: &'static str,
    /// Brings about the state and returns what was printed in it.
    reach: fn(&Stand) -> Vec<Value>,
}

pub const STATES: [State; 11] = [
    State { alarm: "RejectedShareAlarm", reach: forged },
    State { alarm: "UnprocessableAlarm", reach: unprocessable },
    State { alarm: "StatusApiFailingAlarm", reach: |stand| swept(stand, Reply::text(503, "")) },
    State { alarm: "CredentialsRefusedAlarm", reach: |stand| swept(stand, Reply::text(401, "")) },
    State { alarm: "SweeperStoppedAlarm", reach: |_| Vec::new() },
    State { alarm: "SweeperLateAlarm", reach: late },
    State { alarm: "ClockSkewAlarm", reach: behind_at_the_processor },
    State { alarm: "UnpublishedAlarm", reach: unreadable_change },
    State { alarm: "RecordsReturnedAlarm", reach: not_stored },
    State { alarm: "ProcessorAttentionAlarm", reach: |stand| processed(stand, &dearer("t1")) },
    State { alarm: "SweeperAttentionAlarm", reach: |stand| swept(stand, Reply::json(200, &dearer("t1"))) },
];

/// Beginning with the name of ours, as names of environments do.
const OTHER_STACK: &str = "spg-webhooks-qly";
const SWEEP: Duration = Duration::from_secs(12);

fn forged(stand: &Stand) -> Vec<Value> {
    let ack = stand.start("ack");
    for _ in 0..3 {
        let (headers, body) = webhook::encrypt(b"spg-webhooks somebody else's key", &payload("t1", "n1", "Success"));
        assert_eq!(post(&ack, &headers, &body).status, 401);
        assert_eq!(deliver(&ack, &payload("t1", "n1", "Success")).status, 200);
    }
    asked_and_queued(stand, &ack)
}

/// What ack has printed, and what SQS publishes of what it has accepted.
fn asked_and_queued(stand: &Stand, ack: &Function) -> Vec<Value> {
    let mut lines = printed(ack);
    lines.push(published::sent_messages("NotificationQueue", stand.aws.queued().len()));
    lines
}

/// What cannot be stored goes back to the queue, again and again.
fn not_stored(stand: &Stand) -> Vec<Value> {
    let processor = stand.start("processor");
    stand.aws.inject(Fault::on("dynamodb:UpdateItem").error(400, "AccessDeniedException"));
    let waiting = record(&notification("t1", "n1", "Pending"));
    assert_eq!(process(&processor, std::slice::from_ref(&waiting)), [waiting.message_id]);
    printed(&processor)
}

/// Another process has published with a clock that is two hours later.
fn published_in_the_future(stand: &Stand) -> Function {
    let processor = stand.start("processor");
    process(&processor, &[record(&notification("t1", "n1", "Pending"))]);
    let mut item = stand.aws.table().raw_item("t1").unwrap();
    item["sequence"] = json!({"N": (events::now_ms() + 2 * 3_600_000).to_string()});
    item["nextCheckAt"] = json!({"N": (events::now_ms() - 60_000).to_string()});
    stand.aws.table().put_raw(&item);
    processor
}

fn behind_at_the_processor(stand: &Stand) -> Vec<Value> {
    let processor = published_in_the_future(stand);
    process(&processor, &[record(&notification("t1", "n2", "InProcessing"))]);
    printed(&processor)
}

fn unreadable_change(stand: &Stand) -> Vec<Value> {
    let publisher = stand.start("publisher");
    let image = json!({"transactionID": {"S": "t1"}, "change": {"S": "Finalised"}});
    publisher.invoke(events::dynamodb_stream(&[image])).unwrap();
    printed(&publisher)
}

fn unprocessable(stand: &Stand) -> Vec<Value> {
    let ack = stand.start("ack");
    assert_eq!(deliver(&ack, &json!({"paymentStatus": "Success"})).status, 422);
    printed(&ack)
}

/// One transaction that is due since a minute, and a sweep that gets this answer.
fn swept(stand: &Stand, reply: Reply) -> Vec<Value> {
    let sweeper = stand.start("sweeper");
    sweep(stand, &sweeper, reply, 60);
    printed(&sweeper)
}

fn late(stand: &Stand) -> Vec<Value> {
    let sweeper = stand.start("sweeper");
    sweep(stand, &sweeper, says("t1", "Success"), 16 * 60);
    printed(&sweeper)
}

fn sweep(stand: &Stand, sweeper: &Function, reply: Reply, due_for_seconds: u64) {
    process(&stand.start("processor"), &[record(&notification("t1", "n1", "Pending"))]);
    let mut item = stand.aws.table().raw_item("t1").unwrap();
    item["nextCheckAt"] = json!({"N": (events::now_ms() - due_for_seconds * 1_000).to_string()});
    stand.aws.table().put_raw(&item);
    stand.status_api.always("t1", reply);
    sweeper.invoke_within(events::schedule(), SWEEP).unwrap();
}

/// A claimed Success that is answered like this.
fn processed(stand: &Stand, said: &Value) -> Vec<Value> {
    let processor = stand.start("processor");
    stand.status_api.always("t1", Reply::json(200, said));
    process(&processor, &[record(&notification("t1", "n1", "Success"))]);
    printed(&processor)
}

fn dearer(id: &str) -> Value {
    let mut said = answer(id, "Success");
    said["amount"]["value"] = json!("99.90");
    said
}

#[test]
fn each_state_sets_off_its_alarm() {
    for state in &STATES {
        let lines = (state.reach)(&Stand::new());
        assert!(alarm(state.alarm).is_breached_by(&lines), "{}: {lines:#?}", state.alarm);
    }
}

/// A stack for tests in the same region of the same account must not wake anybody, nor may its sweeps hide that ours have stopped.
#[test]
fn what_another_stack_prints_is_no_data_to_this_ones_alarms() {
    let no_answer = |alarm: &Alarm, lines: &[Value]| {
        assert_eq!(alarm.is_breached_by(lines), alarm.is_breached_by(&[]), "{}: {lines:#?}", alarm.id);
    };
    for state in &STATES {
        let lines = (state.reach)(&Stand::of(OTHER_STACK));
        no_answer(&alarm(state.alarm), &lines);
    }
    let lines = healthy_run(&Stand::of(OTHER_STACK));
    assert!(lines.iter().all(|line| line["Stack"] == OTHER_STACK), "{lines:#?}");
    alarms().iter().filter(|alarm| alarm.is_own()).for_each(|alarm| no_answer(alarm, &lines));
}

#[test]
fn a_share_of_few_or_less_than_half_is_no_alarm() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    let forged = || webhook::encrypt(b"spg-webhooks somebody else's key", &payload("t1", "n1", "Success"));
    let rejected = alarm("RejectedShareAlarm");
    for _ in 0..4 {
        let (headers, body) = forged();
        post(&ack, &headers, &body);
    }
    assert!(!rejected.is_breached_by(&asked_and_queued(&stand, &ack)), "four are few");
    for _ in 0..5 {
        deliver(&ack, &payload("t1", "n1", "Success"));
    }
    assert!(!rejected.is_breached_by(&asked_and_queued(&stand, &ack)), "four of nine");
    let (headers, body) = forged();
    post(&ack, &headers, &body);
    assert!(rejected.is_breached_by(&asked_and_queued(&stand, &ack)), "five of ten");
    assert!(rejected.is_breached_by(&printed(&ack)), "five of five, of which SQS has nothing to publish");
}

#[test]
fn the_sweeper_s_clock_is_watched_too() {
    let stand = Stand::new();
    published_in_the_future(&stand);
    stand.status_api.always("t1", says("t1", "Success"));
    let sweeper = stand.start("sweeper");
    sweeper.invoke_within(events::schedule(), SWEEP).unwrap();
    assert!(alarm("ClockSkewAlarm").is_breached_by(&printed(&sweeper)));
}

/// The processor asks first: what it cannot ask is seen before a sweep has tried, and where sweeps find nothing to query.
#[test]
fn what_fails_for_the_processor_alone_sets_off_the_alarms_of_the_status_api() {
    let claimed = |replies: &[Reply]| {
        let stand = Stand::new();
        let processor = stand.start("processor");
        for (n, reply) in replies.iter().enumerate() {
            let id = format!("t{n}");
            stand.status_api.always(&id, reply.clone());
            process(&processor, &[record(&notification(&id, "n1", "Declined"))]);
        }
        printed(&processor)
    };
    let [failing, refused] = ["StatusApiFailingAlarm", "CredentialsRefusedAlarm"].map(alarm);
    let (no_answer, refusal) = (Reply::text(503, ""), Reply::text(401, ""));
    let declined = |n: usize| says(&format!("t{n}"), "Declined");
    assert!(failing.is_breached_by(&claimed(std::slice::from_ref(&no_answer))));
    assert!(failing.is_breached_by(&claimed(&[declined(0), no_answer.clone()])), "half");
    assert!(!failing.is_breached_by(&claimed(&[declined(0), declined(1), no_answer])), "less than half");
    assert!(refused.is_breached_by(&claimed(&[declined(0), refusal])));
    let well = claimed(&[declined(0)]);
    assert!(!failing.is_breached_by(&well) && !refused.is_breached_by(&well));
}

/// Each function's share counts for itself, and each function's refusals.
#[test]
fn answers_to_one_function_do_not_hide_that_the_other_gets_none() {
    let well = || processed(&Stand::new(), &answer("t1", "Success"));
    let asked_well = || swept(&Stand::new(), says("t1", "Success"));
    let trouble = [("StatusApiFailingAlarm", 503), ("CredentialsRefusedAlarm", 401)];
    for (id, status) in trouble {
        let alarm = alarm(id);
        let mut sweeper_fails = swept(&Stand::new(), Reply::text(status, ""));
        (0..3).for_each(|_| sweeper_fails.extend(well()));
        assert!(alarm.is_breached_by(&sweeper_fails), "{id}: {sweeper_fails:#?}");
        let stand = Stand::new();
        let processor = stand.start("processor");
        stand.status_api.always("t1", Reply::text(status, ""));
        process(&processor, &[record(&notification("t1", "n1", "Declined"))]);
        let mut processor_fails = printed(&processor);
        (0..3).for_each(|_| processor_fails.extend(asked_well()));
        assert!(alarm.is_breached_by(&processor_fails), "{id}: {processor_fails:#?}");
    }
}

#[test]
fn a_status_api_that_answers_half_is_failing_and_one_that_answers_more_is_not() {
    for (failing, expected) in [(1, false), (2, true)] {
        let stand = Stand::new();
        let processor = stand.start("processor");
        for n in 0..4 {
            let id = format!("t{n}");
            process(&processor, &[record(&notification(&id, "n1", "Pending"))]);
            stand.make_due(&id);
            let fails = n < failing;
            stand.status_api.always(&id, if fails { Reply::text(503, "") } else { says(&id, "Declined") });
        }
        let sweeper = stand.start("sweeper");
        sweeper.invoke_within(events::schedule(), SWEEP).unwrap();
        let lines = printed(&sweeper);
        assert_eq!(alarm("StatusApiFailingAlarm").is_breached_by(&lines), expected, "{failing} of 4: {lines:#?}");
    }
}

#[test]
fn a_sweep_that_finds_nothing_is_a_sweep_and_is_not_late() {
    let stand = Stand::new();
    let sweeper = stand.start("sweeper");
    sweeper.invoke(events::schedule()).unwrap();
    let lines = printed(&sweeper);
    assert!(!alarm("SweeperStoppedAlarm").is_breached_by(&lines) && !alarm("SweeperLateAlarm").is_breached_by(&lines));
    assert!(alarm("SweeperLateAlarm").is_breached_by(&[]), "no data is a fault of the sweeper");
}

/// Every reason that means wrong money.
#[test]
fn every_mismatch_and_every_unexpected_correction_sets_off_the_alarm() {
    let changed = |member: &str, value: Value| {
        let mut said = answer("t1", "Success");
        *said.pointer_mut(member).unwrap() = value;
        said
    };
    let mismatches = [
        ("AmountMismatch", changed("/amount/value", json!("15.91"))),
        ("CurrencyMismatch", changed("/amount/currency", json!("USD"))),
        ("TransactionIdMismatch", changed("/transactionID", json!("another"))),
    ];
    for (reason, said) in mismatches {
        let lines = processed(&Stand::new(), &said);
        assert!(lines.iter().any(|line| line["Kind"] == reason), "{reason}: {lines:#?}");
        assert!(alarm("ProcessorAttentionAlarm").is_breached_by(&lines), "{reason}");
    }

    let stand = Stand::new();
    let processor = stand.start("processor");
    stand.status_api.script("t1", [says("t1", "Declined")]);
    process(&processor, &[record(&notification("t1", "n1", "Declined"))]);
    let before = printed(&processor);
    assert!(!alarm("ProcessorAttentionAlarm").is_breached_by(&before));
    stand.status_api.always("t1", says("t1", "Success"));
    process(&processor, &[record(&notification("t1", "n2", "Success"))]);
    let lines = &printed(&processor)[before.len()..];
    assert!(lines.iter().any(|line| line["Kind"] == "UnexpectedCorrection"), "{lines:#?}");
    assert!(alarm("ProcessorAttentionAlarm").is_breached_by(lines));
}

/// The post-authorisation decline is a correction that SPG's documentation announces.
#[test]
fn an_expected_correction_wakes_nobody() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    stand.status_api.script("t1", [says("t1", "Success")]);
    process(&processor, &[record(&notification("t1", "n1", "Success"))]);
    stand.status_api.always("t1", says("t1", "Declined"));
    process(&processor, &[record(&notification("t1", "n2", "Declined"))]);
    let lines = printed(&processor);
    assert!(lines.iter().any(|line| line["Kind"] == "Expected" && line["Corrected"] == 1), "{lines:#?}");
    assert!(!alarm("ProcessorAttentionAlarm").is_breached_by(&lines));
}

/// Lapsed and Unknown are counted, and on the dashboard.
#[test]
fn what_is_unknown_or_has_lapsed_wakes_nobody() {
    for (reason, reply) in [("Unknown", Reply::text(404, "")), ("Lapsed", says("t1", "Pending"))] {
        let stand = Stand::new();
        process(&stand.start("processor"), &[record(&notification("t1", "n1", "Pending"))]);
        stand.make_due("t1");
        let mut item = stand.aws.table().raw_item("t1").unwrap();
        item["firstSeenAt"] = json!({"N": (events::now_ms() - 2 * 3_600_000).to_string()});
        stand.aws.table().put_raw(&item);
        stand.status_api.always("t1", reply);
        let sweeper = stand.start("sweeper");
        sweeper.invoke_within(events::schedule(), SWEEP).unwrap();
        let lines = printed(&sweeper);
        let raised = |line: &Value| line["Kind"] == reason && line["NeedsAttention"] == 1;
        assert!(lines.iter().any(raised), "{reason}: {lines:#?}");
        assert!(!alarm("SweeperAttentionAlarm").is_breached_by(&lines), "{reason}");
    }
}
