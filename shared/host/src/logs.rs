//! Logs: one JSON object per line on stdout. What crates outside this workspace log is capped at warnings: at a finer level some of
//! them print the events and requests that they carry.

use std::panic::PanicHookInfo;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Format, Json, JsonFields};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

use crate::Env;

/// What every crate of `shared/` that logs begins with.
const SHARED_CRATES: &str = "spg_";

/// The least severe level that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

impl LogLevel {
    /// `LOG_LEVEL`: error, warn, info (the default) or debug, in any case.
    pub fn read(env: &mut Env) -> Option<Self> {
        env.parsed("LOG_LEVEL", Self::Info, "error, warn, info or debug", |text| {
            match text.to_ascii_lowercase().as_str() {
                "error" => Some(Self::Error),
                "warn" => Some(Self::Warn),
                "info" => Some(Self::Info),
                "debug" => Some(Self::Debug),
                _ => None,
            }
        })
    }

    fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
        }
    }
}

/// A span that puts the invocation's request id into every line of it: `future.instrument(invocation_span(id))`.
pub fn invocation_span(request_id: &str) -> tracing::Span {
    // An error span, so that no level takes the id away.
    tracing::error_span!("invocation", requestId = request_id)
}

/// Installs the logs and the panic hook for the whole process; the first call decides. `function` is the crate's own name, which its
/// own events have as target.
pub(crate) fn install(function: &'static str, level: LogLevel) {
    // Fails only if there is one already, as in a test of several functions.
    let _ = tracing::subscriber::set_global_default(subscriber(function, level, std::io::stdout));
    std::panic::set_hook(Box::new(log_panic));
}

fn subscriber<W>(function: &'static str, level: LogLevel, writer: W) -> impl Subscriber + for<'a> LookupSpan<'a>
where
    W: for<'a> MakeWriter<'a> + Clone + Send + Sync + 'static,
{
    let of_ours = |level| Targets::new().with_target(SHARED_CRATES, level).with_target(function, level);
    let dependencies = of_ours(LevelFilter::OFF).with_default(level.filter().min(LevelFilter::WARN));
    tracing_subscriber::registry()
        // What we say is known by its words: the module is left out, because every byte of a log is paid for.
        .with(lines(writer.clone()).with_target(false).with_filter(of_ours(level.filter())))
        .with(lines(writer).with_filter(dependencies))
}

/// One JSON object per line.
fn lines<S, W>(writer: W) -> fmt::Layer<S, JsonFields, Format<Json>, W>
where
    W: for<'a> MakeWriter<'a> + 'static,
{
    fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false).with_writer(writer)
}

/// The panic's message may hold data: only where it happened is logged.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    tracing::error!(location, "panicked");
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is logged at a level, as parsed lines.
    fn logged(level: LogLevel, log: impl FnOnce()) -> Vec<Value> {
        let sink = Sink::default();
        let writer = sink.clone();
        tracing::subscriber::with_default(subscriber("ack", level, move || writer.clone()), log);
        let bytes = sink.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn one_flat_line_of_json_per_event_with_the_request_id() {
        let lines = logged(LogLevel::Error, || {
            let _entered = invocation_span("req-1").entered();
            tracing::error!(target: "ack", transactionID = "t\n1", durationMs = 5, "refused");
        });
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(line["message"], "refused");
        assert_eq!(line["level"], "ERROR");
        assert_eq!(line["transactionID"], "t\n1");
        assert_eq!(line["durationMs"], 5);
        assert_eq!(line["span"]["requestId"], "req-1");
        assert!(line["timestamp"].as_str().is_some_and(|t| t.ends_with('Z')), "{line}");
    }

    #[test]
    fn the_level_is_ours_and_dependencies_never_get_below_a_warning() {
        let log = || {
            tracing::debug!(target: "spg_gateway", "shared");
            tracing::debug!(target: "ack::webhook", "own");
            tracing::trace!(target: "ack", "too fine");
            for level in [tracing::Level::INFO, tracing::Level::DEBUG, tracing::Level::TRACE] {
                dependency(level);
            }
            tracing::warn!(target: "aws_smithy_runtime", "warning");
            // The event's payload is in this one.
            tracing::trace!(target: "lambda_runtime::layers::api_response", body = "351#912345678", "raw JSON event");
            tracing::debug!(target: "hyper_util::client", "payload");
            tracing::info!(target: "reqwest::connect", "payload");
            tracing::info_span!(target: "lambda_runtime::layers::trace", "payload").in_scope(|| ());
        };
        let messages = |level| logged(level, log).into_iter().map(|line| line["message"].clone()).collect::<Vec<_>>();
        assert_eq!(messages(LogLevel::Debug), ["shared", "own", "warning"]);
        assert_eq!(messages(LogLevel::Info), ["warning"]);
        assert!(messages(LogLevel::Error).is_empty());
    }

    fn dependency(level: tracing::Level) {
        match level {
            tracing::Level::INFO => tracing::info!(target: "lambda_runtime", "payload"),
            tracing::Level::DEBUG => tracing::debug!(target: "aws_smithy_runtime::client", "payload"),
            _ => tracing::trace!(target: "lambda_http", "payload"),
        }
    }

    #[test]
    fn levels_are_read_in_any_case() {
        let read = |value| Env::from_pairs([("LOG_LEVEL", value)]).read(LogLevel::read).ok();
        assert_eq!(read("WARN"), Some(LogLevel::Warn));
        assert_eq!(read(""), Some(LogLevel::Info));
        assert_eq!(read("trace"), None);
    }
}
