//! The Status API client with its credentials from Secrets Manager.

use std::error::Error;
use std::time::Duration;

use spg_domain::SilenceKind;
use spg_gateway::status::{BaseUrl, BaseUrlError, CredentialSource, Credentials, StatusClient, StatusClientError};
use spg_host::{SecretSource, SecretText, Throttle};
use spg_reconcile::{Question, Reply, StatusApi};
use tokio::sync::OnceCell;

/// A secret that could not be used is tried again at most this often.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);
/// Longest that init waits for the first connection.
const WARM_UP_MAX: Duration = Duration::from_secs(2);

/// Asks with the credentials of the secret; without usable ones every question is refused, and the secret tried again.
#[derive(Debug)]
pub struct GuardedStatusApi {
    client: OnceCell<StatusClient<SecretCredentials>>,
    config: spg_gateway::status::StatusApiConfig,
    source: SecretCredentials,
    retry: Throttle,
}

/// Nothing could ever be asked.
#[derive(Debug, thiserror::Error)]
pub enum StatusApiError {
    #[error("STATUS_API_URL cannot be used")]
    BaseUrl(#[from] BaseUrlError),
    #[error(transparent)]
    Client(#[from] StatusClientError),
}

/// Why there are no credentials yet.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Secret(#[from] spg_host::SecretError),
    #[error(transparent)]
    Credentials(#[from] spg_gateway::status::CredentialsError),
    #[error(transparent)]
    Client(#[from] StatusClientError),
}

#[derive(Debug, Clone)]
struct SecretCredentials(std::sync::Arc<SecretSource>);

impl GuardedStatusApi {
    pub(crate) async fn connect(
        config: &spg_host::StatusApiConfig,
        secrets: aws_sdk_secretsmanager::Client,
    ) -> Result<Self, StatusApiError> {
        let source = SecretCredentials(std::sync::Arc::new(SecretSource::new(secrets, &config.secret)));
        let base_url = BaseUrl::parse(&config.url)?;
        let api = Self {
            client: OnceCell::new(),
            config: spg_gateway::status::StatusApiConfig::new(base_url),
            source,
            retry: Throttle::new(RETRY_INTERVAL),
        };
        if let Some(client) = api.client().await {
            client.warm_up(WARM_UP_MAX).await;
        }
        Ok(api)
    }

    /// The client; none while the secret cannot be used.
    async fn client(&self) -> Option<&StatusClient<SecretCredentials>> {
        let made = self.client.get_or_try_init(|| async {
            if !self.retry.admits() {
                return Err(());
            }
            self.make().await.map_err(|error| {
                let error = spg_reconcile::error_chain(&error);
                tracing::error!(error, "the Status API secret cannot be used: put the credentials into it");
            })
        });
        made.await.ok()
    }

    async fn make(&self) -> Result<StatusClient<SecretCredentials>, Unusable> {
        let secret: SecretText = self.source.0.read().await?;
        let credentials = Credentials::parse(secret.expose())?;
        Ok(StatusClient::new(self.config.clone(), credentials, self.source.clone())?)
    }
}

impl StatusApi for GuardedStatusApi {
    async fn ask(&self, question: &Question) -> Reply {
        // Reading the secret again takes its time from the question's.
        match tokio::time::timeout(question.timeout, self.client()).await.ok().flatten() {
            Some(client) => client.ask(question).await,
            None => Reply {
                result: Err(SilenceKind::Unauthorised),
                http_status: None,
                return_code: None,
                retry_after: None,
                problem: Some("the Status API secret cannot be used"),
            },
        }
    }
}

impl CredentialSource for SecretCredentials {
    async fn read(&self) -> Result<Option<String>, Box<dyn Error + Send + Sync>> {
        Ok(Some(self.0.read().await?.expose().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use spg_domain::TransactionId;
    use spg_host::{Aws, AwsConfig, CallLimits, Env};

    use super::*;

    /// Secrets Manager takes the connection and says nothing.
    #[tokio::test]
    async fn a_secret_that_cannot_be_read_costs_no_more_than_the_questions_time() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let env = [
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_ENDPOINT_URL", url.as_str()),
        ];
        let aws = Aws::new(&Env::from_pairs(env).read(AwsConfig::read).unwrap(), CallLimits::USUAL);
        let api = GuardedStatusApi {
            client: OnceCell::new(),
            config: spg_gateway::status::StatusApiConfig::new(BaseUrl::parse("http://localhost:1").unwrap()),
            source: SecretCredentials(std::sync::Arc::new(SecretSource::new(aws.secrets(), "credentials"))),
            retry: Throttle::new(Duration::ZERO),
        };
        let question = Question {
            transaction_id: TransactionId::new("t").unwrap(),
            terminal_id: None,
            timeout: Duration::from_millis(300),
        };
        let started = Instant::now();
        let reply = api.ask(&question).await;
        let took = started.elapsed();
        assert_eq!(reply.result, Err(SilenceKind::Unauthorised));
        assert!((question.timeout..Duration::from_secs(3)).contains(&took), "{took:?}");
    }
}
