//! Everything goes on running, to play with.

use std::path::Path;
use std::time::Duration;

use crate::Fixture;

/// How often new events are looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Says what there is and how to use it, and shows each event. Ctrl-C ends the stack and this program.
pub async fn until_interrupted(fixture: &Fixture, dir: &Path) {
    let info = &fixture.info;
    let spg = fixture.spg.base_url();
    let aws = &info.aws_endpoint;
    println!(
        "
The stack and the simulated SPG are up until Ctrl-C.

webhooks       {}
registrations  {}
simulated SPG  {spg}/control
AWS endpoint   {aws} (region {}, any credentials)
table          {}
event bus      {}
logs           {}
all of it      {}

A payment, its webhook, and what SPG makes of the acknowledgement:
  curl -s {spg}/control/payments -H 'Content-Type: application/json' \\
    -d '{{\"kind\":\"mbWay\",\"amount\":\"15.90\",\"transactionId\":\"mine-1\"}}'
  curl -s {spg}/control/payments/mine-1/status -H 'Content-Type: application/json' -d '{{\"status\":\"Success\"}}'
  curl -s {spg}/control/payments/mine-1/notify -H 'Content-Type: application/json' -d '{{}}'

What is stored of it, and what the functions say:
  curl -s {aws} -H 'X-Amz-Target: DynamoDB_20120810.GetItem' -H 'Content-Type: application/x-amz-json-1.0' \\
    -H 'Authorization: AWS4-HMAC-SHA256 Credential=demo/20260101/{}/dynamodb/aws4_request, SignedHeaders=host, Signature=0' \\
    -d '{{\"TableName\":\"{}\",\"Key\":{{\"transactionID\":{{\"S\":\"mine-1\"}}}}}}'
  cargo xtask local logs --follow --dir {}

Its Status API, and taking it down and bringing it back:
  curl -s {spg}/control/payments/mine-1/queries
  curl -s -X PUT {spg}/control/faults -H 'Content-Type: application/json' -d '[{{\"fault\":{{\"kind\":\"unavailable\"}}}}]'
  curl -s -X DELETE {spg}/control/faults
  curl -s '{spg}/control/report?format=table'

Events on the bus from now on are shown here.
",
        info.webhook_url,
        info.registration_url,
        info.region,
        info.table,
        info.event_bus,
        info.logs.display(),
        dir.join("stack.json").display(),
        info.region,
        info.table,
        dir.display(),
    );
    let mut shown = fixture.outcomes.all().len();
    // Ctrl-C is handled by who ends the stack.
    loop {
        tokio::time::sleep(LOOK_AGAIN).await;
        for event in fixture.outcomes.all().iter().skip(shown) {
            println!("event   {}  {event}", event.transaction_id());
            shown += 1;
        }
    }
}
