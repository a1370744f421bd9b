//! The event of the HTTP API (payload format 2.0) as it came: read so that nothing in it can fail, and written anew as one that
//! `lambda_http` can convert.
//!
//! `lambda_http` converts an event before any other code runs, and many an event makes it fail: docs/adr/0014-ack-on-lambda-http.md.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_http::http::Method;
use lambda_http::lambda_runtime::LambdaInvocation;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use spg_gateway::webhook::{IV_HEADER, TAG_HEADER};

/// A header of ours: the body is marked as Base64, but it is none, and is handed over as it is. No header of the sender's has this name.
pub(crate) const BODY_ENCODING: &str = "content-transfer-encoding";
/// Stands for a method that is absent, or that HTTP cannot have.
const NO_METHOD: &str = "GET";
/// Stands for a path whose last segment cannot be one of ours.
const NO_PATH: &str = "/";
const SEGMENT_BYTES_MAX: usize = 64;

/// The invocation with its event made [`readable`].
#[must_use]
pub fn with_readable_event(mut invocation: LambdaInvocation) -> LambdaInvocation {
    invocation.body = readable(&invocation.body).into();
    invocation
}

/// The event with only what is needed of it, written so that `lambda_http` can convert it, whatever came.
///
/// A field of another type than documented counts as absent, and so does text that is not Unicode. Bytes that are not JSON are an
/// event without fields. Of two fields with one name the last counts.
#[must_use]
pub fn readable(event: &[u8]) -> Vec<u8> {
    let event = Event::read(event).unwrap_or_default();
    // Cannot fail: text and truth values can always be written.
    serde_json::to_vec(&event.readable()).unwrap_or_default()
}

/// What is needed of the event as it came.
#[derive(Default)]
struct Event<'a> {
    route_key: Option<Cow<'a, str>>,
    path: Option<Cow<'a, str>>,
    headers: Headers<'a>,
    /// As it is written, so that it need not be written anew; it is [`text`].
    body: Option<&'a RawValue>,
    is_base64_encoded: bool,
    context: Context<'a>,
}

type Headers<'a> = BTreeMap<&'static str, Cow<'a, str>>;

#[derive(Default)]
struct Context<'a> {
    route_key: Option<Cow<'a, str>>,
    method: Option<Cow<'a, str>>,
    path: Option<Cow<'a, str>>,
    iam: Option<Iam<'a>>,
}

/// Who signed the request, if the route asked for that.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Iam<'a> {
    user_arn: Option<Cow<'a, str>>,
}

/// The event as it is handed over.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadableEvent<'a> {
    version: &'static str,
    raw_path: &'a str,
    headers: &'a Headers<'a>,
    request_context: ReadableContext<'a>,
    body: Option<&'a RawValue>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadableContext<'a> {
    route_key: Option<&'a str>,
    http: Http<'a>,
    authorizer: Authorizer<'a>,
}

#[derive(Serialize)]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
}

#[derive(Serialize)]
struct Authorizer<'a> {
    iam: Option<&'a Iam<'a>>,
}

impl<'a> Event<'a> {
    /// None: it is not a JSON object.
    fn read(event: &'a [u8]) -> Option<Self> {
        let mut read = Self::default();
        members(std::str::from_utf8(event).ok()?, |name, value| match name {
            b"routeKey" => read.route_key = text(value),
            b"rawPath" => read.path = text(value),
            b"headers" => read.headers = headers(value),
            b"body" => read.body = text(value).map(|_| value),
            b"isBase64Encoded" => read.is_base64_encoded = value.get() == "true",
            b"requestContext" => read.context = Context::read(value),
            _ => {}
        })?;
        let body = read.body.filter(|_| read.is_base64_encoded).and_then(text);
        if body.is_some_and(|body| STANDARD.decode(&*body).is_err()) {
            read.is_base64_encoded = false;
            read.headers.insert(BODY_ENCODING, Cow::Borrowed("base64"));
        }
        Some(read)
    }

    fn readable(&self) -> ReadableEvent<'_> {
        let context = &self.context;
        let route_key = context.route_key.as_deref().or(self.route_key.as_deref());
        let method_of_route = || Some(route_key?.split_once(' ')?.0);
        let method = context.method.as_deref().or_else(method_of_route).filter(|method| is_method(method));
        let path = last_segment(context.path.as_deref().or(self.path.as_deref()).unwrap_or_default());
        ReadableEvent {
            version: "2.0",
            raw_path: path,
            headers: &self.headers,
            request_context: ReadableContext {
                route_key,
                http: Http { method: method.unwrap_or(NO_METHOD), path },
                authorizer: Authorizer { iam: context.iam.as_ref() },
            },
            body: self.body,
            is_base64_encoded: self.is_base64_encoded,
        }
    }
}

impl<'a> Context<'a> {
    fn read(context: &'a RawValue) -> Self {
        let mut read = Self::default();
        let _ = members(context.get(), |name, value| match name {
            b"routeKey" => read.route_key = text(value),
            b"authorizer" => read.iam = Iam::of(value),
            b"http" => (read.method, read.path) = method_and_path(value),
            _ => {}
        });
        read
    }
}

impl<'a> Iam<'a> {
    /// None: nobody signed.
    fn of(authorizer: &'a RawValue) -> Option<Self> {
        let mut iam = None;
        members(authorizer.get(), |name, value| {
            if name == b"iam" {
                iam = Self::read(value);
            }
        })?;
        iam
    }

    fn read(iam: &'a RawValue) -> Option<Self> {
        let mut read = Self::default();
        members(iam.get(), |name, value| {
            if name == b"userArn" {
                read.user_arn = text(value);
            }
        })?;
        Some(read)
    }
}

/// The headers of the envelope. What HTTP cannot carry is replaced by what is not Base64 either.
fn headers(headers: &RawValue) -> Headers<'_> {
    let mut read = Headers::new();
    let _ = members(headers.get(), |name, value| {
        let needed = [IV_HEADER, TAG_HEADER].into_iter().find(|needed| name.eq_ignore_ascii_case(needed.as_bytes()));
        if let (Some(needed), Some(value)) = (needed, text(value)) {
            read.insert(needed, visible(value));
        }
    });
    read
}

fn visible(value: Cow<'_, str>) -> Cow<'_, str> {
    let is_visible = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    if value.bytes().all(is_visible) {
        return value;
    }
    // White space around a value never counts.
    let value = value.trim_ascii().chars();
    value.map(|it| if it.is_ascii() && is_visible(it as u8) { it } else { '?' }).collect()
}

/// The path's last segment as a path: all that a route is known by, and part of a URL for certain.
fn last_segment(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    let segment = path.rfind('/').map_or("", |at| &path[at..]);
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let fits = segment.len() <= SEGMENT_BYTES_MAX && segment.bytes().skip(1).all(unreserved);
    if fits && !segment.is_empty() { segment } else { NO_PATH }
}

fn is_method(method: &str) -> bool {
    Method::from_bytes(method.as_bytes()).is_ok()
}

fn method_and_path(http: &RawValue) -> (Option<Cow<'_, str>>, Option<Cow<'_, str>>) {
    let (mut method, mut path) = (None, None);
    let _ = members(http.get(), |name, value| match name {
        b"method" => method = text(value),
        b"path" => path = text(value),
        _ => {}
    });
    (method, path)
}

/// None: it is not text, or not Unicode.
fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let written = value.get().strip_prefix('"')?.strip_suffix('"')?;
    if !written.as_bytes().contains(&b'\\') {
        return Some(Cow::Borrowed(written));
    }
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|text| text.0)
}

/// Shows every member of an object, in their order. None: it is not an object.
///
/// Names are bytes and values are left as they are written: so neither an escape that is not Unicode nor a deep nesting is an error.
fn members<'a>(json: &'a str, each: impl FnMut(&[u8], &'a RawValue)) -> Option<()> {
    struct Members<F>(F);

    #[derive(Deserialize)]
    struct Name<'a>(#[serde(borrow)] Cow<'a, [u8]>);

    impl<'de, F: FnMut(&[u8], &'de RawValue)> Visitor<'de> for Members<F> {
        type Value = ();

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
            while let Some((name, value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                (self.0)(&name.0, value);
            }
            Ok(())
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_map(Members(each)).ok()?;
    deserializer.end().ok()
}

#[cfg(test)]
mod tests {
    use lambda_http::Request;
    use lambda_http::request::from_str;
    use serde_json::{Value, json};

    use super::*;

    /// As `lambda_http` converts what is handed over.
    fn converted(event: &[u8]) -> Request {
        from_str(std::str::from_utf8(&readable(event)).unwrap()).unwrap()
    }

    fn request(event: &Value) -> Request {
        converted(event.to_string().as_bytes())
    }

    fn path(path: &str) -> String {
        request(&json!({"rawPath": path})).uri().to_string()
    }

    #[test]
    fn what_is_no_event_has_nothing() {
        for event in [&b""[..], b"{", b"null", b"[]", b"\"\\ud800\"", b"\xff{}", b"{}{}", b"{\"body\":\"\xff\"}"] {
            let request = converted(event);
            assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("GET", "/"));
            assert!(request.headers().is_empty() && request.body().is_empty(), "{request:?}");
        }
    }

    #[test]
    fn of_a_path_the_last_segment_is_kept() {
        assert_eq!(path("/prod/webhook//"), "/webhook");
        assert_eq!(path("/übung/transactions"), "/transactions");
        for other in ["", "/", "webhook", "/..", "/web hook", "/web%68ook", "/w\u{0}", ":0/é", "?<", "//x:y"] {
            assert_eq!(path(other), NO_PATH, "{other}");
        }
        assert_eq!(path(&format!("/{}", "x".repeat(100_000))), NO_PATH);
    }

    #[test]
    fn fields_of_another_type_are_absent() {
        for value in [json!(5), json!(null), json!([]), json!({"a": 1}), json!(true)] {
            let event = json!({
                "routeKey": value, "rawPath": value, "body": value, "isBase64Encoded": "true",
                "headers": {"X-Initialization-Vector": value},
                "requestContext": {"routeKey": value, "http": {"method": value, "path": value}, "authorizer": value},
            });
            let request = request(&event);
            assert!(request.headers().is_empty() && request.body().is_empty(), "{request:?}");
            for field in ["headers", "requestContext"] {
                assert_eq!(self::request(&json!({field: value})).uri(), NO_PATH);
            }
        }
    }

    #[test]
    fn text_that_is_not_unicode_is_absent_and_takes_nothing_along() {
        let event = br#"{"\udc00":1,"rawPath":"\ud800","body":"\ud800","routeKey":"ok","headers":{"\ud800":"\ud800"},"n":1e999999}"#;
        assert!(converted(event).body().is_empty());
        assert!(readable(event).windows(4).any(|bytes| bytes == b"\"ok\""));
        let deep = format!(r#"{{"deep":{}1{},"body":"b"}}"#, "[".repeat(9999), "]".repeat(9999));
        assert_eq!(converted(deep.as_bytes()).body().as_ref(), b"b");
    }

    #[test]
    fn the_headers_of_the_envelope_in_any_case_and_no_other() {
        let sent = |value: &str| request(&json!({"headers": {"x-INITIALIZATION-vector": value, "host": "a b\u{e9}"}}));
        let header = |value: &str| sent(value).headers()[IV_HEADER].as_bytes().to_vec();
        assert_eq!(sent("iv").headers().len(), 1);
        assert_eq!((header("AA=="), header(" \tAA==\n")), (b"AA==".to_vec(), b"AA==".to_vec()));
        assert_eq!((header("A\u{7f}A\u{e9}"), header("A\nA")), (b"A?A?".to_vec(), b"A?A".to_vec()));
    }

    #[test]
    fn a_body_that_is_not_base64_is_said_to_be_none() {
        let sent = |body: &str| request(&json!({"body": body, "isBase64Encoded": true}));
        assert_eq!(sent("YWJj").body().as_ref(), b"abc");
        assert_eq!((sent("YWJj").headers().len(), sent("").headers().len()), (0, 0));
        for body in ["YQ", "!", "{}", "é"] {
            let request = sent(body);
            assert_eq!(request.body().as_ref(), body.as_bytes());
            assert_eq!(request.headers()[BODY_ENCODING], "base64");
        }
    }
}
