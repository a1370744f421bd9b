//! The worked consumer's store against a DynamoDB with real conditions; the rest of its tests is Python's own.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tests::template::Template;
use tests::{Aws, Table, binaries};

/// The credentials are not looked at, but without any the endpoint refuses, as AWS does.
const AUTHORISATION: &str =
    "AWS4-HMAC-SHA256 Credential=consumer/20260312/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";

#[test]
fn the_consumers_store_keeps_its_contract_on_dynamodb() {
    let aws = Aws::start();
    let output = Command::new("python3")
        .arg("infra/consumer/tests/on_dynamodb.py")
        .current_dir(binaries::workspace())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("ENDPOINT", aws.endpoint())
        .env("TABLE", Table::NAME)
        .env("AUTHORISATION", AUTHORISATION)
        .output()
        .expect("Python is there");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(aws.count("dynamodb:UpdateItem") > 100, "{:?}", aws.counts());
}

#[test]
fn the_consumers_template_has_the_rules_that_are_tested() {
    let template = Template::read("infra/consumer/template.yaml");
    for (resource, rule) in [("OutcomesRule", "all"), ("AttentionRule", "needs-attention")] {
        let path = binaries::workspace().join(format!("infra/consumer/rules/{rule}.json"));
        let rule: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(template.resource(resource)["Properties"]["EventPattern"], rule, "{resource}");
    }
}
