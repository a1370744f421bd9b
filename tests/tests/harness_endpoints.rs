//! The harness without a function: its endpoints asked by hand, and its events parsed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_lambda_events::dynamodb::Event as DynamoDbEvent;
use aws_lambda_events::sqs::SqsEvent;
use serde_json::json;
use tests::events::{self, HttpAnswer, SqsRecord};
use tests::{Aws, Reply, StatusApi, webhook};

#[test]
fn requests_that_aws_would_refuse_are_refused() {
    let aws = Aws::start();
    let target = [("X-Amz-Target", "AmazonSQS.SendMessage")];
    let (status, body) = http(&aws.endpoint(), "POST", "/", &target, "{}");
    assert_eq!((status, body.contains("MissingAuthenticationToken")), (403, true));
    let scope = "AWS4-HMAC-SHA256 Credential=ASIAX/20260312/eu-west-1/dynamodb/aws4_request, Signature=0";
    let (status, _) = http(&aws.endpoint(), "POST", "/", &[target[0], ("Authorization", scope)], "{}");
    assert_eq!(status, 403, "signed for another service");
    let scope = "AWS4-HMAC-SHA256 Credential=ASIAX/20260312/eu-west-1/sqs/aws4_request, Signature=0";
    let (status, _) = http(&aws.endpoint(), "POST", "/", &[target[0], ("Authorization", scope)], "{}");
    assert_eq!(status, 403, "temporary credentials without their token");

    assert_eq!(http(&aws.endpoint(), "GET", "/", &[], "").0, 200);
    assert_eq!(aws.count("http:GET /"), 1, "a warm-up is no API call, but is seen");
}

#[test]
fn the_status_api_follows_its_script() {
    let api = StatusApi::start();
    let bearer = format!("Bearer {}", StatusApi::TOKEN);
    let known = [("Authorization", bearer.as_str()), ("X-IBM-Client-Id", StatusApi::CLIENT_ID)];
    let query =
        |id: &str, headers: &[(&str, &str)]| http(&api.url(), "GET", &format!("/payments/{id}/status"), headers, "");

    let latency = Duration::from_millis(20);
    api.script(
        "a/b",
        [Reply::status("Pending").after(latency), Reply::text(429, "slow down").header("Retry-After", "7")],
    );
    let (status, body) = query("a%2Fb", &known);
    assert_eq!((status, body.contains("\"paymentStatus\":\"Pending\"")), (200, true));
    assert_eq!(query("a%2Fb", &known), (429, "slow down".to_owned()));
    assert_eq!(query("a%2Fb", &known).0, 404, "the script is used up");
    api.always("a/b", Reply::status("Success"));
    assert_eq!(query("a%2Fb", &known).0, 200);

    assert_eq!(query("x", &[]).0, 401);
    assert_eq!(query("x", &[known[0], ("X-IBM-Client-Id", "another")]).0, 403);
    assert_eq!((api.queried("a/b"), api.queried("x"), api.queries().len()), (4, 2, 6));
    assert_eq!((api.queries()[0].answered, api.in_flight_max()), (Some(200), 1));

    http(&api.url(), "HEAD", "/", &[], "");
    assert_eq!(api.other_requests(), ["HEAD /api/v2/"]);
    api.script("gone", [Reply::dropped()]);
    assert_eq!(query("gone", &known).0, 0, "closed without a byte");
}

#[test]
fn events_are_what_the_functions_parse() {
    let (headers, body) = webhook::encrypt(&webhook::KEY, &json!({"a": 1}));
    let plain: ApiGatewayV2httpRequest = serde_json::from_value(events::http_webhook(&headers, &body, false)).unwrap();
    assert_eq!(plain.route_key.as_deref(), Some("POST /webhook"));
    assert_eq!(plain.body.as_deref(), Some(body.as_str()));
    assert!(plain.headers.contains_key("x-initialization-vector"));
    let binary: ApiGatewayV2httpRequest = serde_json::from_value(events::http_webhook(&headers, &body, true)).unwrap();
    assert!(binary.is_base64_encoded && binary.body != plain.body);
    let registration: ApiGatewayV2httpRequest = serde_json::from_value(events::http_registration(&json!({}))).unwrap();
    assert_eq!(registration.request_context.route_key.as_deref(), Some("POST /transactions"));
    assert!(registration.request_context.authorizer.is_some());

    let batch: SqsEvent = serde_json::from_value(events::sqs(&[SqsRecord::new("x").received(3)])).unwrap();
    assert_eq!(batch.records[0].attributes["ApproximateReceiveCount"], "3");

    let table = Aws::start().table().clone();
    table.put(&json!({"transactionID": "a", "version": 2, "notifications": {"n": {"at": 1}}}));
    let image = table.raw_item("a").unwrap();
    let stream: DynamoDbEvent = serde_json::from_value(events::dynamodb_stream(&[image])).unwrap();
    assert_eq!(stream.records[0].event_name, "MODIFY");
    assert!(stream.records[0].change.new_image.contains_key("notifications"));

    let answer = HttpAnswer::of(&json!({"statusCode": 200, "headers": {"Content-Type": "x"}, "body": "{\"a\":1}"}));
    assert_eq!(
        (answer.status, answer.json(), answer.headers.contains_key("content-type")),
        (200, json!({"a": 1}), true)
    );
    assert_eq!(events::batch_item_failures(&json!({"batchItemFailures": [{"itemIdentifier": "b"}]})), ["b"]);
}

/// One request by hand; status 0 if the connection is closed without an answer.
fn http(base: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let (authority, prefix) = base.trim_start_matches("http://").split_once('/').unwrap_or((&base[7..], ""));
    let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut stream = TcpStream::connect(authority).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {prefix}{path} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: {length}\r\n{headers}\
         Connection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, body.to_owned())
}
