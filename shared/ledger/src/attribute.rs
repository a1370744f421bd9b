//! The names in an item. Changing one changes what is stored: older items keep the old name.

pub(crate) const TRANSACTION_ID: &str = "transactionID";
pub(crate) const PAYMENT_STATUS: &str = "paymentStatus";
pub(crate) const VERSION: &str = "version";
pub(crate) const NOTIFICATIONS: &str = "notifications";
pub(crate) const HISTORY: &str = "history";
pub(crate) const CHANGE: &str = "change";
pub(crate) const SEQUENCE: &str = "sequence";
pub(crate) const SCHEMA_VERSION: &str = "schemaVersion";
pub(crate) const FIRST_SEEN_AT: &str = "firstSeenAt";
pub(crate) const CLAIMS: &str = "claims";
pub(crate) const ATTENTION: &str = "attention";

pub(crate) const REPUBLISH_DUE: &str = "republishDue";
pub(crate) const RESOLVED: &str = "resolved";
pub(crate) const PUBLISHED: &str = "published";
pub(crate) const CONFIRMED_AT: &str = "confirmedAt";
pub(crate) const ANSWERED_VERSION: &str = "answeredVersion";
pub(crate) const AGREED_SINCE: &str = "agreedSince";
pub(crate) const UNANSWERED_IN_A_ROW: &str = "unansweredInARow";
pub(crate) const RECHECK_AT: &str = "recheckAt";
pub(crate) const OTHER_MERCHANTS: &str = "otherMerchants";
pub(crate) const EXPIRES_AT: &str = "expiresAt";
pub(crate) const DUE_SHARD: &str = "dueShard";
pub(crate) const NEXT_CHECK_AT: &str = "nextCheckAt";
pub(crate) const MERCHANT_TRANSACTION_ID: &str = "merchantTransactionId";
pub(crate) const TERMINAL_ID: &str = "terminalId";
pub(crate) const PAYMENT_METHOD: &str = "paymentMethod";
pub(crate) const PAYMENT_TYPE: &str = "paymentType";
pub(crate) const AMOUNT: &str = "amount";
pub(crate) const REFERENCE_STATUS: &str = "referenceStatus";
pub(crate) const TRANSACTION_DATE_TIME: &str = "transactionDateTime";

/// What an update removes where the transaction no longer has it. `published` is not among them: it is only ever
/// replaced, and one of a kind that this version does not know must survive (see [`crate::read`]).
#[cfg(feature = "table")]
pub(crate) const REMOVABLE: [&str; 18] = [
    CONFIRMED_AT,
    ANSWERED_VERSION,
    AGREED_SINCE,
    UNANSWERED_IN_A_ROW,
    RECHECK_AT,
    OTHER_MERCHANTS,
    EXPIRES_AT,
    DUE_SHARD,
    NEXT_CHECK_AT,
    MERCHANT_TRANSACTION_ID,
    TERMINAL_ID,
    PAYMENT_METHOD,
    PAYMENT_TYPE,
    AMOUNT,
    REFERENCE_STATUS,
    TRANSACTION_DATE_TIME,
    RESOLVED,
    REPUBLISH_DUE,
];

/// Names inside the maps, short because each of them is stored many times.
pub(crate) mod member {
    pub(crate) const AT: &str = "at";
    pub(crate) const STATUS: &str = "status";
    pub(crate) const VERSION: &str = "v";
    /// Of a notification.
    pub(crate) const HASH: &str = "hash";
    pub(crate) const DISPOSITION: &str = "as";
    pub(crate) const REFERENCE_PAID: &str = "paid";
    /// Of a change in the history.
    pub(crate) const FROM: &str = "from";
    pub(crate) const TO: &str = "to";
    pub(crate) const SOURCE: &str = "by";
    /// Of what was published.
    pub(crate) const CHANGE: &str = "change";
    pub(crate) const PREVIOUS: &str = "previous";
    pub(crate) const PAID: &str = "paid";
    pub(crate) const REASON: &str = "reason";
    /// What it was published with; in it, the names of the item itself.
    pub(crate) const FACTS: &str = "facts";
    /// Of what a person has ended.
    pub(crate) const NOTE: &str = "note";
    /// Of an amount.
    pub(crate) const VALUE: &str = "value";
    pub(crate) const CURRENCY: &str = "currency";
}
