//! How a function begins and ends.

use std::process::ExitCode;

use crate::logs::{self, LogLevel};
use crate::{ConfigError, Env, MetricSource};

/// Installs logs and panic hook and reads the configuration from the environment of this process, with whose metrics these are.
/// `function` is the crate's name.
///
/// # Errors
/// The code to end the process with; one log line has then named every problem of the configuration.
pub fn start<C>(
    function: &'static str,
    read: impl FnOnce(&mut Env) -> Option<C>,
) -> Result<(C, MetricSource), ExitCode> {
    let read_all = |env: &mut Env| {
        let (config, source) = (read(env), MetricSource::read(env, function));
        Some((config?, source?))
    };
    start_with(Env::from_process(), |level| logs::install(function, level), read_all).map_err(|error| {
        tracing::error!(problems = error.problems.len(), error = %error, "the configuration cannot be used");
        ExitCode::FAILURE
    })
}

/// What the process ends with when the runtime ends, which it does only on failure.
pub fn finish<E: std::fmt::Display>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %error, "the runtime ended");
            ExitCode::FAILURE
        }
    }
}

fn start_with<C>(
    env: Env,
    install_logs: impl FnOnce(LogLevel),
    read: impl FnOnce(&mut Env) -> Option<C>,
) -> Result<C, ConfigError> {
    env.read(|env| {
        let level = LogLevel::read(env);
        // The problems must be seen even if the level is one of them.
        install_logs(level.unwrap_or(LogLevel::Info));
        let config = read(env);
        level.and(config)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: [(&str, &str); 2], level: LogLevel, config: Result<&str, usize>) {
        let mut installed = None;
        let read = |env: &mut Env| env.required("QUEUE_URL", "the URL of a queue");
        let started = start_with(Env::from_pairs(pairs), |level| installed = Some(level), read);
        assert_eq!(started.as_deref().map_err(|error| error.problems.len()), config);
        assert_eq!(installed, Some(level));
    }

    #[test]
    fn the_logs_are_there_whatever_is_wrong_and_the_level_is_one_of_the_problems() {
        check([("LOG_LEVEL", "debug"), ("QUEUE_URL", "q")], LogLevel::Debug, Ok("q"));
        check([("LOG_LEVEL", "loud"), ("QUEUE_URL", "q")], LogLevel::Info, Err(1));
        check([("LOG_LEVEL", "loud"), ("QUEUE_URL", "")], LogLevel::Info, Err(2));
    }
}
