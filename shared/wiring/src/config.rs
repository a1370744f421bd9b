//! The part of the configuration that settles transactions.

use spg_domain::Rules;
use spg_host::{AwsConfig, Env, RulesConfig, StatusApiConfig};

const DUE_INDEX_NAME_DEFAULT: &str = "due";

#[derive(Debug, Clone)]
pub struct SettlingConfig {
    pub aws: AwsConfig,
    pub rules: RulesConfig,
    pub status_api: StatusApiConfig,
    pub table_name: String,
    pub due_index_name: String,
}

impl SettlingConfig {
    /// `TABLE_NAME`, `DUE_INDEX_NAME` (default `due`), and what AWS, the rules and the Status API need.
    pub fn read(env: &mut Env) -> Option<Self> {
        let aws = AwsConfig::read(env);
        let rules = RulesConfig::read(env);
        let status_api = StatusApiConfig::read(env);
        let table_name = env.required("TABLE_NAME", "the name of the transactions table");
        let due_index_name = env.optional("DUE_INDEX_NAME").unwrap_or_else(|| DUE_INDEX_NAME_DEFAULT.to_owned());
        Some(Self { aws: aws?, rules: rules?, status_api: status_api?, table_name: table_name?, due_index_name })
    }

    pub fn rules(&self) -> Rules {
        Rules {
            recheck_success_after: self.rules.recheck_success_after,
            retention: self.rules.retention,
            terminal_ids: self.rules.terminal_ids.clone(),
        }
    }
}
