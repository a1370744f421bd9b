//! A message of the queue: what it says is applied as it stands, so it must be as bounded as what ack writes.

use spg_domain::{Amount, Facts, Message, MessageError, Payload, Timestamp};

use crate::{amounts, decision};

/// Every field is bounded, and in JSON each byte of it takes six at the most.
const JSON_BYTES_MAX: usize = 16 * 1024;
/// What a reader of today says of a message that it does not read. Nothing of the message is in it.
const UNREADABLE: &str = "the message cannot be read";

pub fn queue_message(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let message = match Message::parse(text) {
        Ok(message) => message,
        Err(MessageError::NewerSchema(version)) => return assert!(version > 1),
        Err(error @ MessageError::Unreadable) => return assert_eq!(format!("{error}"), UNREADABLE),
    };
    comes_back(&message);
    let facts = facts(&message.payload);
    facts.amount.iter().for_each(amounts::is_canonical);
    let times = [Some(message.received_at), facts.transaction_date_time];
    assert!(times.into_iter().flatten().all(decision::is_a_moment), "{times:?}");

    let mut payload = message.payload;
    let opened = decision::evidence(payload.clone(), message.received_at);
    let again = decision::evidence(payload.clone(), decision::now());
    change_amount(&mut payload);
    let other = decision::evidence(payload, Timestamp::default());
    decision::apply(None, &[&opened, &again, &other, &opened]);
}

/// As it is written it reads the same, and it stays small.
pub fn comes_back(message: &Message) {
    let json = message.to_json().expect("every field is text or a number");
    assert!(json.len() <= JSON_BYTES_MAX, "{} bytes", json.len());
    let read = Message::parse(&json).expect("what is written can be read");
    assert_eq!(&read, message);
    if let Payload::Notification(notification) = &message.payload {
        let hash = notification.content_hash(message.transaction_id.as_ref());
        assert!(hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
        let Payload::Notification(read) = read.payload else { panic!("a notification became a registration") };
        assert_eq!(read.content_hash(message.transaction_id.as_ref()), hash);
    }
}

fn facts(payload: &Payload) -> &Facts {
    match payload {
        Payload::Notification(notification) => &notification.facts,
        Payload::Registration(registration) => &registration.facts,
    }
}

/// The same notification with other content.
fn change_amount(payload: &mut Payload) {
    let amount = Amount::parse("0.01", "EUR").ok();
    match payload {
        Payload::Notification(notification) => notification.facts.amount = amount,
        Payload::Registration(registration) => registration.facts.amount = amount,
    }
}
