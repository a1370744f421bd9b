//! The same work in Python and in TypeScript: installed once, with pinned packages, into the project's own ignored folder.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use spg_local::{PythonEnv, workspace};
use tests::{Launch, deployed};

use crate::contender::Role;
use crate::stand::Stand;

const SOURCES: &str = "infra/bench/peers";
const PYTHON_FILES: [&str; 2] = ["ack.py", "processor.py"];
const LOCKFILE: &str = "package-lock.json";
const MARKER: &str = "installed-package-lock.json";
/// What is in Lambda's own Python, and what only the installation needs.
const NOT_PACKAGED: [&str; 6] = ["boto3", "botocore", "s3transfer", "awslambdaric", "pip", "setuptools"];
/// So that bundled packages that still ask for a module by `require` find it.
const BANNER: &str = "import { createRequire } from 'module';const require = createRequire(import.meta.url);";
/// The name under which each counts and logs, as the project's functions do.
const NAMESPACE: &str = "SpgWebhooks";

/// Both peers, ready to be started.
#[derive(Debug)]
pub struct Peers {
    python: PythonEnv,
    handlers: PathBuf,
    runtime: PathBuf,
    bundles: PathBuf,
    /// What Python and Node.js say that they are.
    pub versions: [String; 2],
}

impl Peers {
    /// Installs what is not there yet.
    ///
    /// # Errors
    /// Python, Node.js or npm is missing, or a package cannot be fetched or does not have the hash that is written down.
    pub fn install() -> Result<Self, Box<dyn Error>> {
        let sources = workspace().join(SOURCES);
        let tools = workspace().join(".tools");
        let python = PythonEnv::install("bench-python", &sources.join("python/requirements.txt"))?;
        let handlers = tools.join("bench-handlers");
        fs::create_dir_all(&handlers)?;
        for file in PYTHON_FILES {
            fs::copy(sources.join("python").join(file), handlers.join(file))?;
        }
        let typescript = tools.join("bench-typescript");
        install_packages(&sources.join("typescript"), &typescript)?;
        let bundles = typescript.join("bundles");
        bundle(&sources.join("typescript"), &typescript, &bundles)?;
        let versions = [
            said(Command::new(python.program("python")).arg("--version"))?,
            said(Command::new("node").arg("--version"))?,
        ];
        Ok(Self { python, handlers, runtime: sources.join("typescript/runtime.mjs"), bundles, versions })
    }

    /// Started by AWS's own client of the Runtime API.
    pub fn python(&self, role: Role, stand: &Stand) -> Launch {
        let handler = format!("{}.handler", role.name());
        let launch = deployed::launch_binary(role.name(), self.python.program("python"), &stand.aws, &stand.status_api);
        let launch =
            launch.arguments(["-m", "awslambdaric", &handler]).env("PYTHONPATH", self.handlers.to_string_lossy());
        configured(launch, role)
    }

    /// Started by the loop in `runtime.mjs`.
    pub fn typescript(&self, role: Role, stand: &Stand) -> Launch {
        let bundle = self.bundle_of(role);
        let launch = deployed::launch_binary(role.name(), "node", &stand.aws, &stand.status_api);
        let launch = launch.arguments([&*self.runtime.to_string_lossy()]);
        configured(launch.env("_HANDLER", format!("{}:handler", bundle.display())), role)
    }

    /// What is deployed of the peer in TypeScript.
    pub fn bundle_of(&self, role: Role) -> PathBuf {
        self.bundles.join(format!("{}.mjs", role.name()))
    }

    /// What is deployed of the peer in Python: its own file and the packages that Lambda does not have.
    pub fn python_package(&self, role: Role) -> Result<Vec<PathBuf>, Box<dyn Error>> {
        let script = "import sysconfig; print(sysconfig.get_path('purelib'))";
        let packages = PathBuf::from(said(Command::new(self.python.program("python")).args(["-c", script]))?);
        let mut paths = vec![self.handlers.join(format!("{}.py", role.name()))];
        for entry in fs::read_dir(packages)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().to_lowercase();
            if !NOT_PACKAGED.iter().any(|own| name.split(['-', '.', '_']).next() == Some(own)) {
                paths.push(entry.path());
            }
        }
        paths.sort();
        Ok(paths)
    }
}

fn configured(launch: Launch, role: Role) -> Launch {
    launch
        .env("POWERTOOLS_SERVICE_NAME", role.name())
        .env("POWERTOOLS_METRICS_NAMESPACE", NAMESPACE)
        .env("POWERTOOLS_LOG_LEVEL", "INFO")
        .env("IDEMPOTENCY_TABLE", crate::stand::IDEMPOTENCY_TABLE)
}

/// `npm ci` from the lockfile, which has a hash for every package; no package's own scripts are run.
fn install_packages(sources: &Path, target: &Path) -> Result<(), Box<dyn Error>> {
    let wanted = fs::read(sources.join(LOCKFILE))?;
    if fs::read(target.join(MARKER)).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    eprintln!("bench: installing the packages of {}", sources.display());
    fs::create_dir_all(target)?;
    for file in ["package.json", LOCKFILE, ".npmrc"] {
        fs::copy(sources.join(file), target.join(file))?;
    }
    let mut npm = Command::new("npm");
    npm.current_dir(target).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    succeed(&mut npm)?;
    Ok(fs::write(target.join(MARKER), wanted)?)
}

/// Bundled and minified for Node.js, as AWS advises for functions in TypeScript.
fn bundle(sources: &Path, packages: &Path, bundles: &Path) -> Result<(), Box<dyn Error>> {
    // esbuild looks for packages beside the sources.
    let own = packages.join("sources");
    fs::create_dir_all(&own)?;
    for role in Role::ALL {
        let file = format!("{}.ts", role.name());
        fs::copy(sources.join(&file), own.join(&file))?;
        let mut esbuild = Command::new(packages.join("node_modules/.bin/esbuild"));
        esbuild.arg(own.join(&file)).args([
            "--bundle",
            "--minify",
            "--platform=node",
            "--target=node20",
            "--format=esm",
        ]);
        esbuild.arg("--main-fields=module,main").arg(format!("--banner:js={BANNER}"));
        esbuild.arg(format!("--outfile={}", bundles.join(format!("{}.mjs", role.name())).display()));
        succeed(esbuild.arg("--log-level=warning"))?;
    }
    Ok(())
}

fn succeed(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let program = command.get_program().to_string_lossy().into_owned();
    // Standard output is for the table.
    let status = command.stdout(Stdio::null()).status().map_err(|error| format!("{program}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program} ended with {status}").into()) }
}

fn said(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
