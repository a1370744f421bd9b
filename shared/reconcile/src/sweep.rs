//! Asks about what is due. Its cost grows with what is due, not with what is stored.

use std::future::Future;
use std::time::Duration;

use futures::StreamExt;
use spg_domain::{Evidence, Silence, SilenceKind, Timestamp, Transaction};

use crate::settle::{evidence_of, log_question};
use crate::traits::error_chain;
use crate::{
    Asked, Asking, Clock, Due, DueIndex, Reconciler, Reply, SettleError, Settlement, StatusApi, Store, StoreError,
};

/// Entries of the due index read in one call; their transactions are read in one more.
const PAGE_ENTRIES: usize = 100;
/// If this many questions in a row are not answered, the run ends and leaves the rest due.
const PROBES_MAX: usize = 5;
/// Wait before looking again where the index still shows what has been settled.
const STALE_INDEX_WAIT: Duration = Duration::from_secs(1);
/// Looks in a row that settle nothing, before the rest is left to the next run: an item that cannot be read stays in the index.
const FRUITLESS_PASSES_MAX: u32 = 3;

/// How much a sweep may do at once.
#[derive(Debug, Clone, Copy)]
pub struct SweepLimits {
    /// Questions under way at the same time.
    pub questions_concurrent: usize,
    /// Nothing new is asked after this.
    pub deadline: Timestamp,
    /// It waits for what falls due up to this moment.
    pub horizon: Timestamp,
    /// The shard to begin with, so that no shard is always last.
    pub first_shard: u32,
}

/// What a sweep came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SweepReport {
    pub settlements: Vec<Settlement>,
    /// Found due, as far as the run looked: one that stops early has not seen all.
    pub due: usize,
    /// How long the latest of all had been due.
    pub lateness_max: Duration,
    /// Of each transaction that was open after its question: for how long it has been.
    pub open_ages: Vec<Duration>,
    /// The Status API answered nothing: what was due is due still.
    pub outage: bool,
    /// Something due was left for the next run for want of time.
    pub unfinished: bool,
    /// Calls of the store that failed: what they were about is due still.
    pub store_failures: usize,
}

/// One run.
#[derive(Debug)]
pub struct Sweeper<'a, S, A, C> {
    reconciler: &'a Reconciler<S, A, C>,
    limits: SweepLimits,
    report: SweepReport,
    /// Questions in a row without an answer.
    failures: usize,
    answered: bool,
}

/// What one look at all shards found.
#[derive(Debug, Default)]
struct Pass {
    settled: usize,
    next: Option<Timestamp>,
}

impl<'a, S: Store + DueIndex + Sync, A: StatusApi + Sync, C: Clock + Sync> Sweeper<'a, S, A, C> {
    pub fn new(reconciler: &'a Reconciler<S, A, C>, limits: SweepLimits) -> Self {
        Self { reconciler, limits, report: SweepReport::default(), failures: 0, answered: false }
    }

    /// Sweeps until nothing more falls due before the horizon, the time is over or the Status API turns out to be down.
    ///
    /// A store that cannot be read ends it too, and is counted: what was settled before is settled, and must be told.
    pub async fn run(mut self) -> SweepReport {
        let mut fruitless = 0;
        loop {
            let pass = match self.pass().await {
                Ok(pass) => pass,
                Err(error) => {
                    tracing::error!(error = %error_chain(&error), "the sweep ends early");
                    self.report.store_failures += 1;
                    return self.report;
                }
            };
            if self.report.outage || self.report.unfinished || self.report.store_failures > 0 {
                return self.report;
            }
            let now = self.reconciler.clock.now();
            match pass.next.filter(|at| *at <= self.limits.horizon) {
                Some(at) if at > now => self.reconciler.clock.sleep(at.since(now)).await,
                Some(_) if pass.settled == 0 => {
                    fruitless += 1;
                    if fruitless >= FRUITLESS_PASSES_MAX {
                        return self.report;
                    }
                    self.reconciler.clock.sleep(STALE_INDEX_WAIT).await;
                }
                Some(_) => fruitless = 0,
                None => return self.report,
            }
        }
    }

    async fn by<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.reconciler.by(self.limits.deadline, operation, call).await
    }

    /// Looks at each shard once.
    async fn pass(&mut self) -> Result<Pass, StoreError> {
        let mut pass = Pass::default();
        let shards = self.reconciler.store.shards();
        for offset in 0..shards {
            let shard = (self.limits.first_shard + offset) % shards;
            let entries = self.by("query", self.reconciler.store.due(shard, self.limits.horizon, PAGE_ENTRIES)).await?;
            let full = entries.len() == PAGE_ENTRIES;
            let now = self.reconciler.clock.now();
            let (due, upcoming): (Vec<Due>, Vec<Due>) = entries.into_iter().partition(|entry| entry.at <= now);
            pass.notice(upcoming.first().map(|entry| entry.at));
            if due.is_empty() {
                continue;
            }
            // Whatever comes of them, something may be due here right after: look again.
            let settled = self.settle_due(&due, now).await?;
            pass.settled += settled;
            if full || settled < due.len() {
                pass.notice(Some(now));
            }
            for at in self.report.settlements.iter().rev().take(settled).filter_map(next_check) {
                pass.notice(Some(at));
            }
            if self.report.outage || self.report.unfinished {
                break;
            }
        }
        Ok(pass)
    }

    /// Asks about `due` and settles the answers; returns how many were settled.
    async fn settle_due(&mut self, due: &[Due], now: Timestamp) -> Result<usize, StoreError> {
        let ids: Vec<_> = due.iter().map(|entry| entry.id.clone()).collect();
        let mut found = self.by("read", self.reconciler.store.read(&ids)).await?;
        // The index lags behind the table: only what the table says counts.
        let mut due: Vec<Transaction> = ids
            .iter()
            .filter_map(|id| found.remove(id))
            .filter(|t| t.next_check_at.is_some_and(|at| at <= now))
            .collect();
        self.report.due += due.len();
        let mut settled = 0;
        while !due.is_empty() && !self.report.outage {
            if !self.wait_out_pause().await {
                self.report.outage = true;
                break;
            }
            if !self.reconciler.may_ask(self.limits.deadline) {
                self.report.unfinished = true;
                break;
            }
            let at_once = if self.answered { self.limits.questions_concurrent } else { PROBES_MAX - self.failures };
            let rest = due.split_off(at_once.min(due.len()));
            settled += self.ask_and_settle(std::mem::replace(&mut due, rest)).await;
        }
        Ok(settled)
    }

    /// A short Retry-After is waited for; false if the pause leaves no time to ask in this run.
    async fn wait_out_pause(&self) -> bool {
        let clock = &self.reconciler.clock;
        while let Some(until) = self.reconciler.cooldown.paused_until(clock.now()) {
            if until > self.limits.horizon {
                return false;
            }
            clock.sleep(until.since(clock.now())).await;
        }
        true
    }

    /// One handful: all are asked, then all are settled, so that an outage is known before it is written down.
    async fn ask_and_settle(&mut self, due: Vec<Transaction>) -> usize {
        let (reconciler, deadline, many) = (self.reconciler, self.limits.deadline, self.limits.questions_concurrent);
        let asked: Vec<Question> = futures::stream::iter(due)
            .map(|transaction| async move {
                let started = reconciler.clock.now();
                let reply = reconciler.ask(&transaction, deadline).await;
                Question { transaction, reply, took: reconciler.clock.now().since(started) }
            })
            .buffer_unordered(many)
            // What was left out because nobody asks now is due still; refused credentials are written down, so that they do not stay
            // in front of everybody else.
            .filter(|asked| std::future::ready(!matches!(&asked.reply, Err(silence) if silence.outage)))
            .collect()
            .await;
        let outage = self.learn(&asked);
        let now = reconciler.clock.now();
        let lateness = |t: &Transaction| t.next_check_at.map(|at| now.since(at)).unwrap_or_default();
        let latest = asked.iter().map(|asked| lateness(&asked.transaction)).max().unwrap_or_default();
        self.report.lateness_max = self.report.lateness_max.max(latest);
        let results: Vec<Result<Settlement, SettleError>> = futures::stream::iter(asked)
            .map(|asked| settle_one(reconciler, asked, outage, deadline))
            .buffer_unordered(many)
            .collect()
            .await;
        let mut settled = 0;
        for result in results {
            match result {
                Ok(settlement) => {
                    settled += 1;
                    self.report.open_ages.extend(open_age(&settlement, now));
                    self.report.settlements.push(settlement);
                }
                Err(error) => {
                    tracing::error!(error = %error_chain(&error), "a status answer could not be stored; the transaction stays due");
                    self.report.store_failures += 1;
                }
            }
        }
        settled
    }

    /// Whether nothing at all seems to be answered now; the run ends when that was so for several questions in a row. Refused
    /// credentials are an answer here: the Status API is up.
    fn learn(&mut self, asked: &[Question]) -> bool {
        let replies = || asked.iter().filter_map(|question| question.reply.as_ref().ok());
        let failures = replies().filter(|reply| reply.result == Err(SilenceKind::Unavailable)).count();
        if failures < replies().count() {
            self.answered = true;
            self.failures = 0;
            return false;
        }
        self.failures += failures;
        self.report.outage = self.failures >= PROBES_MAX;
        // One that fails alone, after others were answered, is its own matter.
        failures > 1 || !self.answered
    }
}

/// A transaction that was due, and what came of asking about it.
#[derive(Debug)]
struct Question {
    transaction: Transaction,
    reply: Result<Reply, Silence>,
    took: Duration,
}

async fn settle_one<S: Store + Sync, A: StatusApi + Sync, C: Clock + Sync>(
    reconciler: &Reconciler<S, A, C>,
    question: Question,
    outage: bool,
    deadline: Timestamp,
) -> Result<Settlement, SettleError> {
    let Question { transaction, reply, took } = question;
    let id = transaction.id.clone();
    let evidence = match &reply {
        Ok(reply) => evidence_of(reply, transaction.version, outage),
        Err(silence) => Evidence::Silence(*silence),
    };
    let mut settlement =
        reconciler.settle(&id, Some(transaction), &[evidence], Asking::OnlyOvertaken, deadline).await?;
    for (reply, disposition) in reply.ok().into_iter().zip(settlement.dispositions.drain(..)) {
        let asked = Asked { reply, took, disposition };
        log_question(&id, &asked);
        settlement.questions.insert(0, asked);
    }
    Ok(settlement)
}

impl Pass {
    fn notice(&mut self, at: Option<Timestamp>) {
        self.next = [self.next, at].into_iter().flatten().min();
    }
}

fn next_check(settlement: &Settlement) -> Option<Timestamp> {
    settlement.write.as_ref().and_then(|write| write.transaction.next_check_at)
}

/// None where the transaction is final; a doubted one is.
fn open_age(settlement: &Settlement, now: Timestamp) -> Option<Duration> {
    let transaction = &settlement.write.as_ref()?.transaction;
    transaction.status.as_final().is_none().then(|| now.since(transaction.first_seen_at))
}
