//! A Status API whose every answer a test writes beforehand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::server::{Answer, Request, Server, until};
use crate::tls::Tls;

const BASE_PATH: &str = "/api/v2";

/// One answer to one query.
#[derive(Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    latency: Duration,
    gate: Option<Gate>,
    dropped: bool,
}

impl Reply {
    /// HTTP 200 with the least that the Status API says about a payment in this state.
    pub fn status(payment_status: &str) -> Self {
        let return_status = json!({"statusCode": "000", "statusMsg": "Success"});
        Self::json(200, &json!({"returnStatus": return_status, "paymentStatus": payment_status}))
    }

    /// A JSON answer.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, &body.to_string()).header("content-type", "application/json")
    }

    /// Any answer, for error pages and garbage.
    pub fn text(status: u16, body: &str) -> Self {
        let (headers, latency) = (Vec::new(), Duration::ZERO);
        Self { status, headers, body: body.to_owned(), latency, gate: None, dropped: false }
    }

    /// No answer: the connection is closed.
    pub fn dropped() -> Self {
        Self { dropped: true, ..Self::text(500, "") }
    }

    /// Adds a header, `Retry-After` for instance.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Answers so much later.
    #[must_use]
    pub fn after(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Answers when the gate is open.
    #[must_use]
    pub fn held(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }
}

/// A query as it arrived.
#[derive(Clone, Debug)]
pub struct StatusQuery {
    /// Decoded from the path.
    pub transaction_id: String,
    /// The path as sent.
    pub path: String,
    /// From `Authorization: Bearer ...`; empty if absent.
    pub token: String,
    /// From `X-IBM-Client-Id`; empty if absent.
    pub client_id: String,
    /// From `Accept`; empty if absent.
    pub accept: String,
    pub arrived: Instant,
    /// How many queries were open when it arrived, this one included.
    pub in_flight: usize,
    /// The HTTP status of its answer; `None` while it waits, and where the connection was dropped.
    pub answered: Option<u16>,
}

/// A scripted Status API; clones are handles of the same one, which ends with the last.
#[derive(Clone)]
pub struct StatusApi {
    state: Arc<Mutex<State>>,
    server: Arc<Server>,
}

struct State {
    /// Client id by token.
    credentials: BTreeMap<String, String>,
    scripts: BTreeMap<String, VecDeque<Reply>>,
    always: BTreeMap<String, Reply>,
    otherwise: Reply,
    queries: Vec<StatusQuery>,
    /// Raised by [`StatusApi::reset`]: a query from before it must not settle one from after it.
    generation: u64,
    in_flight: usize,
    others: Vec<String>,
}

impl StatusApi {
    /// The bearer token that is accepted from the start.
    pub const TOKEN: &str = "harness-status-api-token";
    /// The client id that belongs to it.
    pub const CLIENT_ID: &str = "harness-client-id";

    /// Starts one that knows no transaction and answers 404.
    pub fn start() -> Self {
        Self::start_over(None)
    }

    /// As [`StatusApi::start`], over TLS: for functions that were told to trust it by [`crate::Launch::trusting`].
    pub fn start_tls(tls: &Tls) -> Self {
        Self::start_over(Some(tls))
    }

    fn start_over(tls: Option<&Tls>) -> Self {
        let state = Arc::new(Mutex::new(State {
            credentials: BTreeMap::from([(Self::TOKEN.to_owned(), Self::CLIENT_ID.to_owned())]),
            scripts: BTreeMap::new(),
            always: BTreeMap::new(),
            otherwise: Reply::json(404, &json!({"returnStatus": {"statusCode": "E0404", "statusMsg": "Not found"}})),
            queries: Vec::new(),
            generation: 0,
            in_flight: 0,
            others: Vec::new(),
        }));
        let served = Arc::clone(&state);
        let server = Server::start_over(tls, move |request| {
            let state = Arc::clone(&served);
            async move { handle(&state, &request).await }
        });
        Self { state, server: Arc::new(server) }
    }

    /// For STATUS_API_URL.
    pub fn url(&self) -> String {
        format!("{}{BASE_PATH}", self.server.url())
    }

    /// Adds answers for a transaction, used up one by one, before [`StatusApi::always`].
    pub fn script(&self, transaction_id: &str, replies: impl IntoIterator<Item = Reply>) {
        self.lock().scripts.entry(transaction_id.to_owned()).or_default().extend(replies);
    }

    /// The answer for a transaction whenever its script is used up.
    pub fn always(&self, transaction_id: &str, reply: Reply) {
        self.lock().always.insert(transaction_id.to_owned(), reply);
    }

    /// The answer for every transaction that has no other: 404 at first.
    pub fn otherwise(&self, reply: Reply) {
        self.lock().otherwise = reply;
    }

    /// Accepts another token with its client id.
    pub fn accept(&self, token: &str, client_id: &str) {
        self.lock().credentials.insert(token.to_owned(), client_id.to_owned());
    }

    /// Accepts this token no longer: 401.
    pub fn refuse(&self, token: &str) {
        self.lock().credentials.remove(token);
    }

    /// Every query since the start or the last reset, refused ones included, in order of arrival.
    pub fn queries(&self) -> Vec<StatusQuery> {
        self.lock().queries.clone()
    }

    /// How often this transaction was queried.
    pub fn queried(&self, transaction_id: &str) -> usize {
        self.lock().queries.iter().filter(|query| query.transaction_id == transaction_id).count()
    }

    /// The largest number of queries that were open at once.
    pub fn in_flight_max(&self) -> usize {
        self.lock().queries.iter().map(|query| query.in_flight).max().unwrap_or_default()
    }

    /// Requests that are no queries (warm-ups), as `METHOD path`; they are answered with 404.
    pub fn other_requests(&self) -> Vec<String> {
        self.lock().others.clone()
    }

    /// Waits until so many queries have come; false if they have not within `limit`.
    pub fn wait_for_queries(&self, queries: usize, limit: Duration) -> bool {
        until(limit, || self.lock().queries.len() >= queries)
    }

    /// Forgets queries and answers; credentials stay.
    pub fn reset(&self) {
        let mut state = self.lock();
        state.scripts.clear();
        state.always.clear();
        state.queries.clear();
        state.others.clear();
        state.generation += 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no panic while locked")
}

async fn handle(state: &Mutex<State>, request: &Request) -> Answer {
    let Some(transaction_id) = transaction_id(request) else {
        lock(state).others.push(format!("{} {}", request.method, request.path));
        return Answer::text(404, "text/plain", "not found");
    };
    let (index, generation, reply) = lock(state).query(transaction_id, request);
    let open = Open(state);
    if !reply.latency.is_zero() {
        tokio::time::sleep(reply.latency).await;
    }
    if let Some(gate) = &reply.gate {
        gate.pass().await;
    }
    drop(open);
    if reply.dropped {
        return Answer::Drop;
    }
    let mut state = lock(state);
    if state.generation == generation
        && let Some(query) = state.queries.get_mut(index)
    {
        query.answered = Some(reply.status);
    }
    Answer::Reply { status: reply.status, headers: reply.headers, body: reply.body.into() }
}

/// Counts a query as open, also where the asker hangs up before the answer.
struct Open<'a>(&'a Mutex<State>);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        lock(self.0).in_flight -= 1;
    }
}

impl State {
    fn query(&mut self, transaction_id: String, request: &Request) -> (usize, u64, Reply) {
        self.in_flight += 1;
        let token = request.header("authorization").strip_prefix("Bearer ").unwrap_or_default().to_owned();
        let client_id = request.header("x-ibm-client-id").to_owned();
        let reply = self.reply(&transaction_id, &token, &client_id);
        self.queries.push(StatusQuery {
            transaction_id,
            path: request.path.clone(),
            token,
            client_id,
            accept: request.header("accept").to_owned(),
            arrived: Instant::now(),
            in_flight: self.in_flight,
            answered: None,
        });
        (self.queries.len() - 1, self.generation, reply)
    }

    fn reply(&mut self, transaction_id: &str, token: &str, client_id: &str) -> Reply {
        match self.credentials.get(token) {
            None => return Reply::json(401, &json!({"httpCode": "401", "httpMessage": "Unauthorized"})),
            Some(expected) if expected != client_id => {
                return Reply::json(403, &json!({"httpCode": "403", "httpMessage": "Forbidden"}));
            }
            Some(_) => {}
        }
        let scripted = self.scripts.get_mut(transaction_id).and_then(VecDeque::pop_front);
        scripted.or_else(|| self.always.get(transaction_id).cloned()).unwrap_or_else(|| self.otherwise.clone())
    }
}

/// The transaction that `GET {base}/payments/{transactionID}/status` queries.
fn transaction_id(request: &Request) -> Option<String> {
    let path = request.path.strip_prefix(BASE_PATH)?.strip_prefix("/payments/")?.strip_suffix("/status")?;
    // An unencoded slash would be another path on the real API.
    (request.method == Method::GET && !path.contains('/')).then(|| percent_decoded(path))
}

fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (other, _) => {
                bytes.push(*other);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded() {
        assert_eq!(percent_decoded("a%2Fb%20%C3%A9%zz%"), "a/b é%zz%");
    }
}
