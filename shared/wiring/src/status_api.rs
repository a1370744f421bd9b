//! The Status API client with its credentials from Secrets Manager.

use std::time::Duration;

use spg_domain::{NoAnswerKind, Reply};
use spg_gateway::status::{BaseUrl, BaseUrlError, Credentials, StatusClient, StatusClientError};
use spg_host::{Secret, SecretSource};
use spg_reconcile::{StatusApi, StatusQuery};
use spg_time::{Clock, SystemClock};
use tokio::time::{Instant, timeout_at};

/// Longest that init waits for the first connection.
const WARM_UP_MAX: Duration = Duration::from_secs(2);

/// Asks with the credentials of the secret. Where they are refused, or cannot be used, the secret is read again.
#[derive(Debug)]
pub struct GuardedStatusApi<S> {
    client: StatusClient,
    credentials: Secret<Credentials, S>,
}

/// Nothing could ever be asked.
#[derive(Debug, thiserror::Error)]
pub enum StatusApiError {
    #[error("STATUS_API_URL cannot be used")]
    BaseUrl(#[from] BaseUrlError),
    #[error(transparent)]
    Client(#[from] StatusClientError),
}

impl<S: SecretSource> GuardedStatusApi<S> {
    pub(crate) async fn connect(url: &str, secret: S) -> Result<Self, StatusApiError> {
        let client = StatusClient::new(BaseUrl::parse(url)?)?;
        let parse = |text: &str| Credentials::parse(text).map_err(|error| error.to_string());
        let credentials = Secret::load("Status API credentials", secret, parse, SystemClock.now());
        let (credentials, ()) = tokio::join!(credentials, client.warm_up(WARM_UP_MAX));
        Ok(Self { client, credentials })
    }
}

impl<S: SecretSource + Sync> StatusApi for GuardedStatusApi<S> {
    /// Whatever is read and asked for it, all of it takes no longer than the query may.
    async fn query(&self, query: &StatusQuery) -> Reply {
        let deadline = Instant::now() + query.timeout;
        let (id, terminal) = (&query.transaction_id, query.terminal_id.as_ref());
        let used = self.credentials.current();
        let refused = match &used {
            Some(used) => match self.client.query(id, terminal, used, deadline).await {
                refused @ Reply { result: Err(NoAnswerKind::Unauthorised), .. } => refused,
                reply => return reply,
            },
            None => Reply::none(NoAnswerKind::Unauthorised, "the Status API secret cannot be used"),
        };
        let other = timeout_at(deadline, self.credentials.other_than(used.as_ref(), SystemClock.now())).await;
        let same = |other: &Credentials| used.as_ref().is_some_and(|used| used.are_same(other, terminal));
        match other.ok().flatten().filter(|other| !same(other)) {
            Some(other) => self.client.query(id, terminal, &other, deadline).await,
            None => refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use spg_domain::TransactionId;
    use spg_host::{SecretError, SecretText};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(20);
    const WRONG: &str = r#"{"default":{"token":"wrong","clientId":"wrong"}}"#;

    /// The secret as it is now, absent where it cannot be read, and how often it was.
    #[derive(Debug, Default)]
    struct Source(Mutex<(Option<String>, usize)>);

    impl Source {
        fn put(&self, text: impl Into<String>) {
            self.0.lock().unwrap().0 = Some(text.into());
        }

        fn reads(&self) -> usize {
            self.0.lock().unwrap().1
        }
    }

    impl SecretSource for &Source {
        async fn read(&self) -> Result<SecretText, SecretError> {
            // Others get their turn, as they would during a real call.
            tokio::task::yield_now().await;
            let mut source = self.0.lock().unwrap();
            source.1 += 1;
            source.0.clone().map(SecretText::new).ok_or(SecretError::NoText)
        }
    }

    fn right() -> String {
        let (token, client_id) = (::tests::StatusApi::TOKEN, ::tests::StatusApi::CLIENT_ID);
        format!(r#"{{"default":{{"token":"{token}","clientId":"{client_id}"}}}}"#)
    }

    fn server() -> ::tests::StatusApi {
        let server = ::tests::StatusApi::start();
        server.always("t", ::tests::Reply::status("Pending"));
        server
    }

    async fn query<S: SecretSource + Sync>(api: &GuardedStatusApi<S>, timeout: Duration) -> Reply {
        let transaction_id = TransactionId::new("t").unwrap();
        api.query(&StatusQuery { transaction_id, terminal_id: None, timeout }).await
    }

    #[tokio::test]
    async fn refused_credentials_are_read_again_once_for_all_and_the_queries_repeated() {
        let (server, source) = (server(), Source::default());
        source.put(WRONG);
        let api = GuardedStatusApi::connect(&server.url(), &source).await.unwrap();
        source.put(right());
        let (one, other) = tokio::join!(query(&api, TIMEOUT), query(&api, TIMEOUT));
        assert!(one.result.is_ok() && other.result.is_ok());
        assert_eq!((source.reads(), server.queries().len()), (2, 4));
    }

    #[tokio::test]
    async fn a_refusal_that_no_other_credentials_end_is_returned_as_it_came() {
        for text in [WRONG, "no credentials"] {
            let (server, source) = (server(), Source::default());
            source.put(WRONG);
            let api = GuardedStatusApi::connect(&server.url(), &source).await.unwrap();
            source.put(text);
            for _ in 0..3 {
                let reply = query(&api, TIMEOUT).await;
                assert_eq!((reply.result, reply.http_status), (Err(NoAnswerKind::Unauthorised), Some(401)), "{text}");
            }
            // Nothing changed, so nothing is queried twice, and the secret is read again once a minute.
            assert_eq!((source.reads(), server.queries().len()), (2, 3), "{text}");
        }
    }

    #[tokio::test]
    async fn without_usable_credentials_nothing_is_queried_until_there_are_some() {
        let (server, source) = (server(), Source::default());
        let api = GuardedStatusApi::connect(&server.url(), &source).await.unwrap();
        source.put(right());
        query(&api, TIMEOUT).await.result.unwrap();
        let none = Source::default();
        let api = GuardedStatusApi::connect(&server.url(), &none).await.unwrap();
        let reply = query(&api, TIMEOUT).await;
        assert_eq!(reply, Reply::none(NoAnswerKind::Unauthorised, "the Status API secret cannot be used"));
        assert_eq!(server.queries().len(), 1);
    }

    /// Holds what was put and never answers again.
    struct Silent(Mutex<Option<String>>);

    impl SecretSource for Silent {
        async fn read(&self) -> Result<SecretText, SecretError> {
            let text = self.0.lock().unwrap().take();
            match text {
                Some(text) => Ok(SecretText::new(text)),
                None => std::future::pending().await,
            }
        }
    }

    #[tokio::test]
    async fn a_slow_secret_costs_no_more_than_the_query_may() {
        let server = server();
        let api = GuardedStatusApi::connect(&server.url(), Silent(Mutex::new(Some(WRONG.to_owned())))).await.unwrap();
        let (started, timeout) = (Instant::now(), Duration::from_millis(300));
        let reply = query(&api, timeout).await;
        assert_eq!((reply.result, reply.http_status), (Err(NoAnswerKind::Unauthorised), Some(401)));
        assert!((timeout..Duration::from_secs(3)).contains(&started.elapsed()), "{:?}", started.elapsed());
    }
}
