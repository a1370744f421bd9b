//! The worked consumer in `infra/consumer`.

use std::error::Error;
use std::fs::{self, File};

use spg_local::workspace;

use crate::tools::{checks, command, run};

const TEMPLATE: &str = "infra/consumer/template.yaml";

/// Lints its template and what SAM makes of it, and runs its tests: Python's standard library is all that they need.
pub fn check() -> Result<(), Box<dyn Error>> {
    let tools = checks()?;
    let folder = workspace().join("target/template");
    fs::create_dir_all(&folder)?;
    let transformed = folder.join("consumer.json");
    run(command(tools.program("python"))
        .args(["infra/local/transform.py", TEMPLATE])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdout(File::create(&transformed)?))?;
    run(command(tools.program("cfn-lint")).arg(TEMPLATE).arg(&transformed))?;
    run(command(tools.program("python"))
        .args(["-m", "unittest", "discover", "--start-directory", "infra/consumer/tests", "--buffer"])
        .env("PYTHONDONTWRITEBYTECODE", "1"))
}
