use std::io;
use std::path::{Path, PathBuf};

/// Why the stack is not up, each with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("port {port} is in use by another program; choose one with --port (0 takes any that is free)")]
    PortInUse { port: u16 },
    #[error(
        "Python 3.10 or newer with its venv module was not found as python3 or python; install it (Debian: apt install python3-venv)"
    )]
    NoPython,
    #[error("the Python packages of {} were not installed; is the package index reachable?\n{output}", requirements.display())]
    PythonPackages { requirements: PathBuf, output: String },
    #[error("the functions were not built; the compiler's message is above")]
    Build,
    #[error("a build of {package} gave no executable")]
    NoExecutable { package: String },
    #[error("{name} ended by itself or was not ready in time; its output is in {}:\n{output}", log.display())]
    NotReady { name: &'static str, log: PathBuf, output: String },
    #[error("the template was not deployed: {reason}\nthe emulator's output is in {}", log.display())]
    Deploy { reason: String, log: PathBuf },
    #[error("AWS's answer to the operator: {reason}")]
    Operate { reason: String },
    #[error("the deployed stack has no {what}")]
    Incomplete { what: &'static str },
    #[error("webhook key {position} is not the Base64 of 32 bytes")]
    WebhookKey { position: usize },
    #[error("no stack is up in {}; start one with `cargo xtask local up`", dir.display())]
    NotUp { dir: PathBuf },
    #[error("process group {group} ({name}) does not end; end it by hand")]
    DoesNotEnd { name: String, group: i32 },
    #[error("no random bytes from the operating system: {0}")]
    Random(getrandom::Error),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{program} could not be started: {source}")]
    Start { program: String, source: io::Error },
    #[error("{what} is not readable: {source}")]
    Json { what: String, source: serde_json::Error },
    #[error("Ctrl-C cannot be handled: {0}")]
    Interrupt(#[from] ctrlc::Error),
}

impl Error {
    /// For `map_err`: an input or output error with its path.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }

    /// For `map_err`: a program that could not be started.
    pub(crate) fn start(program: impl AsRef<std::ffi::OsStr>) -> impl FnOnce(io::Error) -> Self {
        let program = program.as_ref().to_string_lossy().into_owned();
        move |source| Self::Start { program, source }
    }

    /// For `map_err`: text that is not the JSON it should be.
    pub(crate) fn json(what: impl Into<String>) -> impl FnOnce(serde_json::Error) -> Self {
        let what = what.into();
        move |source| Self::Json { what, source }
    }
}
