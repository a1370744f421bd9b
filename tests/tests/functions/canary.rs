//! A payment full of personal data, and every secret, goes through everything: none of it is seen again anywhere.

use serde_json::{Value, json};
use tests::events::{self, HttpAnswer, SqsRecord};
use tests::webhook::{self, KEY};
use tests::{Fault, Function, Reply, StatusApi, deployed};

use crate::support::{PATIENCE, Stand, answer, notification, payload, process, record};

const PHONE: &str = "351#919191919";
const CARD: &str = "4929000000000006";
const MASKED_CARD: &str = "492900******0006";
const NAME: &str = "Brigitella Canário";
const E_MAIL: &str = "brigite@canary.example";
const ADDRESS: &str = "Travessa do Canário 42";
const TOKEN_VALUE: &str = "tok-canary-7f3a";
const IBAN: &str = "PT50000201231234567890154";
const TAX_NUMBER: &str = "299999990";
const MERCHANT_NAME: &str = "CANARY DOT COM";
const PERSONAL: [&str; 10] =
    [PHONE, CARD, MASKED_CARD, NAME, E_MAIL, ADDRESS, TOKEN_VALUE, IBAN, TAX_NUMBER, MERCHANT_NAME];
/// Of the default credentials, and of a terminal's own.
const SECRETS: [&str; 4] =
    [StatusApi::TOKEN, StatusApi::CLIENT_ID, "canary-terminal-token", "canary-terminal-client-id"];
/// Bytes that are no key, as somebody might paste them.
const BAD_KEY: &str = "Y2FuYXJ5LWtleS10aGF0LWlzLXRvby1zaG9ydA==";

/// Shorter parts of personal data are words that occur by chance.
const PART_CHARS_MIN: usize = 7;

/// Every end that a transaction meets here; its id must be in the log.
const IDS: [&str; 6] = ["t-success", "t-malformed", "t-open", "t-homeless", "t-registered", "t-conflict"];

/// Puts personal data wherever SPG does, and where nobody expects it.
fn personal(mut payload: Value) -> Value {
    let more = json!({
        "token": {"tokenType": "MobilePhone", "value": PHONE, "maskedPAN": MASKED_CARD, "extra": TOKEN_VALUE},
        "customer": {
            "customerInfo": {"customerName": NAME, "customerEmail": E_MAIL, "taxNumber": TAX_NUMBER,
                             "shippingAddress": {"street1": ADDRESS}, "billingAddress": {"street1": ADDRESS}},
            "extendedInfo": [{"key": "IBAN", "value": IBAN}],
        },
        "card": {"number": CARD, "holder": NAME},
        "mbwayMandate": {"mandateIdentification": TOKEN_VALUE, "customerName": NAME, "aliasMBWAY": PHONE},
        "financialOperation": {"iban": IBAN, "holder": NAME},
        "somethingNew": [[{"deep": CARD, NAME: E_MAIL}], PHONE, ADDRESS],
        NAME: IBAN,
        "internalTransactionId": TOKEN_VALUE,
    });
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    payload["returnStatus"]["statusMsg"] = json!(NAME);
    payload["returnStatus"]["statusDescription"] = json!(format!("{NAME} <{E_MAIL}>"));
    payload["merchant"]["merchantName"] = json!(MERCHANT_NAME);
    payload["merchant"]["contact"] = json!(E_MAIL);
    payload
}

/// The same in the place of fields that are read, in shapes that cannot be.
fn malformed(transaction_id: &str, notification_id: &str, status: &str) -> Value {
    let mut payload = personal(payload(transaction_id, notification_id, status));
    payload["amount"] = json!({"value": PHONE, "currency": NAME});
    payload["paymentMethod"] = json!({"pan": CARD});
    payload["paymentType"] = json!([NAME, E_MAIL]);
    payload["transactionDateTime"] = json!(ADDRESS);
    payload["merchant"] = json!([MERCHANT_NAME, IBAN]);
    payload["returnStatus"] = json!(format!("{NAME} {TAX_NUMBER}"));
    payload["paymentReference"] = json!({"status": {"payer": NAME}, "reference": TOKEN_VALUE});
    payload
}

struct Canary {
    stand: Stand,
    functions: [Function; 4],
    answers: Vec<String>,
}

impl Canary {
    fn start() -> Self {
        let stand = Stand::new();
        let launches = ["ack", "processor", "sweeper", "publisher"].map(|name| stand.launch(name));
        stand.aws.set_secret(
            deployed::STATUS_API_SECRET,
            &json!({
                "default": {"token": StatusApi::TOKEN, "clientId": StatusApi::CLIENT_ID},
                "terminals": {"50994": {"token": SECRETS[2], "clientId": SECRETS[3]}},
            }),
        );
        stand.status_api.accept(SECRETS[2], SECRETS[3]);
        let functions = launches.map(|launch| launch.env("LOG_LEVEL", "debug").start().unwrap());
        Self { stand, functions, answers: Vec::new() }
    }

    fn http(&mut self, event: Value, status: u16) {
        let raw = self.functions[0].invoke(event).unwrap();
        assert_eq!(HttpAnswer::of(&raw).status, status, "{raw}");
        self.answers.push(raw.to_string());
    }

    fn webhook(&mut self, payload: &Value, status: u16) {
        let (headers, body) = webhook::encrypt(&KEY, payload);
        self.http(events::http_webhook(&headers, &body, false), status);
    }

    fn accepted_webhooks(&mut self) {
        self.webhook(&personal(payload("t-success", "n1", "Success")), 200);
        self.webhook(&malformed("t-malformed", "n1", "Declined"), 200);
        self.webhook(&personal(payload("t-open", "n1", "Success")), 200);
        self.webhook(&personal(payload("t-conflict", "n1", "Pending")), 200);
        let mut homeless = personal(payload("", "n-homeless", "Success"));
        homeless["transactionID"] = json!({"of": NAME});
        self.webhook(&homeless, 200);
        let registration = personal(json!({"transactionID": "t-registered", "returnStatus": {}, "merchant": {}}));
        self.http(events::http_registration(&registration), 202);
    }

    fn rejected_requests(&mut self) {
        let mut unprocessable = malformed("t-homeless", "", "Success");
        unprocessable["notificationID"] = json!({"of": NAME});
        self.webhook(&unprocessable, 422);
        let text = PERSONAL.join(" ");
        let (headers, body) = webhook::encrypt_bytes(&KEY, text.as_bytes());
        self.http(events::http_webhook(&headers, &body, false), 422);
        let plaintext = personal(payload("t-plain", "n1", "Success")).to_string();
        self.http(events::http_webhook(&headers, &plaintext, false), 400);
        let mut absent = headers.clone();
        absent.truncate(1);
        absent.push(("X-Authentication-Tag".to_owned(), PHONE.to_owned()));
        absent.push(("Authorization".to_owned(), NAME.to_owned()));
        self.http(events::http_webhook(&absent, &body, false), 400);
        let (headers, body) = webhook::encrypt(b"spg-webhooks somebody else's key", &personal(payload("t", "n", "x")));
        self.http(events::http_webhook(&headers, &body, false), 401);
        self.http(events::http("POST", &format!("/{IBAN}"), &headers, &plaintext, false), 404);
        self.http(events::http("PUT", "/webhook", &headers, &plaintext, false), 405);
        let wrong =
            json!({"transactionID": "t-wrong", "amount": {"value": PHONE, "currency": NAME}, "terminalId": [CARD]});
        self.http(events::http_registration(&wrong), 400);
        self.http(events::http_registration(&json!({"transactionID": {"of": NAME}})), 400);
        self.http(events::http("POST", "/transactions", &[], &text, false), 400);
        // The queue refuses, and quotes what it refuses.
        let quoting = json!({"__type": "InvalidMessageContents", "message": "no"}).to_string();
        self.stand.aws.inject(Fault::on("sqs:SendMessage").answer(400, &quoting));
        self.webhook(&personal(payload("t-refused", "n1", "Success")), 503);
        self.stand.aws.clear_faults();
        // Somebody pastes a wrong secret.
        self.stand.aws.set_secret(deployed::WEBHOOK_KEYS_SECRET, &json!({"keys": [BAD_KEY]}));
        self.http(events::http_webhook(&headers, &body, false), 401);
    }

    fn process(&self) {
        let says = |id: &str, status: &str| Reply::json(200, &personal(answer(id, status)));
        let status_api = &self.stand.status_api;
        status_api.always("t-success", says("t-success", "Success"));
        status_api.always("t-malformed", Reply::json(200, &malformed("t-malformed", "n1", "Declined")));
        status_api.always("t-open", Reply::text(500, &PERSONAL.join("\n")));
        let mut records: Vec<SqsRecord> = self.stand.aws.queued().iter().map(SqsRecord::from).collect();
        records
            .push(record(&personal(json!({"schemaVersion": 1, "kind": "what", "returnStatus": {}, "merchant": {}}))));
        records.push(SqsRecord::new(PERSONAL.join(" ")));
        records.push(record(&json!({"schemaVersion": 2, "token": PHONE, "customer": NAME})));
        assert_eq!(process(&self.functions[1], &records).len(), 1, "the newer one");
        let conflict = record(&personal({
            let mut message = notification("t-conflict", "n1", "Success");
            message["returnStatus"] = json!({});
            message["merchant"] = json!({});
            message
        }));
        process(&self.functions[1], &[conflict]);
        assert!(self.stand.aws.dead_letters().len() >= 4);
    }

    fn sweep_and_publish(&self) {
        let status_api = &self.stand.status_api;
        self.stand.make_due("t-open");
        self.stand.make_due("t-registered");
        status_api.always("t-open", Reply::json(200, &personal(answer("t-open", "Success"))));
        let other = personal(answer("t-elsewhere", "Success"));
        status_api.always("t-registered", Reply::json(200, &other));
        let time = std::time::Duration::from_secs(12);
        self.functions[2].invoke_within(events::schedule(), time).unwrap();
        assert!(status_api.wait_for_queries(4, PATIENCE));
        let mut images = self.stand.aws.table().raw_items();
        images.push(json!({"transactionID": {"S": "t-unreadable"}, "change": {"S": "Finalised"}, NAME: {"S": IBAN},
                           "paymentStatus": {"M": {"of": {"S": NAME}}}, "amount": {"S": PHONE}}));
        self.functions[3].invoke(events::dynamodb_stream(&images)).unwrap();
        let mut told: Vec<_> =
            self.stand.aws.events().into_iter().map(|event| event.detail["transactionID"].clone()).collect();
        told.sort_by_key(Value::to_string);
        // The answer about t-malformed has an amount that cannot be read: it is none.
        assert_eq!(told, ["t-open", "t-registered", "t-success"]);
    }

    /// Everything that anybody gets to see, by where it is.
    fn visible(&self) -> Vec<(String, String)> {
        let aws = &self.stand.aws;
        let mut visible: Vec<(String, String)> = Vec::new();
        let names = ["ack", "processor", "sweeper", "publisher"];
        for (name, function) in names.iter().zip(&self.functions) {
            visible.push((format!("the log of {name}"), function.logs().text()));
        }
        visible.push(("an answer".to_owned(), self.answers.join("\n")));
        visible.extend(aws.queued().iter().map(|message| ("the queue".to_owned(), format!("{message:?}"))));
        visible.extend(
            aws.dead_letters().iter().map(|letter| ("the dead-letter queue".to_owned(), format!("{letter:?}"))),
        );
        visible.extend(aws.table().raw_items().iter().map(|item| ("the table".to_owned(), item.to_string())));
        visible.extend(aws.events().iter().map(|event| ("the bus".to_owned(), format!("{event:?}"))));
        visible.extend(aws.calls().iter().map(|call| (format!("a call of {}", call.operation), call.raw.clone())));
        visible
    }
}

#[test]
fn no_personal_data_and_no_secret_is_seen_anywhere() {
    let mut canary = Canary::start();
    canary.accepted_webhooks();
    canary.rejected_requests();
    canary.process();
    canary.sweep_and_publish();

    let key = webhook::key_base64(&KEY);
    let plain_key = String::from_utf8(KEY.to_vec()).unwrap();
    let keys = [key.as_str(), plain_key.as_str(), BAD_KEY, "harness-secret-access-key", "harness-session-token"];
    let canaries: Vec<&str> = PERSONAL.into_iter().chain(SECRETS).chain(keys).collect();
    let visible = canary.visible();
    for (place, text) in &visible {
        for canary in &canaries {
            let spellings = spellings(canary);
            let found = spellings.iter().find(|spelling| text.contains(*spelling));
            assert!(found.is_none(), "{canary} is in {place}:\n{text}");
        }
    }
    let logs: String =
        visible.iter().filter(|(place, _)| place.starts_with("the log of")).map(|(_, text)| &**text).collect();
    for id in IDS {
        assert!(logs.contains(&format!("\"transactionID\":\"{id}\"")), "{id} can be found in the logs");
    }
    // There is something to look at in every place.
    for place in ["the log of sweeper", "an answer", "the queue", "the dead-letter queue", "the table", "the bus"] {
        assert!(visible.iter().any(|(other, text)| other == place && text.len() > 100), "{place}");
    }
}

/// Every line is JSON, and what dependencies say below a warning is left out: some print what they carry.
#[test]
fn only_our_own_crates_log_in_detail() {
    let mut canary = Canary::start();
    canary.accepted_webhooks();
    canary.process();
    canary.sweep_and_publish();
    for function in &canary.functions {
        let lines = function.logs().json();
        assert_eq!(lines.len(), function.logs().lines().len(), "{}", function.logs().text());
        for line in lines.iter().filter(|line| line.get("_aws").is_none()) {
            // What names its module is not ours.
            let ours = line.get("target").is_none();
            assert!(ours || line["level"] == "WARN" || line["level"] == "ERROR", "{line}");
        }
    }
}

/// As it is, escaped, and in parts: a name is one even without its other half.
fn spellings(canary: &str) -> Vec<String> {
    let ascii: String = canary.chars().flat_map(char::escape_default).collect();
    let parts = canary.split([' ', '#', '@']).filter(|part| PERSONAL.contains(&canary) && part.len() > PART_CHARS_MIN);
    [canary.to_owned(), ascii].into_iter().chain(parts.map(str::to_owned)).collect()
}
