//! What the processor needs to know.

use spg_host::Env;
use spg_wiring::SettlingConfig;

#[derive(Debug, Clone)]
pub struct Config {
    pub settling: SettlingConfig,
    pub queue_url: String,
    pub dlq_url: String,
}

impl Config {
    /// `QUEUE_URL`, `DLQ_URL`, and what settling needs.
    pub fn read(env: &mut Env) -> Option<Self> {
        let settling = SettlingConfig::read(env);
        let queue_url = env.required("QUEUE_URL", "the URL of the notification queue");
        let dlq_url = env.required("DLQ_URL", "the URL of the dead-letter queue");
        Some(Self { settling: settling?, queue_url: queue_url?, dlq_url: dlq_url? })
    }
}
