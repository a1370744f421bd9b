//! Where the Status API is, and the one URL that queries a transaction.

use std::net::IpAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use spg_domain::TransactionId;

/// Everything but the characters that RFC 3986 calls unreserved.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `https://api.sibspayments.com/api/v2` and its like: differs per environment and contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    #[error("it is not a URL such as https://api.sibspayments.com/api/v2")]
    Invalid,
    #[error("it must be an https URL: the token would travel in clear (http is for loopback only)")]
    Insecure,
    #[error("it must not have a user, a query or a fragment")]
    Extra,
}

impl BaseUrl {
    /// # Errors
    /// [`BaseUrlError`]. Plain http is taken for loopback hosts only.
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        let mut url = Url::parse(text.trim()).map_err(|_| BaseUrlError::Invalid)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(BaseUrlError::Invalid);
        }
        if url.scheme() == "http" && !url.host_str().is_some_and(is_loopback) {
            return Err(BaseUrlError::Insecure);
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(BaseUrlError::Extra);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }

    pub(super) fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// `{base}/payments/{transactionID}/status`, the id as exactly one segment. None for the ids `.` and `..`: URLs have no way to
    /// say them (even `%2e` is taken for a dot), and another path must not be asked instead.
    pub(super) fn query(&self, id: &TransactionId) -> Option<Url> {
        let base = self.0.path().trim_end_matches('/');
        let path = format!("{base}/payments/{}/status", utf8_percent_encode(id.as_str(), SEGMENT));
        let mut url = self.0.clone();
        url.set_path(&path);
        (url.path() == path).then_some(url)
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls() {
        for (text, expected) in [
            ("https://api.sibspayments.com/api/v2", Ok("https://api.sibspayments.com/api/v2")),
            (" https://spg.qly.site1.sibs.pt/api/v2/ ", Ok("https://spg.qly.site1.sibs.pt/api/v2")),
            ("https://example.com", Ok("https://example.com/")),
            ("http://localhost:8080/x", Ok("http://localhost:8080/x")),
            ("http://127.0.0.1:1/", Ok("http://127.0.0.1:1/")),
            ("http://[::1]:1/", Ok("http://[::1]:1/")),
            ("http://api.sibspayments.com/api/v2", Err(BaseUrlError::Insecure)),
            ("http://127.0.0.1.example.com/", Err(BaseUrlError::Insecure)),
            ("https://a:b@example.com/", Err(BaseUrlError::Extra)),
            ("https://a@example.com/", Err(BaseUrlError::Extra)),
            ("https://:b@example.com/", Err(BaseUrlError::Extra)),
            ("https://example.com/?q", Err(BaseUrlError::Extra)),
            ("https://example.com/#f", Err(BaseUrlError::Extra)),
            ("ftp://example.com/", Err(BaseUrlError::Invalid)),
            ("api.sibspayments.com", Err(BaseUrlError::Invalid)),
            ("", Err(BaseUrlError::Invalid)),
        ] {
            let parsed = BaseUrl::parse(text);
            assert_eq!(parsed.as_ref().map(|base| base.0.as_str()).map_err(|e| *e), expected, "{text}");
        }
    }

    #[test]
    fn tls_is_https() {
        let is_tls = |text| BaseUrl::parse(text).unwrap().is_tls();
        assert!(is_tls("https://example.com") && !is_tls("http://localhost"));
    }

    fn check(id: &str, expected: Option<&str>) {
        for base in ["https://example.com/api/v2/", "https://example.com"] {
            let url = BaseUrl::parse(base).unwrap().query(&TransactionId::new(id).unwrap());
            let expected = expected.map(|id| format!("{}/payments/{id}/status", base.trim_end_matches('/')));
            assert_eq!(url.map(|url| url.to_string()), expected, "{id}");
        }
    }

    #[test]
    fn an_id_is_one_segment_whatever_is_in_it() {
        check("s2bfw1g1P1siCSUjVPP8", Some("s2bfw1g1P1siCSUjVPP8"));
        check("a.b-c_d~e", Some("a.b-c_d~e"));
        check("...", Some("..."));
        check("../../admin", Some("..%2F..%2Fadmin"));
        check("a/b?c=d#e", Some("a%2Fb%3Fc%3Dd%23e"));
        check("%2e%2e", Some("%252e%252e"));
        check("100%", Some("100%25"));
        check("a\\b\t\n\r c", Some("a%5Cb%09%0A%0D%20c"));
        check("\u{0}é€😀", Some("%00%C3%A9%E2%82%AC%F0%9F%98%80"));
        check(".", None);
        check("..", None);
    }
}
