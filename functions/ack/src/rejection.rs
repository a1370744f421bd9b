//! What is not taken, and how it is answered.

use lambda_http::http::StatusCode;
use spg_domain::TransactionId;
use spg_gateway::registration::RegistrationError;
use spg_gateway::webhook::{EnvelopeError, PayloadError};

use crate::queue::QueueError;
use crate::request::RequestError;

/// Why a request was not put on the queue. Nothing of its content is in here but an authentic transactionID.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Rejection {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// There is no key to open it with: our fault, and SPG tries again.
    #[error("webhooks cannot be opened at the moment")]
    NoKeys,
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    #[error("it cannot be taken at the moment")]
    Queue(#[from] QueueError),
    #[error("it cannot be taken at the moment")]
    Panicked,
}

impl Rejection {
    pub(crate) fn http_status(&self) -> StatusCode {
        match self {
            Self::Request(RequestError::UnknownRoute) => StatusCode::NOT_FOUND,
            Self::Request(RequestError::Method) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Request(RequestError::BodyEncoding) => StatusCode::BAD_REQUEST,
            Self::Envelope(error) => StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::BAD_REQUEST),
            Self::Payload(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Registration(RegistrationError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Registration(
                RegistrationError::NotJson | RegistrationError::Missing { .. } | RegistrationError::Malformed { .. },
            ) => StatusCode::BAD_REQUEST,
            Self::NoKeys | Self::Queue(_) | Self::Panicked => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What the sender is told. One who cannot encrypt learns nothing.
    pub(crate) fn message(&self) -> String {
        if matches!(self, Self::Envelope(EnvelopeError::Refused)) {
            "unauthorised".to_owned()
        } else {
            self.to_string()
        }
    }

    /// The kind of the metric and of the log line: a closed set.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Request(RequestError::UnknownRoute) => "UnknownRoute",
            Self::Request(RequestError::Method) => "MethodNotAllowed",
            Self::Request(RequestError::BodyEncoding) => "BodyEncoding",
            Self::Envelope(EnvelopeError::Empty) => "EmptyBody",
            Self::Envelope(EnvelopeError::TooLarge) | Self::Registration(RegistrationError::TooLarge) => "TooLarge",
            Self::Envelope(EnvelopeError::Absent(_)) => "HeaderAbsent",
            Self::Envelope(EnvelopeError::NotBase64(_)) => "NotBase64",
            Self::Envelope(EnvelopeError::Length(_)) => "WrongLength",
            Self::Envelope(EnvelopeError::Refused) => "NoKeyOpensIt",
            Self::NoKeys => "NoKeys",
            Self::Payload(PayloadError::NotJson) => "PayloadNotJson",
            Self::Payload(PayloadError::NotificationId { .. }) => "NoNotificationID",
            Self::Registration(
                RegistrationError::NotJson | RegistrationError::Missing { .. } | RegistrationError::Malformed { .. },
            ) => "RegistrationMalformed",
            Self::Queue(_) => "QueueFailure",
            Self::Panicked => "Panicked",
        }
    }

    /// The transaction of an authentic payload that could not be taken all the same.
    pub(crate) fn transaction_id(&self) -> Option<&TransactionId> {
        match self {
            Self::Payload(PayloadError::NotificationId { transaction_id }) => transaction_id.as_ref(),
            Self::Payload(PayloadError::NotJson)
            | Self::Request(_)
            | Self::Envelope(_)
            | Self::NoKeys
            | Self::Registration(_)
            | Self::Queue(_)
            | Self::Panicked => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use spg_gateway::webhook::EnvelopePart;

    use super::*;

    fn check(rejection: impl Into<Rejection>, status: u16, told: &str) {
        let rejection = rejection.into();
        assert_eq!((rejection.http_status().as_u16(), rejection.message().as_str()), (status, told));
    }

    #[test]
    fn the_table_of_answers() {
        check(RequestError::UnknownRoute, 404, "nothing is here");
        check(RequestError::Method, 405, "only POST is allowed");
        check(EnvelopeError::Empty, 400, "the body is empty");
        check(EnvelopeError::TooLarge, 413, "the body has more than 262144 bytes");
        check(EnvelopeError::Absent(EnvelopePart::Iv), 400, "X-Initialization-Vector is absent");
        check(EnvelopeError::NotBase64(EnvelopePart::Body), 400, "the body is not Base64");
        check(EnvelopeError::Length(EnvelopePart::Tag), 400, "X-Authentication-Tag has the wrong length");
        check(EnvelopeError::Refused, 401, "unauthorised");
        check(PayloadError::NotJson, 422, "the payload is not a JSON object");
        check(
            PayloadError::NotificationId { transaction_id: None },
            422,
            "the payload has no notificationID of 1 to 256 bytes",
        );
        check(RegistrationError::NotJson, 400, "the registration is not a JSON object");
        check(QueueError::TooSlow, 503, "it cannot be taken at the moment");
        check(Rejection::NoKeys, 503, "webhooks cannot be opened at the moment");
    }
}
