use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::process::{Process, Processes, last_lines};
use crate::{Error, PythonEnv, http, poll};

pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const LOG_FILE: &str = "emulator.log";
const NAME: &str = "the emulator";
const READY_TIME_MAX: Duration = Duration::from_secs(60);

/// The port to use: `port`, or any free one for 0. Another program may take it before the emulator does; then the
/// emulator says so and ends.
pub(crate) fn free_port(port: u16) -> Result<u16, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|_| Error::PortInUse { port })
}

/// Starts the emulator on loopback and waits until it answers. What it runs reaches it by `functions_port`.
pub(crate) fn start(
    python: &PythonEnv,
    processes: &Processes,
    dir: &Path,
    port: u16,
    functions_port: u16,
) -> Result<(), Error> {
    let log = dir.join(LOG_FILE);
    let process = processes.start(NAME, command(python, dir, port, functions_port), &log)?;
    wait_until_ready(&process, NAME, &log, || http::get(port, "/_ministack/health"))
}

/// Waits until a program that was started is ready; an error if it ends before.
pub(crate) fn wait_until_ready(
    process: &Process,
    name: &'static str,
    log: &Path,
    ready: impl Fn() -> bool,
) -> Result<(), Error> {
    let settled = poll::until(READY_TIME_MAX, || match (process.runs(), ready()) {
        (false, _) => Some(false),
        (true, true) => Some(true),
        (true, false) => None,
    });
    match settled {
        Some(true) => Ok(()),
        Some(false) | None => Err(Error::NotReady { name, log: log.to_path_buf(), output: last_lines(log) }),
    }
}

/// The environment is written out: the functions inherit it, and nothing of the person's own AWS settings may reach
/// them.
fn command(python: &PythonEnv, dir: &Path, port: u16, functions_port: u16) -> Command {
    let temporary = dir.join("tmp");
    let mut command = Command::new(python.program("ministack"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", &temporary)
        .env("TMPDIR", &temporary)
        .env("PYTHONUNBUFFERED", "1")
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", Ipv4Addr::LOCALHOST.to_string())
        // The functions' HTTP library takes a host name only.
        .env("MINISTACK_HOST", "localhost")
        .env("MINISTACK_REGION", REGION)
        .env("LAMBDA_EXECUTOR", "local")
        .env("AWS_ENDPOINT_URL", endpoint(functions_port))
        // Further listeners, which nobody here talks to.
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0");
    command
}

pub(crate) fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
