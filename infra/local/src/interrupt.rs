use std::path::PathBuf;
use std::process::exit;
use std::sync::PoisonError;

use crate::process::STARTING;
use crate::{Error, Stack, progress};

const EXIT_INTERRUPTED: i32 = 130;

/// From now on Ctrl-C (and a polite end from outside) ends the stack in `dir` and then this program.
///
/// # Errors
/// The program handles these signals already.
pub fn end_on_interrupt(dir: PathBuf) -> Result<(), Error> {
    ctrlc::set_handler(move || {
        let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        progress("interrupted");
        if let Err(error) = Stack::down(&dir) {
            progress(&error.to_string());
        }
        exit(EXIT_INTERRUPTED);
    })?;
    Ok(())
}
