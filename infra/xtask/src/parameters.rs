//! Every parameter of the template at another value than its default: it transforms, lints, deploys and works.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::Value;
use spg_local::{Options, Stack, workspace};

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
    ("Release", "r1"),
];
/// Types that the emulator does not know: the linters alone see these.
const NOT_ON_THE_EMULATOR: [(&str, &str); 1] = [("DeploymentStyle", "Canary10Percent15Minutes")];
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
    VALUES.into_iter().chain(NOT_ON_THE_EMULATOR).chain(GIVEN)
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

/// Deploys it on the emulator and takes one registration all the way, then sees that the rules refuse.
pub fn deploy() -> Result<(), Box<dyn Error>> {
    let dir = workspace().join("target/parameters");
    let with = |parameters: &[(&str, &str)]| Options {
        port: 0,
        parameters: parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..Options::new(dir.clone())
    };
    let works = Stack::up(&with(&VALUES))?.registers("parameters");
    Stack::down(&dir)?;
    if !works {
        return Err(format!("no registration got through; see {}", dir.display()).into());
    }
    println!("a registration was taken, queued, processed and stored");
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
