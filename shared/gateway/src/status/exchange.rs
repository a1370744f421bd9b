//! One query over HTTP, and what its answer means.

use std::error::Error;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode, Url};
use spg_domain::{NoAnswerKind, Reply};
use tokio::time::{Instant, timeout_at};

use super::answer;
use super::credentials::Credential;
use super::retry_after::retry_after;

/// Largest answer that is read, in bytes.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Idle connections are kept this long: a Lambda sleeps between invocations, and what it wakes up with is often dead.
const IDLE_MAX: Duration = Duration::from_secs(30);
const CLIENT_ID: HeaderName = HeaderName::from_static("x-ibm-client-id");

const TIMED_OUT: &str = "timed out";
const CLOSED: &str = "connection closed";

/// The HTTP side of the client.
#[derive(Debug)]
pub(super) struct Http {
    pooled: Client,
    /// For a second try: it never takes a connection that was used before.
    fresh: Client,
    /// When a connection was last given back to the pool, as far as can be seen from outside.
    last_used: Mutex<Option<Instant>>,
}

impl Http {
    pub(super) fn new(connect_timeout: Duration, tls: rustls::ClientConfig) -> Result<Self, reqwest::Error> {
        let builder = |tls: rustls::ClientConfig| {
            Client::builder()
                .tls_backend_preconfigured(tls)
                .connect_timeout(connect_timeout)
                .pool_idle_timeout(IDLE_MAX)
                // The token goes to the configured host and nowhere else.
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .user_agent(concat!("spg-webhooks/", env!("CARGO_PKG_VERSION")))
        };
        let pooled = builder(tls.clone()).build()?;
        let fresh = builder(tls).pool_max_idle_per_host(0).build()?;
        Ok(Self { pooled, fresh, last_used: Mutex::new(None) })
    }

    /// Asks and returns by `deadline`.
    pub(super) async fn query(&self, url: &Url, credential: &Credential, deadline: Instant) -> Reply {
        let mut response = match timeout_at(deadline, self.send(url, credential)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Reply::none(NoAnswerKind::Unavailable, problem_of(&error)),
            Err(_elapsed) => return Reply::none(NoAnswerKind::Unavailable, TIMED_OUT),
        };
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let body = timeout_at(deadline, read(&mut response)).await.unwrap_or(Err(TIMED_OUT));
        if body.is_ok() {
            self.used();
        }
        reply(status, &headers, body.as_deref().map_err(|problem| *problem))
    }

    /// Opens a connection and leaves it in the pool.
    pub(super) async fn connect(&self, url: &Url, deadline: Instant) {
        let opened = timeout_at(deadline, async {
            let mut response = self.pooled.head(url.clone()).send().await.ok()?;
            read(&mut response).await.ok()
        });
        if let Ok(Some(_body)) = opened.await {
            self.used();
        }
    }

    /// A connection that died in the pool costs a second try, not the query: asking twice does no harm.
    async fn send(&self, url: &Url, credential: &Credential) -> Result<Response, reqwest::Error> {
        let headers: HeaderMap = [
            (AUTHORIZATION, credential.authorization.clone()),
            (CLIENT_ID, credential.client_id.clone()),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]
        .into_iter()
        .collect();
        let may_be_stale = self.may_have_idle_connection();
        match self.pooled.get(url.clone()).headers(headers.clone()).send().await {
            Err(error) if may_be_stale && error.is_request() && !error.is_connect() && !error.is_timeout() => {
                self.fresh.get(url.clone()).headers(headers).send().await
            }
            result => result,
        }
    }

    fn used(&self) {
        *self.last_used.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn may_have_idle_connection(&self) -> bool {
        let last_used = *self.last_used.lock().unwrap_or_else(PoisonError::into_inner);
        last_used.is_some_and(|at| at.elapsed() <= IDLE_MAX)
    }
}

/// What an answer means. Total: every status, every header and every body has a meaning. `body` is the error where it could not be
/// read, in a few fixed words.
pub fn reply(status: StatusCode, headers: &HeaderMap, body: Result<&[u8], &'static str>) -> Reply {
    let body = body.map(answer::parse);
    let return_code = body.as_ref().ok().and_then(|body| body.return_code.clone());
    let (result, problem) = classify(status, body);
    let retry_after = retry_after(headers).filter(|_| result.is_err());
    // What is usual is left out.
    let http_status = Some(status.as_u16()).filter(|status| *status != 200);
    Reply { result, http_status, return_code, retry_after, problem }
}

fn classify(
    status: StatusCode,
    body: Result<answer::Body, &'static str>,
) -> (Result<spg_domain::StatusAnswer, NoAnswerKind>, Option<&'static str>) {
    let (kind, problem) = match status.as_u16() {
        200 | 206 => {
            return match body {
                Ok(body) => match body.answer {
                    Ok(answer) => (Ok(answer), body.note),
                    Err(problem) => (Err(NoAnswerKind::Unavailable), Some(problem)),
                },
                Err(problem) => (Err(NoAnswerKind::Unavailable), Some(problem)),
            };
        }
        400 => (NoAnswerKind::NotFound, "query refused"),
        401 => (NoAnswerKind::Unauthorised, "token refused"),
        403 => (NoAnswerKind::Unauthorised, "client id refused"),
        404 if body.is_ok_and(|body| body.return_code.is_some()) => (NoAnswerKind::NotFound, "not found"),
        // It may be the address and not the transaction: whoever reads the log should think of it.
        404 => (NoAnswerKind::NotFound, "not found, without a returnStatus: is STATUS_API_URL right?"),
        429 => (NoAnswerKind::RateLimited, "rate limited"),
        300..=399 => (NoAnswerKind::Unavailable, "redirected"),
        500..=599 => (NoAnswerKind::Unavailable, "server error"),
        // 405, 408, 409 among them: nothing that says something about the transaction.
        _ => (NoAnswerKind::Unavailable, "unexpected HTTP status"),
    };
    (Err(kind), Some(problem))
}

async fn read(response: &mut Response) -> Result<Vec<u8>, &'static str> {
    const TOO_LARGE: &str = "answer too large";
    if response.content_length().is_some_and(|length| length > ANSWER_BYTES_MAX as u64) {
        return Err(TOO_LARGE);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| CLOSED)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(TOO_LARGE);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A few fixed words: the error's own text holds the URL.
fn problem_of(error: &reqwest::Error) -> &'static str {
    if is_tls(error) {
        "TLS failed"
    } else if error.is_connect() && error.is_timeout() {
        "connection timed out"
    } else if error.is_connect() {
        "connection failed"
    } else if error.is_timeout() {
        TIMED_OUT
    } else {
        CLOSED
    }
}

fn is_tls(error: &reqwest::Error) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    while let Some(cause) = next {
        // An io::Error does not name what it wraps as its source.
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if cause.is::<rustls::Error>() || wrapped.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        next = wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| cause.source());
    }
    false
}
