//! What is known of a payment besides its status.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use crate::{Amount, AttentionReason, FinalStatus, PaymentStatus, ShortText, Timestamp};

/// Facts that any source may state; all may be absent. No personal data: no token, phone, card or customer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// The merchant's own order id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_transaction_id: Option<ShortText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal_id: Option<ShortText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<ShortText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_type: Option<ShortText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// The status of the Multibanco reference, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_status: Option<ReferenceStatus>,
    /// SPG's `transactionDateTime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_date_time: Option<Timestamp>,
}

/// `paymentReference.status`. Anything but `PAID` is not paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum ReferenceStatus {
    Unpaid,
    Paid,
}

impl ReferenceStatus {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Facts {
    /// Takes what is absent here from `other`; a reference that is known as paid stays paid.
    pub fn fill_from(&mut self, other: &Self) {
        fill(&mut self.merchant_transaction_id, &other.merchant_transaction_id);
        fill(&mut self.terminal_id, &other.terminal_id);
        fill(&mut self.payment_method, &other.payment_method);
        fill(&mut self.payment_type, &other.payment_type);
        fill(&mut self.amount, &other.amount);
        fill(&mut self.transaction_date_time, &other.transaction_date_time);
        self.reference_status = self.reference_status.max(other.reference_status);
    }

    /// Takes what the Status API says over what was known, and keeps what it leaves out: the live answer often has no date.
    pub(crate) fn overrule_by(&mut self, answer: &Self) {
        let known = std::mem::replace(self, answer.clone());
        // An answer without the block keeps what is known, unless its type says that the reference was paid.
        let paid_by_type = answer.payment_type.as_ref().is_some_and(|t| t.as_str() == "PREF");
        let unsaid = if paid_by_type { Some(ReferenceStatus::Paid) } else { known.reference_status };
        let reference_status = answer.reference_status.or(unsaid);
        self.fill_from(&known);
        self.reference_status = reference_status;
    }

    /// Where both are known, amount and currency must match (rule 8).
    pub(crate) fn mismatches(&self, other: &Self) -> Vec<AttentionReason> {
        let (Some(mine), Some(theirs)) = (&self.amount, &other.amount) else { return Vec::new() };
        let mut found = Vec::new();
        if !mine.same_value(theirs) {
            found.push(AttentionReason::AmountMismatch);
        }
        if !mine.same_currency(theirs) {
            found.push(AttentionReason::CurrencyMismatch);
        }
        found
    }

    /// What `status` means given these facts: Success of a reference that is not paid is still waiting for its payer (rule 10).
    /// A type that does not pay (a cancellation, a refund) is a transaction of its own and final as it stands.
    pub(crate) fn effective(&self, status: &PaymentStatus) -> PaymentStatus {
        let unpaid_reference = self.reference_status == Some(ReferenceStatus::Unpaid);
        let may_pay = self.payment_type.is_none() || self.has_paying_type();
        if *status == PaymentStatus::SUCCESS && unpaid_reference && may_pay {
            return PaymentStatus::PENDING;
        }
        status.clone()
    }

    /// Paid: Success, of a paying type, and of a reference that is paid if there is one (rule 10).
    pub(crate) fn paid(&self, status: &PaymentStatus) -> bool {
        status.as_final() == Some(FinalStatus::Success)
            && self.has_paying_type()
            && self.reference_status != Some(ReferenceStatus::Unpaid)
    }

    /// `PURS` is a purchase, `PREF` a Multibanco reference that was paid. `AUTH` is an authorisation, not money.
    fn has_paying_type(&self) -> bool {
        self.payment_type.as_ref().is_some_and(|t| matches!(t.as_str(), "PURS" | "PREF"))
    }
}

fn fill<T: Clone>(mine: &mut Option<T>, theirs: &Option<T>) {
    if mine.is_none() {
        mine.clone_from(theirs);
    }
}
