//! What AWS gives every function.

use std::fmt;

use aws_credential_types::Credentials;
use aws_types::region::Region;

use crate::Env;

/// What AWS's clients are made of: given by Lambda's environment, never searched for.
#[derive(Clone)]
pub struct AwsConfig {
    pub region: Region,
    pub credentials: Credentials,
    /// All clients go there instead of to AWS: the local stack and the tests.
    pub endpoint_url: Option<String>,
}

impl AwsConfig {
    pub fn read(env: &mut Env) -> Option<Self> {
        const EXPECTED: &str = "what Lambda sets";
        let region = env.required("AWS_REGION", EXPECTED);
        let key = env.required("AWS_ACCESS_KEY_ID", EXPECTED);
        let secret = env.required("AWS_SECRET_ACCESS_KEY", EXPECTED);
        let token = env.optional("AWS_SESSION_TOKEN");
        let endpoint_url = env.parsed("AWS_ENDPOINT_URL", None, "an http or https address", |url| {
            let known = url.starts_with("http://") || url.starts_with("https://");
            known.then(|| Some(url.trim_end_matches('/').to_owned()))
        });
        Some(Self {
            region: Region::new(region?),
            credentials: Credentials::new(key?, secret?, token, None, "environment"),
            endpoint_url: endpoint_url?,
        })
    }
}

/// No credentials.
impl fmt::Debug for AwsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsConfig")
            .field("region", &self.region)
            .field("endpoint_url", &self.endpoint_url)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const AWS: [(&str, &str); 4] = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "geheim"),
        ("AWS_SESSION_TOKEN", "auch geheim"),
    ];

    #[test]
    fn aws_from_lambdas_environment() {
        let config = Env::from_pairs(AWS).read(AwsConfig::read).unwrap();
        assert_eq!(config.region.as_ref(), "eu-west-1");
        assert_eq!(config.credentials.session_token(), Some("auch geheim"));
        assert_eq!(config.endpoint_url, None);
        assert!(!format!("{config:?}").contains("geheim"));
        let error = Env::from_pairs([("AWS_ENDPOINT_URL", "localhost:1")]).read(AwsConfig::read).unwrap_err();
        assert_eq!(error.problems.len(), 4, "{error}");
    }
}
