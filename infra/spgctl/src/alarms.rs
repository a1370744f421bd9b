//! CloudWatch's alarms, by its JSON protocol: one call that does not earn an SDK of its own, with a CBOR library beneath it.

use serde::Deserialize;
use serde_json::json;
use spg_host::SystemClock;
use spg_reconcile::Clock as _;

use crate::http::{client, read};
use crate::signed::Signer;
use crate::{Clients, Error};

/// As AWS's model of the service has it: the prefix of `x-amz-target`, and the name in its host.
const TARGET: &str = "GraniteServiceVersion20100801.DescribeAlarms";
const SERVICE: &str = "monitoring";
/// As many as one call gives.
const PAGE_ALARMS: u32 = 100;
/// More pages than any stack has alarms for.
const PAGES_MAX: u32 = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    metric_alarms: Vec<Alarm>,
    #[serde(default)]
    composite_alarms: Vec<Alarm>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alarm {
    alarm_name: String,
    state_value: String,
}

/// How many alarms there are whose name begins with `prefix`, and the names of those that ring.
///
/// # Errors
/// CloudWatch refuses or does not answer.
pub async fn beginning_with(aws: &Clients, prefix: &str) -> Result<(usize, Vec<String>), Error> {
    let doing = "asking CloudWatch for the alarms";
    let signer = Signer { credentials: aws.credentials().await?, region: aws.region().to_owned(), service: SERVICE };
    let (http, url) = (client()?, aws.endpoint(SERVICE));
    let (mut count, mut ringing, mut token) = (0, Vec::new(), None::<String>);
    for _ in 0..PAGES_MAX {
        let mut wanted = json!({
            "AlarmNamePrefix": prefix, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": PAGE_ALARMS,
        });
        if let Some(token) = token.take() {
            wanted["NextToken"] = token.into();
        }
        let body = wanted.to_string().into_bytes();
        let fixed = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", TARGET)];
        let headers = signer.headers(&url, &fixed, &body, SystemClock.now())?;
        let answer = http.post(&url).headers(headers).body(body).send().await.map_err(Error::call(doing))?;
        let answer = read(answer).await?;
        if !answer.status.is_success() {
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(Error::call(doing)(format!("HTTP {}: {said}", answer.status.as_u16())));
        }
        let page: Page = serde_json::from_slice(&answer.body).map_err(Error::call(doing))?;
        for alarm in page.metric_alarms.into_iter().chain(page.composite_alarms) {
            count += 1;
            if alarm.state_value == "ALARM" {
                ringing.push(alarm.alarm_name);
            }
        }
        match page.next_token.filter(|token| !token.is_empty()) {
            Some(next) => token = Some(next),
            None => break,
        }
    }
    Ok((count, ringing))
}
