//! The harness against a function of its own (examples/probe.rs): what it counts, breaks and reports is what happened.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tests::{Aws, Call, Fault, Function, FunctionError, Gate, Launch, Outcome, Phase, StartError, Table, binaries};

const PATIENCE: Duration = Duration::from_secs(10);

fn launch(aws: &Aws) -> Launch {
    let launch = Launch::new("probe", binaries::example("probe")).aws(aws);
    launch.env("QUEUE_URL", aws.queue_url()).env("TABLE_NAME", Table::NAME)
}

fn start(aws: &Aws) -> Function {
    launch(aws).start().unwrap()
}

fn work(id: &str) -> Value {
    json!({"command": "work", "id": id})
}

fn command(command: &str) -> Value {
    json!({ "command": command })
}

fn counted<const N: usize>(expected: [(&str, usize); N]) -> std::collections::BTreeMap<String, usize> {
    expected.into_iter().map(|(operation, times)| (operation.to_owned(), times)).collect()
}

#[test]
fn calls_are_counted_and_init_is_apart() {
    let aws = Aws::start();
    let probe = start(&aws);
    assert_eq!(aws.counts(), counted([]));
    assert_eq!(aws.init_counts(), counted([("dynamodb:DescribeTable", 1)]));

    let digest = "74cddb5ce2ce0bb187ec0ddaec0ae080";
    let answer = probe.invoke(work("tx-1")).unwrap();
    assert_eq!(answer["update"], "applied");
    assert_eq!(answer["digest"], digest, "MD5 of `work tx-1`");
    assert_eq!(aws.counts(), counted([("dynamodb:UpdateItem", 1), ("sqs:SendMessage", 1)]));
    assert_eq!(aws.queued()[0].body, "work tx-1");
    assert_eq!(aws.table().item("tx-1"), Some(json!({"transactionID": "tx-1", "version": 1})));

    let answer = probe.invoke(work("tx-1")).unwrap();
    assert_eq!((&answer["update"], &answer["old"]), (&json!("refused"), &json!("1")));
    let update = aws.calls().into_iter().rfind(|call| call.operation == "dynamodb:UpdateItem").unwrap();
    assert_eq!((update.function.as_str(), update.phase), ("probe", Phase::Invocation(2)));
    assert_eq!(
        update.outcome,
        Outcome::Failed { status: 400, code: "ConditionalCheckFailedException".into() },
        "a refused condition is an answer too"
    );
    assert_eq!(update.resource().as_deref(), Some(Table::NAME));

    assert_eq!(aws.calls_containing("work tx-1").len(), 2);
    aws.reset();
    assert_eq!((aws.counts(), aws.queued().len()), (counted([]), 0));
    assert!(aws.table().item("tx-1").is_some(), "the table outlives a reset");
}

#[tokio::test]
async fn it_works_inside_a_runtime_and_processes_are_told_apart() {
    let aws = Aws::start();
    let gate = Gate::new();
    let (one, two) = (start(&aws), launch_as(&aws, "other").start().unwrap());
    aws.inject(Fault::on("dynamodb:UpdateItem").held(&gate));

    let (first, second) = (one.begin(work("tx")), two.begin(work("tx")));
    assert!(gate.wait_for_arrivals(2, PATIENCE), "both are in flight at once");
    gate.open();
    let answers = [first.wait().unwrap(), second.wait().unwrap()];
    let applied = answers.iter().filter(|answer| answer["update"] == "applied").count();
    assert_eq!(applied, 1, "{answers:?}");
    assert_eq!(aws.counts_of("other"), counted([("dynamodb:UpdateItem", 1), ("sqs:SendMessage", 1)]));
    assert_eq!(aws.count("sqs:SendMessage"), 2);
}

fn launch_as(aws: &Aws, name: &str) -> Launch {
    let launch = Launch::new(name, binaries::example("probe")).aws(aws);
    launch.env("QUEUE_URL", aws.queue_url()).env("TABLE_NAME", Table::NAME)
}

#[test]
fn the_nth_call_fails_and_the_sdk_tries_again() {
    let aws = Aws::start();
    let probe = start(&aws);
    let fault = aws.inject(Fault::on("sqs:SendMessage").nth(2).error(500, "InternalFailure"));
    probe.invoke(work("a")).unwrap();
    assert_eq!(fault.hits(), 0);
    probe.invoke(work("b")).unwrap();
    assert_eq!((fault.hits(), aws.count("sqs:SendMessage")), (1, 3));
    assert_eq!(aws.queued().len(), 2, "the failed call sent nothing");
    let outcomes: Vec<Outcome> = of(&aws, "sqs:SendMessage").into_iter().map(|call| call.outcome).collect();
    assert_eq!(outcomes, [Outcome::Succeeded, Outcome::Faulted { status: 500 }, Outcome::Succeeded]);
}

#[test]
fn a_permanent_error_reaches_the_handler() {
    let aws = Aws::start();
    let probe = start(&aws);
    aws.inject(Fault::on("sqs:SendMessage").error(403, "AccessDeniedException"));
    let error = probe.invoke(work("a")).unwrap_err();
    let FunctionError::Handler { message, .. } = error else { panic!("{error}") };
    assert!(message.contains("AccessDenied"), "{message}");
    assert_eq!(aws.counts(), counted([("sqs:SendMessage", 1)]));

    aws.clear_faults();
    probe.invoke(work("a")).unwrap();
}

#[test]
fn an_answer_is_lost_after_the_effect() {
    let aws = Aws::start();
    let probe = start(&aws);
    aws.inject(Fault::on("dynamodb:UpdateItem").first(1).applied_but_dropped());
    let answer = probe.invoke(work("a")).unwrap();
    assert_eq!(answer["update"], "refused", "the SDK's second attempt meets the first one's effect");
    let outcomes: Vec<Outcome> = of(&aws, "dynamodb:UpdateItem").into_iter().map(|call| call.outcome).collect();
    assert_eq!(outcomes[0], Outcome::Dropped { applied: true });
    assert_eq!(outcomes.len(), 2);

    aws.inject(Fault::on("sqs:SendMessage").dropped());
    probe.invoke(work("b")).unwrap_err();
    assert_eq!(aws.queued().len(), 1);
}

#[test]
fn somebody_else_writes_first() {
    let aws = Aws::start();
    let probe = start(&aws);
    let other = json!({"transactionID": "a", "version": 7});
    aws.inject(Fault::on("dynamodb:UpdateItem").nth(1).before(move |table| table.put(&other)));
    let answer = probe.invoke(work("a")).unwrap();
    assert_eq!((&answer["update"], &answer["old"]), (&json!("refused"), &json!("7")));
}

#[test]
fn faults_choose_by_content_and_delay() {
    let aws = Aws::start();
    let probe = start(&aws);
    let delay = Duration::from_millis(30);
    let slow = Fault::on("dynamodb:UpdateItem").when(|body| body["Key"]["transactionID"]["S"] == "b").delayed(delay);
    let slow = aws.inject(slow);
    for id in ["a", "b", "c"] {
        probe.invoke(work(id)).unwrap();
    }
    assert_eq!(slow.hits(), 1);
    let durations: Vec<bool> =
        of(&aws, "dynamodb:UpdateItem").into_iter().map(|call| call.duration.unwrap() >= delay).collect();
    assert!(durations[1], "the one that was chosen is late");
    assert!(probe.last_duration().is_some() && probe.init_duration() > Duration::ZERO);
}

#[test]
fn capacity_is_known_for_what_was_called() {
    let aws = Aws::start();
    let probe = start(&aws);
    probe.invoke(work("a")).unwrap();
    let units: Vec<f64> = of(&aws, "dynamodb:UpdateItem").iter().map(|call| call.capacity_units).collect();
    assert_eq!(units, [1.0]);
}

#[test]
fn every_service_is_understood_by_its_sdk() {
    let aws = Aws::start();
    let probe = start(&aws);
    let FunctionError::Handler { message, .. } = probe.invoke(command("secret")).unwrap_err() else { panic!() };
    assert!(message.contains("ResourceNotFoundException"), "{message}");
    aws.set_secret("probe-secret", &json!({"keys": []}));
    assert_eq!(probe.invoke(command("secret")).unwrap(), "{\"keys\":[]}");

    aws.inject(Fault::on("events:PutEvents").nth(2).entries(&[1], "ThrottlingException"));
    assert_eq!(probe.invoke(command("publish")).unwrap(), json!({"failed": 0, "codes": [null, null]}));
    let partly = probe.invoke(command("publish")).unwrap();
    assert_eq!(partly, json!({"failed": 1, "codes": [null, "ThrottlingException"]}));
    let published: Vec<Value> = aws.events().into_iter().map(|event| event.detail["number"].clone()).collect();
    assert_eq!((published, aws.events()[0].bus.as_str()), (vec![json!(1), json!(2), json!(1)], "bus"));

    aws.table().put(&json!({"transactionID": "a", "dueShard": 1, "nextCheckAt": 50}));
    aws.table().put(&json!({"transactionID": "b", "dueShard": 1, "nextCheckAt": 500}));
    aws.inject(Fault::on("dynamodb:BatchGetItem").nth(1).unprocessed(1));
    assert_eq!(probe.invoke(command("read")).unwrap(), json!({"found": 1, "left": 1, "due": 1}));
    assert_eq!(probe.invoke(command("read")).unwrap(), json!({"found": 2, "left": 0, "due": 1}));
    let resources: Vec<_> = of(&aws, "dynamodb:Query").iter().filter_map(Call::resource).collect();
    assert_eq!(resources[0], format!("{}/index/{}", Table::NAME, Table::DUE_INDEX));

    aws.inject(Fault::on("sqs:ChangeMessageVisibilityBatch").entries(&[0], "InternalError"));
    assert_eq!(probe.invoke(command("postpone")).unwrap(), json!({"changed": 1, "failed": ["0"]}));
    assert_eq!(of(&aws, "sqs:ChangeMessageVisibilityBatch")[0].iam_action(), "sqs:ChangeMessageVisibility");
}

#[test]
fn the_four_functions_are_built_and_found() {
    for name in binaries::FUNCTIONS {
        assert!(binaries::function(name).is_file(), "{name}");
    }
}

#[test]
fn a_failed_init_is_reported_with_its_output() {
    let aws = Aws::start();
    let failed = |launch: Launch| launch.start().err().expect("it must not start");

    let StartError { reason, output, .. } = failed(launch(&aws).env("PROBE_INIT", "exit"));
    assert!(format!("{reason:?}").contains("exit status: 3"), "{reason:?}");
    assert!(output.contains("probe starts") && output.contains("QUEUE_URL is not set"), "stdout and stderr: {output}");

    let StartError { reason, .. } = failed(launch(&aws).env("PROBE_INIT", "report"));
    assert!(format!("{reason:?}").contains("InitError"), "{reason:?}");

    let StartError { reason, .. } = failed(launch(&aws).without("TABLE_NAME"));
    assert!(format!("{reason:?}").contains("Exited"), "{reason:?}");

    let StartError { reason, .. } = failed(Launch::new("nobody", "/nonexistent/bootstrap"));
    assert!(format!("{reason:?}").contains("NotSpawned"), "{reason:?}");
}

#[test]
fn functions_fail_as_on_lambda() {
    let aws = Aws::start();
    let probe = start(&aws);
    let FunctionError::Handler { message, .. } = probe.invoke(command("fail")).unwrap_err() else { panic!() };
    assert_eq!(message, "asked to fail");
    let FunctionError::Handler { message, .. } = probe.invoke(command("panic")).unwrap_err() else { panic!() };
    assert!(message.contains("asked to panic"), "{message}");
    probe.invoke(work("a")).expect("a panic does not end the process");

    let FunctionError::Exited { status, output } = probe.invoke(command("exit")).unwrap_err() else { panic!() };
    assert!(status.contains('3') && output.contains("probe starts"), "{status}: {output}");

    let probe = start(&aws);
    let hung = probe.invoke_within(command("hang"), Duration::from_millis(200));
    assert_eq!(hung, Err(FunctionError::TimedOut));
    assert!(!exists(&probe), "Lambda ends what runs into its time-out");
}

#[test]
fn a_process_is_killed_in_the_middle_and_on_drop() {
    let aws = Aws::start();
    let probe = start(&aws);
    let gate = Gate::new();
    aws.inject(Fault::on("dynamodb:UpdateItem").held(&gate));
    let invocation = probe.begin(work("a"));
    assert!(gate.wait_for_arrivals(1, PATIENCE));
    probe.kill();
    assert!(matches!(invocation.wait(), Err(FunctionError::Exited { .. })));
    assert!(!exists(&probe));
    assert_eq!((aws.queued().len(), aws.table().item("a")), (1, None), "the message went out, the write did not");

    let probe = start(&aws);
    let process = format!("/proc/{}", probe.pid());
    assert!(std::path::Path::new(&process).exists());
    drop(probe);
    assert!(!std::path::Path::new(&process).exists());
}

#[test]
fn a_function_sees_deadline_trace_and_itself() {
    let aws = Aws::start();
    let probe = launch(&aws).memory_mb(512).timeout(Duration::from_secs(60)).start().unwrap();
    let invocation = probe.begin(command("context"));
    let (request_id, trace_id) = (invocation.request_id().to_owned(), invocation.trace_id().to_owned());
    let seen = invocation.wait().unwrap();
    assert_eq!((&seen["requestId"], &seen["traceId"]), (&json!(request_id), &json!(trace_id)));
    assert_eq!(seen["memory"], 512);
    assert_eq!(seen["arn"], "arn:aws:lambda:eu-west-1:123456789012:function:probe");
    #[expect(clippy::disallowed_methods, reason = "the deadline is on the machine's clock")]
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let left_ms = u128::from(seen["deadline"].as_u64().unwrap()) - now_ms;
    assert!((50_000..=60_000).contains(&left_ms), "{left_ms}");
}

#[test]
fn log_lines_are_there_when_the_answer_is() {
    let aws = Aws::start();
    let probe = start(&aws);
    for round in 0..50 {
        let mark = probe.logs().mark();
        probe.invoke(command("context")).unwrap();
        let lines = probe.logs().json_since(mark);
        assert_eq!(lines.len(), 1, "round {round}: {lines:?}");
        assert_eq!(lines[0]["command"], "context");
    }
    assert_eq!(probe.logs().lines()[0], "probe starts");
    assert!(probe.logs().contains("\"level\":\"INFO\"") && probe.logs().metrics().is_empty());
}

fn of(aws: &Aws, operation: &str) -> Vec<Call> {
    aws.calls().into_iter().filter(|call| call.operation == operation).collect()
}

fn exists(function: &Function) -> bool {
    std::path::Path::new(&format!("/proc/{}", function.pid())).exists()
}
