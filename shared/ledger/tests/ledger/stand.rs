//! A table to test on, and what tests say about it.

use std::collections::HashMap;
use std::env;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use aws_sdk_dynamodb::{Client, Config};
use futures::FutureExt;
use spg_domain::{
    Decision, Evidence, Facts, Notification, NotificationId, PaymentStatus, Rules, Timestamp, Transaction,
    TransactionId, Write,
};
use spg_ledger::Ledger;
use spg_reconcile::{Store, Written};
use tests::{Aws, Table, aws};

const ENDPOINT_VARIABLE: &str = "SPG_LEDGER_ENDPOINT";
/// Bound of every wait for an eventually consistent index.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);

pub struct Stand {
    pub ledger: Ledger,
    pub client: Client,
    pub table: String,
}

/// Runs a test on a table of its own.
pub async fn on_a_table(test: impl AsyncFnOnce(&Stand)) {
    let Ok(endpoint) = env::var(ENDPOINT_VARIABLE) else {
        let aws = Aws::start();
        return test(&embedded(&aws)).await;
    };
    let client = client(&endpoint);
    let table = format!("spg-ledger-test-{}-{:08x}", std::process::id(), fastrand::u32(..));
    create(&client, &table).await;
    let stand = Stand { ledger: Ledger::new(client.clone(), &table, Table::DUE_INDEX), client, table };
    let outcome = AssertUnwindSafe(test(&stand)).catch_unwind().await;
    stand.client.delete_table().table_name(&stand.table).send().await.unwrap();
    outcome.unwrap_or_else(|panic| resume_unwind(panic));
}

/// For tests that need faults or count calls: always the embedded one.
pub fn embedded(aws: &Aws) -> Stand {
    let client = client(&aws.endpoint());
    let table = Table::NAME.to_owned();
    Stand { ledger: Ledger::new(client.clone(), &table, Table::DUE_INDEX), client, table }
}

impl Stand {
    /// What is stored of one transaction.
    pub async fn read(&self, id: &TransactionId) -> Option<Transaction> {
        self.ledger.read(std::slice::from_ref(id)).await.unwrap().remove(id)
    }

    pub async fn write(&self, write: &Write) -> Written {
        self.ledger.write(write).await.unwrap()
    }

    /// Writes what must be written, and returns it.
    pub async fn store(&self, write: Write) -> Transaction {
        assert_eq!(self.write(&write).await, Written::Done);
        write.transaction
    }

    /// The item as DynamoDB has it.
    pub async fn item(&self, id: &TransactionId) -> HashMap<String, AttributeValue> {
        let key = AttributeValue::S(id.to_string());
        let get = self.client.get_item().table_name(&self.table).key("transactionID", key).consistent_read(true);
        get.send().await.unwrap().item.unwrap_or_default()
    }

    /// Sets one attribute behind the ledger's back, as a newer version would.
    pub async fn set(&self, id: &TransactionId, path: &[&str], value: AttributeValue) {
        let placeholders: Vec<_> = (0..path.len()).map(|n| format!("#p{n}")).collect();
        let names = placeholders.iter().cloned().zip(path.iter().map(|&name| name.to_owned())).collect();
        let update = self.client.update_item().table_name(&self.table).key("transactionID", text(id.as_str()));
        let update = update.update_expression(format!("SET {} = :v", placeholders.join(".")));
        let update = update.set_expression_attribute_names(Some(names)).expression_attribute_values(":v", value);
        update.send().await.unwrap();
    }
}

/// Looks again until it holds; the index is eventually consistent.
pub async fn settled(mut holds: impl AsyncFnMut() -> bool) {
    let look = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SETTLED_WITHIN, look).await.expect("it settles in time");
}

pub fn id(text: &str) -> TransactionId {
    TransactionId::new(text).unwrap()
}

pub fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// Seconds after an arbitrary beginning.
pub fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_773_312_524_000 + seconds * 1000)
}

pub fn notification(notification_id: &str, status: &str) -> Evidence {
    let notification = Notification {
        notification_id: NotificationId::new(notification_id).unwrap(),
        payment_status: Some(PaymentStatus::parse(status).unwrap()),
        facts: Facts::default(),
        return_code: None,
    };
    Evidence::Notification { notification, received_at: at(0) }
}

/// The write that this evidence leads to.
pub fn write_of(id: &TransactionId, stored: Option<Transaction>, evidence: &[Evidence], now: Timestamp) -> Write {
    let rules = Rules::default();
    let mut decision = Decision::new(id.clone(), stored, &rules);
    for piece in evidence {
        decision.apply(piece, now);
    }
    decision.into_write().expect("something changes")
}

fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .region(Region::new(aws::REGION))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .endpoint_url(endpoint)
        .build();
    Client::from_conf(config)
}

async fn create(client: &Client, table: &str) {
    let definition =
        |name: &str, kind| AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap();
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let index = GlobalSecondaryIndex::builder()
        .index_name(Table::DUE_INDEX)
        .key_schema(key("dueShard", KeyType::Hash))
        .key_schema(key("nextCheckAt", KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
        .unwrap();
    let created = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(definition("transactionID", ScalarAttributeType::S))
        .attribute_definitions(definition("dueShard", ScalarAttributeType::N))
        .attribute_definitions(definition("nextCheckAt", ScalarAttributeType::N))
        .key_schema(key("transactionID", KeyType::Hash))
        .global_secondary_indexes(index)
        .send();
    created.await.unwrap();
    settled(async || {
        let table = client.describe_table().table_name(table).send().await.unwrap().table.unwrap();
        table.table_status == Some(aws_sdk_dynamodb::types::TableStatus::Active)
    })
    .await;
}
