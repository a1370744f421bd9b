use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use spg_domain::SilenceKind;
use spg_gateway::status::{CredentialSource, Credentials, FixedCredentials};
use spg_reconcile::StatusApi;

use crate::server::{Act, Request, Server, answer, ok};
use crate::{PENDING, SECRET, TIMEOUT, ask, client, client_with, question};

const RENEWED: &str = r#"{"default":{"token":"renewed","clientId":"canary-client"}}"#;
const MINUTE: Duration = Duration::from_secs(60);

/// A secret store that counts.
struct Source {
    secret: Result<&'static str, &'static str>,
    reads: Arc<AtomicUsize>,
}

impl CredentialSource for Source {
    async fn read(&self) -> Result<Option<String>, Box<dyn Error + Send + Sync>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        // Others get their turn, as they would during a real call.
        tokio::task::yield_now().await;
        Ok(Some(self.secret?.to_owned()))
    }
}

fn source(secret: Result<&'static str, &'static str>) -> (Source, Arc<AtomicUsize>) {
    let reads = Arc::new(AtomicUsize::new(0));
    (Source { secret, reads: Arc::clone(&reads) }, reads)
}

/// Knows only the renewed token.
fn picky(request: &Request, _before: usize) -> Act {
    let known = request.header("authorization") == Some("Bearer renewed");
    Act::Send(if known { ok(PENDING) } else { answer("401 Unauthorized", "", "") })
}

#[tokio::test]
async fn each_terminal_has_its_own() {
    let server = Server::start(|_, _| Act::Send(ok(PENDING))).await;
    let client = client(&server);
    for terminal in [None, Some("50994"), Some("1")] {
        client.ask(&question("t", terminal, TIMEOUT)).await.result.unwrap();
    }
    let seen: Vec<_> = server
        .requests()
        .iter()
        .map(|r| {
            [r.header("authorization"), r.header("x-ibm-client-id"), r.header("accept")].map(|h| h.unwrap().to_owned())
        })
        .collect();
    let default = ["Bearer canary-token", "canary-client", "application/json"];
    assert_eq!(seen, [default, ["Bearer other-token", "other-client", "application/json"], default]);
}

#[tokio::test]
async fn refused_credentials_are_read_again_and_the_question_repeated() {
    let server = Server::start(picky).await;
    let (source, reads) = source(Ok(RENEWED));
    let client = client_with(&server, source, MINUTE);
    ask(&client).await.result.unwrap();
    assert_eq!((server.requests().len(), reads.load(Ordering::SeqCst)), (2, 1));
    ask(&client).await.result.unwrap();
    assert_eq!((server.requests().len(), reads.load(Ordering::SeqCst)), (3, 1));
}

#[tokio::test]
async fn many_refusals_at_once_cause_one_read() {
    let server = Server::start(picky).await;
    let (source, reads) = source(Ok(RENEWED));
    let client = client_with(&server, source, MINUTE);
    let (a, b, c, d) = tokio::join!(ask(&client), ask(&client), ask(&client), ask(&client));
    assert!([a, b, c, d].iter().all(|reply| reply.result.is_ok()));
    assert_eq!(reads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_secret_is_read_at_most_once_a_minute() {
    let unusable = [Ok(SECRET), Ok("not a secret"), Err("the secret store is down")];
    for secret in unusable {
        for (interval, reads_expected) in [(MINUTE, 1), (Duration::ZERO, 3)] {
            let server = Server::start(picky).await;
            let (source, reads) = source(secret);
            let client = client_with(&server, source, interval);
            for _ in 0..3 {
                let reply = ask(&client).await;
                assert_eq!((reply.result, reply.http_status), (Err(SilenceKind::Unauthorised), Some(401)));
            }
            // Nothing changed, so nothing is asked twice.
            assert_eq!((server.requests().len(), reads.load(Ordering::SeqCst)), (3, reads_expected));
        }
    }
}

#[tokio::test]
async fn a_refused_renewal_is_not_repeated_for_ever() {
    let server = Server::start(|_, _| Act::Send(answer("403 Forbidden", "", ""))).await;
    let (source, _) = source(Ok(RENEWED));
    let client = client_with(&server, source, Duration::ZERO);
    assert_eq!(ask(&client).await.result, Err(SilenceKind::Unauthorised));
    assert_eq!(server.requests().len(), 2);
}

/// A secret store that never answers.
struct Hanging;

impl CredentialSource for Hanging {
    async fn read(&self) -> Result<Option<String>, Box<dyn Error + Send + Sync>> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_slow_secret_store_costs_no_more_than_the_question_may() {
    let server = Server::start(picky).await;
    let client = client_with(&server, Hanging, MINUTE);
    let reply = client.ask(&question("t", None, Duration::from_secs(1))).await;
    assert_eq!((reply.result, reply.http_status), (Err(SilenceKind::Unauthorised), Some(401)));
}

#[tokio::test]
async fn credentials_can_be_replaced() {
    let server = Server::start(picky).await;
    let client = client(&server);
    assert_eq!(ask(&client).await.result, Err(SilenceKind::Unauthorised));
    client.replace_credentials(Credentials::parse(RENEWED).unwrap());
    ask(&client).await.result.unwrap();
}

#[tokio::test]
async fn nothing_secret_can_be_printed() {
    let server = Server::start(|_, _| Act::Send(ok(r#"{"paymentStatus":"Success","token":{"value":"canary"}}"#))).await;
    let client = client(&server);
    let reply = ask(&client).await;
    let printed = format!("{client:?} {reply:?} {:?}", Credentials::parse(SECRET));
    assert!(!printed.contains("canary") && !printed.contains("other-"), "{printed}");
}

#[tokio::test]
async fn fixed_credentials_have_nothing_to_be_read_from() {
    assert_eq!(FixedCredentials.read().await.unwrap(), None);
}
