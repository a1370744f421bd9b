//! What happens in a simulation, as it happens: for showing it live.

use std::fmt;

use crate::clock::SimTime;
use crate::delivery::DeliveryResult;
use crate::payment::Status;
use crate::state::StatusQuery;

/// Something that happened. Its text is one line without personal data.
#[derive(Clone, Debug)]
pub enum Event {
    /// A payment was created.
    Created { at: SimTime, transaction_id: String, status: Status },
    /// The truth about a payment changed.
    Changed { at: SimTime, transaction_id: String, status: Status },
    /// An attempt to deliver a notification ended.
    Attempted(DeliveryResult),
    /// The Status API was queried.
    Queried(StatusQuery),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created { at, transaction_id, status } => write!(f, "{at}  created   {transaction_id}  {status}"),
            Self::Changed { at, transaction_id, status } => write!(f, "{at}  truth     {transaction_id}  {status}"),
            Self::Attempted(result) => {
                let (at, id, claims) = (result.at, &result.transaction_id, &result.claims);
                write!(f, "{at}  webhook   {id}  {claims}  attempt {}", result.attempt)?;
                if let Some(how) = result.tamper.name() {
                    write!(f, " ({how})")?;
                }
                write!(f, "  {}", result.verdict)
            }
            Self::Queried(query) => {
                let http = query.http.map_or_else(|| "-".to_owned(), |http| http.to_string());
                let (at, id) = (query.at, &query.transaction_id);
                write!(f, "{at}  query  {id}  {http} {}", query.answered)?;
                match query.latency_milliseconds {
                    0 => Ok(()),
                    latency => write!(f, "  after {latency} ms"),
                }
            }
        }
    }
}
