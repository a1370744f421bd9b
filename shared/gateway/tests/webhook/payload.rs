use serde_json::{Value, json};
use spg_domain::{FinalStatus, PaymentStatus, ReferenceStatus};
use spg_gateway::webhook::{Parsed, PayloadError, parse_notification};

/// wire.md's example, personal data included.
const EXAMPLE: &str = r#"{"returnStatus":{"statusMsg":"Success","statusCode":"000"},"paymentStatus":"Success","paymentMethod":"MBWAY",
    "transactionID":"s2bfw1g1P1siCSUjVPP8","transactionDateTime":"2026-03-12T10:48:44Z",
    "amount":{"currency":"EUR","value":15.9},
    "merchant":{"transactionId":"aafd48f8d6814e86855ed5489d04880f","terminalId":1562569,"merchantName":"MERCHANT DOT COM","inApp":"false"},
    "paymentType":"PURS","token":{"tokenType":"MobilePhone","value":"351#912345678"},
    "internalTransactionId":"S13039300290071S","notificationID":"b6571d90-35d6-41a6-b7b1-732464b1e58c"}"#;

fn parse(payload: &str) -> Parsed {
    parse_notification(payload.as_bytes()).unwrap()
}

/// The example with some top-level fields replaced; `null` removes one.
fn with(changes: Value) -> Parsed {
    let mut payload: Value = serde_json::from_str(EXAMPLE).unwrap();
    for (name, value) in changes.as_object().unwrap() {
        payload[name] = value.clone();
    }
    parse(&payload.to_string())
}

#[test]
fn the_documented_example() {
    let Parsed { notification, transaction_id, dropped } = parse(EXAMPLE);
    let facts = &notification.facts;
    assert_eq!(notification.notification_id.as_str(), "b6571d90-35d6-41a6-b7b1-732464b1e58c");
    assert_eq!(transaction_id.unwrap().as_str(), "s2bfw1g1P1siCSUjVPP8");
    assert_eq!(notification.payment_status, Some(PaymentStatus::Final(FinalStatus::Success)));
    assert_eq!(notification.return_code.as_ref().unwrap().as_str(), "000");
    assert_eq!(facts.merchant_transaction_id.as_ref().unwrap().as_str(), "aafd48f8d6814e86855ed5489d04880f");
    assert_eq!(facts.terminal_id.as_ref().unwrap().as_str(), "1562569");
    assert_eq!(facts.payment_method.as_ref().unwrap().as_str(), "MBWAY");
    assert_eq!(facts.payment_type.as_ref().unwrap().as_str(), "PURS");
    assert_eq!(facts.amount.as_ref().unwrap().to_string(), "15.90 EUR");
    assert_eq!(facts.reference_status, None);
    assert_eq!(facts.transaction_date_time.unwrap().to_string(), "2026-03-12T10:48:44.000Z");
    assert_eq!(dropped, Vec::<&str>::new());
}

#[test]
fn the_published_vector() {
    let (_, _, plaintext) = super::envelope::vector();
    let parsed = parse(&plaintext.to_string());
    assert_eq!(parsed.transaction_id.unwrap().as_str(), "8vfDedn6RvmEC3WNZTRm");
    assert_eq!(parsed.notification.facts.amount.unwrap().to_string(), "2.00 EUR");
    assert_eq!(parsed.dropped, Vec::<&str>::new());
}

fn check_amount(amount: &str, expected: Option<&str>, dropped: &[&str]) {
    // Not by way of `Value`, which would make a float of it.
    let parsed = parse(&format!(r#"{{"notificationID":"n","amount":{amount}}}"#));
    assert_eq!(parsed.notification.facts.amount.map(|a| a.to_string()).as_deref(), expected, "{amount}");
    assert_eq!(parsed.dropped, dropped, "{amount}");
}

#[test]
fn amounts() {
    for value in ["15.9", "15.90", r#""15.9""#, r#""15.90 ""#, "1.59e1", "1590E-2"] {
        check_amount(&format!(r#"{{"currency":"EUR","value":{value}}}"#), Some("15.90 EUR"), &[]);
    }
    check_amount(r#"{"value":"16.20","currency":"eur "}"#, Some("16.20 EUR"), &[]);
    check_amount(r#"{"value":2.0,"currency":"EUR","x":{}}"#, Some("2.00 EUR"), &[]);
    check_amount(r#"{"value":0,"currency":"EUR"}"#, Some("0.00 EUR"), &[]);
    check_amount(r#"{"value":0.1000000000000000055,"currency":"EUR"}"#, Some("0.1000000000000000055 EUR"), &[]);
    check_amount(r#"{"value":90071992547409931,"currency":"EUR"}"#, Some("90071992547409931.00 EUR"), &[]);
    check_amount("null", None, &[]);
    check_amount("{}", None, &[]);
    check_amount(r#"{"currency":"EUR","value":null}"#, None, &[]);
    for bad in [
        "15.9",
        "[]",
        r#""15.90 EUR""#,
        r#"{"value":15.9}"#,
        r#"{"value":true,"currency":"EUR"}"#,
        r#"{"value":"15,90","currency":"EUR"}"#,
        r#"{"value":"","currency":"EUR"}"#,
        r#"{"value":1e999,"currency":"EUR"}"#,
        r#"{"value":15.9,"currency":"EURO"}"#,
        r#"{"value":15.9,"currency":{}}"#,
    ] {
        check_amount(bad, None, &["amount"]);
    }
}

#[test]
fn types_vary() {
    let facts = |changes| with(changes).notification.facts;
    for terminal in
        [json!({"terminalId": 1562569}), json!({"terminalId": "1562569"}), json!({"terminalId": " 1562569 "})]
    {
        assert_eq!(facts(json!({ "merchant": terminal })).terminal_id.unwrap().as_str(), "1562569");
    }
    let dated = |text: &str| facts(json!({ "transactionDateTime": text })).transaction_date_time.map(|t| t.to_string());
    assert_eq!(dated("2022-11-11T16:18:53.127Z ").as_deref(), Some("2022-11-11T16:18:53.127Z"));
    assert_eq!(dated("").as_deref(), None);
    let order =
        |merchant: Value| facts(json!({ "merchant": merchant })).merchant_transaction_id.unwrap().as_str().to_owned();
    assert_eq!(order(json!({"merchantTransactionId": "a"})), "a");
    assert_eq!(order(json!({"transactionId": "b"})), "b");
    assert_eq!(order(json!({"merchantTransactionId": "a", "transactionId": "b"})), "a");
    assert_eq!(order(json!({"merchantTransactionId": null, "transactionId": 12})), "12");
}

#[test]
fn statuses_are_kept_as_they_came() {
    for status in ["Success", "Pending", "InProcessing", "Declined", "Error", "Timeout", "Partial", "Expired", "Nový"]
    {
        let parsed = with(json!({ "paymentStatus": status }));
        assert_eq!(parsed.notification.payment_status.unwrap().as_str(), status);
    }
    let declined = with(json!({"returnStatus": {"statusMsg": "Declined", "statusCode": "01.106.0004"}}));
    assert_eq!(declined.notification.return_code.unwrap().as_str(), "01.106.0004");
}

#[test]
fn a_reference_that_is_not_paid_is_unpaid() {
    let check = |reference: Value, expected, dropped: &[&str]| {
        let parsed = with(json!({ "paymentReference": reference }));
        assert_eq!(parsed.notification.facts.reference_status, expected, "{reference}");
        assert_eq!(parsed.dropped, dropped, "{reference}");
    };
    let (paid, unpaid) = (Some(ReferenceStatus::Paid), Some(ReferenceStatus::Unpaid));
    check(json!({"reference": "123456789", "entity": "21098", "status": "PAID", "amount": {"value": "1"}}), paid, &[]);
    check(json!({"status": "PAID "}), paid, &[]);
    check(json!({"status": "UNPAID", "expiryDate": "2026-03-12T10:48:44Z"}), unpaid, &[]);
    check(json!({"status": "EXPIRED"}), unpaid, &[]);
    check(json!({"status": "paid"}), unpaid, &[]);
    check(json!({"status": null}), unpaid, &[]);
    check(json!({}), unpaid, &[]);
    check(json!({"status": ["PAID"]}), unpaid, &["paymentReference.status"]);
    check(json!("PAID"), unpaid, &["paymentReference"]);
    check(json!(null), None, &[]);
}

#[test]
fn what_cannot_be_read_is_dropped_and_named() {
    let long = "x".repeat(129);
    let parsed = with(json!({
        "returnStatus": "Success",
        "paymentStatus": {"status": "Success"},
        "paymentMethod": ["MBWAY"],
        "paymentType": long,
        "transactionDateTime": "yesterday",
        "amount": {"value": "much", "currency": "EUR"},
        "merchant": {"transactionId": true, "terminalId": {}},
    }));
    assert_eq!(
        parsed.dropped,
        [
            "paymentStatus",
            "merchant.transactionId",
            "merchant.terminalId",
            "paymentMethod",
            "paymentType",
            "amount",
            "transactionDateTime",
            "returnStatus"
        ]
    );
    assert_eq!(parsed.notification.facts, spg_domain::Facts::default());
    assert_eq!(parsed.notification.payment_status, None);
    assert_eq!(with(json!({ "merchant": [] })).dropped, ["merchant"]);
    assert_eq!(parse(r#"{"notificationID":"n","paymentType":"\ud800"}"#).dropped, ["paymentType"]);
}

#[test]
fn the_transaction_id_may_be_unusable() {
    let check = |id: Value, expected: Option<&str>, dropped: &[&str]| {
        let parsed = with(json!({ "transactionID": id }));
        assert_eq!(parsed.transaction_id.as_ref().map(|t| t.as_str()), expected, "{id}");
        assert_eq!(parsed.dropped, dropped, "{id}");
    };
    check(json!(null), None, &[]);
    check(json!(""), None, &[]);
    check(json!({}), None, &["transactionID"]);
    check(json!("é".repeat(129)), None, &["transactionID"]);
    check(json!("é".repeat(128)), Some(&"é".repeat(128)), &[]);
    check(json!(" a\n"), Some(" a\n"), &[]);
    check(json!(12345678901234567890_u64), Some("12345678901234567890"), &[]);
}

#[test]
fn without_a_notification_id_it_cannot_be_acknowledged() {
    for id in ["null", r#""""#, "{}", "[1]", "true", &format!(r#""{}""#, "x".repeat(257)), r#""\udead""#] {
        let payload = format!(r#"{{"transactionID":"t","notificationID":{id}}}"#);
        let Err(PayloadError::NotificationId { transaction_id }) = parse_notification(payload.as_bytes()) else {
            panic!("{id}")
        };
        assert_eq!(transaction_id.unwrap().as_str(), "t");
    }
    assert_eq!(parse_notification(b"{}"), Err(PayloadError::NotificationId { transaction_id: None }));
    let parsed = parse(&format!(r#"{{"notificationID":"{}"}}"#, "x".repeat(256)));
    assert_eq!((parsed.notification.notification_id.as_str().len(), parsed.transaction_id), (256, None));
    assert_eq!(parse(r#"{"notificationID":17}"#).notification.notification_id.as_str(), "17");
}

#[test]
fn what_is_no_json_object() {
    for payload in
        [&b""[..], b"null", b"[]", b"\"text\"", b"{", b"{}x", b"<xml/>", b"\xff\xfe", b"{\"a\":\"\xff\"}", b"{'a':1}"]
    {
        assert_eq!(parse_notification(payload), Err(PayloadError::NotJson), "{payload:?}");
    }
}

#[test]
fn unknown_blocks_deep_nesting_and_names_that_come_twice() {
    let depth = 100_000;
    let deep = format!(r#"{}1{}"#, "[".repeat(depth), "]".repeat(depth));
    let payload = format!(
        r#"{{"installmentPlan":null,"future":{deep},"merchant":{{"x":{deep},"terminalId":5}},"paymentStatus":"Pending",
            "amount":{{"value":1,"value":2,"currency":"EUR"}},"notificationID":"first","paymentStatus":"Declined","notificationID":"last"}}"#
    );
    let parsed = parse(&payload);
    assert_eq!(parsed.notification.notification_id.as_str(), "last");
    assert_eq!(parsed.notification.payment_status.unwrap().as_str(), "Declined");
    assert_eq!(parsed.notification.facts.amount.unwrap().to_string(), "2.00 EUR");
    assert_eq!(parsed.notification.facts.terminal_id.unwrap().as_str(), "5");
    assert_eq!(parsed.dropped, Vec::<&str>::new());
    let unusable = parse(&format!(r#"{{"notificationID":"n","amount":{deep},"paymentType":{deep}}}"#));
    assert_eq!(unusable.dropped, ["paymentType", "amount"]);
}

#[test]
fn an_escaped_name_is_the_same_name() {
    assert_eq!(parse(r#"{"notification\u0049D":"n"}"#).notification.notification_id.as_str(), "n");
}
