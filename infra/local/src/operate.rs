//! What an operator does to a stack that is up.

use std::path::Path;

use serde_json::{Value, json};

use crate::stack::StackInfo;
use crate::{Error, PythonEnv, python, workspace};

const SCRIPT: &str = "infra/local/operate.py";

/// Works on one stack, with AWS's own client.
#[derive(Debug, Clone)]
pub struct Operator {
    python: PythonEnv,
    endpoint: String,
    region: String,
}

impl Operator {
    /// # Errors
    /// The Python packages cannot be installed; where the stack was started they are.
    pub fn new(info: &StackInfo) -> Result<Self, Error> {
        let python = python::for_the_stack()?;
        Ok(Self { python, endpoint: info.aws_endpoint.clone(), region: info.region.clone() })
    }

    /// One call of AWS; service, operation and parameters are named as boto3 names them.
    ///
    /// # Errors
    /// It is refused.
    pub fn call(&self, service: &str, operation: &str, parameters: Value) -> Result<Value, Error> {
        self.run("call", json!({ "service": service, "operation": operation, "parameters": parameters }))
    }

    /// Replaces what a deployed function runs, as a deployment does. `log` takes everything that it prints.
    ///
    /// # Errors
    /// The file cannot be read, or it is refused.
    pub fn replace_code(&self, function: &str, binary: &Path, log: &Path) -> Result<(), Error> {
        self.run("code", json!({ "function": function, "binary": binary, "log": log })).map(|_| ())
    }

    fn run(&self, what: &str, parameters: Value) -> Result<Value, Error> {
        let request = json!({ "endpoint": self.endpoint, "region": self.region, what: parameters });
        self.python.exchange(&workspace().join(SCRIPT), &request, |reason| Error::Operate { reason })
    }
}
