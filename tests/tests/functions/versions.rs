//! Each change of code or configuration is a new version, and everything calls the alias that leads to it: in what SAM's
//! transform makes of the template. CloudFormation replaces a version whose logical id or description is another one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use regex_lite::Regex;
use serde_json::{Value, json};
use spg_local::{ALIAS, PythonEnv};
use tests::binaries::workspace;

const FUNCTIONS: [&str; 4] = ["AckFunction", "ProcessorFunction", "SweeperFunction", "PublisherFunction"];
/// What Lambda keeps with the function and not with its versions.
const NOT_OF_A_VERSION: [&str; 2] = ["ReservedConcurrentExecutions", "Tags"];
/// <https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html>
const DESCRIPTION_MAX: usize = 256;
const TRANSFORM: &str = "import json, sys\nfrom transform import transform\n\
     json.dump([transform(**it) for it in json.load(sys.stdin)], sys.stdout)";

/// What SAM makes of the template, by AWS's own translator, once for each of the requests.
fn transformed<const N: usize>(requests: [Value; N]) -> [Value; N] {
    all_transformed(requests.to_vec()).try_into().unwrap()
}

fn all_transformed(requests: Vec<Value>) -> Vec<Value> {
    let local = workspace().join("infra/local");
    let python = PythonEnv::install("local", &local.join("requirements.txt")).unwrap();
    let mut child = Command::new(python.program("python"))
        .args(["-c", TRANSFORM])
        .current_dir(&local)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Closed at the end of the statement.
    child.stdin.take().unwrap().write_all(Value::from(requests).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The template with its parameters' defaults.
fn plain() -> Value {
    json!({ "path": workspace().join("template.yaml") })
}

fn with_parameter(name: &str, value: &str) -> Value {
    json!({ "path": workspace().join("template.yaml"), "parameters": { name: value } })
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A parameter's value; what has no default has an empty one.
fn default(template: &Value, parameter: &str) -> String {
    template["Parameters"][parameter].get("Default").map(text).unwrap_or_default()
}

/// Another value of a parameter. SAM does not look at what is allowed.
fn other(template: &Value, parameter: &str) -> String {
    let default = default(template, parameter);
    let it = &template["Parameters"][parameter];
    match it["AllowedValues"].as_array() {
        Some(values) => values.iter().map(text).find(|value| *value != default).unwrap(),
        None if it["Type"] == "Number" => (default.parse::<u64>().unwrap() + 1).to_string(),
        None => format!("{default}x"),
    }
}

/// The version that a function's alias leads to, as CloudFormation tells one from another: logical id and description.
fn version(template: &Value, function: &str, value: impl Fn(&str) -> String) -> (String, String) {
    let alias = &template["Resources"][format!("{function}Alias{ALIAS}")]["Properties"];
    assert_eq!((&alias["Name"], &alias["FunctionName"]), (&json!(ALIAS), &json!({ "Ref": function })));
    let id = text(&alias["FunctionVersion"]["Fn::GetAtt"][0]);
    let properties = &template["Resources"][&id]["Properties"];
    assert_eq!(properties["FunctionName"], json!({ "Ref": function }));
    let mut description = text(&properties["Description"]["Fn::Sub"]);
    for parameter in template["Parameters"].as_object().unwrap().keys() {
        description = description.replace(&format!("${{{parameter}}}"), &value(parameter));
    }
    assert!(!description.contains("${"), "{description}");
    (id, description)
}

/// The functions that get another version.
fn renewed(before: &Value, after: &Value, parameter: Option<(&str, &str)>) -> BTreeSet<&'static str> {
    let old = |name: &str| default(before, name);
    let new = |name: &str| match parameter {
        Some((changed, value)) if changed == name => value.to_owned(),
        Some(_) | None => old(name),
    };
    FUNCTIONS.into_iter().filter(|function| version(before, function, old) != version(after, function, new)).collect()
}

/// Everything that a value refers to, by name: parameters, conditions, resources.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (function, argument) in members {
                match function.as_str() {
                    "Ref" | "Condition" => found.extend(argument.as_str().map(str::to_owned)),
                    "Fn::If" | "Fn::GetAtt" => found.extend(argument[0].as_str().map(str::to_owned)),
                    "Fn::Sub" => {
                        let names = Regex::new(r"\$\{([A-Za-z0-9]+)[.}]").unwrap();
                        let format = argument.as_str().or_else(|| argument[0].as_str()).unwrap();
                        found.extend(names.captures_iter(format).map(|name| name[1].to_owned()));
                    }
                    _ => {}
                }
                references(argument, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|it| references(it, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The parameters that a function's versions differ by.
fn used(template: &Value, function: &str) -> BTreeSet<String> {
    let mut properties = template["Resources"][function]["Properties"].as_object().unwrap().clone();
    properties.retain(|name, _| !NOT_OF_A_VERSION.contains(&name.as_str()));
    let mut found = BTreeSet::new();
    references(&Value::Object(properties), &mut found);
    for condition in found.clone() {
        references(&template["Conditions"][condition], &mut found);
    }
    found.retain(|name| template["Parameters"].get(name).is_some());
    found
}

#[test]
fn the_same_again_is_no_new_version_and_other_code_or_another_setting_is_one() {
    let yaml = fs::read_to_string(workspace().join("template.yaml")).unwrap();
    let slower = Path::new(env!("CARGO_TARGET_TMPDIR")).join("slower.yaml");
    assert_eq!(yaml.matches("      Timeout: 60\n").count(), 1);
    fs::write(&slower, yaml.replace("      Timeout: 60\n", "      Timeout: 61\n")).unwrap();
    let code = json!({ "AckFunction": { "Bucket": "code", "Key": "of-the-next-build.zip" } });
    let [first, again, built, slower] = transformed([
        plain(),
        plain(),
        json!({ "path": workspace().join("template.yaml"), "code": code }),
        json!({ "path": slower }),
    ]);
    assert_eq!(renewed(&first, &again, None), BTreeSet::new());
    assert_eq!(renewed(&first, &built, None), BTreeSet::from(["AckFunction"]));
    assert_eq!(renewed(&first, &slower, None), BTreeSet::from(["SweeperFunction"]));
}

/// Lambda refuses to publish a version in which nothing is new: so it must be those functions and no others.
#[test]
fn a_parameter_is_a_new_version_of_each_function_that_uses_it_and_of_no_other() {
    let [template] = transformed([plain()]);
    let parameters = template["Parameters"].as_object().unwrap().keys();
    let others: Vec<(&String, String)> = parameters.map(|parameter| (parameter, other(&template, parameter))).collect();
    let changed = all_transformed(others.iter().map(|(parameter, value)| with_parameter(parameter, value)).collect());
    let mut new_versions = 0;
    for ((parameter, value), changed) in others.iter().zip(&changed) {
        let expected: BTreeSet<&str> =
            FUNCTIONS.into_iter().filter(|function| used(&template, function).contains(*parameter)).collect();
        assert_eq!(renewed(&template, changed, Some((parameter, value))), expected, "{parameter}");
        new_versions += expected.len();
    }
    assert!(new_versions > 20, "{new_versions}");
}

#[test]
fn the_longest_values_of_the_parameters_fit_into_a_description() {
    let [template] = transformed([plain()]);
    let longest = |parameter: &str| {
        let it = &template["Parameters"][parameter];
        let allowed = it["AllowedValues"].as_array().into_iter().flatten().map(text).max_by_key(String::len);
        let bounded = it["MaxLength"].as_u64().map(|length| "x".repeat(usize::try_from(length).unwrap()));
        allowed.or(bounded).unwrap_or_else(|| text(&it["MaxValue"]))
    };
    for function in FUNCTIONS {
        let used = used(&template, function);
        for parameter in &used {
            assert!(!["", "null"].contains(&longest(parameter).as_str()), "{parameter} has no bound");
        }
        let (_, description) = version(&template, function, longest);
        assert!(description.len() <= DESCRIPTION_MAX, "{function}: {}", description.len());
    }
}

/// Who calls which function by its alias, and what else names a function so that it could be called without it.
fn callers(template: &Value) -> (BTreeMap<String, String>, Vec<String>) {
    let (mut callers, mut without) = (BTreeMap::new(), Vec::new());
    let resources = template["Resources"].as_object().unwrap();
    let outputs = template["Outputs"].as_object().unwrap();
    for (id, it) in resources.iter().chain(outputs) {
        let mut names = BTreeSet::new();
        references(it, &mut names);
        // Whoever writes out an ARN is a caller too.
        without.extend(it.to_string().contains(":function:").then(|| id.clone()));
        for name in names {
            match resources.get(&name).map_or("", |named| named["Type"].as_str().unwrap()) {
                "AWS::Lambda::Alias" => {
                    callers.insert(id.clone(), name);
                }
                "AWS::Lambda::Function" | "AWS::Lambda::Version" => match it["Type"].as_str().unwrap_or_default() {
                    // They are what the alias consists of.
                    "AWS::Lambda::Version" | "AWS::Lambda::Alias" => {}
                    "AWS::Lambda::EventInvokeConfig" if it["Properties"]["Qualifier"] == ALIAS => {}
                    // A function's metrics count all of its versions.
                    "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::Dashboard" => {}
                    _ => without.push(id.clone()),
                },
                _ => {}
            }
        }
    }
    (callers, without)
}

#[test]
fn whatever_calls_a_function_calls_its_alias() {
    let [template] = transformed([plain()]);
    let (found, without) = callers(&template);
    assert_eq!(without, Vec::<String>::new());
    let expected = [
        ("AckIntegration", "AckFunction"),
        ("ApiInvokesAck", "AckFunction"),
        ("ProcessorSource", "ProcessorFunction"),
        ("PublisherSource", "PublisherFunction"),
        ("ScheduleRole", "SweeperFunction"),
        ("SweeperSchedule", "SweeperFunction"),
    ];
    let expected = expected.map(|(caller, function)| (caller.to_owned(), format!("{function}Alias{ALIAS}")));
    assert_eq!(found, BTreeMap::from(expected));

    // The test can fail: any of them without the alias is found, and so is the setting of another alias.
    for (caller, alias) in found {
        let mut wrong = template.clone();
        let function = alias.strip_suffix(&format!("Alias{ALIAS}")).unwrap();
        let unqualified = json!({ "Fn::GetAtt": [function, "Arn"] }).to_string();
        let text = wrong["Resources"][&caller].to_string().replace(&json!({ "Ref": alias }).to_string(), &unqualified);
        wrong["Resources"][&caller] = serde_json::from_str(&text).unwrap();
        assert_eq!(callers(&wrong).1, [caller]);
    }
    let mut wrong = template.clone();
    wrong["Resources"]["SweeperFunctionEventInvokeConfig"]["Properties"]["Qualifier"] = json!("$LATEST");
    assert_eq!(callers(&wrong).1, ["SweeperFunctionEventInvokeConfig"]);
}

#[test]
fn only_a_gradual_stack_has_anything_of_codedeploys() {
    let [template] = transformed([plain()]);
    let styles = template["Parameters"]["DeploymentStyle"]["AllowedValues"].as_array().unwrap().iter().map(text);
    let styles: Vec<String> = styles.collect();
    let templates = all_transformed(styles.iter().map(|style| with_parameter("DeploymentStyle", style)).collect());
    for (style, template) in styles.iter().zip(&templates) {
        let resources = template["Resources"].as_object().unwrap().iter();
        let own: Vec<&str> = resources
            .filter(|(_, it)| it.to_string().to_lowercase().contains("codedeploy"))
            .map(|(id, _)| id.as_str())
            .collect();
        if style == "AllAtOnce" {
            assert_eq!(own, Vec::<&str>::new());
            continue;
        }
        // Application, role, and for each function its alias and its deployment group.
        assert_eq!(own.len(), 2 + 2 * FUNCTIONS.len(), "{own:?}");
        for function in FUNCTIONS {
            let group = &template["Resources"][format!("{function}DeploymentGroup")]["Properties"];
            assert_eq!(group["DeploymentConfigName"]["Fn::Sub"][1]["ConfigName"], *style);
            let alarms = group["AlarmConfiguration"]["Alarms"].as_array().unwrap();
            let is_alarm =
                |it: &Value| template["Resources"][text(&it["Name"]["Ref"])]["Type"] == "AWS::CloudWatch::Alarm";
            assert!(alarms.len() >= 2 && alarms.iter().all(is_alarm), "{function}: {alarms:?}");
        }
    }
}
