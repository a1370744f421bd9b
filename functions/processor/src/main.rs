use std::process::ExitCode;
use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{LambdaEvent, service_fn};
use processor::{Config, Processor, QUESTION_TIMEOUT, SqsQueue};
use spg_domain::Timestamp;
use spg_host::{Aws, CallLimits, Deadline, Metrics, Service, finish, invocation_span, start};
use tracing::Instrument;

/// What is left of an invocation for its answer.
const ANSWER_MARGIN: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (config, source) = match start("processor", Config::read) {
        Ok(started) => started,
        Err(code) => return code,
    };
    let aws = Aws::new(&config.settling.aws, CallLimits::USUAL);
    aws.warm(&[Service::DynamoDb, Service::Sqs]).await;
    let reconciler = match spg_wiring::reconciler(&config.settling, &aws, QUESTION_TIMEOUT).await {
        Ok(reconciler) => reconciler,
        Err(error) => return finish(Err(error)),
    };
    let queue = SqsQueue { client: aws.sqs(), queue_url: config.queue_url, dlq_url: config.dlq_url };
    let (processor, source) = (&Processor { reconciler, queue }, &source);
    let handle = |event: LambdaEvent<SqsEvent>| async move {
        let deadline = Deadline::at_millis(event.context.deadline).less(ANSWER_MARGIN);
        let processing = processor.process(event.payload, Timestamp::from_millis(deadline.millis()));
        let outcome = processing.instrument(invocation_span(&event.context.request_id)).await;
        let mut metrics = Metrics::default();
        metrics.tally(outcome.tallies);
        metrics.flush(source);
        Ok::<_, lambda_runtime::Error>(outcome.response)
    };
    finish(lambda_runtime::run(service_fn(handle)).await)
}
