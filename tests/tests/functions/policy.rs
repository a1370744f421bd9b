//! Each function may do what it does, and nothing more: the policies of the template against the calls that are seen.

use std::collections::BTreeSet;
use std::slice;
use std::sync::OnceLock;

use serde_json::json;
use tests::aws::Call;
use tests::template::{Permission, Template};
use tests::webhook::{self, KEY};
use tests::{Aws, Fault, Reply, Table, binaries, deployed, events};

use crate::support::{Stand, deliver, notification, payload, post, process, record, register, says};

fn template() -> &'static Template {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    TEMPLATE.get_or_init(Template::load)
}

/// Every call so far, those of init included, is allowed to the function that made it.
pub fn check(aws: &Aws) {
    for function in binaries::FUNCTIONS {
        let allowed = template().permissions(function);
        for permission in seen(aws, function) {
            assert!(allowed.contains(&permission), "{function} is not allowed to do {permission:?}");
        }
    }
    let strangers: Vec<_> = api_calls(aws).filter(|call| !binaries::FUNCTIONS.contains(&&*call.function)).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}

/// Warm-ups are no API calls: they need no permission.
fn api_calls(aws: &Aws) -> impl Iterator<Item = Call> {
    aws.calls().into_iter().filter(|call| !call.operation.starts_with("http:"))
}

fn seen(aws: &Aws, function: &str) -> BTreeSet<Permission> {
    let calls = api_calls(aws).filter(|call| call.function == function);
    calls.map(|call| (call.iam_action().to_owned(), resource(aws, &call))).collect()
}

/// The resource of a call as the template's policies name it.
fn resource(aws: &Aws, call: &Call) -> String {
    let named = call.resource().unwrap_or_else(|| panic!("no resource: {call:?}"));
    let index = format!("{}/index/{}", Table::NAME, Table::DUE_INDEX);
    let known = [
        (aws.queue_url(), "NotificationQueue.Arn"),
        (aws.dlq_url(), "DeadLetterQueue.Arn"),
        (Table::NAME.to_owned(), "TransactionsTable.Arn"),
        (index, "${TransactionsTable.Arn}/index/due"),
        (deployed::WEBHOOK_KEYS_SECRET.to_owned(), "WebhookKeysSecret"),
        (deployed::STATUS_API_SECRET.to_owned(), "StatusApiSecret"),
        (deployed::EVENT_BUS.to_owned(), "EventBus.Arn"),
    ];
    let logical = known.into_iter().find(|(name, _)| *name == named).map(|(_, logical)| logical.to_owned());
    logical.unwrap_or_else(|| panic!("{named} is no resource of the template: {call:?}"))
}

/// What Lambda itself does in the function's name: it reads the source of its events and writes its logs.
fn lambdas_own(function: &str) -> BTreeSet<Permission> {
    let log_group = format!("{}{}LogGroup.Arn", function[..1].to_uppercase(), &function[1..]);
    let logs = ["logs:CreateLogStream", "logs:PutLogEvents"].map(|action| (action, log_group.as_str()));
    let poller: &[(&str, &str)] = match function {
        "processor" => &[
            ("sqs:ReceiveMessage", "NotificationQueue.Arn"),
            ("sqs:DeleteMessage", "NotificationQueue.Arn"),
            ("sqs:GetQueueAttributes", "NotificationQueue.Arn"),
        ],
        "publisher" => &[
            ("dynamodb:DescribeStream", "TransactionsTable.StreamArn"),
            ("dynamodb:GetRecords", "TransactionsTable.StreamArn"),
            ("dynamodb:GetShardIterator", "TransactionsTable.StreamArn"),
            ("dynamodb:ListStreams", "TransactionsTable.StreamArn"),
        ],
        _ => &[],
    };
    let owned = |(action, resource): &(&str, &str)| ((*action).to_owned(), (*resource).to_owned());
    logs.iter().chain(poller).map(owned).collect()
}

/// All that a function ever calls: its usual work, and what it does when something goes wrong.
fn do_everything(stand: &Stand) {
    let [ack, processor, sweeper, publisher] =
        ["ack", "processor", "sweeper", "publisher"].map(|name| stand.start(name));
    assert_eq!(deliver(&ack, &payload("t1", "n1", "Success")).status, 200);
    assert_eq!(register(&ack, &json!({"transactionID": "t2"})).status, 202);
    let (headers, body) = webhook::encrypt(b"spg-webhooks somebody else's key", &payload("t1", "n1", "Success"));
    assert_eq!(post(&ack, &headers, &body).status, 401);
    let (headers, _) = webhook::encrypt(&KEY, &payload("t1", "n1", "Success"));
    assert_eq!(post(&ack, &headers, "plaintext!").status, 400);

    stand.status_api.always("t1", says("t1", "Success"));
    let conflicting = record(&notification("t1", "n1", "Declined"));
    process(&processor, &[record(&notification("t1", "n1", "Success"))]);
    process(&processor, &[conflicting]);
    assert_eq!(stand.aws.dead_letters().len(), 1);
    stand.aws.inject(Fault::on("dynamodb:UpdateItem").nth(1).error(400, "AccessDeniedException"));
    let claim = record(&notification("t2", "n1", "Declined"));
    assert_eq!(process(&processor, slice::from_ref(&claim)), slice::from_ref(&claim.message_id));
    stand.status_api.script("t2", [Reply::text(503, "")]);
    stand.status_api.always("t2", says("t2", "Declined"));
    process(&processor, &[claim]);

    stand.make_due("t2");
    sweeper.invoke_within(events::schedule(), std::time::Duration::from_secs(12)).unwrap();
    let images = ["t1", "t2"].map(|id| stand.aws.table().raw_item(id).unwrap());
    publisher.invoke(events::dynamodb_stream(&images)).unwrap();
    assert_eq!(stand.aws.events().len(), 2);
}

#[test]
fn the_policies_allow_what_is_called_and_what_lambda_does_itself_and_nothing_else() {
    let stand = Stand::new();
    do_everything(&stand);
    for function in binaries::FUNCTIONS {
        let mut needed = seen(&stand.aws, function);
        needed.extend(lambdas_own(function));
        assert_eq!(template().permissions(function), needed, "{function}");
    }
}

#[test]
fn each_function_has_a_role_of_its_own() {
    let role = |function: &str| {
        let id = format!("{}{}Function", function[..1].to_uppercase(), &function[1..]);
        template().resource(&id)["Properties"]["Role"].to_string()
    };
    assert_eq!(binaries::FUNCTIONS.map(role).into_iter().collect::<BTreeSet<_>>().len(), binaries::FUNCTIONS.len());
}
