//! The conditions that alarms on metrics of AWS stand for, brought about with real processes: what AWS's services would publish of
//! them sets the alarm off, and what they publish of a healthy system does not.

use std::time::Duration;

use serde_json::Value;
use tests::events::SqsRecord;
use tests::{Fault, StreamMapping, events, published, webhook};

use super::alarm;
use crate::support::{Stand, deliver, notification, payload, post, process, record, says};

/// A window of CloudWatch's for each of these.
fn windows(lines: impl IntoIterator<Item = Value>) -> Vec<Vec<Value>> {
    lines.into_iter().map(|line| vec![line]).collect()
}

/// DeadLettersAlarm: what can never succeed gets there, and nothing else does.
#[test]
fn a_notification_that_contradicts_itself_lies_in_the_dead_letter_queue() {
    let stand = Stand::new();
    let processor = stand.start("processor");
    stand.status_api.always("t1", says("t1", "Success"));
    let visible = || windows([published::visible_messages("DeadLetterQueue", stand.aws.dead_letters().len())]);
    process(&processor, &[record(&notification("t1", "n1", "Success"))]);
    assert!(!alarm("DeadLettersAlarm").goes_off(&visible()));
    process(&processor, &[record(&notification("t1", "n1", "Declined"))]);
    assert!(alarm("DeadLettersAlarm").goes_off(&visible()));
}

/// QueueAgeAlarm: what ack has queued waits until the processor is given it. The windows of five minutes pass on a clock of their own.
#[test]
fn a_notification_that_nobody_fetches_grows_old() {
    const PERIOD: Duration = Duration::from_secs(300);
    // The age at the end of each of four windows; from this one on it was fetched.
    let ages = |fetched: Option<u32>| {
        let stand = Stand::new();
        stand.status_api.always("t1", says("t1", "Success"));
        let processor = stand.start("processor");
        assert_eq!(deliver(&stand.start("ack"), &payload("t1", "n1", "Success")).status, 200);
        let mut waiting: Vec<_> = stand.aws.queued().iter().map(|sent| SqsRecord::new(sent.body.as_str())).collect();
        assert_eq!(waiting.len(), 1);
        let of = |window| {
            if fetched == Some(window) {
                assert!(process(&processor, &std::mem::take(&mut waiting)).is_empty());
            }
            let age = if waiting.is_empty() { Duration::ZERO } else { PERIOD * window };
            published::oldest_message("NotificationQueue", age)
        };
        windows((1..=4).map(of).collect::<Vec<_>>())
    };
    let old = alarm("QueueAgeAlarm");
    assert!(!old.goes_off(&ages(Some(1))));
    assert!(!old.goes_off(&ages(Some(3))), "after ten minutes and a little: one window alone");
    assert!(old.goes_off(&ages(None)));
}

/// AckFailingAlarm: a queue that does not take it is answered with a server error.
#[test]
fn a_webhook_that_the_queue_does_not_take_is_a_server_error() {
    let stand = Stand::new();
    let ack = stand.start("ack");
    let answered = |times: usize| {
        let answers = (0..times).map(|_| deliver(&ack, &payload("t1", "n1", "Success")).status);
        answers.map(published::server_errors).collect::<Vec<_>>()
    };
    let failing = alarm("AckFailingAlarm");
    assert!(!failing.goes_off(&windows(answered(3))));
    let (headers, forged) = webhook::encrypt(b"spg-webhooks somebody else's key", &payload("t1", "n1", "Success"));
    let refused = published::server_errors(post(&ack, &headers, &forged).status);
    assert!(!failing.goes_off(&windows([refused.clone(), refused.clone(), refused])), "SPG's matter, not ours");
    stand.aws.inject(Fault::on("sqs:SendMessage").error(400, "AccessDeniedException"));
    assert!(!failing.goes_off(&windows(answered(2))), "SPG repeats them");
    assert!(failing.goes_off(&windows(answered(3))));
}

/// AckSlowAlarm: ack gives up on the queue after three seconds, so the threshold must lie below them. Both ways of being slow: SQS
/// answers the second attempt late, or none.
#[test]
fn a_queue_that_is_slow_makes_ack_slow_and_a_usual_one_does_not() {
    // How late SQS answers the first and the second attempt, in milliseconds, and what the sender is told.
    let latencies = |delays: [u64; 2], status: u16| {
        let took = (0..3).map(|_| {
            let stand = Stand::new();
            let ack = stand.start("ack");
            for (attempt, late) in (1..).zip(delays.map(Duration::from_millis)) {
                stand.aws.inject(Fault::on("sqs:SendMessage").nth(attempt).delayed(late));
            }
            assert_eq!(deliver(&ack, &payload("t1", "n1", "Success")).status, status);
            published::latency(ack.last_duration().unwrap())
        });
        windows(took.collect::<Vec<_>>())
    };
    let slow = alarm("AckSlowAlarm");
    assert!(!slow.goes_off(&latencies([0, 0], 200)));
    assert!(slow.goes_off(&latencies([5_000, 1_000], 200)), "accepted, but late");
    assert!(slow.goes_off(&latencies([5_000, 5_000], 503)), "given up");
}

/// PublisherLateAlarm: a batch that fails is given again, and what waits behind it grows old with it.
#[test]
fn a_bus_that_takes_nothing_for_an_hour_makes_the_publisher_late() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let stand = Stand::new();
    for id in ["t1", "t2"] {
        stand.status_api.always(id, says(id, "Declined"));
        process(&stand.start("processor"), &[record(&notification(id, "n1", "Declined"))]);
    }
    let publisher = stand.start("publisher");
    let images = ["t1", "t2"].map(|id| stand.aws.table().raw_item(id).unwrap());
    let mut mapping = StreamMapping::of("PublisherSource");
    let late = alarm("PublisherLateAlarm");
    let published = |mapping: &mut StreamMapping| {
        let age = mapping.attempt(&publisher).expect("something waits");
        windows([published::iterator_age("PublisherFunction", age)])
    };
    stand.aws.inject(Fault::on("events:PutEvents").error(400, "AccessDeniedException"));
    mapping.write(&images);
    while mapping.elapsed() < HOUR {
        assert!(!late.goes_off(&published(&mut mapping)), "after {:?}", mapping.elapsed());
    }
    assert!(late.goes_off(&published(&mut mapping)), "after {:?}", mapping.elapsed());
    assert!(stand.aws.events().is_empty() && mapping.waiting() == images.len());

    stand.reset_calls();
    assert!(late.goes_off(&published(&mut mapping)), "as old as it was when it was sent");
    assert_eq!((stand.aws.events().len(), mapping.waiting()), (images.len(), 0));
    mapping.write(&images);
    assert!(!late.goes_off(&published(&mut mapping)), "what comes after is told at once");
}

/// SweeperErrorsAlarm and PublisherErrorsAlarm: a failed invocation is a failed invocation to Lambda.
#[test]
fn a_table_that_cannot_be_read_and_a_bus_that_takes_nothing_fail_the_invocation() {
    let stand = Stand::new();
    stand.status_api.always("t1", says("t1", "Declined"));
    process(&stand.start("processor"), &[record(&notification("t1", "n1", "Declined"))]);
    let changes = events::dynamodb_stream(&[stand.aws.table().raw_item("t1").unwrap()]);
    let of = [
        ("sweeper", "SweeperFunction", "SweeperErrorsAlarm", "dynamodb:Query", events::schedule()),
        ("publisher", "PublisherFunction", "PublisherErrorsAlarm", "events:PutEvents", changes),
    ];
    for (name, resource, id, operation, event) in of {
        let function = stand.start(name);
        let invoked = |times: usize| {
            let results = (0..times).map(|_| function.invoke_within(event.clone(), Duration::from_secs(12)));
            windows(results.map(|result| published::errors(resource, &result)).collect::<Vec<_>>())
        };
        assert!(!alarm(id).goes_off(&invoked(2)), "{id}");
        stand.aws.inject(Fault::on(operation).error(400, "AccessDeniedException"));
        assert!(!alarm(id).goes_off(&invoked(1)), "{id}: whatever fails once is tried again");
        assert!(alarm(id).goes_off(&invoked(2)), "{id}");
        stand.reset_calls();
    }
}

/// AckErrorsAlarm and ProcessorErrorsAlarm: these two answer for each request and record even in trouble, so what is
/// left are time-outs, crashes and a configuration that cannot be read.
#[test]
fn a_function_that_cannot_be_configured_fails_at_its_start() {
    let stand = Stand::new();
    let of = [
        ("ack", "AckFunction", "AckErrorsAlarm", "QUEUE_URL"),
        ("processor", "ProcessorFunction", "ProcessorErrorsAlarm", "TABLE_NAME"),
    ];
    for (name, resource, id, variable) in of {
        let well = published::start_errors(resource, &stand.launch(name).start());
        assert!(!alarm(id).goes_off(&windows([well.clone(), well])), "{id}");
        let failed = published::start_errors(resource, &stand.launch(name).without(variable).start());
        assert!(alarm(id).goes_off(&windows([failed.clone(), failed])), "{id}");
    }
}
