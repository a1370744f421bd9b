use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::emulator::{self, wait_until_ready};
use crate::process::{Process, Processes};
use crate::{Error, Options, http};

pub(crate) const PACKAGE: &str = "spg-simulator";
const NAME: &str = "the simulator";
const LOG_FILE: &str = "simulator.log";
/// A report is the cheapest thing that it can be asked for.
const READY_PATH: &str = "/control/report";

/// A simulated SPG that runs beside the stack.
pub(crate) struct Simulator {
    port: u16,
    process: Process,
}

impl Simulator {
    /// Starts it on a free port and waits until it answers.
    pub(crate) fn start(
        binary: &Path,
        processes: &Processes,
        options: &Options,
        keys: &[String],
    ) -> Result<Self, Error> {
        let port = emulator::free_port(0)?;
        let mut command = Command::new(binary);
        command.arg("serve").args(["--port", &port.to_string()]);
        command.args(["--token", &options.status_api_token, "--client-id", &options.status_api_client_id]);
        command.args(keys.iter().flat_map(|key| ["--key", key]));
        command.args(options.ack_status_code.iter().flat_map(|code| ["--ack-status-code", code]));
        let log = options.dir.join(LOG_FILE);
        let process = processes.start(NAME, command, &log)?;
        wait_until_ready(&process, NAME, &log, || http::get(port, READY_PATH))?;
        Ok(Self { port, process })
    }

    pub(crate) fn status_api_url(&self) -> String {
        format!("http://127.0.0.1:{}/api/v2", self.port)
    }

    pub(crate) fn control_url(&self) -> String {
        format!("http://127.0.0.1:{}/control", self.port)
    }

    /// Tells it where its webhooks go, which is known only once the stack is deployed.
    pub(crate) fn send_webhooks_to(&self, url: &str, dir: &Path) -> Result<(), Error> {
        let body = json!({ "url": url }).to_string();
        let log = dir.join(LOG_FILE);
        wait_until_ready(&self.process, NAME, &log, || http::put_json(self.port, "/control/webhook", &body))
    }
}
