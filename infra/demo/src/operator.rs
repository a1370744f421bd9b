//! What an operator does: the documented commands, and what a deployment or AWS's own client does.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};
use spg_local::{ALIAS, Operator, executables};

use crate::{Failure, Fixture, Scene};

/// What a command of spgctl's came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub exit: i32,
    /// What it wrote, which is JSON unless it failed.
    pub json: Value,
}

/// Exit codes of spgctl.
pub const DONE: i32 = 0;
pub const FINDINGS: i32 = 3;
pub const NOT_THERE: i32 = 4;

/// A deployed function, as a rehearsal breaks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Never broken here; its code is what is deployed by mistake.
    Ack,
    Processor,
    Publisher,
    /// Never broken here either.
    Sweeper,
}

impl Function {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Processor => "processor",
            Self::Publisher => "publisher",
            Self::Sweeper => "sweeper",
        }
    }

    /// The name that it is deployed under.
    pub fn deployed(self, fixture: &Fixture) -> String {
        let functions = &fixture.info.functions;
        match self {
            Self::Ack => functions.ack.clone(),
            Self::Processor => functions.processor.clone(),
            Self::Publisher => functions.publisher.clone(),
            Self::Sweeper => functions.sweeper.clone(),
        }
    }
}

impl Told {
    /// Whether it says something about a transaction.
    pub fn names(&self, transaction_id: &str) -> bool {
        self.json.to_string().contains(transaction_id)
    }
}

impl Scene {
    /// Runs spgctl on this stack, in its JSON form.
    ///
    /// # Errors
    /// It cannot be started, or could not do it (exit code 1 or 2).
    pub async fn spgctl(&self, arguments: &[&str], input: Option<String>) -> Result<Told, Failure> {
        self.say(&format!("$ spgctl {}", arguments.join(" ")));
        let dir = self.fixture.dir.clone();
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let told = tokio::task::spawn_blocking(move || run_spgctl(dir, &arguments, input)).await??;
        Ok(told)
    }

    /// Deploys the code of a function: its own, or that of another one, which is a mistake that pipelines make.
    ///
    /// # Errors
    /// It is refused.
    pub async fn deploy(&self, function: Function, code_of: Function) -> Result<(), Failure> {
        self.say(&format!("deployed as {}: the code of {}", function.name(), code_of.name()));
        let fixture = Arc::clone(&self.fixture);
        let deployed = tokio::task::spawn_blocking(move || {
            let binaries = executables(&[code_of.name()])?;
            let log = fixture.info.logs.join(format!("{}.log", function.name()));
            Operator::new(&fixture.info)?.replace_code(&function.deployed(&fixture), &binaries[code_of.name()], &log)
        });
        Ok(deployed.await??)
    }

    /// One call of AWS, as its own client makes it.
    ///
    /// # Errors
    /// It is refused.
    pub async fn aws(
        &self,
        service: &'static str,
        operation: &'static str,
        parameters: Value,
    ) -> Result<Value, Failure> {
        self.say(&format!("$ aws {service} {}", operation.replace('_', "-")));
        let fixture = Arc::clone(&self.fixture);
        let called =
            tokio::task::spawn_blocking(move || Operator::new(&fixture.info)?.call(service, operation, parameters));
        Ok(called.await??)
    }

    /// The event source mapping that gives a function its batches.
    ///
    /// # Errors
    /// It cannot be asked for.
    pub async fn mapping(&self, of: Function) -> Result<Value, Failure> {
        let function = format!("{}:{ALIAS}", of.deployed(&self.fixture));
        let mut found = self.aws("lambda", "list_event_source_mappings", json!({ "FunctionName": function })).await?;
        Ok(found["EventSourceMappings"][0].take())
    }

    /// What `spgctl doctor` says is wrong, by check.
    ///
    /// # Errors
    /// It cannot be run.
    pub async fn wrong_by_doctor(&self) -> Result<Vec<String>, Failure> {
        let told = self.spgctl(&["doctor"], None).await?;
        let findings = told.json.as_array().cloned().unwrap_or_default();
        let wrong = findings.iter().filter(|finding| finding["state"] == "wrong");
        Ok(wrong.map(|finding| finding["check"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// How the trouble showed; for the table.
    pub fn seen(&mut self, how: &str) {
        add_line(&mut self.delivered_in_words, how);
    }

    /// What was done about it.
    pub fn remedy(&mut self, what: &str) {
        add_line(&mut self.stored_in_words, what);
    }

    /// How one knew that it was over.
    pub fn over(&mut self, how: &str) {
        add_line(&mut self.events_in_words, how);
    }
}

fn add_line(cell: &mut Option<String>, line: &str) {
    let cell = cell.get_or_insert_default();
    if !cell.is_empty() {
        cell.push('\n');
    }
    cell.push_str(line);
}

fn run_spgctl(dir: PathBuf, arguments: &[String], input: Option<String>) -> Result<Told, Failure> {
    const PACKAGE: &str = "spgctl";
    let program = executables(&[PACKAGE])?.remove(PACKAGE).unwrap_or_default();
    let mut child = Command::new(program)
        .arg(format!("--local={}", dir.display()))
        .arg("--json")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // Closed at the end of the statement.
    child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input.unwrap_or_default().as_bytes()))?;
    let output = child.wait_with_output()?;
    let exit = output.status.code().unwrap_or(-1);
    if exit == NOT_THERE {
        return Ok(Told { exit, json: Value::Null });
    }
    if exit != DONE && exit != FINDINGS {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(format!("spgctl {}: exit code {exit}: {why}", arguments.join(" ")).into());
    }
    Ok(Told { exit, json: serde_json::from_slice(&output.stdout)? })
}
