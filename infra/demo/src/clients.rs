//! The emulated AWS, as anybody's AWS SDK sees it.

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_sdk_sqs::types::QueueAttributeName;
use aws_types::region::Region;
use spg_host::{Aws, AwsConfig, CallLimits};
use spg_local::StackInfo;

use crate::{Failure, Item};

/// As many keys as one BatchGetItem takes.
const KEYS_MAX: usize = 100;
const KEY: &str = "transactionID";

/// Clients of all services that are looked at.
#[derive(Clone)]
pub struct Clients {
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub events: aws_sdk_eventbridge::Client,
    pub sqs: aws_sdk_sqs::Client,
}

impl Clients {
    pub fn new(info: &StackInfo) -> Self {
        let config = AwsConfig {
            region: Region::new(info.region.clone()),
            credentials: Credentials::new("demo", "demo", None, None, "demo"),
            endpoint_url: Some(info.aws_endpoint.clone()),
        };
        let aws = Aws::new(&config, CallLimits::USUAL);
        Self { dynamodb: aws.dynamodb(), events: aws.events(), sqs: aws.sqs() }
    }

    /// One item, as it is now.
    ///
    /// # Errors
    /// The call fails.
    pub async fn item(&self, table: &str, id: &str) -> Result<Option<Item>, Failure> {
        let request = self.dynamodb.get_item().table_name(table).key(KEY, AttributeValue::S(id.to_owned()));
        Ok(request.consistent_read(true).send().await?.item.as_ref().map(Item::of))
    }

    /// Many items by transactionID; what is not stored is not in the answer.
    ///
    /// # Errors
    /// A call fails, or keys are left over.
    pub async fn items(&self, table: &str, ids: &[String]) -> Result<BTreeMap<String, Item>, Failure> {
        let mut found = BTreeMap::new();
        for some in ids.chunks(KEYS_MAX) {
            let keys = some.iter().map(|id| [(KEY.to_owned(), AttributeValue::S(id.clone()))].into()).collect();
            let request = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build()?;
            let answer = self.dynamodb.batch_get_item().request_items(table, request).send().await?;
            if answer.unprocessed_keys.is_some_and(|left| !left.is_empty()) {
                return Err("the table did not answer for all keys".into());
            }
            for attributes in answer.responses.into_iter().flatten().flat_map(|(_, items)| items) {
                if let Some(Ok(id)) = attributes.get(KEY).map(AttributeValue::as_s) {
                    found.insert(id.clone(), Item::of(&attributes));
                }
            }
        }
        Ok(found)
    }

    /// How many messages a queue holds, in flight ones included.
    ///
    /// # Errors
    /// The call fails.
    pub async fn waiting(&self, queue_url: &str) -> Result<u64, Failure> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let request = self.sqs.get_queue_attributes().queue_url(queue_url).set_attribute_names(Some(names.to_vec()));
        let found = request.send().await?.attributes.unwrap_or_default();
        Ok(names.iter().filter_map(|name| found.get(name)?.parse::<u64>().ok()).sum())
    }
}
