//! CloudWatch's alarms, by its JSON protocol: one call that does not earn an SDK of its own, with a CBOR library beneath it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use spg_time::Clock as _;
use spg_time::SystemClock;

use crate::http::{client, read};
use crate::signed::Signer;
use crate::{Clients, Error};

/// As AWS's model of the service has it: the prefix of `x-amz-target`, and the name in its host.
const TARGET: &str = "GraniteServiceVersion20100801.DescribeAlarms";
const SERVICE: &str = "monitoring";
/// As many as one call takes and gives.
const PAGE_ALARMS: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    metric_alarms: Vec<Alarm>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alarm {
    alarm_name: String,
    state_value: String,
}

/// The states of these alarms by name; one that does not exist has none. By whole names: the stack `shop` is not asked for
/// the alarms of `shop-test`.
///
/// # Errors
/// CloudWatch refuses or does not answer.
pub async fn states(aws: &Clients, names: &[&str]) -> Result<BTreeMap<String, String>, Error> {
    let doing = "asking CloudWatch for the alarms";
    let signer = Signer { credentials: aws.credentials().await?, region: aws.region().to_owned(), service: SERVICE };
    let (http, url) = (client()?, aws.endpoint(SERVICE));
    let mut states = BTreeMap::new();
    for some in names.chunks(PAGE_ALARMS) {
        let body = json!({"AlarmNames": some, "MaxRecords": PAGE_ALARMS}).to_string().into_bytes();
        let fixed = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", TARGET)];
        let headers = signer.headers(&url, &fixed, &body, SystemClock.now())?;
        let answer = http.post(&url).headers(headers).body(body).send().await.map_err(Error::call(doing))?;
        let answer = read(answer).await?;
        if !answer.status.is_success() {
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(Error::call(doing)(format!("HTTP {}: {said}", answer.status.as_u16())));
        }
        let page: Page = serde_json::from_slice(&answer.body).map_err(Error::call(doing))?;
        states.extend(page.metric_alarms.into_iter().map(|alarm| (alarm.alarm_name, alarm.state_value)));
    }
    Ok(states)
}
