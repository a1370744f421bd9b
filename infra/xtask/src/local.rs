use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use spg_local::{Logs, Options, Stack, StackInfo, show_logs};

use crate::Outcome;

#[derive(Subcommand)]
pub enum Command {
    /// Build the functions, start the emulator, deploy template.yaml, and write stack.json
    Up(Up),
    /// End everything that `up` has started; the logs stay
    Down {
        #[command(flatten)]
        target: Target,
    },
    /// Show what the functions have printed
    Logs {
        /// Only this function
        #[arg(value_parser = ["ack", "processor", "sweeper", "publisher"])]
        function: Option<String>,
        /// Go on until the stack is down
        #[arg(long, short)]
        follow: bool,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Args)]
pub struct Up {
    /// Base address of a Status API that you run; without it a simulated SPG is started
    #[arg(long, value_name = "URL")]
    status_api_url: Option<String>,
    /// Bearer token that the functions present to the Status API
    #[arg(long, value_name = "TOKEN", default_value = spg_local::STATUS_API_TOKEN_DEFAULT)]
    status_api_token: String,
    /// Client id that the functions present to the Status API
    #[arg(long, value_name = "ID", default_value = spg_local::STATUS_API_CLIENT_ID_DEFAULT)]
    status_api_client_id: String,
    /// Key of the webhooks: the Base64 of 32 bytes; several may be given; without any, one is made
    #[arg(long = "webhook-key", value_name = "BASE64")]
    webhook_keys: Vec<String>,
    /// statusCode of the acknowledgements
    #[arg(long, value_name = "CODE")]
    ack_status_code: Option<String>,
    /// A parameter of template.yaml; several may be given
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = name_and_value)]
    parameters: Vec<(String, String)>,
    /// Port of the emulator; 0 takes any that is free
    #[arg(long, default_value_t = spg_local::PORT_DEFAULT)]
    port: u16,
    #[command(flatten)]
    target: Target,
}

#[derive(Args)]
pub struct Target {
    /// Folder of the stack; stacks in different folders do not disturb each other [default: target/local]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Target {
    /// The folder, absolute.
    fn dir(&self) -> std::io::Result<PathBuf> {
        self.dir.as_deref().map_or_else(|| Ok(spg_local::default_dir()), std::path::absolute)
    }
}

impl Command {
    pub fn run(self) -> Outcome {
        match self {
            Self::Up(up) => up.run(),
            Self::Down { target } => {
                Stack::down(&target.dir()?)?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Logs { function, follow, target } => {
                show_logs(&target.dir()?, &Logs { function, follow }, &mut std::io::stdout().lock())?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl Up {
    fn run(self) -> Outcome {
        let dir = self.target.dir()?;
        spg_local::end_on_interrupt(dir.clone())?;
        let options = Options {
            port: self.port,
            status_api_url: self.status_api_url,
            status_api_token: self.status_api_token,
            status_api_client_id: self.status_api_client_id,
            webhook_keys: self.webhook_keys,
            ack_status_code: self.ack_status_code,
            parameters: self.parameters,
            ..Options::new(dir.clone())
        };
        show(&Stack::up(&options)?, &dir);
        Ok(ExitCode::SUCCESS)
    }
}

fn show(info: &StackInfo, dir: &Path) {
    println!("webhooks       {}", info.webhook_url);
    println!("registrations  {}", info.registration_url);
    println!("Status API     {}", info.status_api_url);
    if let Some(url) = &info.simulator_control_url {
        println!("simulator      {url}");
    }
    println!("AWS endpoint   {} (region {})", info.aws_endpoint, info.region);
    println!("table          {}", info.table);
    println!("event bus      {}", info.event_bus);
    println!("logs           {}", info.logs.display());
    println!("all of it      {}", dir.join("stack.json").display());
    println!("End it with `cargo xtask local down`.");
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("must be NAME=VALUE".to_owned()),
    }
}
