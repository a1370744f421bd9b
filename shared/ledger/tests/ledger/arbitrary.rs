//! Transactions with anything in them.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use spg_domain::{
    Amount, AttentionReason, Change, ChangeKind, Claims, Confirmation, Disposition, Dispute, Facts, Final, FinalStatus,
    Lifecycle, Note, NotificationId, NotificationRecord, Open, PaymentStatus, Published, PublishedFacts,
    ReferenceStatus, Resolution, ShortText, Source, Timestamp, Transaction, TransactionId,
};

const MILLIS_MAX: u64 = 253_402_300_799_999;

/// Any text, and what means something in an expression or a path.
pub fn odd_text() -> impl Strategy<Value = String> {
    prop_oneof![
        vec(any::<char>(), 1..32).prop_map(String::from_iter),
        prop::sample::select(vec![
            "a.b",
            "a[0]",
            "#n0",
            ":n0",
            "\"",
            "'",
            "\\",
            "notifications",
            "version",
            "ação",
            "🏦",
            " ",
            "a b",
            "null",
            "#",
            ":",
            "$",
            "\u{7f}",
            "\n",
            "ZDg3NjU0Li4uPT0=",
        ])
        .prop_map(str::to_owned),
        Just("x".repeat(128)),
    ]
}

pub fn notification_ids() -> impl Strategy<Value = NotificationId> {
    prop_oneof![odd_text(), Just("ü".repeat(128))].prop_map(|text| NotificationId::new(text).unwrap())
}

pub fn transactions() -> impl Strategy<Value = Transaction> {
    let times = prop::array::uniform2(prop::option::of(time()));
    (identity(), times, maps(), facts(), published(), lifecycle(), any::<u8>()).prop_map(|parts| {
        let (identity, [next_check_at, expires_at], maps, facts, published, lifecycle, unanswered_in_a_row) = parts;
        let (id, version, answered_version, sequence, change) = identity;
        let (first_seen_at, notifications, history, attention, resolved) = maps;
        Transaction {
            id,
            version,
            facts,
            first_seen_at,
            lifecycle,
            answered_version,
            unanswered_in_a_row,
            notifications,
            history,
            change,
            attention,
            resolved,
            sequence,
            published,
            next_check_at,
            expires_at: expires_at.map(Timestamp::floor_to_second),
        }
    })
}

type Identity = (TransactionId, u64, Option<u64>, u64, ChangeKind);

fn identity() -> impl Strategy<Value = Identity> {
    let id = odd_text().prop_map(|text| TransactionId::new(text).unwrap());
    (id, 1..u64::MAX, any::<Option<u64>>(), any::<u64>(), change_kind())
}

/// Each that can be written.
fn lifecycle() -> impl Strategy<Value = Lifecycle> {
    let claims = || btree_map(prop::sample::select(FinalStatus::ALL.to_vec()), time(), 0..4);
    let open = || status().prop_filter_map("open", |s| if let PaymentStatus::Open(s) = s { Some(s) } else { None });
    let times = (time(), prop::array::uniform2(prop::option::of(time())), any::<bool>());
    let is_final = (prop::sample::select(FinalStatus::ALL.to_vec()), claims(), times);
    prop_oneof![
        open().prop_map(Lifecycle::OtherMerchants),
        (open(), claims()).prop_map(|(status, claims)| Lifecycle::Open(Open { status, claims })),
        is_final.prop_map(|(status, mut claims, (at, [agreed_since, recheck_at], restored)): (_, Claims, _)| {
            claims.remove(&status);
            let confirmation = if restored { Confirmation::BeforeRestore(at) } else { Confirmation::At(at) };
            let dispute = (!claims.is_empty()).then_some(Dispute { claims, agreed_since });
            Lifecycle::Final(Final { status, confirmation, dispute, recheck_at })
        }),
    ]
}

type Maps = (
    Timestamp,
    BTreeMap<NotificationId, NotificationRecord>,
    Vec<Change>,
    BTreeMap<AttentionReason, Timestamp>,
    BTreeMap<AttentionReason, Resolution>,
);

fn maps() -> impl Strategy<Value = Maps> {
    let notifications = btree_map(notification_ids(), record(), 0..5);
    let resolution = (time(), odd_text()).prop_map(|(at, note)| Resolution { at, note: Note::new(note).unwrap() });
    let resolved = btree_map(reason(), resolution, 0..3);
    (time(), notifications, vec(change(), 0..4), btree_map(reason(), time(), 0..9), resolved)
}

fn facts() -> impl Strategy<Value = Facts> {
    let words = prop::array::uniform4(prop::option::of(odd_text().prop_map(|text| ShortText::new(text).unwrap())));
    let amount = ("-?[0-9]{1,12}(\\.[0-9]{1,8})?", "[A-Z]{3}");
    let amount = prop::option::of(amount.prop_map(|(value, currency)| Amount::parse(&value, &currency).unwrap()));
    let reference = prop::option::of(prop::sample::select(vec![ReferenceStatus::Paid, ReferenceStatus::Unpaid]));
    (words, amount, reference, prop::option::of(time())).prop_map(|(words, amount, reference_status, date_time)| {
        let [merchant_transaction_id, terminal_id, payment_method, payment_type] = words;
        Facts {
            merchant_transaction_id,
            terminal_id,
            payment_method,
            payment_type,
            amount,
            reference_status,
            transaction_date_time: date_time,
        }
    })
}

fn record() -> impl Strategy<Value = NotificationRecord> {
    (time(), prop::option::of(status()), "[0-9a-f]{16}", disposition(), any::<bool>()).prop_map(
        |(received_at, status, hash, disposition, reference_paid)| NotificationRecord {
            received_at,
            status,
            hash,
            disposition,
            reference_paid,
        },
    )
}

fn change() -> impl Strategy<Value = Change> {
    let source = prop::sample::select(vec![Source::Registration, Source::Notification, Source::StatusApi]);
    (any::<u64>(), prop::option::of(status()), status(), source, time())
        .prop_map(|(version, from, to, source, at)| Change { version, from, to, source, at })
}

fn published() -> impl Strategy<Value = Option<Published>> {
    let texts = (prop::option::of(status()), prop::option::of(".{0,40}"));
    let published_facts = (any::<u64>(), facts(), prop::option::of(time()))
        .prop_map(|(sequence, facts, confirmed_at)| PublishedFacts { sequence, facts, confirmed_at });
    let published =
        (change_kind(), any::<u64>(), status(), texts, any::<bool>(), (time(), prop::option::of(published_facts)));
    let published = published.prop_map(|(change, version, status, (previous, reason), paid, (at, facts))| Published {
        change,
        version,
        status,
        previous,
        paid,
        reason,
        at,
        facts,
    });
    prop::option::of(published)
}

fn status() -> impl Strategy<Value = PaymentStatus> {
    let known = prop::sample::select(vec!["Pending", "InProcessing", "Success", "Declined", "Error", "Timeout"]);
    prop_oneof![known.prop_map(str::to_owned), odd_text()].prop_map(|text| PaymentStatus::parse(&text).unwrap())
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0..=MILLIS_MAX).prop_map(Timestamp::from_millis)
}

fn change_kind() -> impl Strategy<Value = ChangeKind> {
    use ChangeKind as K;
    prop::sample::select(vec![K::Noted, K::Opened, K::Advanced, K::NeedsAttention, K::Finalised, K::Corrected])
}

fn reason() -> impl Strategy<Value = AttentionReason> {
    prop::sample::select(AttentionReason::ALL.to_vec())
}

fn disposition() -> impl Strategy<Value = Disposition> {
    use Disposition as D;
    prop::sample::select(vec![
        D::Opened,
        D::Advanced,
        D::Claimed,
        D::Disputed,
        D::Agreed,
        D::Noted,
        D::OtherMerchants,
        D::Duplicate,
        D::Conflicting,
        D::Unrecorded,
        D::Filled,
        D::Finalised,
        D::Corrected,
        D::Refused,
        D::Stale,
        D::Blocked,
        D::Unanswered,
    ])
}
