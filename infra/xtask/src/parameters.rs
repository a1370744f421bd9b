//! Every parameter of the template at another value than its default: it transforms, lints, deploys and works.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use spg_local::{ALIAS, Operator, Options, Stack, StackInfo, until, workspace};

/// What deploys on the emulator.
const VALUES: [(&str, &str); 19] = [
    ("AckStatusCode", "200"),
    ("TerminalIds", "1562569,50994"),
    ("RecheckSuccessAfter", "0"),
    ("RetentionDays", "70"),
    ("AlarmEmail", "payments@example.com"),
    ("SavedQueries", "no"),
    ("DomainName", "pay.example.com"),
    ("CertificateArn", "arn:aws:acm:eu-west-1:000000000000:certificate/11111111-2222-3333-4444-555555555555"),
    ("KmsKeyArn", "arn:aws:kms:eu-west-1:000000000000:key/11111111-2222-3333-4444-555555555555"),
    ("WebhookRateLimit", "50"),
    ("WebhookBurstLimit", "60"),
    ("ProcessorConcurrency", "5"),
    ("ReservedConcurrency", "10"),
    ("StatusApiConcurrency", "64"),
    ("MemorySize", "512"),
    ("LogLevel", "debug"),
    ("SystemLogLevel", "INFO"),
    ("LogRetentionDays", "30"),
    ("DeploymentStyle", "Canary10Percent15Minutes"),
];
/// Said by the local stack itself, for this machine.
const GIVEN: [(&str, &str); 2] = [("StatusApiUrl", "https://api.sibspayments.com/api/v2"), ("Architecture", "x86_64")];
/// What a Rule of the template must refuse.
const REFUSED: [(&str, &[(&str, &str)]); 2] = [
    ("ReservedConcurrency must be 0 or at least", &[("ReservedConcurrency", "5"), ("ProcessorConcurrency", "10")]),
    ("DomainName and CertificateArn belong together", &[("DomainName", "pay.example.com")]),
];

/// The values as cfn-lint takes them: all together.
pub fn for_lint() -> Vec<String> {
    all().map(|(name, value)| format!("{name}={value}")).collect()
}

fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    VALUES.into_iter().chain(GIVEN)
}

/// That nothing was forgotten, in the transformed template.
pub fn check_complete(transformed: &Path) -> Result<(), Box<dyn Error>> {
    let template: Value = serde_json::from_slice(&fs::read(transformed)?)?;
    let declared = template["Parameters"].as_object().ok_or("the template has no parameters")?;
    let named: Vec<&str> = all().map(|(name, _)| name).collect();
    let declared_names: BTreeSet<&str> = declared.keys().map(String::as_str).collect();
    if named.len() != declared.len() || named.iter().copied().collect::<BTreeSet<_>>() != declared_names {
        return Err(format!("infra/xtask/src/parameters.rs names {named:?}, template.yaml {declared_names:?}").into());
    }
    for (name, value) in all() {
        let default = &declared[name]["Default"];
        if default.as_str().map_or_else(|| default.to_string(), str::to_owned) == value {
            return Err(format!("{name} is at its default").into());
        }
    }
    Ok(())
}

/// Used by ack and by no other function.
const CHANGED_LATER: (&str, &str) = ("AckStatusCode", "000");
const UPDATE_TIME_MAX: Duration = Duration::from_secs(60);

/// Deploys it on the emulator, takes one registration all the way, changes one parameter more, then sees that the rules
/// refuse.
pub fn deploy() -> Result<(), Box<dyn Error>> {
    let dir = workspace().join("target/parameters");
    let with = |parameters: &[(&str, &str)]| Options {
        port: 0,
        parameters: parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..Options::new(dir.clone())
    };
    let info = Stack::up(&with(&VALUES))?;
    let works = info.registers("parameters");
    let versions = one_parameter_more(&info);
    let works_afterwards = info.registers("afterwards");
    Stack::down(&dir)?;
    if !works || !works_afterwards {
        return Err(format!("no registration got through; see {}", dir.display()).into());
    }
    println!("a registration was taken, queued, processed and stored");
    let versions = versions?;
    if versions != ["2", "1", "1", "1"] {
        return Err(format!("{} was changed, and in service are the versions {versions:?}", CHANGED_LATER.0).into());
    }
    println!("another {} is a new version of ack alone, and in service", CHANGED_LATER.0);
    for (reason, parameters) in REFUSED {
        match Stack::up(&with(parameters)) {
            Ok(_) => {
                Stack::down(&dir)?;
                return Err(format!("{parameters:?} was not refused").into());
            }
            Err(error) if error.to_string().contains(reason) => println!("refused as it should be: {reason}"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Updates the stack, with its template as it is; the versions that are in service afterwards: of ack, processor, sweeper and
/// publisher.
fn one_parameter_more(info: &StackInfo) -> Result<Vec<String>, Box<dyn Error>> {
    let operator = Operator::new(info)?;
    let parameters: Vec<Value> = all()
        .map(|(name, _)| match CHANGED_LATER {
            (changed, value) if changed == name => json!({ "ParameterKey": name, "ParameterValue": value }),
            _ => json!({ "ParameterKey": name, "UsePreviousValue": true }),
        })
        .collect();
    let update = json!({
        "StackName": info.stack, "UsePreviousTemplate": true, "Parameters": parameters, "Capabilities": ["CAPABILITY_IAM"]
    });
    operator.call("cloudformation", "update_stack", update)?;
    let ended = until(UPDATE_TIME_MAX, || {
        let stacks = operator.call("cloudformation", "describe_stacks", json!({ "StackName": info.stack })).ok()?;
        let status = stacks["Stacks"][0]["StackStatus"].as_str()?;
        (!status.ends_with("IN_PROGRESS")).then(|| status.to_owned())
    });
    if ended.as_deref() != Some("UPDATE_COMPLETE") {
        return Err(format!("the update ended as {ended:?}").into());
    }
    let functions = &info.functions;
    let names = [&functions.ack, &functions.processor, &functions.sweeper, &functions.publisher];
    names.into_iter().map(|name| version_in_service(&operator, name)).collect()
}

fn version_in_service(operator: &Operator, function: &str) -> Result<String, Box<dyn Error>> {
    let alias = operator.call("lambda", "get_alias", json!({ "FunctionName": function, "Name": ALIAS }))?;
    Ok(alias["FunctionVersion"].as_str().unwrap_or_default().to_owned())
}
