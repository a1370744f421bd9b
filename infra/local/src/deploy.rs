use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::emulator::{LOG_FILE, REGION};
use crate::{Error, PythonEnv, TEMPLATE, workspace};

/// The name of the stack on the emulator.
pub(crate) const STACK_NAME: &str = "spg-webhooks";

/// What deploy.py is asked for.
#[derive(Serialize)]
pub(crate) struct Request {
    pub(crate) endpoint: String,
    pub(crate) region: &'static str,
    pub(crate) stack: &'static str,
    pub(crate) template: PathBuf,
    pub(crate) parameters: BTreeMap<String, String>,
    /// By logical id.
    pub(crate) secrets: BTreeMap<&'static str, String>,
    /// By logical id.
    pub(crate) functions: BTreeMap<&'static str, Function>,
}

#[derive(Serialize)]
pub(crate) struct Function {
    pub(crate) binary: PathBuf,
    /// Takes everything that the function prints.
    pub(crate) log: PathBuf,
}

impl Request {
    pub(crate) fn new(endpoint: String) -> Self {
        Self {
            endpoint,
            region: REGION,
            stack: STACK_NAME,
            template: workspace().join(TEMPLATE),
            parameters: BTreeMap::new(),
            secrets: BTreeMap::new(),
            functions: BTreeMap::new(),
        }
    }
}

/// What deploy.py answers.
#[derive(Deserialize)]
pub(crate) struct Deployed {
    outputs: BTreeMap<String, String>,
    functions: BTreeMap<String, String>,
    routes: BTreeMap<String, String>,
}

impl Deployed {
    pub(crate) fn output(&self, name: &'static str) -> Result<String, Error> {
        self.outputs.get(name).cloned().ok_or(Error::Incomplete { what: name })
    }

    pub(crate) fn function(&self, logical_id: &'static str) -> Result<String, Error> {
        self.functions.get(logical_id).cloned().ok_or(Error::Incomplete { what: logical_id })
    }

    pub(crate) fn route(&self, path: &'static str) -> Result<String, Error> {
        self.routes.get(path).cloned().ok_or(Error::Incomplete { what: path })
    }
}

/// Deploys the template on the emulator.
pub(crate) fn deploy(python: &PythonEnv, dir: &Path, request: &Request) -> Result<Deployed, Error> {
    let script = workspace().join("infra/local/deploy.py");
    python.exchange(&script, request, |reason| Error::Deploy { reason, log: dir.join(LOG_FILE) })
}
