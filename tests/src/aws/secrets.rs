//! Secrets Manager: GetSecretValue.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::{ACCOUNT, Failure, REGION, unknown_operation};

#[derive(Default)]
pub(super) struct Secrets(Mutex<BTreeMap<String, Secret>>);

struct Secret {
    value: String,
    version: u64,
}

impl Secrets {
    pub fn set(&self, name: &str, value: String) {
        let mut secrets = self.0.lock().expect("no panic while locked");
        let version = secrets.get(name).map_or(1, |secret| secret.version + 1);
        secrets.insert(name.to_owned(), Secret { value, version });
    }

    pub fn answer(&self, operation: &str, body: &Value) -> Result<Value, Failure> {
        if operation != "GetSecretValue" {
            return Err(unknown_operation(operation));
        }
        let wanted = body.get("SecretId").and_then(Value::as_str).unwrap_or_default();
        let secrets = self.0.lock().expect("no panic while locked");
        let found = secrets.iter().find(|(name, _)| *name == wanted || arn(name) == wanted);
        let Some((name, secret)) = found else {
            let message = "Secrets Manager can't find the specified secret.";
            return Err(Failure::new(400, "ResourceNotFoundException", message));
        };
        Ok(json!({
            "ARN": arn(name),
            "Name": name,
            "SecretString": secret.value,
            "VersionId": format!("00000000-0000-4000-8000-{:012}", secret.version),
            "VersionStages": ["AWSCURRENT"],
            "CreatedDate": 1_700_000_000.0,
        }))
    }
}

/// With the six characters that Secrets Manager adds to a name.
fn arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf")
}
