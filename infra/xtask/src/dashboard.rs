//! The layout of the dashboard as a picture, for the documents and for whoever changes it.

use std::error::Error;
use std::path::Path;

use spg_local::{PythonEnv, workspace};

use crate::tools::{command, run};

/// The picture in the documents.
const PICTURE: &str = "docs/operate/dashboard.png";

/// Draws the dashboard of a transformed template.
pub fn draw(transformed: &Path) -> Result<(), Box<dyn Error>> {
    let python = PythonEnv::install("dashboard", &workspace().join("infra/dashboard/requirements.txt"))?;
    run(command(python.program("python")).arg("infra/dashboard/render.py").arg(transformed).arg(PICTURE))?;
    println!("{PICTURE} is drawn");
    Ok(())
}
