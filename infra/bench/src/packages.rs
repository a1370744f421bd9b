//! What is uploaded to Lambda, compressed.

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

use spg_local::workspace;

use crate::contender::{Contender, Programs, Role};

const SCRIPT: &str = "infra/bench/package.py";

/// The size of a zip of what this contender deploys; none where there is no Python that could make one.
///
/// # Errors
/// What is to be packed is not there.
pub fn compressed_bytes(programs: &Programs, contender: Contender, role: Role) -> Result<Option<u64>, Box<dyn Error>> {
    let peers = programs.peers.as_ref();
    let paths: Vec<PathBuf> = match contender {
        Contender::Floor => vec![programs.binaries["floor"].clone()],
        Contender::FloorSend => vec![programs.binaries["floor-send"].clone()],
        Contender::Project => vec![programs.binaries[role.name()].clone()],
        Contender::Python => peers.map(|peers| peers.python_package(role)).transpose()?.unwrap_or_default(),
        Contender::TypeScript => peers.map(|peers| vec![peers.bundle_of(role)]).unwrap_or_default(),
    };
    let output = Command::new("python3").arg(workspace().join(SCRIPT)).args(&paths).output();
    let Ok(output) = output else { return Ok(None) };
    if !output.status.success() {
        return Err(format!("{SCRIPT}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(Some(String::from_utf8(output.stdout)?.trim().parse()?))
}
