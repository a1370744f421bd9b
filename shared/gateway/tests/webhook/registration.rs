use spg_gateway::registration::{REGISTRATION_BYTES_MAX, RegistrationError, parse_registration};

#[test]
fn a_full_registration() {
    let body = br#"{"transactionID":"t","paymentStatus":"Pending","merchantTransactionId":"order 1","terminalId":50994,
        "paymentMethod":"MBWAY","paymentType":"PURS","amount":{"value":"15.90","currency":"EUR","x":1},"unknown":[{}]}"#;
    let (id, registration) = parse_registration(body).unwrap();
    let facts = &registration.facts;
    assert_eq!(id.as_str(), "t");
    assert_eq!(registration.payment_status.unwrap().as_str(), "Pending");
    assert_eq!(facts.merchant_transaction_id.as_ref().unwrap().as_str(), "order 1");
    assert_eq!(facts.terminal_id.as_ref().unwrap().as_str(), "50994");
    assert_eq!(facts.payment_method.as_ref().unwrap().as_str(), "MBWAY");
    assert_eq!(facts.payment_type.as_ref().unwrap().as_str(), "PURS");
    assert_eq!(facts.amount.as_ref().unwrap().to_string(), "15.90 EUR");
}

#[test]
fn a_minimal_registration() {
    let (id, registration) = parse_registration(br#"{"transactionID":"t","amount":null}"#).unwrap();
    assert_eq!((id.as_str(), registration), ("t", spg_domain::Registration::default()));
    let (_, registration) =
        parse_registration(br#"{"transactionID":"t","amount":{"value":2.0,"currency":"EUR"}}"#).unwrap();
    assert_eq!(registration.facts.amount.unwrap().to_string(), "2.00 EUR");
}

fn check(body: &str, expected: &str) {
    assert_eq!(parse_registration(body.as_bytes()).map_err(|e| e.to_string()), Err(expected.to_owned()), "{body}");
}

fn check_field(fields: &str, expected: &str) {
    check(&format!(r#"{{"transactionID":"t",{fields}}}"#), expected);
}

#[test]
fn errors_name_the_field_and_what_is_expected() {
    for body in ["", "[]", "null", "{", "canary"] {
        check(body, "the registration is not a JSON object");
    }
    check("{}", "transactionID is missing; expected a text of 1 to 256 bytes");
    for id in [r#""""#, "{}", "true", &format!("\"{}\"", "x".repeat(257))] {
        check(
            &format!(r#"{{"transactionID":{id}}}"#),
            "transactionID cannot be read; expected a text of 1 to 256 bytes",
        );
    }
    for field in ["paymentStatus", "merchantTransactionId", "terminalId", "paymentMethod", "paymentType"] {
        for value in [r#""""#, "[\"canary\"]", "false", &format!("\"{}\"", "x".repeat(129))] {
            check_field(
                &format!(r#""{field}":{value}"#),
                &format!("{field} cannot be read; expected a text of 1 to 128 bytes"),
            );
        }
    }
    check_field(r#""amount":15.9"#, "amount cannot be read; expected an object with value and currency");
    let value = "expected a decimal number of at most 28 digits, as text or number";
    check_field(r#""amount":{"currency":"EUR"}"#, &format!("amount.value is missing; {value}"));
    check_field(r#""amount":{"value":"1,5","currency":"EUR"}"#, &format!("amount.value cannot be read; {value}"));
    check_field(r#""amount":{"value":{},"currency":"EUR"}"#, &format!("amount.value cannot be read; {value}"));
    let currency = "expected a currency code of three letters";
    check_field(r#""amount":{"value":"1.5"}"#, &format!("amount.currency is missing; {currency}"));
    check_field(r#""amount":{"value":"1.5","currency":"€"}"#, &format!("amount.currency cannot be read; {currency}"));
    let large = " ".repeat(REGISTRATION_BYTES_MAX + 1);
    assert_eq!(parse_registration(large.as_bytes()), Err(RegistrationError::TooLarge));
    let largest = " ".repeat(64 * 1024);
    assert_eq!(parse_registration(largest.as_bytes()), Err(RegistrationError::NotJson));
}
