//! `spgctl doctor`: whether everything that confirms payments is in order, and the remedy for what is not.

mod aws;
mod secrets;

use serde::Serialize;

use crate::{Deployment, Error, Exit, Output};

/// What one look came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub check: &'static str,
    pub state: State,
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    Ok,
    /// Nothing to act upon, but not what one would expect of a system in production.
    Note,
    Wrong,
}

impl Finding {
    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, state: State::Ok, detail: detail.into(), remedy: None }
    }

    fn note(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, state: State::Note, detail: detail.into(), remedy: None }
    }

    fn wrong(check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, state: State::Wrong, detail: detail.into(), remedy: Some(remedy.into()) }
    }

    /// A look that could not be taken is a finding too: nothing is known to be in order.
    fn unseen(check: &'static str, error: impl ToString) -> Self {
        const REMEDY: &str = "give these credentials the permission, or try again";
        Self::wrong(check, format!("it could not be looked at: {}", error.to_string()), REMEDY)
    }
}

/// Looks at everything, whatever is found.
///
/// # Errors
/// The output cannot be written.
pub async fn run(at: &Deployment, output: &mut Output<'_>) -> Result<Exit, Error> {
    let findings = look(at).await;
    output.show(&findings, || text(&findings))?;
    let wrong = findings.iter().any(|finding| finding.state == State::Wrong);
    Ok(if wrong { Exit::Findings } else { Exit::Done })
}

async fn look(at: &Deployment) -> Vec<Finding> {
    let mut findings = vec![aws::stack(at)];
    let (keys, url, status_api, sweeping, consumers, queue, due, alarms) = futures::join!(
        secrets::webhook_keys(at),
        aws::webhook_url(at),
        secrets::status_api(at),
        aws::schedule(at),
        aws::consumers(at),
        aws::dead_letters(at),
        aws::overdue(at),
        aws::alarms(at),
    );
    findings.extend([keys, url]);
    findings.extend(status_api);
    findings.push(sweeping);
    findings.extend(consumers);
    findings.extend([queue, due, alarms]);
    findings
}

fn text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    let mut text = String::new();
    for finding in findings {
        let mark = match finding.state {
            State::Ok => "ok   ",
            State::Note => "note ",
            State::Wrong => "WRONG",
        };
        text += &format!("{mark}  {:width$}  {}\n", finding.check, finding.detail);
        if let Some(remedy) = &finding.remedy {
            text += &format!("       {:width$}  remedy: {remedy}\n", "");
        }
    }
    let wrong = findings.iter().filter(|finding| finding.state == State::Wrong).count();
    text + &match wrong {
        0 => "\nnothing is wrong".to_owned(),
        1 => "\n1 thing is wrong".to_owned(),
        many => format!("\n{many} things are wrong"),
    }
}
