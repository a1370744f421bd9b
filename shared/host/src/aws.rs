//! AWS's clients: region, credentials, TLS library, time-outs and retries are all given, nothing is searched for.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::region::Region;

use crate::AwsConfig;

/// Longest that init waits for the connections to be warmed.
const WARM_UP_MAX: Duration = Duration::from_secs(2);
/// Every service answers this without a signature, so that it costs neither permission nor a line in an audit log.
const WARM_UP_PATH: &str = "/ping";

/// How long a call may take and how often it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// Until the connection stands, TLS apart.
    pub connect: Duration,
    /// One attempt, from its start to the end of the answer.
    pub attempt: Duration,
    /// All attempts and the waits between them.
    pub operation: Duration,
    /// At least 1.
    pub attempts_max: u32,
    /// The longest wait before the second attempt; it doubles with each further one, and a random part of it is waited.
    pub backoff: Duration,
}

impl CallLimits {
    /// For work in the background.
    pub const USUAL: Self = Self {
        connect: Duration::from_secs(2),
        attempt: Duration::from_secs(4),
        operation: Duration::from_secs(9),
        attempts_max: 3,
        backoff: Duration::from_millis(400),
    };
    /// For where someone waits for the answer and tries again himself.
    pub const QUICK: Self = Self {
        connect: Duration::from_secs(1),
        attempt: Duration::from_millis(1400),
        operation: Duration::from_secs(3),
        attempts_max: 2,
        backoff: Duration::from_millis(200),
    };
}

/// A service whose connection can be warmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    DynamoDb,
    EventBridge,
    SecretsManager,
    Sqs,
}

/// The clients of one process; they share one pool of connections.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "most of it is for the clients, which are features")]
pub struct Aws {
    connector: SharedHttpConnector,
    http: SharedHttpClient,
    region: Region,
    credentials: Credentials,
    endpoint_url: Option<String>,
    timeouts: TimeoutConfig,
    retries: RetryConfig,
}

/// The clients' configurations are built alike, but each is a type of its own.
#[allow(unused_macros, reason = "each client is a feature")]
macro_rules! client {
    ($sdk:ident, $aws:expr) => {{
        let aws: &Aws = $aws;
        let mut config = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region(aws.region.clone())
            .credentials_provider(aws.credentials.clone())
            .http_client(aws.http.clone())
            .timeout_config(aws.timeouts.clone())
            .retry_config(aws.retries.clone())
            // An attempt is limited as a whole; a watch over its upload would be one more timer, and each costs a system call.
            .stalled_stream_protection($sdk::config::StalledStreamProtectionConfig::disabled());
        config.set_endpoint_url(aws.endpoint_url.clone());
        $sdk::Client::from_conf(config.build())
    }};
}

impl Aws {
    /// Connects to nothing yet; reads the machine's root certificates.
    pub fn new(config: &AwsConfig, limits: CallLimits) -> Self {
        let settings = HttpConnectorSettings::builder().connect_timeout(limits.connect);
        let connector = Connector::builder()
            .connector_settings(settings.build())
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build();
        let connector = SharedHttpConnector::new(connector);
        let shared = connector.clone();
        Self {
            connector,
            http: http_client_fn(move |_, _| shared.clone()),
            region: config.region.clone(),
            credentials: config.credentials.clone(),
            endpoint_url: config.endpoint_url.clone(),
            timeouts: limits.timeouts(),
            retries: RetryConfig::standard()
                .with_max_attempts(limits.attempts_max)
                .with_initial_backoff(limits.backoff),
        }
    }

    #[cfg(feature = "dynamodb")]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        client!(aws_sdk_dynamodb, self)
    }

    #[cfg(feature = "events")]
    pub fn events(&self) -> aws_sdk_eventbridge::Client {
        client!(aws_sdk_eventbridge, self)
    }

    #[cfg(feature = "secrets")]
    pub fn secrets(&self) -> aws_sdk_secretsmanager::Client {
        client!(aws_sdk_secretsmanager, self)
    }

    #[cfg(feature = "sqs")]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        client!(aws_sdk_sqs, self)
    }

    /// Opens connections during init, where the processor is not throttled, at most for two seconds. What fails is left to the
    /// first call. Without TLS, on one machine, there is nothing to gain and nothing is done.
    pub async fn warm(&self, services: &[Service]) {
        let plain = self.endpoint_url.as_ref().is_some_and(|url| url.starts_with("http://"));
        if !plain && !self.ping_all(services).await {
            tracing::debug!("not every connection could be warmed");
        }
    }

    /// True if all answered.
    async fn ping_all(&self, services: &[Service]) -> bool {
        let pings = services.iter().map(|service| self.ping(*service));
        // A ping is no call of a client, so the limit of an attempt is kept here.
        let longest = self.timeouts.operation_attempt_timeout().map_or(WARM_UP_MAX, |attempt| attempt.min(WARM_UP_MAX));
        let answered = tokio::time::timeout(longest, futures::future::join_all(pings)).await;
        answered.is_ok_and(|answered| answered.into_iter().all(|answered| answered))
    }

    async fn ping(&self, service: Service) -> bool {
        let mut request = HttpRequest::new(SdkBody::empty());
        if request.set_uri(self.base_url(service) + WARM_UP_PATH).is_err() {
            return false;
        }
        let Ok(answer) = self.connector.call(request).await else { return false };
        // Whatever it says: once it is read to its end, the connection is kept.
        ByteStream::new(answer.into_body()).collect().await.is_ok()
    }

    fn base_url(&self, service: Service) -> String {
        if let Some(url) = &self.endpoint_url {
            return url.clone();
        }
        let region = self.region.as_ref();
        // A guess that is wrong elsewhere costs only the warm-up.
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://{}.{region}.{suffix}", service.host())
    }
}

impl CallLimits {
    fn timeouts(&self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.connect)
            .operation_attempt_timeout(self.attempt)
            .operation_timeout(self.operation)
            .build()
    }
}

impl Service {
    fn host(self) -> &'static str {
        match self {
            Self::DynamoDb => "dynamodb",
            Self::EventBridge => "events",
            Self::SecretsManager => "secretsmanager",
            Self::Sqs => "sqs",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::Env;
    use crate::config::tests::AWS;

    #[derive(Default)]
    struct Seen {
        connections: AtomicUsize,
        requests: AtomicUsize,
    }

    /// A server on loopback that answers every request with `answer`, or never.
    async fn serve(answer: Option<&'static str>) -> (Aws, Arc<Seen>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Seen::default());
        let counted = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let seen = Arc::clone(&counted);
                seen.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let mut buffer = vec![0; 64 * 1024];
                    // Requests here are small: one read is one request.
                    while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {
                        seen.requests.fetch_add(1, Ordering::Relaxed);
                        if let Some(answer) = answer {
                            stream.write_all(answer.as_bytes()).await.unwrap();
                        }
                    }
                });
            }
        });
        let config = Env::from_pairs(AWS.into_iter().chain([("AWS_ENDPOINT_URL", url.as_str())])).read(AwsConfig::read);
        let limits = CallLimits {
            connect: Duration::from_secs(1),
            attempt: Duration::from_millis(50),
            operation: Duration::from_secs(2),
            attempts_max: 2,
            backoff: Duration::from_millis(10),
        };
        (Aws::new(&config.unwrap(), limits), seen)
    }

    #[tokio::test]
    async fn a_warmed_connection_is_used_by_every_client() {
        let (aws, seen) = serve(Some("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")).await;
        assert!(aws.ping_all(&[Service::Sqs]).await);
        assert_eq!(seen.connections.load(Ordering::Relaxed), 1);
        aws.sqs().get_queue_attributes().queue_url("q").send().await.unwrap();
        aws.secrets().get_secret_value().secret_id("s").send().await.unwrap();
        assert_eq!((seen.connections.load(Ordering::Relaxed), seen.requests.load(Ordering::Relaxed)), (1, 3));
    }

    #[tokio::test]
    async fn a_silent_service_is_given_up_after_the_attempts() {
        let (aws, seen) = serve(None).await;
        let started = Instant::now();
        let answer = aws.sqs().get_queue_attributes().queue_url("q").send().await;
        assert!(answer.is_err());
        assert_eq!(seen.requests.load(Ordering::Relaxed), 2);
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn warming_waits_for_nobody() {
        let (aws, _) = serve(None).await;
        let started = Instant::now();
        assert!(!aws.ping_all(&[Service::DynamoDb, Service::EventBridge, Service::SecretsManager]).await);
        assert!(started.elapsed() < WARM_UP_MAX, "{:?}", started.elapsed());
    }

    #[test]
    fn each_service_has_its_host_in_the_region() {
        let config = Env::from_pairs(AWS).read(AwsConfig::read).unwrap();
        let aws = Aws::new(&config, CallLimits::USUAL);
        assert_eq!(aws.base_url(Service::EventBridge), "https://events.eu-west-1.amazonaws.com");
        let shown = format!("{aws:?}");
        assert!(!shown.contains("geheim"), "{shown}");
    }
}
