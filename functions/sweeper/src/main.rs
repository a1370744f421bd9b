use std::process::ExitCode;

use lambda_runtime::{LambdaEvent, service_fn};
use spg_domain::Timestamp;
use spg_host::{Aws, CallLimits, Metrics, Service, finish, invocation_span, start};
use spg_reconcile::{Clock, Sweeper};
use sweeper::{QUESTION_TIMEOUT, SweeperConfig, limits};
use tracing::Instrument;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (config, source) = match start("sweeper", SweeperConfig::read) {
        Ok(started) => started,
        Err(code) => return code,
    };
    let aws = Aws::new(&config.settling.aws, CallLimits::USUAL);
    aws.warm(&[Service::DynamoDb]).await;
    let reconciler = match spg_wiring::reconciler(&config.settling, &aws, QUESTION_TIMEOUT).await {
        Ok(reconciler) => reconciler,
        Err(error) => return finish(Err(error)),
    };
    let (reconciler, source) = (&reconciler, &source);
    // The payload does not matter: being called is the reason.
    let handle = |event: LambdaEvent<serde_json::Value>| async move {
        let deadline = Timestamp::from_millis(event.context.deadline);
        let limits = limits(reconciler.clock.now(), deadline, config.questions_concurrent);
        let sweep = Sweeper::new(reconciler, limits).run();
        let report = sweep.instrument(invocation_span(&event.context.request_id)).await;
        tracing::info!(
            settled = report.settlements.len(),
            latenessMs = u64::try_from(report.lateness_max.as_millis()).unwrap_or(u64::MAX),
            outage = report.outage,
            unfinished = report.unfinished,
            "swept"
        );
        let mut metrics = Metrics::default();
        metrics.tally(report.tallies());
        metrics.flush(source);
        let failed = format!("{} calls of the store failed; what they were about stays due", report.store_failures);
        if report.store_failures > 0 { Err(lambda_runtime::Error::from(failed)) } else { Ok(()) }
    };
    finish(lambda_runtime::run(service_fn(handle)).await)
}
