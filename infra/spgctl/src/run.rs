//! From the command line to the command.

use std::io::{Read as _, Write};
use std::path::PathBuf;

use spg_bus::EventBus;
use spg_gateway::webhook::STATUS_CODE_DEFAULT;
use spg_host::{Aws, CallLimits};
use spg_time::{Clock as _, SystemClock};
use spg_wiring::LambdaReconciler;

use crate::cli::{Cli, Command, DlqCommand, RegisterArguments, RotateKeyCommand, SendTestArguments, TargetArguments};
use crate::commands::dlq::{Choice, Queues};
use crate::commands::{
    check, dlq, doctor, open, register, republish, resolve, restore, rotate_key, send_test, transaction,
};
use crate::http;
use crate::keys::{KeySecret, KeyText};
use crate::scan::Rate;
use crate::signed::Signer;
use crate::{Deployment, Error, Exit, Output, Target};

/// Messages dropped in a second, at most: SQS is asked as gently as for a redrive.
const DROP_RATE: u32 = 100;

/// A key has 44 characters; white space around it is nobody's fault.
const KEY_TEXT_BYTES_MAX: u64 = 1024;

/// Runs one command; its result goes to `writer`, its progress to standard error.
///
/// # Errors
/// It could not be done.
pub async fn run(cli: Cli, writer: &mut (dyn Write + Send)) -> Result<Exit, Error> {
    let mut output = Output::new(cli.json, writer);
    let output = &mut output;
    let at = Deployment::find(&target(cli.target)?).await?;
    let now = SystemClock.now();
    match cli.command {
        Command::Transaction { id } => transaction::run(&at.ledger()?, &id, now, output).await,
        Command::Open(arguments) => {
            let rate = Rate { items_per_second: arguments.rate.read_rate };
            let filter = open::Filter {
                older_than: arguments.older_than,
                attention: arguments.attention,
                disputed: arguments.disputed,
                method: arguments.method,
                terminal: arguments.terminal,
                other_merchants: arguments.other_merchants,
            };
            open::run(&at.ledger()?, &filter, rate, now, output).await
        }
        Command::Check(arguments) => {
            let queried = check::Arguments { id: arguments.id, terminal: arguments.terminal, apply: arguments.apply };
            check::run(&reconciler(&at).await?, &queried, output).await
        }
        Command::Republish(arguments) => {
            let bus = EventBus { client: at.aws.events(), name: at.resource("EventBus")?.to_owned() };
            let queried = republish::Arguments {
                since: arguments.since.seen_from(now),
                until: arguments.until.map_or(now, |until| until.seen_from(now)),
                dry_run: arguments.dry_run,
                read_rate: Rate { items_per_second: arguments.read.read_rate },
                rate: arguments.rate,
            };
            republish::run(&at.ledger()?, &bus, &queried, output).await
        }
        Command::SendTest(arguments) => send_test(&at, arguments, output).await,
        Command::Resolve(arguments) => {
            let rules = at.settling_config().await?.rules;
            let queried = resolve::Arguments { id: arguments.id, note: arguments.reason, only: arguments.only };
            resolve::run(&at.ledger()?, &rules, &queried, now, output).await
        }
        Command::Restore(arguments) => {
            let queried = restore::Arguments {
                rate: arguments.rate,
                queries_per_second: arguments.queries,
                after: arguments.resume_after,
                dry_run: arguments.dry_run,
            };
            restore::run(&at.other_ledger(arguments.from), &at.ledger()?, &queried, now, output).await
        }
        Command::Register(arguments) => register(&at, arguments, output).await,
        Command::RotateKey(command) => rotate_key(&at, command, output).await,
        Command::Doctor => doctor::run(&at, output).await,
        Command::Dlq(command) => dlq(&queues(&at)?, command, output).await,
    }
}

async fn send_test(at: &Deployment, arguments: SendTestArguments, output: &mut Output<'_>) -> Result<Exit, Error> {
    let keys = key_secret(at)?.read().await?.keys;
    let position = arguments.key.unwrap_or(keys.len());
    let key = position.checked_sub(1).and_then(|index| keys.get(index));
    let key = key.ok_or_else(|| Error::Refused(format!("the secret has no key {position}; it has {}", keys.len())))?;
    let transaction_id = arguments.transaction_id.to_string();
    let queried = send_test::Arguments { transaction_id, ..sample(at).await? };
    let queried = send_test::Arguments { url: arguments.url.unwrap_or(queried.url), ..queried };
    send_test::run(&http::client()?, key, &queried, SystemClock.now(), output).await
}

fn key_secret(at: &Deployment) -> Result<KeySecret, Error> {
    Ok(KeySecret::new(at.aws.secrets(), at.resource("WebhookKeysSecret")?))
}

/// A notification to the stack's own address, and what the deployed function must answer.
async fn sample(at: &Deployment) -> Result<send_test::Arguments, Error> {
    let code = at.environment("AckFunction").await?.remove("ACK_STATUS_CODE");
    Ok(send_test::Arguments {
        url: at.webhook_url.clone(),
        status_code: code.unwrap_or_else(|| STATUS_CODE_DEFAULT.to_owned()),
        transaction_id: send_test::TRANSACTION_ID_DEFAULT.to_owned(),
    })
}

async fn register(at: &Deployment, arguments: RegisterArguments, output: &mut Output<'_>) -> Result<Exit, Error> {
    let registration = register::Registration {
        file: arguments.file,
        transaction_id: arguments.id,
        status: arguments.status,
        order: arguments.order,
        terminal: arguments.terminal,
        method: arguments.method,
        kind: arguments.kind,
        amount: arguments.amount.zip(arguments.currency),
    };
    let signer = Signer {
        credentials: at.aws.credentials().await?,
        region: at.aws.region().to_owned(),
        service: register::SERVICE,
    };
    let (http, now) = (http::client()?, SystemClock.now());
    register::run(&http, &at.registration_url, &signer, &registration, now, output).await
}

async fn rotate_key(at: &Deployment, command: RotateKeyCommand, output: &mut Output<'_>) -> Result<Exit, Error> {
    let (secret, http, now) = (key_secret(at)?, http::client()?, SystemClock.now());
    let test = sample(at).await?;
    match command {
        RotateKeyCommand::Add => {
            let mut text = String::new();
            let read = std::io::stdin().lock().take(KEY_TEXT_BYTES_MAX).read_to_string(&mut text);
            read.map_err(|error| Error::input("standard input", error))?;
            rotate_key::add(&secret, &http, KeyText::parse(&text)?, &test, now, output).await
        }
        RotateKeyCommand::Verify => rotate_key::verify(&secret, &http, &test, now, output).await,
        RotateKeyCommand::Retire => rotate_key::retire(&secret, &http, &test, now, output).await,
    }
}

async fn dlq(queues: &Queues, command: DlqCommand, output: &mut Output<'_>) -> Result<Exit, Error> {
    match command {
        DlqCommand::List { limit } => dlq::list(queues, limit, SystemClock.now(), output).await,
        DlqCommand::Show { id } => dlq::show(queues, &id, output).await,
        DlqCommand::Redrive { ids, rate } => {
            dlq::redrive(queues, &Choice { ids, dead_letters: false }, rate, output).await
        }
        DlqCommand::Drop { ids, dead_letters, yes: _ } => {
            dlq::drop(queues, &Choice { ids, dead_letters }, DROP_RATE, output).await
        }
    }
}

fn queues(at: &Deployment) -> Result<Queues, Error> {
    Ok(Queues { client: at.aws.sqs(), queue_url: at.queue_url()?.to_owned(), dlq_url: at.dlq_url()?.to_owned() })
}

fn target(arguments: TargetArguments) -> Result<Target, Error> {
    let TargetArguments { stack, region, profile, local } = arguments;
    match (stack, local) {
        (Some(stack), _) => Ok(Target::Aws { stack, region, profile }),
        (None, Some(dir)) => {
            let dir = dir.map_or_else(|| Ok(spg_local::default_dir()), std::path::absolute);
            Ok(Target::Local { dir: dir.map_err(|source| Error::File { path: PathBuf::new(), source })? })
        }
        (None, None) => Err(Error::NoTarget),
    }
}

/// The sweeper's own reconciler, with the operator's credentials.
async fn reconciler(at: &Deployment) -> Result<LambdaReconciler, Error> {
    let config = at.settling_config().await?;
    let aws = Aws::new(&config.aws, CallLimits::USUAL);
    spg_wiring::reconciler(&config, &aws, check::QUERY_TIMEOUT).await.map_err(|error| check::unusable(&error))
}
