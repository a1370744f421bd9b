//! What is played, and the words around it.

use std::fmt::Write as _;

use serde_json::json;
use spg_domain::{Message, Notification, NotificationId, Payload, PaymentStatus, Timestamp, TransactionId};

use crate::Failure;
use crate::normal::Normaliser;
use crate::world::{RESTORED_TABLE, World};

const PAID: &str = "s2bfw1g1P1siCSUjVPP8";
const MISMATCHED: &str = "s2kQ0x7TtN4vZbGm1YcE";
const GIVEN_UP: &str = "s2Lr8hWq5DdK3oJf6UaX";
/// Worth nothing outside of this recording.
const NEW_KEY: &str = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=";

const INTRODUCTION: &str = "\
# spgctl

What an operator does with spg-webhooks. `cargo build --release -p spgctl` builds it. On AWS it finds the system by its
stack: `spgctl --stack spg-webhooks --region eu-west-1 --profile ops ...`, with the credentials of a profile, single sign-on or the
environment; on the local stack (`cargo xtask local up`) by `--local`. With `--json` every command answers in JSON.

This page is recorded: `cargo xtask test --only spgctl` plays it on the local stack and fails where it differs, and
`target/debug/spgctl-record --write` writes it anew. Moments, ages and random ids are made alike.
";

const PERMISSIONS: &str = "\
IAM actions on the stack's own resources. With `KmsKeyArn`, `kms:Decrypt` and `kms:GenerateDataKey` on that key too.

| commands | actions |
|---|---|
| all | `cloudformation:DescribeStacks`, `cloudformation:ListStackResources` |
| `transaction` | `dynamodb:BatchGetItem` |
| `open` | `dynamodb:Scan`, `dynamodb:DescribeTable` |
| `check` | `lambda:GetFunctionConfiguration`, `secretsmanager:GetSecretValue`, `dynamodb:BatchGetItem`; with `--apply` `dynamodb:UpdateItem` |
| `resolve` | `lambda:GetFunctionConfiguration`, `dynamodb:BatchGetItem`, `dynamodb:UpdateItem` |
| `restore` | `dynamodb:Scan` and `dynamodb:DescribeTable` on the restored table; `dynamodb:BatchGetItem` and `dynamodb:PutItem` |
| `dlq` | `sqs:GetQueueAttributes`, `sqs:ReceiveMessage`, `sqs:ChangeMessageVisibility`; `redrive` and `drop` `sqs:DeleteMessage`, `redrive` `sqs:SendMessage` |
| `republish` | `dynamodb:Scan`, `dynamodb:DescribeTable`, `events:PutEvents` |
| `send-test` | `lambda:GetFunctionConfiguration`, `secretsmanager:GetSecretValue` |
| `register` | `execute-api:Invoke` |
| `rotate-key` | `lambda:GetFunctionConfiguration`, `secretsmanager:GetSecretValue`, `secretsmanager:PutSecretValue` |
| `doctor` | `lambda:GetFunctionConfiguration`, `secretsmanager:GetSecretValue`, `dynamodb:Query` on the index, `scheduler:GetSchedule`, `lambda:GetEventSourceMapping`, `sqs:GetQueueAttributes`, `cloudwatch:DescribeAlarms` |";

struct Page<'a> {
    world: &'a World,
    text: String,
    normaliser: Normaliser,
}

/// Plays everything; returns the page.
pub async fn play(world: &World) -> Result<String, Failure> {
    let mut page = Page { world, text: INTRODUCTION.to_owned(), normaliser: Normaliser::default() };
    page.shows_help().await?;
    page.says("What it must be allowed to do", PERMISSIONS);
    healthy(&mut page).await?;
    confirm(&mut page).await?;
    attention(&mut page).await?;
    dead_letters(&mut page).await?;
    deployment(&mut page).await?;
    events(&mut page).await?;
    restored(&mut page).await?;
    keys(&mut page).await?;
    ill(&mut page).await?;
    Ok(page.text)
}

impl Page<'_> {
    fn says(&mut self, heading: &str, words: &str) {
        // A page cannot fail to be written to.
        let _ = write!(self.text, "\n## {heading}\n\n{words}\n");
    }

    async fn shows_help(&mut self) -> Result<(), Failure> {
        let seen = self.world.spgctl(&["--help"], "").await?;
        let _ = write!(self.text, "\n```console\n$ spgctl --help\n{}\n```\n", seen.text.trim_end());
        Ok(())
    }

    async fn shows(&mut self, arguments: &[&str], code: i32) -> Result<(), Failure> {
        self.shows_with(arguments, code, "", "").await
    }

    /// `input` goes to standard input, and `said` stands for it in the page.
    async fn shows_with(&mut self, arguments: &[&str], code: i32, input: &str, said: &str) -> Result<(), Failure> {
        let quoted: Vec<_> =
            arguments.iter().map(|it| if it.contains(' ') { format!("{it:?}") } else { (*it).to_owned() }).collect();
        let command = format!("spgctl --local {}{said}", quoted.join(" "));
        let seen = self.world.spgctl(arguments, input).await?;
        if seen.code != code {
            return Err(format!("`{command}` ended with {} instead of {code}:\n{}", seen.code, seen.text).into());
        }
        let text = self.normaliser.normal(&format!("$ {command}\n{}", seen.text));
        let exit = if code == 0 { String::new() } else { format!("(exit code {code})\n") };
        let _ = write!(self.text, "\n```console\n{}\n{exit}```\n", text.trim_end());
        Ok(())
    }
}

async fn healthy(page: &mut Page<'_>) -> Result<(), Failure> {
    page.says(
        "Is everything in order?",
        "`doctor` looks at all that confirms payments; what is wrong comes with its remedy.",
    );
    page.shows(&["doctor"], 0).await?;
    page.world.stop_sweeping().await
}

async fn confirm(page: &mut Page<'_>) -> Result<(), Failure> {
    let world = page.world;
    page.says(
        "What happened to this transaction?",
        "A payment is registered as the merchant's backend would do it. Then its payer approves, and the webhook is lost.",
    );
    world.spg("/payments", &payment(PAID, 1590)).await?;
    let fields = ["--order", "order-1001", "--terminal", "50994", "--method", "MBWAY", "--type", "PURS"];
    let amount = ["--amount", "15.90", "--currency", "EUR"];
    page.shows(&[&["register", PAID][..], &fields, &amount].concat(), 0).await?;
    world.stored(PAID, |_| true).await?;
    page.shows(&["open"], 0).await?;
    world.spg(&format!("/payments/{PAID}/status"), &json!({"status": "Success"})).await?;
    page.shows(&["check", PAID], 3).await?;
    page.shows(&["check", PAID, "--apply"], 0).await?;
    page.shows(&["transaction", PAID], 0).await?;
    page.shows(&["transaction", PAID, "--json"], 0).await?;
    page.shows(&["transaction", "no-such-transaction"], 4).await
}

async fn attention(page: &mut Page<'_>) -> Result<(), Failure> {
    let world = page.world;
    page.says(
        "What needs a person?",
        "This payment was registered with another amount than SPG confirms: it is not called paid, and needs attention until \
         somebody has looked at it.",
    );
    world.spg("/payments", &payment(MISMATCHED, 1590)).await?;
    world.spg(&format!("/payments/{MISMATCHED}/status"), &json!({"status": "Success"})).await?;
    let amount = ["--method", "MBWAY", "--type", "PURS", "--amount", "20.00", "--currency", "EUR"];
    page.shows(&[&["register", MISMATCHED][..], &amount].concat(), 0).await?;
    world.stored(MISMATCHED, |_| true).await?;
    page.shows(&["check", MISMATCHED, "--apply"], 3).await?;
    page.shows(&["open", "--attention"], 0).await?;
    page.shows(&["resolve", MISMATCHED, "--reason", "the order was changed after payment, ticket 4711"], 0).await?;
    page.shows(&["transaction", MISMATCHED], 0).await?;
    page.shows(&["resolve", MISMATCHED, "--reason", "once more"], 1).await
}

async fn dead_letters(page: &mut Page<'_>) -> Result<(), Failure> {
    let world = page.world;
    page.says(
        "What did the pipeline give up?",
        "Original messages can be redriven once what made them fail is fixed. Dead letters are the processor's notes about messages that \
         can never succeed.",
    );
    let notification = Notification {
        notification_id: NotificationId::new("b6571d90-35d6-41a6-b7b1-732464b1e58c")?,
        payment_status: Some(PaymentStatus::PENDING),
        facts: spg_domain::Facts::default(),
        return_code: None,
    };
    let received_at = Timestamp::parse("2026-03-12T10:48:44Z").unwrap_or_default();
    let message = Message::new(Some(TransactionId::new(GIVEN_UP)?), Payload::Notification(notification), received_at);
    let original = world.give_up(&message.to_json()?).await?;
    let dead_letter = json!({
        "schemaVersion": 1, "reason": "ConflictingContent", "transactionID": PAID, "notificationID": "n-17",
        "contentHash": "db1f0a72a9eeeafb", "messageId": "m2",
    });
    world.give_up(&dead_letter.to_string()).await?;
    page.shows(&["dlq", "list"], 3).await?;
    page.shows(&["dlq", "show", &original], 0).await?;
    page.shows(&["dlq", "redrive"], 3).await?;
    world.stored(GIVEN_UP, |transaction| transaction.notifications.len() == 1).await?;
    page.shows(&["dlq", "drop", "--dead-letters", "--yes"], 0).await?;
    page.shows(&["dlq", "list"], 0).await
}

async fn deployment(page: &mut Page<'_>) -> Result<(), Failure> {
    page.says(
        "Does the webhook address work?",
        "`send-test` sends what SPG would send, and judges the answer as SPG does, before the Backoffice does.",
    );
    page.shows(&["send-test"], 0).await?;
    page.world.stored("WebhookTest", |_| true).await?;
    let elsewhere = page.world.at.registration_url.clone();
    page.shows(&["send-test", "--url", &elsewhere], 3).await
}

async fn events(page: &mut Page<'_>) -> Result<(), Failure> {
    page.says(
        "We were down: are consumers whole again?",
        "The latest event of each transaction once more, with the same eventId: who keeps the highest sequence notices nothing.",
    );
    page.shows(&["republish", "--since", "1h", "--dry-run"], 0).await?;
    page.shows(&["republish", "--since", "1h"], 0).await
}

async fn restored(page: &mut Page<'_>) -> Result<(), Failure> {
    let world = page.world;
    page.says(
        "The table was damaged",
        "AWS restores into a new table; `restore` brings home what is missing or older. Everything restored is queried, and what \
         the Status API says is published with a later sequence than any before ([ADR 8](../adr/0008-a-restored-table-asks-about-everything.md)).",
    );
    world.snapshot().await?;
    world.lose(PAID).await?;
    page.shows(&["transaction", PAID], 4).await?;
    page.shows(&["restore", "--from", RESTORED_TABLE, "--dry-run"], 0).await?;
    page.shows(&["restore", "--from", RESTORED_TABLE], 0).await?;
    page.shows(&["restore", "--from", RESTORED_TABLE], 0).await?;
    page.shows(&["check", PAID, "--apply"], 0).await
}

async fn keys(page: &mut Page<'_>) -> Result<(), Failure> {
    page.says(
        "Changing the webhook key",
        "The new key is put beside the old one and tried; then the Backoffice is told to use it; the old one is retired when nothing \
         comes with it any more. The key is read from standard input and never shown.",
    );
    page.shows_with(&["rotate-key", "add"], 0, NEW_KEY, " < new-key.txt").await?;
    page.shows(&["rotate-key", "verify"], 0).await?;
    page.shows(&["rotate-key", "retire"], 0).await
}

async fn ill(page: &mut Page<'_>) -> Result<(), Failure> {
    page.says(
        "What is wrong?",
        "Somebody has turned the sweeps off, and put credentials into the secret that SPG does not accept; an alarm rings.",
    );
    page.world.spoil_credentials().await?;
    page.world.ring().await?;
    page.shows(&["doctor"], 3).await
}

fn payment(id: &str, cents: u64) -> serde_json::Value {
    json!({"kind": "mbWay", "amount": format!("{}.{:02}", cents / 100, cents % 100), "transactionId": id,
           "merchantTransactionId": "order-1001"})
}
