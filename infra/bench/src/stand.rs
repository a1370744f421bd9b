//! What a process runs against: counting endpoints, which may be slow on purpose.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tests::{Aws, Fault, Launch, Reply, StatusApi, Tls};

use crate::work::{Job, answer_about};

/// The second table that Powertools' idempotency keeps.
pub const IDEMPOTENCY_TABLE: &str = "spg-idempotency";
const STORE: [&str; 4] = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];

/// How long each service takes to answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    pub queue_ms: u64,
    pub store_ms: u64,
    pub status_api_ms: u64,
}

/// One account and one Status API.
pub struct Stand {
    pub aws: Aws,
    pub status_api: StatusApi,
    tls: Option<Tls>,
    waits: Waits,
}

impl Stand {
    pub fn new(tls: Option<&Tls>, waits: Waits) -> Self {
        let (aws, status_api) = match tls {
            None => (Aws::start(), StatusApi::start()),
            Some(tls) => (Aws::start_tls(tls), StatusApi::start_tls(tls)),
        };
        aws.table().create_beside(json!({
            "TableName": IDEMPOTENCY_TABLE,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        }));
        let stand = Self { aws, status_api, tls: tls.cloned(), waits };
        stand.slow_down();
        stand
    }

    /// With the certificate of the endpoints, if they have one.
    pub fn trusted(&self, launch: Launch) -> Launch {
        match &self.tls {
            Some(tls) => launch.trusting(tls),
            None => launch,
        }
    }

    /// Forgets what was counted and knows what these jobs will query.
    pub fn expect(&self, jobs: &[Job]) {
        self.aws.reset();
        self.slow_down();
        self.status_api.reset();
        let wait = Duration::from_millis(self.waits.status_api_ms);
        for named in jobs.iter().flat_map(|job| &job.notifications) {
            let reply = Reply::json(200, &answer_about(&named.transaction)).after(wait);
            self.status_api.always(&named.transaction, reply);
        }
    }

    fn slow_down(&self) {
        let delay = |operation: &str, ms: u64| {
            if ms > 0 {
                self.aws.inject(Fault::on(operation).delayed(Duration::from_millis(ms)));
            }
        };
        delay("sqs:SendMessage", self.waits.queue_ms);
        STORE.iter().for_each(|operation| delay(operation, self.waits.store_ms));
    }
}
