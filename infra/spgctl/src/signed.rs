//! Requests that are signed here: to the registration's route, which no SDK knows.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use spg_domain::Timestamp;

use crate::Error;

/// Who signs, and for which service.
#[derive(Debug)]
pub struct Signer {
    pub credentials: Credentials,
    pub region: String,
    /// As IAM names it.
    pub service: &'static str,
}

impl Signer {
    /// `headers` and those of the signature, for a POST.
    ///
    /// # Errors
    /// The URL cannot be signed.
    pub fn headers(
        &self,
        url: &str,
        headers: &[(&'static str, &'static str)],
        body: &[u8],
        now: Timestamp,
    ) -> Result<HeaderMap, Error> {
        let doing = "signing the request";
        let identity = self.credentials.clone().into();
        let at: SystemTime = UNIX_EPOCH + Duration::from_millis(now.millis());
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(at)
            .settings(SigningSettings::default())
            .build()
            .map_err(Error::call(doing))?
            .into();
        let request = SignableRequest::new("POST", url, headers.iter().copied(), SignableBody::Bytes(body));
        let signed = sign(request.map_err(Error::call(doing))?, &parameters).map_err(Error::call(doing))?;
        let (instructions, _) = signed.into_parts();
        let (added, _) = instructions.into_parts();
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        for header in added {
            let name = HeaderName::from_bytes(header.name().as_bytes()).map_err(Error::call(doing))?;
            let mut value = HeaderValue::from_str(header.value()).map_err(Error::call(doing))?;
            value.set_sensitive(true);
            all.insert(name, value);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_covers_host_date_and_what_else_is_sent() {
        let signer = Signer {
            credentials: Credentials::new("AKID", "geheim", Some("auch geheim".to_owned()), None, "test"),
            region: "eu-west-1".to_owned(),
            service: "execute-api",
        };
        let now = Timestamp::parse("2026-03-12T10:48:44Z").unwrap();
        let url = "https://x.execute-api.eu-west-1.amazonaws.com/transactions";
        let headers = signer.headers(url, &[("content-type", "application/json")], b"{}", now).unwrap();
        let of = |name: &str| headers[name].to_str().unwrap();
        let start = "AWS4-HMAC-SHA256 Credential=AKID/20260312/eu-west-1/execute-api/aws4_request";
        assert!(of("authorization").starts_with(start), "{}", of("authorization"));
        assert!(of("authorization").contains("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token"));
        assert_eq!((of("x-amz-date"), of("content-type")), ("20260312T104844Z", "application/json"));
        assert!(!format!("{headers:?}{signer:?}").contains("geheim"));
    }
}
