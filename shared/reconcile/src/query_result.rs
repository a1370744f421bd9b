//! A query and what came back, for logs and metrics.

use std::time::Duration;

use spg_domain::{Disposition, NoAnswerKind, RETURN_CODE_SUCCESS, Reply, ShortText, TransactionId};

/// A query that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryResult {
    pub reply: Reply,
    pub took: Duration,
    pub disposition: Disposition,
}

/// What a status answer is in a log, never its body. The return code of an answer without a problem is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerFields<'a> {
    /// The status that was answered, or why none was.
    pub answered: &'a str,
    /// What became of it.
    pub answer: &'static str,
    pub http_status: Option<u16>,
    pub return_code: Option<&'a str>,
    pub problem: Option<&'static str>,
    pub query_ms: u64,
}

impl QueryResult {
    pub fn fields(&self) -> AnswerFields<'_> {
        let reply = &self.reply;
        AnswerFields {
            answered: match &reply.result {
                Ok(answer) => answer.payment_status.as_str(),
                Err(NoAnswerKind::NotFound) => "not found",
                Err(NoAnswerKind::Unauthorised) => "credentials refused",
                Err(NoAnswerKind::RateLimited | NoAnswerKind::Unavailable | NoAnswerKind::Outage) => "unavailable",
            },
            answer: self.disposition.as_str(),
            http_status: reply.http_status,
            return_code: reply.return_code.as_ref().map(ShortText::as_str).filter(|code| *code != RETURN_CODE_SUCCESS),
            problem: reply.problem,
            query_ms: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// A line of its own.
    pub fn log(&self, id: &TransactionId) {
        let AnswerFields { answered, answer, http_status, return_code, problem, query_ms } = self.fields();
        tracing::info!(
            transactionID = id.as_str(),
            answered,
            answer,
            httpStatus = http_status,
            returnStatusCode = return_code,
            problem,
            queryMs = query_ms,
            "status answer"
        );
    }
}

#[cfg(test)]
mod tests {
    use spg_domain::{Facts, PaymentStatus, StatusAnswer};

    use super::*;

    fn queried(
        result: Result<PaymentStatus, NoAnswerKind>,
        http_status: impl Into<Option<u16>>,
        return_code: &str,
    ) -> QueryResult {
        let answer = |payment_status| StatusAnswer { payment_status, transaction_id: None, facts: Facts::default() };
        let reply = Reply {
            result: result.map(answer),
            http_status: http_status.into(),
            return_code: ShortText::new(return_code).ok(),
            retry_after: None,
            problem: None,
        };
        QueryResult { reply, took: Duration::from_micros(101_900), disposition: Disposition::Finalised }
    }

    #[test]
    fn of_a_usual_answer_the_log_has_what_was_told_what_became_of_it_and_how_long_it_took() {
        let usual = AnswerFields {
            answered: "Success",
            answer: "Finalised",
            http_status: None,
            return_code: None,
            problem: None,
            query_ms: 101,
        };
        assert_eq!(queried(Ok(PaymentStatus::SUCCESS), None, "000").fields(), usual);
        let declined = queried(PaymentStatus::parse("Declined").map_err(|_| NoAnswerKind::NotFound), 206, "113");
        let expected = AnswerFields { answered: "Declined", http_status: Some(206), return_code: Some("113"), ..usual };
        assert_eq!(declined.fields(), expected);
    }

    #[test]
    fn of_none_it_has_why() {
        let answered = |kind| queried(Err(kind), 500, "").fields().answered.to_owned();
        let kinds =
            [NoAnswerKind::NotFound, NoAnswerKind::Unauthorised, NoAnswerKind::RateLimited, NoAnswerKind::Unavailable];
        assert_eq!(kinds.map(answered), ["not found", "credentials refused", "unavailable", "unavailable"]);
    }
}
