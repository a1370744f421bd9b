//! The subcommands: `serve`, `play`, `encrypt`, `decrypt`.

use std::error::Error;
use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use spg_simulator::crypto::{self, Envelope, IV_HEADER, TAG_HEADER};
use spg_simulator::{Bodies, Config, Credentials, Seed, Simulator, TrafficSpec, WebhookKey};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;

/// Exit code when a run did not go as expected.
pub const EXIT_NOT_AS_EXPECTED: u8 = 1;
/// Exit code when nothing could be run.
pub const EXIT_USAGE: u8 = 2;

type Outcome = Result<ExitCode, Box<dyn Error>>;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Run a Status API and take orders over HTTP until SIGTERM or ctrl-c
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Serve),
    /// Play a burst of payments against a webhook, and report; exit code 1 if an acknowledgement was not as it must be
    #[command(after_help = PLAY_EXAMPLES)]
    Play(Play),
    /// Encrypt a payload (standard input) as SPG does, for use with curl
    #[command(after_help = ENCRYPT_EXAMPLES)]
    Encrypt(Encrypt),
    /// Decrypt a webhook's body (standard input)
    #[command(after_help = DECRYPT_EXAMPLES)]
    Decrypt(Decrypt),
}

const SERVE_EXAMPLES: &str = "Examples:
  spg-simulator serve --port 8081 --webhook-url http://localhost:9000/webhook
  curl -s localhost:8081/control/payments -H 'Content-Type: application/json' -d '{\"kind\":\"mbWay\",\"amount\":\"15.90\",\"transactionId\":\"t1\"}'
  curl -s localhost:8081/control/payments/t1/notify -H 'Content-Type: application/json' -d '{\"plan\":{\"copies\":2}}'
  curl -s localhost:8081/control/payments/t1/status -H 'Content-Type: application/json' -d '{\"status\":\"Success\"}'
  curl -s -X PUT localhost:8081/control/faults -H 'Content-Type: application/json' -d '[{\"fault\":{\"kind\":\"unavailable\"},\"times\":3}]'
  curl -s localhost:8081/api/v2/payments/t1/status -H 'Authorization: Bearer simulated-token' -H 'X-IBM-Client-Id: simulated-client'
  curl -s 'localhost:8081/control/report?format=table'

  The merchant's own API, base http://localhost:8081/api/v2: POST payments, payments/{id}/mbway-id/purchase, /card/purchase,
  /service-reference/generate (with the checkout's signature), /capture, /refund, /cancellation.

Orders under /control: POST payments, payments/{id}/status, /answers, /notify, /play, PUT payments/{id}/lag,
GET payments/{id}/queries, /registration, POST notifications/{number}/deliver, PUT and DELETE faults,
PUT webhook, PUT ending, POST burst[?wait=true], GET report[?format=table].";

const PLAY_EXAMPLES: &str = "Example:
  spg-simulator play --webhook-url http://localhost:9000/webhook --key BASE64 \\
    --payments 300 --duplicates 30 --reorder 30 --lose 20 --tamper 5 --seed 7";

const ENCRYPT_EXAMPLES: &str = "Example, headers and body to curl (bash):
  spg-simulator encrypt --key BASE64 --curl http://localhost:9000/webhook < payload.json";

const DECRYPT_EXAMPLES: &str = "Example:
  spg-simulator decrypt --key BASE64 --iv RYjpCMtUmK54T6Lk --tag FUajWHmZjP4A5qaa1G0kxw== < body.txt";

/// What `serve` and `play` have in common.
#[derive(Args)]
struct Common {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Webhook secret as in the Backoffice (Base64 of 32 bytes), a test key; repeat it for several. Default: drawn from the seed
    #[arg(long = "key", value_name = "BASE64", value_parser = WebhookKey::from_base64)]
    keys: Vec<WebhookKey>,
    /// Bearer token that the Status API asks for
    #[arg(long, default_value = "simulated-token")]
    token: String,
    /// X-IBM-Client-Id that the Status API asks for
    #[arg(long, default_value = "simulated-client")]
    client_id: String,
    /// Replays everything that is drawn at random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Simulated seconds per second, for retries, lags and lifecycles
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    time_scale: u32,
    /// statusCode that an acknowledgement must have
    #[arg(long, default_value = "000")]
    ack_status_code: String,
    /// Take orders whose bodies leave out what SPG's documentation asks for
    #[arg(long)]
    abbreviated_bodies: bool,
    /// How long to wait for an acknowledgement
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    ack_timeout: u64,
}

/// Arguments of `serve`.
#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    common: Common,
    /// Where webhooks go; may be set later with PUT /control/webhook
    #[arg(long)]
    webhook_url: Option<String>,
}

/// Arguments of `play`.
#[derive(Args)]
pub struct Play {
    #[command(flatten)]
    common: Common,
    /// Where webhooks go
    #[arg(long)]
    webhook_url: String,
    /// Where each payment is registered before the burst, as a merchant's backend would (POST, answer 202)
    #[arg(long)]
    registration_url: Option<String>,
    #[arg(long, default_value_t = 10)]
    payments: u32,
    /// Percent of notifications that come two or three times
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = percent())]
    duplicates: u8,
    /// Percent of payments whose notifications come in the opposite order
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = percent())]
    reorder: u8,
    /// Percent of notifications that never come
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = percent())]
    lose: u8,
    /// Percent of notifications of which a tampered copy comes first
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = percent())]
    tamper: u8,
    /// Percent of notifications that come late
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = percent())]
    delay: u8,
    /// All payments happen within so many simulated seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    spread: u64,
    /// Send again by SPG's schedule what is not acknowledged (two months of simulated time: use --time-scale)
    #[arg(long)]
    retries: bool,
    /// Go on answering status queries for so many seconds after the last webhook
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    linger: u64,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `encrypt`.
#[derive(Args)]
pub struct Encrypt {
    /// Webhook secret (Base64 of 32 bytes)
    #[arg(long, value_name = "BASE64", value_parser = WebhookKey::from_base64)]
    key: WebhookKey,
    /// Print a curl command that sends it there
    #[arg(long, value_name = "URL")]
    curl: Option<String>,
}

/// Arguments of `decrypt`.
#[derive(Args)]
pub struct Decrypt {
    /// Webhook secret (Base64 of 32 bytes)
    #[arg(long, value_name = "BASE64", value_parser = WebhookKey::from_base64)]
    key: WebhookKey,
    /// Value of X-Initialization-Vector
    #[arg(long)]
    iv: String,
    /// Value of X-Authentication-Tag
    #[arg(long)]
    tag: String,
}

fn percent() -> clap::builder::RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(0..=100)
}

/// Runs a subcommand.
pub async fn run(command: Command) -> Outcome {
    match command {
        Command::Serve(arguments) => serve(arguments).await,
        Command::Play(arguments) => play(arguments).await,
        Command::Encrypt(arguments) => encrypt(&arguments),
        Command::Decrypt(arguments) => decrypt(&arguments),
    }
}

impl Common {
    fn config(self, webhook_url: Option<String>) -> Config {
        Config {
            port: self.port,
            seed: Seed(self.seed),
            time_scale: self.time_scale,
            webhook_url,
            keys: self.keys,
            credentials: Credentials { token: self.token, client_id: self.client_id },
            acknowledgement_status_code: self.ack_status_code,
            bodies: if self.abbreviated_bodies { Bodies::Abbreviated } else { Bodies::Documented },
            acknowledgement_timeout: Duration::from_secs(self.ack_timeout),
            ..Config::default()
        }
    }
}

async fn serve(arguments: Serve) -> Outcome {
    let drawn = arguments.common.keys.is_empty();
    let mut terminate = signal(SignalKind::terminate())?;
    let simulator = Simulator::start(arguments.common.config(arguments.webhook_url.clone())).await?;
    println!("Status API   {}/payments/{{transactionID}}/status", simulator.status_api_url());
    println!("orders       POST {}/payments", simulator.status_api_url());
    println!("control      {}/control", simulator.base_url());
    println!("webhooks to  {}", arguments.webhook_url.as_deref().unwrap_or("(not set)"));
    if drawn {
        for key in simulator.keys() {
            println!("webhook key  {} (drawn from the seed)", key.to_base64());
        }
    }
    let mut events = simulator.subscribe();
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) => println!("{event}"),
                Err(RecvError::Lagged(missed)) => println!("({missed} events not shown)"),
                Err(RecvError::Closed) => break,
            },
            _ = terminate.recv() => break,
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    println!("\n{}", simulator.report().table());
    Ok(ExitCode::SUCCESS)
}

async fn play(arguments: Play) -> Outcome {
    let spec = TrafficSpec {
        payments: arguments.payments,
        duplicates: arguments.duplicates,
        reorder: arguments.reorder,
        lose: arguments.lose,
        tamper: arguments.tamper,
        delay: arguments.delay,
        spread: Duration::from_secs(arguments.spread),
        retries: arguments.retries,
    };
    let simulator = Simulator::start(arguments.common.config(Some(arguments.webhook_url))).await?;
    // On standard error: with --json, standard output is the report alone.
    eprintln!("Status API   {}/payments/{{transactionID}}/status", simulator.status_api_url());
    let burst = simulator.plan_burst(&spec)?;
    if let Some(url) = &arguments.registration_url {
        for payment in &burst.payments {
            register(&simulator, url, &payment.transaction_id).await?;
        }
        eprintln!("registered   {} payments", burst.payments.len());
    }
    simulator.play_burst(burst).await;
    tokio::time::sleep(Duration::from_secs(arguments.linger)).await;
    let report = simulator.report();
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}", report.table());
    }
    Ok(if report.is_as_expected() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_NOT_AS_EXPECTED) })
}

async fn register(simulator: &Simulator, url: &str, transaction_id: &str) -> Result<(), Box<dyn Error>> {
    const ACCEPTED: u16 = 202;
    let body = simulator.registration(transaction_id)?.to_string();
    let status = simulator.post_json(url, body).await?;
    if status == ACCEPTED { Ok(()) } else { Err(format!("{url} answered {status} to a registration").into()) }
}

fn encrypt(arguments: &Encrypt) -> Outcome {
    let mut payload = Vec::new();
    if std::io::stdin().is_terminal() {
        eprintln!("reading the payload from standard input, to its end (ctrl-d)");
    }
    std::io::stdin().read_to_end(&mut payload)?;
    // Not from a seed: an IV must never come twice with one key, and here the key may be anybody's.
    let Envelope { iv, tag, body } = crypto::encrypt(&arguments.key, crypto::random_iv()?, &payload)?;
    match &arguments.curl {
        None => println!("{IV_HEADER}: {iv}\n{TAG_HEADER}: {tag}\nContent-Type: text/plain\n\n{body}"),
        Some(url) => println!(
            "curl -i '{url}' -H '{IV_HEADER}: {iv}' -H '{TAG_HEADER}: {tag}' -H 'Content-Type: text/plain' --data-raw '{body}'"
        ),
    }
    Ok(ExitCode::SUCCESS)
}

fn decrypt(arguments: &Decrypt) -> Outcome {
    let mut body = String::new();
    std::io::stdin().read_to_string(&mut body)?;
    let envelope = Envelope { iv: arguments.iv.clone(), tag: arguments.tag.clone(), body };
    let mut out = std::io::stdout().lock();
    out.write_all(&crypto::decrypt(&arguments.key, &envelope)?)?;
    out.write_all(b"\n")?;
    Ok(ExitCode::SUCCESS)
}
