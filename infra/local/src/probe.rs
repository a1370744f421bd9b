//! Whether a stack works: one registration through API, function, queue, function and table.

use std::fs;
use std::time::Duration;

use crate::poll::until;
use crate::{StackInfo, http};

/// The first request starts two functions.
const STORED_WITHIN: Duration = Duration::from_secs(20);
/// In the line that the processor logs when it has stored a new transaction.
const OPENED: &str = r#""disposition":"Opened""#;

impl StackInfo {
    /// Whether a registration of this transaction is taken and, a little later, processed.
    #[must_use]
    pub fn registers(&self, transaction_id: &str) -> bool {
        let address = self.registration_url.strip_prefix("http://localhost:").and_then(|rest| rest.split_once('/'));
        let Some((Ok(port), path)) = address.map(|(port, path)| (port.parse(), path)) else { return false };
        let body = serde_json::json!({"transactionID": transaction_id, "paymentMethod": "MBWAY"}).to_string();
        let log = self.logs.join("processor.log");
        let processed = || {
            let lines = fs::read_to_string(&log).ok()?;
            lines.lines().any(|line| line.contains(transaction_id) && line.contains(OPENED)).then_some(())
        };
        http::post_json(port, &format!("/{path}"), &body) && until(STORED_WITHIN, processed).is_some()
    }
}
