//! Over HTTPS, as on AWS: the functions talk to whom their authorities vouch for, and to nobody else.

use std::fs;
use std::path::Path;

use tests::{Aws, Function, StatusApi, Tls, deployed};

use crate::support::{deliver, notification, payload, process, record, says};

/// An authority of its own for each name.
fn authority(name: &str) -> Tls {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{name}"));
    fs::create_dir_all(&folder).unwrap();
    Tls::create(&folder)
}

fn start(function: &str, aws: &Aws, status_api: &StatusApi, trusted: &Tls) -> Function {
    deployed::launch(function, aws, status_api).trusting(trusted).start().unwrap()
}

#[test]
fn a_webhook_is_queued_and_its_claim_confirmed() {
    let tls = authority("known");
    let (aws, status_api) = (Aws::start_tls(&tls), StatusApi::start_tls(&tls));
    assert!(aws.endpoint().starts_with("https://"), "{}", aws.endpoint());
    status_api.always("t1", says("t1", "Success"));
    assert_eq!(deliver(&start("ack", &aws, &status_api, &tls), &payload("t1", "n1", "Success")).status, 200);
    assert_eq!(aws.queued().len(), 1);
    let processor = start("processor", &aws, &status_api, &tls);
    assert!(process(&processor, &[record(&notification("t1", "n1", "Success"))]).is_empty());
    assert_eq!(aws.table().item("t1").unwrap()["paymentStatus"], "Success");
}

/// Whoever answers for the Status API without its certificate decides nothing and hears no token.
#[test]
fn a_status_api_that_nobody_vouches_for_is_not_asked() {
    let (known, other) = (authority("of-aws"), authority("of-somebody"));
    let (aws, status_api) = (Aws::start_tls(&known), StatusApi::start_tls(&other));
    status_api.always("t1", says("t1", "Success"));
    let processor = start("processor", &aws, &status_api, &known);
    assert!(process(&processor, &[record(&notification("t1", "n1", "Success"))]).is_empty());
    assert!(status_api.queries().is_empty(), "{:?}", status_api.queries());
    let item = aws.table().item("t1").unwrap();
    assert_eq!(item["paymentStatus"], "Pending");
    assert!(item.get("nextCheckAt").is_some(), "the sweeper asks again: {item}");
}

/// Neither key nor message goes to a stranger, and SPG is not told that its webhook was taken.
#[test]
fn an_aws_that_nobody_vouches_for_is_told_nothing() {
    let (known, other) = (authority("trusted"), authority("stranger"));
    let (aws, status_api) = (Aws::start_tls(&other), StatusApi::start_tls(&known));
    assert_eq!(deliver(&start("ack", &aws, &status_api, &known), &payload("t1", "n1", "Success")).status, 503);
    assert!(aws.queued().is_empty() && aws.calls().is_empty(), "{:?}", aws.calls());
}
