//! The four real function binaries, driven as Lambda drives them, against endpoints that count every call.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod ack_answers;
mod ack_keys;
mod ack_vector;
mod alarms;
mod budgets;
mod canary;
mod configuration;
mod consumer;
mod deadlines;
mod examples;
mod log_lines;
mod partial_batches;
mod policy;
mod publisher;
mod races;
mod sizes;
mod support;
mod sweeper;
mod template_rules;
mod tls;
mod versions;
mod whole_way;
