//! The local stack, and what happens on it between the commands.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, ScheduleState, Target};
use serde_json::{Value, json};
use spg_domain::{Transaction, TransactionId};
use spg_local::StackInfo;
use spg_reconcile::Store as _;
use spgctl::Deployment;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::Failure;

/// Longest wait for something that the stack does in the background.
const WAIT_MAX: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(100);
pub const RESTORED_TABLE: &str = "transactions-restored";

pub struct World {
    pub at: Deployment,
    dir: PathBuf,
    control_url: String,
    http: reqwest::Client,
}

/// What a command printed, and its exit code.
pub struct Seen {
    pub text: String,
    pub code: i32,
}

impl World {
    pub async fn new(info: &StackInfo, dir: PathBuf) -> Result<Self, Failure> {
        let at = Deployment::find(&spgctl::Target::Local { dir: dir.clone() }).await?;
        let control_url = info.simulator_control_url.clone().ok_or("no simulator was started")?;
        Ok(Self { at, dir, control_url, http: spgctl::http::client()? })
    }

    /// Runs spgctl, the program, as a person would.
    pub async fn spgctl(&self, arguments: &[&str], input: &str) -> Result<Seen, Failure> {
        let program = std::env::current_exe()?.with_file_name("spgctl");
        let mut child = Command::new(program)
            .arg(format!("--local={}", self.dir.display()))
            .args(arguments)
            .env("COLUMNS", "110")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // It may have ended without reading.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let output = child.wait_with_output().await?;
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        Ok(Seen { text, code: output.status.code().ok_or("spgctl was killed")? })
    }

    /// Tells the simulated SPG something.
    pub async fn spg(&self, path: &str, body: &Value) -> Result<(), Failure> {
        let url = format!("{}{path}", self.control_url);
        let answer =
            self.http.post(&url).header("content-type", "application/json").body(body.to_string()).send().await?;
        if !answer.status().is_success() {
            return Err(format!("{url}: {} {}", answer.status(), answer.text().await?).into());
        }
        Ok(())
    }

    /// Waits until a transaction is stored and as wanted.
    pub async fn stored(&self, id: &str, wanted: impl Fn(&Transaction) -> bool) -> Result<(), Failure> {
        let (ledger, id) = (self.at.ledger()?, TransactionId::new(id)?);
        let look = async {
            loop {
                let found = ledger.read(std::slice::from_ref(&id)).await?.remove(&id);
                if found.as_ref().is_some_and(&wanted) {
                    return Ok::<(), Failure>(());
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(WAIT_MAX, look).await.map_err(|_| format!("{id} is not stored as wanted"))?
    }

    /// Turns the sweeps off, so that only commands change anything.
    pub async fn stop_sweeping(&self) -> Result<(), Failure> {
        let name = self.at.resource("SweeperSchedule")?;
        let client = self.at.aws.scheduler();
        let schedule = client.get_schedule().name(name).send().await?;
        let target = schedule.target().ok_or("the schedule has no target")?;
        let target = Target::builder().arn(target.arn()).role_arn(target.role_arn()).input("{}").build()?;
        let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build()?;
        client
            .update_schedule()
            .name(name)
            .schedule_expression("rate(1 minute)")
            .flexible_time_window(window)
            .target(target)
            .state(ScheduleState::Disabled)
            .send()
            .await?;
        Ok(())
    }

    /// Puts a message into the dead-letter queue; returns its id.
    pub async fn give_up(&self, body: &str) -> Result<String, Failure> {
        let sent = self.at.aws.sqs().send_message().queue_url(self.at.dlq_url()?).message_body(body).send().await?;
        Ok(sent.message_id.unwrap_or_default())
    }

    /// An alarm of the stack's rings, and one of another stack whose name begins with the same.
    pub async fn ring(&self) -> Result<(), Failure> {
        self.ring_named(&format!("{}-dead-letters", self.at.stack)).await?;
        self.ring_named(&format!("{}-qly-dead-letters", self.at.stack)).await
    }

    async fn ring_named(&self, name: &str) -> Result<(), Failure> {
        let alarm = json!({
            "AlarmName": name, "MetricName": "ApproximateNumberOfMessagesVisible", "Namespace": "AWS/SQS", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold", "Statistic": "Maximum",
        });
        let state = json!({"AlarmName": name, "StateValue": "ALARM", "StateReason": "for the page"});
        for (operation, body) in [("PutMetricAlarm", alarm), ("SetAlarmState", state)] {
            let request = self.http.post(self.at.aws.endpoint("monitoring")).body(body.to_string());
            let target = format!("GraniteServiceVersion20100801.{operation}");
            let request = request.header("content-type", "application/x-amz-json-1.0").header("x-amz-target", target);
            // The emulator takes the service from the signature, which it does not verify.
            let scope = "AWS4-HMAC-SHA256 Credential=test/20260312/eu-west-1/monitoring/aws4_request";
            request.header("authorization", scope).send().await?.error_for_status()?;
        }
        Ok(())
    }

    pub async fn spoil_credentials(&self) -> Result<(), Failure> {
        let secret = json!({"default": {"token": "of-another-merchant", "clientId": "unknown"}}).to_string();
        let id = self.at.resource("StatusApiSecret")?;
        self.at.aws.secrets().put_secret_value().secret_id(id).secret_string(secret).send().await?;
        Ok(())
    }

    /// A copy of the table as it is now, as a restore from a backup makes one.
    pub async fn snapshot(&self) -> Result<(), Failure> {
        const KEY: &str = "transactionID";
        let client = self.at.aws.dynamodb();
        let key = KeySchemaElement::builder().attribute_name(KEY).key_type(KeyType::Hash).build()?;
        let attribute =
            AttributeDefinition::builder().attribute_name(KEY).attribute_type(ScalarAttributeType::S).build()?;
        let table = client.create_table().table_name(RESTORED_TABLE).billing_mode(BillingMode::PayPerRequest);
        table.key_schema(key).attribute_definitions(attribute).send().await?;
        let items = client.scan().table_name(self.at.resource("TransactionsTable")?).send().await?.items;
        for item in items.unwrap_or_default() {
            client.put_item().table_name(RESTORED_TABLE).set_item(Some(item)).send().await?;
        }
        Ok(())
    }

    /// What a damaged table has lost.
    pub async fn lose(&self, id: &str) -> Result<(), Failure> {
        let key = BTreeMap::from([("transactionID".to_owned(), AttributeValue::S(id.to_owned()))]);
        let client = self.at.aws.dynamodb();
        let delete = client.delete_item().table_name(self.at.resource("TransactionsTable")?);
        delete.set_key(Some(key.into_iter().collect())).send().await?;
        Ok(())
    }
}
