//! AWS's clients for an operator: credentials from profiles, single sign-on or the environment, TLS by ring.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::region::Region;
use spg_host::AwsConfig;

use crate::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
/// An operator waits: throttled calls are tried more often than a function would.
const ATTEMPTS_MAX: u32 = 6;

/// All clients; they share connections and credentials.
#[derive(Debug, Clone)]
pub struct Clients {
    config: SdkConfig,
    region: Region,
}

impl Clients {
    /// On AWS, with what the operator's environment has.
    ///
    /// # Errors
    /// [`Error::NoRegion`]
    pub async fn on_aws(region: Option<String>, profile: Option<String>) -> Result<Self, Error> {
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX));
        if let Some(region) = region {
            loader = loader.region(Region::new(region));
        }
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        let config = loader.load().await;
        let region = config.region().cloned().ok_or(Error::NoRegion)?;
        Ok(Self { config, region })
    }

    /// At an emulator on this machine. Nothing of the operator's own AWS settings gets there.
    pub fn on_this_machine(endpoint_url: &str, region: &str) -> Self {
        let region = Region::new(region.to_owned());
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(Builder::new().build_http())
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "local")))
            .endpoint_url(endpoint_url)
            .region(region.clone())
            .timeout_config(timeouts())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
            .build();
        Self { config, region }
    }

    pub fn region(&self) -> &str {
        self.region.as_ref()
    }

    /// The credentials as they are now, for what is signed by hand or handed to the functions' own code.
    ///
    /// # Errors
    /// [`Error::NoCredentials`]
    pub async fn credentials(&self) -> Result<Credentials, Error> {
        let none = |reason: String| Error::NoCredentials { reason };
        let provider = self.config.credentials_provider().ok_or_else(|| none("no provider".to_owned()))?;
        provider.provide_credentials().await.map_err(|error| none(spg_time::error_chain(&error)))
    }

    /// What the functions' own code makes its clients of.
    ///
    /// # Errors
    /// [`Error::NoCredentials`]
    pub async fn for_the_functions_code(&self) -> Result<AwsConfig, Error> {
        Ok(AwsConfig {
            region: self.region.clone(),
            credentials: self.credentials().await?,
            endpoint_url: self.config.endpoint_url().map(str::to_owned),
        })
    }

    /// Where a service is, for what no client is made for.
    pub fn endpoint(&self, service: &str) -> String {
        if let Some(url) = self.config.endpoint_url() {
            return url.to_owned();
        }
        let region = self.region();
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://{service}.{region}.{suffix}/")
    }

    pub fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.config)
    }

    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    pub fn events(&self) -> aws_sdk_eventbridge::Client {
        aws_sdk_eventbridge::Client::new(&self.config)
    }

    pub fn lambda(&self) -> aws_sdk_lambda::Client {
        aws_sdk_lambda::Client::new(&self.config)
    }

    pub fn scheduler(&self) -> aws_sdk_scheduler::Client {
        aws_sdk_scheduler::Client::new(&self.config)
    }

    pub fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.config)
    }

    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build()
}
