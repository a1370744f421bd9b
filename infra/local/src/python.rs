use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, progress, workspace};

const PYTHON_NAMES: [&str; 2] = ["python3", "python"];
/// What the packages need: their oldest Python, and the standard modules that some systems leave out.
const PYTHON_CHECK: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
const MARKER: &str = "installed-requirements.txt";

/// The environment that the stack runs in.
pub(crate) fn for_the_stack() -> Result<PythonEnv, Error> {
    PythonEnv::install("local", &workspace().join("infra/local/requirements.txt"))
}

/// A private virtual environment with pinned packages.
#[derive(Debug, Clone)]
pub struct PythonEnv {
    dir: PathBuf,
}

impl PythonEnv {
    /// The environment `name` under `.tools/`, with exactly the packages of `requirements` (all versions and hashes).
    /// Installs only when that file has changed since the last time.
    ///
    /// # Errors
    /// There is no usable Python, or the packages cannot be fetched.
    pub fn install(name: &str, requirements: &Path) -> Result<Self, Error> {
        let tools = workspace().join(".tools");
        fs::create_dir_all(&tools).map_err(Error::file(&tools))?;
        let dir = tools.join(name);
        // One at a time: two stacks may start at once. The lock ends with the file.
        let lock_path = tools.join(format!("{name}.lock"));
        let lock = File::create(&lock_path).map_err(Error::file(&lock_path))?;
        lock.lock().map_err(Error::file(&lock_path))?;

        let wanted = fs::read(requirements).map_err(Error::file(requirements))?;
        let marker = dir.join(MARKER);
        let environment = Self { dir };
        if fs::read(&marker).is_ok_and(|installed| installed == wanted) && environment.program("python").exists() {
            return Ok(environment);
        }
        progress(&format!("installing the Python packages of {}", requirements.display()));
        environment.create(requirements)?;
        fs::write(&marker, wanted).map_err(Error::file(&marker))?;
        Ok(environment)
    }

    /// The path of a program of the environment.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }

    /// Runs a script that reads its request from standard input and writes its answer to standard output, both JSON. What it says
    /// when it fails goes into an error by `failed`.
    pub(crate) fn exchange<T: DeserializeOwned>(
        &self,
        script: &Path,
        request: &impl Serialize,
        failed: impl FnOnce(String) -> Error,
    ) -> Result<T, Error> {
        let program = self.program("python");
        let mut child = Command::new(&program)
            .arg(script)
            // No compiled files beside the sources.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Error::start(&program))?;
        let text = serde_json::to_vec(request).map_err(Error::json(format!("the request to {}", script.display())))?;
        // Closed at the end of the statement, which is how the script knows that it has everything.
        let sent = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(&text));
        let output = child.wait_with_output().map_err(Error::start(&program))?;
        if sent.is_err() || !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        serde_json::from_slice(&output.stdout).map_err(Error::json(format!("the answer of {}", script.display())))
    }

    fn create(&self, requirements: &Path) -> Result<(), Error> {
        let python = find_python()?;
        if self.dir.exists() {
            fs::remove_dir_all(&self.dir).map_err(Error::file(&self.dir))?;
        }
        let mut venv = Command::new(python);
        venv.args(["-m", "venv"]).arg(&self.dir);
        run(venv, requirements)?;
        let mut pip = Command::new(self.program("python"));
        // The file names everything, so nothing has to be resolved.
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--require-hashes",
            "-r",
        ])
        .arg(requirements);
        run(pip, requirements)
    }
}

fn run(mut command: Command, requirements: &Path) -> Result<(), Error> {
    let output = command.output().map_err(Error::start(command.get_program()))?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Error::PythonPackages { requirements: requirements.to_path_buf(), output })
}

fn find_python() -> Result<&'static str, Error> {
    let usable = |name: &&str| {
        let check = Command::new(name).args(["-c", PYTHON_CHECK]).output();
        check.is_ok_and(|output| output.status.success())
    };
    PYTHON_NAMES.into_iter().find(usable).ok_or(Error::NoPython)
}
