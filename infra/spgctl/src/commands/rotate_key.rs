//! `spgctl rotate-key`: another webhook key without a webhook that is refused.
//!
//! Three steps, with the Backoffice in between: *add* puts the new key beside the old one, and *verify* sends a notification that is
//! encrypted with it; then the Backoffice is told to use it; *retire* takes the old one away when its last webhooks have come.
//!
//! ack reads its secret at the start, and again when something does not open, at most once a minute. So a new key works within a
//! minute of its first use, and SPG, which tries again after five, notices nothing. A retired key goes on being accepted by a
//! process that holds it, until that reads again, for up to a quarter of an hour. For a key that leaked, that is too long:
//! docs/operate/recovery.md says how those processes are ended.

use std::time::{Duration, Instant};

use reqwest::Client;
use serde::Serialize;
use spg_domain::Timestamp;

use crate::commands::send_test::{self, Sent};
use crate::keys::{KeySecret, KeyText};
use crate::output::Progress;
use crate::{Error, Exit, Output};

/// A function that has just read its secret does so again after a minute; some more for the way.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(75);
const TRY_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rotated {
    keys: usize,
    /// Whether notifications with the newest key are acknowledged; none: not tried.
    verified: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
    next: String,
}

/// Puts a key beside those that are there and verifies it. Twice does no harm.
///
/// # Errors
/// The secret cannot be read or written, or the address does not answer.
pub async fn add(
    secret: &KeySecret,
    http: &Client,
    key: KeyText,
    test: &send_test::Arguments,
    now: Timestamp,
    output: &mut Output<'_>,
) -> Result<Exit, Error> {
    let mut found = secret.read().await?;
    // The newest is last, and it may be there from an attempt before.
    if !found.keys.contains(&key) {
        found.keys.push(key);
        secret.write(&found).await?;
    }
    verify(secret, http, test, now, output).await
}

/// Sends a notification that is encrypted with the newest key, until it is acknowledged.
///
/// # Errors
/// As for [`add`].
pub async fn verify(
    secret: &KeySecret,
    http: &Client,
    test: &send_test::Arguments,
    now: Timestamp,
    output: &mut Output<'_>,
) -> Result<Exit, Error> {
    let keys = secret.read().await?.keys;
    let Some(newest) = keys.last() else {
        return Err(Error::Refused("the secret has no key: add one with `spgctl rotate-key add`".to_owned()));
    };
    let sent = until_acknowledged(http, newest, test, now).await?;
    let next = match (sent.acknowledged, keys.len()) {
        (false, _) => "do not change the Backoffice yet: run `spgctl doctor`, then `spgctl rotate-key verify`",
        (true, 1) => "put the same key into the SPG Backoffice, if it is not there",
        (true, _) => {
            "put the same key into the SPG Backoffice; when nothing comes with the old one any more, `spgctl rotate-key retire`"
        }
    };
    finish(keys.len(), Some(&sent), next.to_owned(), output)
}

/// Takes the oldest key away, after it has seen that the newest works.
///
/// # Errors
/// As for [`add`]; or there is only one.
pub async fn retire(
    secret: &KeySecret,
    http: &Client,
    test: &send_test::Arguments,
    now: Timestamp,
    output: &mut Output<'_>,
) -> Result<Exit, Error> {
    let mut found = secret.read().await?;
    let (Some(newest), true) = (found.keys.last().cloned(), found.keys.len() > 1) else {
        return Err(Error::Refused("there is no older key to retire: add the new one first".to_owned()));
    };
    let sent = until_acknowledged(http, &newest, test, now).await?;
    if !sent.acknowledged {
        let next = "nothing was retired: the newest key does not work yet; run `spgctl doctor`".to_owned();
        return finish(found.keys.len(), Some(&sent), next, output);
    }
    found.keys.remove(0);
    secret.write(&found).await?;
    let next = "done; processes that hold the old key accept it for up to a quarter of an hour: \
                if it leaked, end them as docs/operate/recovery.md says";
    finish(found.keys.len(), Some(&sent), next.to_owned(), output)
}

async fn until_acknowledged(
    http: &Client,
    key: &KeyText,
    test: &send_test::Arguments,
    now: Timestamp,
) -> Result<Sent, Error> {
    let started = Instant::now();
    let mut progress = Progress::new("tries", None);
    for tries in 1.. {
        let sent = send_test::send(http, key, test, now).await?;
        // Only a key that is not taken up yet may be waited for.
        if sent.http_status != 401 || started.elapsed() >= TAKEN_UP_WITHIN {
            return Ok(sent);
        }
        progress.at(tries, || "the key is taken up within a minute".to_owned());
        tokio::time::sleep(TRY_EVERY).await;
    }
    Err(Error::Refused("gave up".to_owned()))
}

fn finish(keys: usize, sent: Option<&Sent>, next: String, output: &mut Output<'_>) -> Result<Exit, Error> {
    let verified = sent.map(|sent| sent.acknowledged);
    let problems = sent.map(|sent| sent.problems.clone()).unwrap_or_default();
    let rotated = Rotated { keys, verified, problems, next };
    output.show(&rotated, || rotated.text())?;
    Ok(if verified == Some(true) { Exit::Done } else { Exit::Findings })
}

impl Rotated {
    fn text(&self) -> String {
        let plural = if self.keys == 1 { "" } else { "s" };
        let verified = match self.verified {
            Some(true) => "a notification with the newest is acknowledged",
            Some(false) => "a notification with the newest is NOT acknowledged",
            None => "not tried",
        };
        let mut text = format!("{} key{plural} in the secret; {verified}", self.keys);
        for problem in &self.problems {
            text += &format!("\n  {problem}");
        }
        format!("{text}\nnext: {}", self.next)
    }
}
