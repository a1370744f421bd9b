//! Delivering notifications: encryption, faults on purpose, SPG's retries, and the judgement of every answer.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::{Rng, RngCore};
use serde::{Deserialize, Serialize};

use crate::acknowledgement::{ANSWER_BYTES_MAX, Reason, Verdict, judge};
use crate::clock::SimTime;
use crate::crypto::{Envelope, IV_BYTES, IV_HEADER, KEY_BYTES, TAG_HEADER, WebhookKey, encrypt};
use crate::event::Event;
use crate::notification::Notification;
use crate::payment::Status;
use crate::retry;
use crate::state::Shared;

/// What is done to a webhook before it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Tamper {
    /// Nothing: the genuine webhook.
    #[default]
    None,
    /// One bit of the ciphertext is flipped.
    Body,
    /// One bit of the authentication tag is flipped.
    Tag,
    /// One bit of the IV is flipped.
    Iv,
    /// The body is the plaintext JSON, with well-formed headers.
    Plaintext,
    /// The body is the plaintext JSON, without the two headers.
    PlaintextWithoutHeaders,
    /// One character of the body is no Base64.
    DamagedBase64,
    /// Encrypted correctly, with a key that is not the merchant's.
    ForgedKey,
    /// The genuine body without the two headers.
    MissingHeaders,
    /// The genuine headers without a body.
    EmptyBody,
}

impl Tamper {
    /// Its name, if anything is done.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Body => Some("tampered body"),
            Self::Tag => Some("tampered tag"),
            Self::Iv => Some("tampered IV"),
            Self::Plaintext => Some("plaintext"),
            Self::PlaintextWithoutHeaders => Some("plaintext without headers"),
            Self::DamagedBase64 => Some("damaged Base64"),
            Self::ForgedKey => Some("forged with another key"),
            Self::MissingHeaders => Some("without headers"),
            Self::EmptyBody => Some("without a body"),
        }
    }
}

/// How a notification is delivered. The default is once, at once, genuine, with the first key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DeliveryPlan {
    /// So many times, one after the other.
    pub copies: u32,
    /// All copies at the same time.
    pub at_once: bool,
    /// Simulated time before it is sent.
    #[serde(rename = "delayMilliseconds", with = "crate::clock::milliseconds")]
    pub delay: Duration,
    pub tamper: Tamper,
    /// Which of the keys encrypts it, counted from 0.
    pub key: usize,
    /// Never sent at all.
    pub lose: bool,
    /// Sent, but the answer is lost: SPG sees a time-out.
    pub lose_answer: bool,
    /// `text/plain` by default; `application/json` is seen as well.
    pub content_type: String,
}

impl Default for DeliveryPlan {
    fn default() -> Self {
        Self {
            copies: 1,
            at_once: false,
            delay: Duration::ZERO,
            tamper: Tamper::None,
            key: 0,
            lose: false,
            lose_answer: false,
            content_type: "text/plain".to_owned(),
        }
    }
}

impl DeliveryPlan {
    /// Several times.
    pub fn copies(copies: u32) -> Self {
        Self { copies, ..Self::default() }
    }

    /// Tampered with.
    pub fn tampered(tamper: Tamper) -> Self {
        Self { tamper, ..Self::default() }
    }

    /// With another key.
    pub fn key(key: usize) -> Self {
        Self { key, ..Self::default() }
    }

    /// Never sent.
    pub fn lost() -> Self {
        Self { lose: true, ..Self::default() }
    }
}

/// One attempt and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryResult {
    /// The notification's number.
    pub notification: u64,
    #[serde(rename = "notificationID")]
    pub notification_id: String,
    #[serde(rename = "transactionID")]
    pub transaction_id: String,
    pub claims: Status,
    /// Counted from 0 per notification.
    pub attempt: u32,
    #[serde(rename = "atMilliseconds")]
    pub at: SimTime,
    pub tamper: Tamper,
    pub key: usize,
    /// Wall time until the answer.
    pub took_milliseconds: u64,
    pub http_status: Option<u16>,
    /// The answer's body.
    pub answer: String,
    /// The answer was lost on purpose, so the verdict is a time-out.
    pub answer_lost: bool,
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl DeliveryResult {
    /// Genuine webhooks must be acknowledged, others must be refused by an answer; of what was lost on purpose nothing is
    /// expected.
    pub fn is_as_expected(&self) -> bool {
        match self.verdict {
            Verdict::Lost => true,
            Verdict::Delivered => self.tamper == Tamper::None,
            Verdict::Failed(_) => self.is_refused_forgery() || self.answer_lost,
        }
    }

    /// Tampered with, and answered, but not acknowledged.
    pub fn is_refused_forgery(&self) -> bool {
        self.tamper != Tamper::None && self.http_status.is_some() && !self.verdict.is_delivered()
    }

    /// Whether it was never sent.
    pub fn is_lost(&self) -> bool {
        self.verdict == Verdict::Lost
    }
}

impl fmt::Display for DeliveryResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, transaction_id, claims, notification_id, attempt, .. } = self;
        write!(f, "{at}  {transaction_id}  {claims}  {notification_id}  attempt {attempt}")?;
        if let Some(how) = self.tamper.name() {
            write!(f, " ({how})")?;
        }
        write!(f, "  {}", self.verdict)
    }
}

/// Delivers as planned and returns every attempt.
pub async fn deliver(shared: &Arc<Shared>, notification: &Notification, plan: &DeliveryPlan) -> Vec<DeliveryResult> {
    shared.clock.sleep(plan.delay).await;
    let mut results = Vec::new();
    if plan.lose || !plan.at_once {
        for _copy in 0..if plan.lose { 1 } else { plan.copies } {
            results.push(attempt(shared, notification, plan).await);
        }
        return results;
    }
    let mut copies = tokio::task::JoinSet::new();
    for _copy in 0..plan.copies {
        let (shared, notification, plan) = (Arc::clone(shared), notification.clone(), plan.clone());
        copies.spawn(async move { attempt(&shared, &notification, &plan).await });
    }
    while let Some(result) = copies.join_next().await {
        results.extend(result);
    }
    results.sort_by_key(|result| result.attempt);
    results
}

/// Delivers as planned, and as long as it is not acknowledged again by SPG's schedule on the scaled clock.
/// What is lost on purpose is not retried.
pub async fn deliver_with_retries(
    shared: &Arc<Shared>,
    notification: &Notification,
    plan: &DeliveryPlan,
) -> Vec<DeliveryResult> {
    let mut results = deliver(shared, notification, plan).await;
    let first = shared.clock.now();
    let again = DeliveryPlan { copies: 1, delay: Duration::ZERO, ..plan.clone() };
    for later in retry::schedule().skip(1) {
        if plan.lose || results.iter().any(|result| result.verdict.is_delivered()) {
            break;
        }
        shared.clock.sleep_until(first.plus(later)).await;
        results.push(attempt(shared, notification, &again).await);
    }
    results
}

async fn attempt(shared: &Shared, notification: &Notification, plan: &DeliveryPlan) -> DeliveryResult {
    let (url, key, attempt) = {
        let mut state = shared.lock();
        let (url, key) = (state.webhook_url_of(&notification.transaction_id), state.keys.get(plan.key).cloned());
        let attempt = state.notification(notification.number).map_or(0, |record| {
            record.attempts_begun += 1;
            record.attempts_begun - 1
        });
        (url, key, attempt)
    };
    let mut result = DeliveryResult {
        notification: notification.number,
        notification_id: notification.notification_id.clone(),
        transaction_id: notification.transaction_id.clone(),
        claims: notification.claims.clone(),
        attempt,
        at: shared.clock.now(),
        tamper: plan.tamper,
        key: plan.key,
        took_milliseconds: 0,
        http_status: None,
        answer: String::new(),
        answer_lost: plan.lose_answer,
        verdict: Verdict::Lost,
    };
    if !plan.lose {
        // Only a closed semaphore gives no place, and nobody closes it.
        let _place = shared.in_flight.acquire().await;
        result.at = shared.clock.now();
        let began = Instant::now();
        match (url, key) {
            (None, _) => result.verdict = not_configured("no webhook URL is set"),
            (_, None) => result.verdict = not_configured("there is no such key"),
            (Some(url), Some(key)) => send(shared, notification, plan, &url, &key, &mut result).await,
        }
        result.took_milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    }
    if let Ok(record) = shared.lock().notification(notification.number) {
        record.deliveries.push(result.clone());
    }
    shared.tell(Event::Attempted(result.clone()));
    result
}

fn not_configured(what: &str) -> Verdict {
    Verdict::Failed(Reason::NotConfigured(what.to_owned()))
}

/// A request's two header values, if they are sent, and its body.
struct Webhook {
    headers: Option<(String, String)>,
    body: String,
}

async fn send(
    shared: &Shared,
    notification: &Notification,
    plan: &DeliveryPlan,
    url: &str,
    key: &WebhookKey,
    result: &mut DeliveryResult,
) {
    let Some(webhook) = prepare(shared, notification, plan.tamper, key, result.attempt) else {
        result.verdict = not_configured("the key cannot encrypt");
        return;
    };
    let mut request = shared.client.post(url).header("Content-Type", &plan.content_type).body(webhook.body);
    if let Some((iv, tag)) = webhook.headers {
        request = request.header(IV_HEADER, iv).header(TAG_HEADER, tag);
    }
    match answer(request).await {
        Err(error) if error.is_timeout() => result.verdict = Verdict::Failed(Reason::TimedOut),
        Err(error) => result.verdict = Verdict::Failed(Reason::Connection(root_cause(&error))),
        Ok((status, body)) => {
            result.http_status = Some(status);
            let kept = &body[..body.len().min(ANSWER_BYTES_MAX)];
            result.answer = String::from_utf8_lossy(kept).into_owned();
            let code = &shared.config.acknowledgement_status_code;
            result.verdict = judge(status, &body, code, &notification.notification_id);
        }
    }
    if plan.lose_answer {
        result.verdict = Verdict::Failed(Reason::TimedOut);
    }
}

/// The status and at most a little more than [`ANSWER_BYTES_MAX`] of the body.
async fn answer(request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), reqwest::Error> {
    let mut response = request.send().await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            break;
        }
    }
    Ok((response.status().as_u16(), body))
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Encrypts, and tampers where wanted. IVs and damages come from the seed, the notification and the attempt.
fn prepare(
    shared: &Shared,
    notification: &Notification,
    tamper: Tamper,
    key: &WebhookKey,
    attempt: u32,
) -> Option<Webhook> {
    let mut rng = shared.config.seed.stream("delivery", &format!("{}/{attempt}", notification.drawn_for));
    let mut iv = [0; IV_BYTES];
    rng.fill_bytes(&mut iv);
    let mut forged = [0; KEY_BYTES];
    rng.fill_bytes(&mut forged);
    let forged = WebhookKey::from_bytes(forged);
    let used = if tamper == Tamper::ForgedKey { &forged } else { key };
    let Envelope { iv, tag, body } = encrypt(used, iv, notification.payload.as_bytes()).ok()?;
    let plaintext = notification.payload.clone();
    let webhook = |iv, tag, body| Webhook { headers: Some((iv, tag)), body };
    Some(match tamper {
        Tamper::None | Tamper::ForgedKey => webhook(iv, tag, body),
        Tamper::Body => webhook(iv, tag, flip_bit(&body, &mut rng)),
        Tamper::Tag => webhook(iv, flip_bit(&tag, &mut rng), body),
        Tamper::Iv => webhook(flip_bit(&iv, &mut rng), tag, body),
        Tamper::Plaintext => webhook(iv, tag, plaintext),
        Tamper::PlaintextWithoutHeaders => Webhook { headers: None, body: plaintext },
        Tamper::DamagedBase64 => webhook(iv, tag, damage(&body, &mut rng)),
        Tamper::MissingHeaders => Webhook { headers: None, body },
        Tamper::EmptyBody => webhook(iv, tag, String::new()),
    })
}

fn flip_bit(base64: &str, rng: &mut impl Rng) -> String {
    let mut bytes = STANDARD.decode(base64).unwrap_or_default();
    if !bytes.is_empty() {
        let position = rng.random_range(0..bytes.len());
        bytes[position] ^= 1 << rng.random_range(0..8);
    }
    STANDARD.encode(bytes)
}

fn damage(base64: &str, rng: &mut impl Rng) -> String {
    let position = rng.random_range(0..base64.len().max(1));
    base64.char_indices().map(|(at, letter)| if at == position { '!' } else { letter }).collect()
}
