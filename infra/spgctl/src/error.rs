//! What can keep a command from being done, each with what to do about it.

use std::path::PathBuf;
use std::process::ExitCode;

use spg_time::error_chain;

/// How a command ends. The numbers are documented in `spgctl --help`: scripts rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, and nothing is left to act upon.
    Done,
    /// 1: it could not be done.
    Failed,
    /// 3: done, and it shows something to act upon: a difference, a failed check, a refusal.
    Findings,
    /// 4: what was named is not there.
    NotFound,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            // 2 is a wrong command line.
            Self::Findings => 3,
            Self::NotFound => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

type Source = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{doing} failed: {}", error_chain(.source.as_ref()))]
    Call { doing: String, source: Source },
    #[error("no AWS region is known: give --region, or set AWS_REGION or a region in the profile")]
    NoRegion,
    #[error(
        "no AWS credentials were found ({reason}): give --profile, sign in with `aws sso login`, or set AWS_ACCESS_KEY_ID"
    )]
    NoCredentials { reason: String },
    #[error("there is no stack {name} in {region}: check --stack, --region and --profile")]
    NoStack { name: String, region: String },
    #[error("no system was named: give --stack NAME for one on AWS, or --local for the one on this machine")]
    NoTarget,
    #[error("{0}")]
    Local(#[from] spg_local::Error),
    #[error(
        "the stack {stack} has no {what}: is it a stack of spg-webhooks, completely deployed, and of this version?"
    )]
    Incomplete { stack: String, what: String },
    #[error("the configuration of the deployed function {function} cannot be used: {reason}; deploy the stack again")]
    Configuration { function: String, reason: String },
    #[error("{what} is not there")]
    NotFound { what: String },
    #[error("{0}")]
    Refused(String),
    #[error("{what} cannot be used: {reason}")]
    Input { what: String, reason: String },
    #[error(
        "the secret {secret} cannot be used: {reason}\nput a usable value into it with `aws secretsmanager put-secret-value`"
    )]
    Secret { secret: String, reason: String },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("the output could not be written: {0}")]
    Output(#[source] std::io::Error),
    #[error("{0}")]
    Interrupted(String),
}

impl Error {
    /// For `map_err`: a call that failed, with what it was for.
    pub fn call<E: Into<Source>>(doing: impl Into<String>) -> impl FnOnce(E) -> Self {
        let doing = doing.into();
        move |source| Self::Call { doing, source: source.into() }
    }

    pub fn input(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Input { what: what.into(), reason: reason.to_string() }
    }

    pub fn exit(&self) -> Exit {
        match self {
            Self::NotFound { .. } => Exit::NotFound,
            Self::Call { .. }
            | Self::NoRegion
            | Self::NoCredentials { .. }
            | Self::NoStack { .. }
            | Self::NoTarget
            | Self::Local(_)
            | Self::Incomplete { .. }
            | Self::Configuration { .. }
            | Self::Refused(_)
            | Self::Input { .. }
            | Self::Secret { .. }
            | Self::File { .. }
            | Self::Output(_)
            | Self::Interrupted(_) => Exit::Failed,
        }
    }
}
