//! A configuration that cannot be used is told at once and in full; secrets that cannot be used stop nothing.

use serde_json::{Value, json};
use tests::template::Template;
use tests::{Fault, Launch, StartError, binaries, deployed, events};

use crate::support::{Stand, cost, notification, process, record};

const NOTHING: [String; 0] = [];

/// The one line that a process said before it ended with a failure.
fn complaint(launch: Launch) -> String {
    let Err(StartError { reason, output, .. }) = launch.start() else { panic!("it must not start") };
    assert!(format!("{reason:?}").contains("exit status: 1"), "{reason:?}");
    let lines: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [line] = lines.as_slice() else { panic!("not one line: {output}") };
    assert_eq!((&line["level"], &line["message"]), (&json!("ERROR"), &json!("the configuration cannot be used")));
    let told = line["error"].as_str().unwrap();
    assert_eq!(line["problems"], told.split("; ").count(), "{told}");
    told.to_owned()
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let store = ["STATUS_API_URL", "STATUS_API_SECRET", "TABLE_NAME"];
    let required = [
        ("ack", vec!["QUEUE_URL", "WEBHOOK_KEYS_SECRET"]),
        ("processor", [&store[..], &["QUEUE_URL", "DLQ_URL"]].concat()),
        ("sweeper", store.to_vec()),
        ("publisher", vec!["EVENT_BUS_NAME"]),
    ];
    for (function, mut variables) in required {
        variables.push("STACK_NAME");
        let told = complaint(Launch::new(function, binaries::function(function)));
        assert_eq!(told.split("; ").count(), variables.len(), "{function}: {told}");
        for variable in variables {
            assert!(told.contains(&format!("{variable} is not set")), "{function}, {variable}: {told}");
        }
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_no_value_with_it() {
    let stand = Stand::new();
    let aws = [("LOG_LEVEL", "canary"), ("AWS_ENDPOINT_URL", "canary"), ("AWS_REGION", ""), ("STACK_NAME", "canary!")];
    let rules = [
        ("STATUS_API_URL", "http://canary.example.com/api"),
        ("TERMINAL_IDS", ",,"),
        ("RECHECK_SUCCESS_AFTER_SECONDS", "-1"),
        ("RETENTION_DAYS", "69"),
        ("TABLE_NAME", " "),
    ];
    let wrong = [
        ("ack", [&aws[..], &[("ACK_STATUS_CODE", "canary canary"), ("QUEUE_URL", "")]].concat()),
        ("processor", [&aws[..], &rules, &[("DLQ_URL", "")]].concat()),
        ("sweeper", [&aws[..], &rules, &[("STATUS_API_CONCURRENCY", "65")]].concat()),
        ("publisher", [&aws[..], &[("EVENT_BUS_NAME", "")]].concat()),
    ];
    for (function, variables) in wrong {
        let launch = variables.iter().fold(stand.launch(function), |launch, (name, value)| launch.env(name, *value));
        let told = complaint(launch);
        assert!(!told.contains("canary"), "{told}");
        assert_eq!(told.split("; ").count(), variables.len(), "{function}: {told}");
        assert!(variables.iter().all(|(name, _)| told.contains(name)), "{function}: {told}");
    }
}

/// What the tests give the functions is what the template gives them.
#[test]
fn the_template_sets_every_variable_that_a_function_needs() {
    let stand = Stand::new();
    let template = Template::load();
    for function in binaries::FUNCTIONS {
        let launch = stand.launch(function);
        let given = template.variables(function);
        for name in launch.variables().filter(|name| *name != "AWS_ENDPOINT_URL") {
            assert!(given.contains(name), "{function} is not given {name}");
        }
        // Starts with values for all that the template names, and none of them is a problem.
        let optional = [
            ("ACK_STATUS_CODE", "000"),
            ("LOG_LEVEL", "info"),
            ("TERMINAL_IDS", ""),
            ("RECHECK_SUCCESS_AFTER_SECONDS", "86400"),
            ("RETENTION_DAYS", "400"),
            ("STATUS_API_CONCURRENCY", "16"),
        ];
        let known: Vec<String> = launch.variables().map(str::to_owned).collect();
        for name in &given {
            assert!(
                known.contains(name) || optional.iter().any(|(other, _)| other == name),
                "{function}: what is {name}?"
            );
        }
        optional.into_iter().fold(launch, |launch, (name, value)| launch.env(name, value)).start().unwrap();
    }
}

#[test]
fn without_usable_credentials_the_processor_records_and_leaves_due() {
    let unusable =
        [json!({"default": {"token": "", "clientId": ""}}), json!("canary"), json!({"default": {"token": "canary"}})];
    for secret in unusable {
        let stand = Stand::new();
        let launch = stand.launch("processor");
        stand.aws.set_secret(deployed::STATUS_API_SECRET, &secret);
        let processor = launch.start().unwrap();
        assert_eq!(process(&processor, &[record(&notification("t1", "n1", "Success"))]), NOTHING, "{secret}");
        // It is read again at once, and then once a minute.
        let calls = [("dynamodb:BatchGetItem", 1), ("dynamodb:UpdateItem", 1), ("secretsmanager:GetSecretValue", 1)];
        assert_eq!(stand.aws.counts(), cost(calls, 0).0, "{secret}");
        assert!(stand.status_api.queries().is_empty() && stand.aws.dead_letters().is_empty());
        let item = stand.item("t1");
        assert_eq!((&item["paymentStatus"], item["notifications"].get("n1").is_some()), (&json!("Pending"), true));
        assert!(item["nextCheckAt"].as_u64().unwrap() < events::now_ms() + 60_000, "{item}");
        let alarmed = processor.logs().json().iter().any(|line| line["level"] == "ERROR");
        assert!(alarmed && !processor.logs().contains("canary"), "{}", processor.logs().text());

        let sweeper = stand.start("sweeper");
        stand.make_due("t1");
        stand.status_api.always("t1", tests::Reply::status("Declined"));
        sweeper.invoke_within(events::schedule(), std::time::Duration::from_secs(12)).unwrap();
        assert_eq!(stand.item("t1")["paymentStatus"], "Declined", "as soon as there are credentials");
    }
}

#[test]
fn without_a_secret_at_all_the_functions_start() {
    let stand = Stand::new();
    stand.aws.inject(Fault::on("secretsmanager:GetSecretValue").error(400, "ResourceNotFoundException"));
    for function in ["ack", "processor", "sweeper"] {
        stand.start(function);
    }
}
