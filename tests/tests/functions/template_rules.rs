//! Rules of our own for template.yaml, which no linter knows.

use std::collections::BTreeSet;
use std::fs;

use regex_lite::Regex;
use serde_json::{Value, json};
use tests::binaries::workspace;
use tests::events;
use tests::template::Template;

use crate::support::{Stand, notification, process, record, says};

fn template() -> Template {
    Template::load()
}

fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

/// Every value in the template, by its path.
fn walk<'a>(value: &'a Value, path: &str, found: &mut Vec<(String, &'a Value)>) {
    found.push((path.to_owned(), value));
    match value {
        Value::Object(members) => members.iter().for_each(|(name, it)| walk(it, &format!("{path}/{name}"), found)),
        Value::Array(items) => items.iter().for_each(|it| walk(it, path, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn everything(template: &Template) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for section in ["Parameters", "Rules", "Conditions", "Globals", "Resources", "Outputs"] {
        walk(template.section(section), section, &mut found);
    }
    found
}

#[test]
fn the_table_expires_items_by_the_attribute_that_is_written() {
    let stand = Stand::new();
    stand.status_api.always("t1", says("t1", "Declined"));
    process(&stand.start("processor"), &[record(&notification("t1", "n1", "Declined"))]);
    let template = template();
    let ttl = &template.resource("TransactionsTable")["Properties"]["TimeToLiveSpecification"];
    assert_eq!(ttl["Enabled"], "true");
    let expires_at = stand.item("t1")[ttl["AttributeName"].as_str().unwrap()].as_u64();
    // In seconds, as DynamoDB asks; and not before SPG's last retry.
    let soonest = events::now_ms() / 1_000 + 60 * 24 * 3_600;
    assert!(expires_at.is_some_and(|at| (soonest..soonest * 2).contains(&at)), "{expires_at:?}");
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
#[test]
fn a_message_is_invisible_for_at_least_six_times_the_time_out() {
    let template = template();
    let visibility = number(&template.resource("NotificationQueue")["Properties"]["VisibilityTimeout"]);
    let timeout = number(&template.resource("ProcessorFunction")["Properties"]["Timeout"]);
    assert!(visibility >= 6 * timeout, "{visibility} s, {timeout} s");
}

#[test]
fn no_policy_has_a_wildcard() {
    let template = template();
    let all = everything(&template);
    let named = all.iter().filter(|(path, _)| path.ends_with("/Action") || path.ends_with("/Resource"));
    let mut seen = 0;
    for (path, value) in named {
        seen += 1;
        assert!(!value.to_string().contains('*'), "{path}: {value}");
    }
    assert!(seen > 30, "{seen}");
    assert!(!all.iter().any(|(path, _)| path.ends_with("/ManagedPolicyArns")));
}

#[test]
fn the_alarm_topic_never_uses_a_key_that_cloudwatch_may_not_use() {
    let template = template();
    assert!(everything(&template).iter().all(|(_, value)| value != &"alias/aws/sns"));
    let key = &template.resource("AlarmTopic")["Properties"]["KmsMasterKeyId"];
    assert_eq!(*key, json!({"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}));
    let pattern = template.section("Parameters")["KmsKeyArn"]["AllowedPattern"].as_str().unwrap();
    let allowed = Regex::new(pattern).unwrap();
    assert!(allowed.is_match("") && allowed.is_match("arn:aws:kms:eu-west-1:123456789012:key/1a2b-3c4d"));
    for alias in ["alias/aws/sns", "arn:aws:kms:eu-west-1:123456789012:alias/aws/sns"] {
        assert!(!allowed.is_match(alias), "{alias}");
    }
    let statement = &template.resource("AlarmTopicPolicy")["Properties"]["PolicyDocument"]["Statement"][0];
    assert_eq!(statement["Principal"], json!({"Service": "cloudwatch.amazonaws.com"}));
}

/// What a Rule's functions come to: texts are compared, as CloudFormation does.
fn holds(rule: &Value, parameters: &dyn Fn(&str) -> String) -> bool {
    let (function, arguments) = rule.as_object().unwrap().iter().next().unwrap();
    let arguments = arguments.as_array().unwrap();
    let text = |value: &Value| value["Ref"].as_str().map_or_else(|| value.as_str().unwrap().to_owned(), parameters);
    match function.as_str() {
        "Fn::Or" => arguments.iter().any(|it| holds(it, parameters)),
        "Fn::And" => arguments.iter().all(|it| holds(it, parameters)),
        "Fn::Not" => !holds(&arguments[0], parameters),
        "Fn::Equals" => text(&arguments[0]) == text(&arguments[1]),
        "Fn::Contains" => arguments[0].as_array().unwrap().iter().any(|it| text(it) == text(&arguments[1])),
        other => panic!("{other} is not understood"),
    }
}

#[test]
fn reserved_concurrency_is_off_or_covers_the_consumer() {
    let template = template();
    let rule = &template.section("Rules")["ReservedCoversConsumer"]["Assertions"][0]["Assert"];
    let values =
        |parameter: &str| template.section("Parameters")[parameter]["AllowedValues"].as_array().unwrap().clone();
    assert_eq!(template.section("Parameters")["ReservedConcurrency"]["Default"], "0");
    for reserved in values("ReservedConcurrency") {
        for at_once in values("ProcessorConcurrency") {
            let given = |name: &str| {
                if name == "ReservedConcurrency" { &reserved } else { &at_once }.as_str().unwrap().to_owned()
            };
            let expected = number(&reserved) == 0 || number(&reserved) >= number(&at_once);
            assert_eq!(holds(rule, &given), expected, "{reserved} reserved, {at_once} at once");
        }
    }
}

#[test]
fn what_holds_money_or_keys_outlives_the_stack() {
    let template = template();
    let tables = template.of_type("AWS::DynamoDB::Table").into_iter();
    for (id, it) in tables.chain(template.of_type("AWS::SecretsManager::Secret")) {
        assert_eq!((&it["DeletionPolicy"], &it["UpdateReplacePolicy"]), (&json!("Retain"), &json!("Retain")), "{id}");
    }
    let table = &template.resource("TransactionsTable")["Properties"];
    assert_eq!(table["DeletionProtectionEnabled"], "true");
    assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], "true");
}

#[test]
fn what_the_emulator_does_not_know_stands_behind_a_condition() {
    let template = template();
    for (id, it) in template.section("Resources").as_object().unwrap() {
        let kind = it["Type"].as_str().unwrap();
        if kind == "AWS::Logs::QueryDefinition" {
            assert!(it["Condition"].is_string(), "{id} is a {kind}");
        }
    }
}

#[test]
fn every_parameter_is_described_named_and_in_one_group_and_every_output_is_described() {
    let template = template();
    let interface = &template.section("Metadata")["AWS::CloudFormation::Interface"];
    let groups = interface["ParameterGroups"].as_array().unwrap();
    let grouped: Vec<&str> =
        groups.iter().flat_map(|it| it["Parameters"].as_array().unwrap()).map(|it| it.as_str().unwrap()).collect();
    let parameters = template.section("Parameters").as_object().unwrap();
    assert_eq!(grouped.len(), parameters.len());
    assert_eq!(grouped.into_iter().collect::<BTreeSet<_>>(), parameters.keys().map(String::as_str).collect());
    for (name, it) in parameters {
        assert!(it["Description"].is_string() && interface["ParameterLabels"][name]["default"].is_string(), "{name}");
    }
    for (name, it) in template.section("Outputs").as_object().unwrap() {
        assert!(it["Description"].is_string(), "{name}");
    }
}

/// Two environments in one stack would replace each other.
#[test]
fn every_environment_has_a_stack_of_its_own() {
    let text = fs::read_to_string(workspace().join("samconfig.toml")).unwrap();
    let stacks: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("stack_name = ")).collect();
    let unique: BTreeSet<&str> = stacks.iter().copied().collect();
    assert_eq!(unique.len(), stacks.len(), "{stacks:?}");
    for environment in ["dev", "qly", "prod"] {
        let names = [format!("[{environment}.global.parameters]"), format!("[{environment}.deploy.parameters]")];
        assert!(names.iter().all(|name| text.contains(name.as_str())), "{environment}");
    }
}
