//! What this function reads from its environment.

use spg_gateway::webhook::STATUS_CODE_DEFAULT;
use spg_host::{AwsConfig, Env};

const STATUS_CODE_BYTES_MAX: usize = 16;

#[derive(Debug, Clone)]
pub struct Config {
    pub aws: AwsConfig,
    /// The notification queue.
    pub queue_url: String,
    /// Name or ARN of the secret with the webhook keys.
    pub keys_secret: String,
    /// The acknowledgement's statusCode.
    pub ack_status_code: String,
}

impl Config {
    /// `QUEUE_URL`, `WEBHOOK_KEYS_SECRET`, `ACK_STATUS_CODE`. None: problems were noted.
    pub fn read(env: &mut Env) -> Option<Self> {
        let aws = AwsConfig::read(env);
        let queue_url = env.required("QUEUE_URL", "the URL of the notification queue");
        let keys_secret = env.required("WEBHOOK_KEYS_SECRET", "the name or ARN of the secret with the webhook keys");
        let default = STATUS_CODE_DEFAULT.to_owned();
        let expected = "1 to 16 printable ASCII characters without spaces";
        let ack_status_code = env.parsed("ACK_STATUS_CODE", default, expected, |code| {
            let fits = code.len() <= STATUS_CODE_BYTES_MAX && code.bytes().all(|b| b.is_ascii_graphic());
            fits.then(|| code.to_owned())
        });
        Some(Self { aws: aws?, queue_url: queue_url?, keys_secret: keys_secret?, ack_status_code: ack_status_code? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: [(&str, &str); 5] = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/1/q"),
        ("WEBHOOK_KEYS_SECRET", "keys"),
    ];

    fn code(value: &str) -> Option<String> {
        let env = Env::from_pairs(SET.into_iter().chain([("ACK_STATUS_CODE", value)]));
        env.read(Config::read).ok().map(|config| config.ack_status_code)
    }

    #[test]
    fn the_status_code_is_text_with_a_default() {
        assert_eq!(code("").as_deref(), Some("000"));
        assert_eq!(code("200").as_deref(), Some("200"));
        assert_eq!(code("0 0"), None);
        assert_eq!(code("ünlike"), None);
        assert_eq!(code("12345678901234567"), None);
    }

    #[test]
    fn everything_that_is_missing_is_named() {
        let error = Env::from_pairs([("ACK_STATUS_CODE", "a b")]).read(Config::read).unwrap_err();
        let names: Vec<_> = error.problems.iter().map(|problem| problem.variable).collect();
        let expected = [
            "AWS_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "QUEUE_URL",
            "WEBHOOK_KEYS_SECRET",
            "ACK_STATUS_CODE",
        ];
        assert_eq!(names, expected);
    }
}
