use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::deploy::{self, Deployed, Function, Request};
use crate::process::Processes;
use crate::simulator::Simulator;
use crate::{Error, Options, PythonEnv, build, emulator, progress, python, simulator};

pub(crate) const INFO_FILE: &str = "stack.json";
/// Only its owner reads it: it holds keys.
const INFO_MODE: u32 = 0o600;

/// A function: its package, and its logical id in the template.
pub(crate) struct FunctionName {
    pub(crate) name: &'static str,
    logical_id: &'static str,
}

pub(crate) const FUNCTIONS: [FunctionName; 4] = [
    FunctionName { name: "ack", logical_id: "AckFunction" },
    FunctionName { name: "processor", logical_id: "ProcessorFunction" },
    FunctionName { name: "sweeper", logical_id: "SweeperFunction" },
    FunctionName { name: "publisher", logical_id: "PublisherFunction" },
];

/// Where everything of a stack is: the content of `stack.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackInfo {
    /// The stack's name in CloudFormation.
    pub stack: String,
    pub webhook_url: String,
    pub registration_url: String,
    pub status_api_url: String,
    pub aws_endpoint: String,
    pub region: String,
    pub table: String,
    pub queue_url: String,
    pub dlq_url: String,
    pub event_bus: String,
    pub functions: Functions,
    /// Holds one file per function, `<function>.log`, with everything that it printed.
    pub logs: PathBuf,
    /// The control interface of the simulator, where one was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulator_control_url: Option<String>,
    pub secrets: Secrets,
}

/// The deployed names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Functions {
    pub ack: String,
    pub processor: String,
    pub sweeper: String,
    pub publisher: String,
}

/// What the functions were given, for programs that play SPG. They are worth nothing outside this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    pub webhook_keys: Vec<String>,
    pub status_api_token: String,
    pub status_api_client_id: String,
}

impl StackInfo {
    /// Reads `stack.json`.
    ///
    /// # Errors
    /// No stack is up in `dir`.
    pub fn read(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(INFO_FILE);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(Error::json(path.display().to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NotUp { dir: dir.to_path_buf() }),
            Err(error) => Err(Error::file(&path)(error)),
        }
    }

    /// Writes it in one step, so that nobody reads a part of it.
    fn write(&self, dir: &Path) -> Result<(), Error> {
        let path = dir.join(INFO_FILE);
        let unfinished = dir.join("stack.json.new");
        remove(&unfinished)?;
        let text = serde_json::to_vec_pretty(self).map_err(Error::json("the stack"))?;
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(INFO_MODE).open(&unfinished).map_err(Error::file(&unfinished))?;
        file.write_all(&text).map_err(Error::file(&unfinished))?;
        fs::rename(&unfinished, &path).map_err(Error::file(&path))
    }
}

/// A stack on this machine, known by its folder.
pub struct Stack;

impl Stack {
    /// Builds, starts and deploys everything, after ending what was up in the same folder.
    ///
    /// # Errors
    /// Anything that keeps the stack from being complete; nothing of it is left running then.
    pub fn up(options: &Options) -> Result<StackInfo, Error> {
        let keys = options.keys()?;
        let processes = Processes::of(&options.dir);
        if processes.any()? {
            progress("ending the stack that is up");
            Self::down(&options.dir)?;
        }
        let port = emulator::free_port(options.port)?;
        let python = python::for_the_stack()?;
        let binaries = build_binaries(options)?;
        prepare(&options.dir)?;
        let started = Starting { options, keys, processes, python, binaries, port }.run();
        if started.is_err() {
            // What went wrong first is what people should read.
            if let Err(error) = Self::down(&options.dir) {
                progress(&error.to_string());
            }
        }
        started
    }

    /// Ends everything that was started in `dir`, and what that has started. Does nothing if nothing is up. The logs
    /// stay.
    ///
    /// # Errors
    /// A process does not end, or a file cannot be removed.
    pub fn down(dir: &Path) -> Result<(), Error> {
        remove(&dir.join(INFO_FILE))?;
        Processes::of(dir).end_all()?;
        remove_dir(&dir.join("tmp"))
    }

    /// Whether processes of a stack in `dir` are known.
    ///
    /// # Errors
    /// The list of processes cannot be read.
    pub fn is_up(dir: &Path) -> Result<bool, Error> {
        Processes::of(dir).any()
    }
}

/// All that is needed to start.
struct Starting<'a> {
    options: &'a Options,
    keys: Vec<String>,
    processes: Processes,
    python: PythonEnv,
    binaries: BTreeMap<String, PathBuf>,
    port: u16,
}

impl Starting<'_> {
    fn run(&self) -> Result<StackInfo, Error> {
        let dir = &self.options.dir;
        progress(&format!("starting the emulator on port {}", self.port));
        let functions_port = self.options.functions_port.unwrap_or(self.port);
        emulator::start(&self.python, &self.processes, dir, self.port, functions_port)?;
        let simulator = match &self.options.status_api_url {
            Some(_) => None,
            None => {
                progress("starting the simulated SPG");
                let binary = self.binary(simulator::PACKAGE)?;
                Some(Simulator::start(&binary, &self.processes, self.options, &self.keys)?)
            }
        };
        let given = self.options.status_api_url.clone();
        let status_api_url = given.or_else(|| simulator.as_ref().map(Simulator::status_api_url)).unwrap_or_default();

        progress("deploying template.yaml");
        let request = self.request(&status_api_url)?;
        let deployed = deploy::deploy(&self.python, dir, &request)?;
        let mut info = self.info(&deployed, request.parameters.get("StatusApiUrl").cloned().unwrap_or_default())?;
        if let Some(simulator) = simulator {
            simulator.send_webhooks_to(&info.webhook_url, dir)?;
            info.simulator_control_url = Some(simulator.control_url());
        }
        info.write(dir)?;
        progress(&format!("up; see {}", dir.join(INFO_FILE).display()));
        Ok(info)
    }

    fn request(&self, status_api_url: &str) -> Result<Request, Error> {
        let mut request = Request::new(emulator::endpoint(self.port));
        request.parameters = self.options.template_parameters(status_api_url).into_iter().collect();
        let credentials =
            json!({ "token": self.options.status_api_token, "clientId": self.options.status_api_client_id });
        request.secrets = BTreeMap::from([
            ("WebhookKeysSecret", json!({ "keys": self.keys }).to_string()),
            ("StatusApiSecret", json!({ "default": credentials }).to_string()),
        ]);
        for FunctionName { name, logical_id } in FUNCTIONS {
            let log = logs_dir(&self.options.dir).join(format!("{name}.log"));
            request.functions.insert(logical_id, Function { binary: self.binary(name)?, log });
        }
        Ok(request)
    }

    fn info(&self, deployed: &Deployed, status_api_url: String) -> Result<StackInfo, Error> {
        Ok(StackInfo {
            stack: deploy::STACK_NAME.to_owned(),
            webhook_url: deployed.route("/webhook")?,
            registration_url: deployed.route("/transactions")?,
            status_api_url,
            aws_endpoint: emulator::endpoint(self.port),
            region: emulator::REGION.to_owned(),
            table: deployed.output("TableName")?,
            queue_url: deployed.output("QueueUrl")?,
            dlq_url: deployed.output("DeadLetterQueueUrl")?,
            event_bus: deployed.output("EventBusName")?,
            functions: Functions {
                ack: deployed.function("AckFunction")?,
                processor: deployed.function("ProcessorFunction")?,
                sweeper: deployed.function("SweeperFunction")?,
                publisher: deployed.function("PublisherFunction")?,
            },
            logs: logs_dir(&self.options.dir),
            simulator_control_url: None,
            secrets: Secrets {
                webhook_keys: self.keys.clone(),
                status_api_token: self.options.status_api_token.clone(),
                status_api_client_id: self.options.status_api_client_id.clone(),
            },
        })
    }

    fn binary(&self, package: &str) -> Result<PathBuf, Error> {
        self.binaries.get(package).cloned().ok_or_else(|| Error::NoExecutable { package: package.to_owned() })
    }
}

fn build_binaries(options: &Options) -> Result<BTreeMap<String, PathBuf>, Error> {
    progress("building the functions (the first time takes minutes)");
    let mut binaries = build::build_functions()?;
    if options.status_api_url.is_none() {
        progress("building the simulated SPG");
        binaries.extend(build::executables(&[simulator::PACKAGE])?);
    }
    Ok(binaries)
}

/// An empty folder for the stack.
fn prepare(dir: &Path) -> Result<(), Error> {
    for part in [logs_dir(dir), dir.join("tmp")] {
        remove_dir(&part)?;
        fs::create_dir_all(&part).map_err(Error::file(&part))?;
    }
    Ok(())
}

fn logs_dir(dir: &Path) -> PathBuf {
    dir.join("logs")
}

fn remove(path: &Path) -> Result<(), Error> {
    ignore_absent(fs::remove_file(path)).map_err(Error::file(path))
}

fn remove_dir(path: &Path) -> Result<(), Error> {
    ignore_absent(fs::remove_dir_all(path)).map_err(Error::file(path))
}

fn ignore_absent(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_up_is_said_clearly() {
        let dir = std::env::temp_dir().join(format!("spg-local-none-{}", std::process::id()));
        assert!(matches!(StackInfo::read(&dir), Err(Error::NotUp { .. })));
        Stack::down(&dir).unwrap();
        assert!(!Stack::is_up(&dir).unwrap());
    }
}
