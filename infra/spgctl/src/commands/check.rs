//! `spgctl check`: what the Status API says of a transaction, beside what is stored.

use std::time::Duration;

use serde::Serialize;
use spg_domain::{
    Decision, Disposition, Evidence, NoAnswerKind, OutcomeEvent, Reply, ShortText, StatusAnswer, Transaction,
    TransactionId, Write,
};
use spg_reconcile::{QueryMode, Reconciler, StatusApi, StatusQuery, Store};
use spg_time::{Clock, error_chain};

use crate::{Error, Exit, Output};

/// As patient as the sweeper.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(30);
/// For the query and the write after it.
const TIME_MAX: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub struct Arguments {
    pub id: TransactionId,
    /// Whose credentials to use; else those of the terminal that is stored.
    pub terminal: Option<ShortText>,
    /// Take the answer in, as the sweeper would.
    pub apply: bool,
}

/// How what is stored and what the Status API says go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Verdict {
    Agree,
    Differ,
    /// The answer lags behind what is stored: SPG is only eventually consistent.
    AnswerLags,
    /// Amount, currency or transactionID do not match: people must look.
    Mismatch,
    NotStored,
    NoAnswer,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    #[serde(rename = "transactionID")]
    transaction_id: String,
    verdict: Verdict,
    stored_status: Option<String>,
    stored_amount: Option<String>,
    answered_status: Option<String>,
    answered_amount: Option<String>,
    answered_type: Option<String>,
    http_status: Option<u16>,
    /// SPG's returnStatus.statusCode.
    return_code: Option<String>,
    problem: Option<String>,
    /// What taking the answer in comes to.
    consequence: Option<String>,
    applied: bool,
}

/// # Errors
/// The table cannot be read or written.
pub async fn run<S, A, C>(
    reconciler: &Reconciler<S, A, C>,
    arguments: &Arguments,
    output: &mut Output<'_>,
) -> Result<Exit, Error>
where
    S: Store + Sync,
    A: StatusApi + Sync,
    C: Clock + Sync,
{
    let id = &arguments.id;
    let mut found =
        reconciler.store.read(std::slice::from_ref(id)).await.map_err(Error::call(format!("reading {id}")))?;
    let stored = found.remove(id);
    let terminal = arguments.terminal.clone().or_else(|| stored.as_ref()?.facts.terminal_id.clone());
    let query = StatusQuery { transaction_id: id.clone(), terminal_id: terminal, timeout: QUERY_TIMEOUT };
    let reply = reconciler.status_api.query(&query).await;
    let answer = match &reply.result {
        Ok(answer) => answer.clone(),
        Err(kind) => {
            let checked = Checked::unanswered(id, stored.as_ref(), &reply, *kind);
            output.show(&checked, || checked.text())?;
            return Ok(Exit::Failed);
        }
    };
    let queried_version = stored.as_ref().map_or(0, |t| t.version);
    let evidence = Evidence::Answer { answer: answer.clone(), queried_version };
    let now = reconciler.clock.now();
    let mut decision = Decision::new(id.clone(), stored.clone(), &reconciler.rules);
    let disposition = decision.apply(&evidence, now);
    let mut write = decision.into_write();
    if arguments.apply {
        let deadline = now + TIME_MAX;
        let settled = reconciler.settle(id, stored.clone(), &[evidence], QueryMode::OnlyStale, deadline).await;
        write = settled.map_err(Error::call(format!("writing {id}")))?.write;
    }
    let verdict = verdict(stored.as_ref(), disposition, write.as_ref());
    let consequence = consequence(stored.as_ref(), write.as_ref(), arguments.apply);
    let checked = Checked::answered(id, stored.as_ref(), &reply, &answer, verdict, consequence, arguments.apply);
    output.show(&checked, || checked.text())?;
    Ok(match (verdict, arguments.apply) {
        (Verdict::Agree, _) => Exit::Done,
        (Verdict::Differ | Verdict::NotStored, true) => Exit::Done,
        (Verdict::Differ | Verdict::NotStored, false) => Exit::Findings,
        (Verdict::AnswerLags | Verdict::Mismatch | Verdict::NoAnswer, _) => Exit::Findings,
    })
}

fn verdict(stored: Option<&Transaction>, disposition: Disposition, write: Option<&Write>) -> Verdict {
    let Some(stored) = stored else { return Verdict::NotStored };
    if write.is_some_and(|write| write.raised.iter().any(|reason| reason.is_paged())) {
        return Verdict::Mismatch;
    }
    match disposition {
        Disposition::Blocked => Verdict::Mismatch,
        Disposition::Refused | Disposition::Stale => Verdict::AnswerLags,
        Disposition::Agreed | Disposition::Noted | Disposition::Filled
            if write.is_none_or(|write| write.transaction.paid() == stored.paid()) =>
        {
            Verdict::Agree
        }
        Disposition::Agreed
        | Disposition::Noted
        | Disposition::Filled
        | Disposition::Opened
        | Disposition::Advanced
        | Disposition::Claimed
        | Disposition::Disputed
        | Disposition::OtherMerchants
        | Disposition::Duplicate
        | Disposition::Conflicting
        | Disposition::Unrecorded
        | Disposition::Finalised
        | Disposition::Corrected
        | Disposition::Unanswered => Verdict::Differ,
    }
}

/// What the write says, in words; none where nothing that anybody would notice changes.
fn consequence(stored: Option<&Transaction>, write: Option<&Write>, applied: bool) -> Option<String> {
    let write = write?;
    let to = &write.transaction;
    let mut parts = Vec::new();
    match stored {
        None => parts.push(format!(
            "the transaction {} stored as {}",
            if applied { "is now" } else { "would be" },
            to.status()
        )),
        Some(from) if from.status() != to.status() => {
            let verb = if applied { "went" } else { "would go" };
            parts.push(format!("the transaction {verb} from {} to {}", from.status(), to.status()));
        }
        Some(_) => {}
    }
    if to.sequence > stored.map_or(0, |t| t.sequence)
        && let Some(event) = OutcomeEvent::latest(to)
    {
        let (name, detail) = (event.detail_type.as_str(), event.detail);
        // The eventId has the moment of the write: there is none before.
        parts.push(match applied {
            true => format!("published as {name:?} ({})", detail.event_id),
            false => format!("would be published as {name:?}"),
        });
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

impl Checked {
    fn unanswered(id: &TransactionId, stored: Option<&Transaction>, reply: &Reply, kind: NoAnswerKind) -> Self {
        let problem = match kind {
            NoAnswerKind::NotFound => "the Status API does not know this transaction, or not for these credentials",
            NoAnswerKind::Unauthorised => {
                "the Status API refuses the credentials: check the secret of the output StatusApiSecretArn"
            }
            NoAnswerKind::RateLimited => "the Status API limits how often it is queried: try again later",
            NoAnswerKind::Unavailable | NoAnswerKind::Outage => "the Status API gave no usable answer: try again",
        };
        let problem = match reply.problem {
            Some(detail) => format!("{problem} ({detail})"),
            None => problem.to_owned(),
        };
        Self { problem: Some(problem), ..Self::about(id, stored, reply, Verdict::NoAnswer) }
    }

    fn answered(
        id: &TransactionId,
        stored: Option<&Transaction>,
        reply: &Reply,
        answer: &StatusAnswer,
        verdict: Verdict,
        consequence: Option<String>,
        applied: bool,
    ) -> Self {
        Self {
            answered_status: Some(answer.payment_status.to_string()),
            answered_amount: answer.facts.amount.as_ref().map(ToString::to_string),
            answered_type: answer.facts.payment_type.as_ref().map(ToString::to_string),
            problem: reply.problem.map(str::to_owned),
            consequence,
            applied,
            ..Self::about(id, stored, reply, verdict)
        }
    }

    fn about(id: &TransactionId, stored: Option<&Transaction>, reply: &Reply, verdict: Verdict) -> Self {
        Self {
            transaction_id: id.to_string(),
            verdict,
            stored_status: stored.map(|t| t.status().to_string()),
            stored_amount: stored.and_then(|t| t.facts.amount.as_ref()).map(ToString::to_string),
            answered_status: None,
            answered_amount: None,
            answered_type: None,
            // The client leaves the usual one out.
            http_status: reply.http_status.or(reply.result.is_ok().then_some(200)),
            return_code: reply.return_code.as_ref().map(ToString::to_string),
            problem: None,
            consequence: None,
            applied: false,
        }
    }

    fn text(&self) -> String {
        let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let mut text = format!("{}\n", self.transaction_id);
        let amount = |amount: &Option<String>| amount.as_ref().map(|it| format!(", {it}")).unwrap_or_default();
        let kind = self.answered_type.as_ref().map(|it| format!(", {it}")).unwrap_or_default();
        text += &format!("  stored      {}{}\n", or_dash(&self.stored_status), amount(&self.stored_amount));
        text += &format!("  Status API  {}{}{kind}\n", or_dash(&self.answered_status), amount(&self.answered_amount));
        let verdict = match self.verdict {
            Verdict::Agree => "they agree",
            Verdict::Differ if self.applied => "they differed; the answer was taken in",
            Verdict::Differ => "they differ; `--apply` takes the answer in, as the sweeper will when it is due",
            Verdict::AnswerLags => "the answer is behind what is stored and changes nothing; ask again in a minute",
            Verdict::Mismatch => "the answer does not match what was registered or notified: a person must look at it",
            Verdict::NotStored if self.applied => "it was not stored; now it is",
            Verdict::NotStored => "it is not stored; `--apply` stores it",
            Verdict::NoAnswer => "no answer",
        };
        text += &format!("  verdict     {verdict}\n");
        for (name, value) in [("so", &self.consequence), ("problem", &self.problem)] {
            if let Some(value) = value {
                text += &format!("  {name:<11} {value}\n");
            }
        }
        text
    }
}

/// For errors of the reconciler's own making.
pub(crate) fn unusable(error: &(dyn std::error::Error + 'static)) -> Error {
    Error::Configuration { function: "SweeperFunction".to_owned(), reason: error_chain(error) }
}
