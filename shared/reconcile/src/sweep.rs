//! Queries what is due. Its cost grows with what is due, not with what is stored.

mod concurrency_limit;
mod due_schedule;

use std::collections::VecDeque;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use spg_domain::{Evidence, NoAnswer, NoAnswerKind, Reply, Timestamp, Transaction, TransactionId};
use spg_time::{Clock, before_deadline, error_chain};

use crate::settle::evidence_of;
use crate::{DueIndex, QueryMode, QueryResult, Reconciler, SettleError, Settlement, StatusApi, Store};
use concurrency_limit::ConcurrencyLimit;
use due_schedule::{DueSchedule, PAGE_ENTRIES};

/// Transactions read in one call, right before they are queried.
const READ_AT_ONCE: usize = 100;
/// While queries are in flight it does not look more often than this for what else falls due.
const WAKE_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// How much a sweep may do at once.
#[derive(Debug, Clone, Copy)]
pub struct SweepLimits {
    /// Queries in flight at the same time.
    pub queries_concurrent: usize,
    /// No new query begins after this.
    pub deadline: Timestamp,
    /// It waits for what falls due up to this moment.
    pub horizon: Timestamp,
}

/// What a sweep came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SweepReport {
    pub settlements: Vec<Settlement>,
    /// Found due, as far as the run looked: one that stops early has not seen all.
    pub due: usize,
    /// How long the latest of all had been due.
    pub lateness_max: Duration,
    /// Of each transaction that was open after its query: for how long it has been.
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
    schedule: DueSchedule,
    limit: ConcurrencyLimit,
    /// Due by the index, not read yet.
    unread: VecDeque<TransactionId>,
    /// Due by the table, too.
    due: VecDeque<Transaction>,
    /// Not answered, and it is not known yet whether others are.
    held: Vec<Queried>,
    /// Queries in flight.
    queries_in_flight: usize,
}

impl<'a, S: Store + DueIndex + Sync, A: StatusApi + Sync, C: Clock + Sync> Sweeper<'a, S, A, C> {
    pub fn new(reconciler: &'a Reconciler<S, A, C>, limits: SweepLimits) -> Self {
        Self {
            reconciler,
            limits,
            report: SweepReport::default(),
            schedule: DueSchedule::new(reconciler.store.shards(), limits.horizon),
            limit: ConcurrencyLimit::new(limits.queries_concurrent),
            unread: VecDeque::new(),
            due: VecDeque::new(),
            held: Vec::new(),
            queries_in_flight: 0,
        }
    }

    /// Sweeps until nothing more falls due before the horizon, the time is over or the Status API turns out to be down.
    ///
    /// A query begins whenever another has ended: what takes long holds up nothing else. A store that fails ends the run, and is
    /// counted: what was settled before is settled, and must be reported.
    pub async fn run(mut self) -> SweepReport {
        let (reconciler, deadline) = (self.reconciler, self.limits.deadline);
        let mut in_flight = FuturesUnordered::new();
        loop {
            let room = 2 * self.limits.queries_concurrent;
            while in_flight.len() < room
                && let Some(transaction) = self.next_due(in_flight.is_empty()).await
            {
                self.queries_in_flight += 1;
                in_flight.push(work(reconciler, Work::Query(Box::new(transaction)), deadline));
            }
            if self.queries_in_flight == 0 {
                let outage = self.report.outage || self.limit.is_outage(self.held.len());
                in_flight.extend(self.release(outage).map(|it| work(reconciler, it, deadline)));
            }
            let now = self.now();
            let done = match self.next_moment(now) {
                None if in_flight.is_empty() => return self.report,
                Some(at) if in_flight.is_empty() => {
                    reconciler.clock.sleep(at.since(now)).await;
                    None
                }
                // What falls due meanwhile is not to wait for a slow answer.
                Some(at) if self.queries_in_flight < self.limit.queries() => {
                    let at = at.max(now + WAKE_INTERVAL_MIN);
                    before_deadline(&reconciler.clock, at, in_flight.next()).await.flatten()
                }
                Some(_) | None => in_flight.next().await,
            };
            let new = done.map(|done| self.take_in(done)).unwrap_or_default();
            in_flight.extend(new.into_iter().map(|it| work(reconciler, it, deadline)));
        }
    }

    fn now(&self) -> Timestamp {
        self.reconciler.clock.now()
    }

    /// No new query begins.
    fn ends(&self) -> bool {
        self.report.outage || self.report.unfinished
    }

    /// Nothing new is looked for: what was found is queried, so that one item that cannot be stored holds up no other.
    fn looks_no_more(&self) -> bool {
        self.ends() || self.report.store_failures > 0
    }

    /// Nothing is known to be due that was not queried yet.
    fn none_waits(&self) -> bool {
        self.due.is_empty() && self.unread.is_empty()
    }

    /// When there is something to ask again, as far as is known. Not before a pause has ended, and never if that is too late.
    fn next_moment(&self, now: Timestamp) -> Option<Timestamp> {
        let pause = self.reconciler.circuit_breaker.paused_until(now);
        let held_up = pause.filter(|_| !self.none_waits());
        let falls_due = self.schedule.next().filter(|_| !self.looks_no_more());
        let after_pause = falls_due.map(|at| pause.map_or(at, |until| until.max(at)));
        held_up.into_iter().chain(after_pause).min().filter(|at| *at <= self.limits.horizon)
    }

    /// The next transaction to query, if there is one and it may be queried now.
    async fn next_due(&mut self, idle: bool) -> Option<Transaction> {
        while self.queries_in_flight < self.limit.queries() && !self.ends() {
            if self.none_waits() && !self.looks_no_more() {
                self.look().await;
                self.unread = self.schedule.take_due(self.now()).into();
            }
            if self.none_waits() || !self.may_begin(idle).await {
                return None;
            }
            match self.due.pop_front() {
                Some(transaction) => return Some(transaction),
                None => self.read().await,
            }
        }
        None
    }

    /// Whether a query may begin now. A short Retry-After is waited for, if nothing else is in flight.
    async fn may_begin(&mut self, idle: bool) -> bool {
        let clock = &self.reconciler.clock;
        while let Some(until) = self.reconciler.circuit_breaker.paused_until(clock.now()) {
            if until > self.limits.horizon {
                self.report.outage = true;
            }
            if self.report.outage || !idle {
                return false;
            }
            clock.sleep(until.since(clock.now())).await;
        }
        self.report.unfinished = !self.reconciler.may_query(self.limits.deadline);
        !self.report.unfinished
    }

    /// Reads a page of each shard of which the schedule does not know enough. A shard that cannot be read holds up no other.
    async fn look(&mut self) {
        let now = self.now();
        let (reconciler, SweepLimits { deadline, horizon, .. }) = (self.reconciler, self.limits);
        let page = |shard| async move {
            let entries = reconciler.store.due(shard, horizon, PAGE_ENTRIES);
            (shard, reconciler.before_deadline(deadline, "query", entries).await)
        };
        let pages = join_all(self.schedule.shards_to_look_at(now).into_iter().map(page)).await;
        for (shard, page) in pages {
            match page {
                Ok(page) => self.schedule.saw(shard, now, page),
                Err(error) => self.failed(&error),
            }
        }
    }

    fn failed(&mut self, error: &dyn std::error::Error) {
        tracing::error!(error = %error_chain(error), "the sweep ends early; what is due stays due");
        self.report.store_failures += 1;
    }

    /// Reads what is next. Only what the table, too, has as due counts: the index lags behind it.
    async fn read(&mut self) {
        let reconciler = self.reconciler;
        let ids: Vec<TransactionId> = self.unread.drain(..self.unread.len().min(READ_AT_ONCE)).collect();
        let mut found =
            match reconciler.before_deadline(self.limits.deadline, "read", reconciler.store.read(&ids)).await {
                Ok(found) => found,
                Err(error) => {
                    // The rest would fail, too.
                    self.unread.clear();
                    return self.failed(&error);
                }
            };
        let now = self.now();
        for transaction in ids.iter().filter_map(|id| found.remove(id)) {
            match transaction.next_check_at {
                Some(at) if at <= now => self.due.push_back(transaction),
                Some(at) => self.schedule.falls_due(at, &transaction.id),
                None => {}
            }
        }
        self.report.due += self.due.len();
    }

    /// Takes in what has ended, and says what is to be begun because of it.
    fn take_in(&mut self, done: Done) -> Vec<Work> {
        let queried = match done {
            Done::Queried(queried) => *queried,
            Done::Settled(result) => {
                self.note(*result);
                return Vec::new();
            }
        };
        self.queries_in_flight -= 1;
        match self.learn(&queried) {
            ApiState::NotQueried => {
                self.due.push_front(queried.transaction);
                Vec::new()
            }
            // Whether it is for an outage is known when others are answered, or are not: only then is it written down.
            ApiState::NoAnswer => {
                self.held.push(queried);
                Vec::new()
            }
            // It has nothing to do with this transaction, which is queried again soon.
            ApiState::RateLimited => vec![Work::Settle(Box::new(queried), true)],
            ApiState::Answering => self.release(false).chain([Work::Settle(Box::new(queried), false)]).collect(),
        }
    }

    /// What was held may be settled.
    fn release(&mut self, outage: bool) -> impl Iterator<Item = Work> + use<S, A, C> {
        std::mem::take(&mut self.held).into_iter().map(move |queried| Work::Settle(Box::new(queried), outage))
    }

    /// What a reply says about the Status API as a whole. Refused credentials are an answer here: it is up.
    fn learn(&mut self, queried: &Queried) -> ApiState {
        let now = self.now();
        let reply = match &queried.reply {
            // Nobody asks now: it is due still.
            Err(no_answer) if no_answer.kind == NoAnswerKind::Outage => return ApiState::NotQueried,
            // Nobody asks with these credentials: that is written down, so that it does not stay in front of everybody else.
            Err(_) => return ApiState::Answering,
            Ok(reply) => reply,
        };
        let late = queried.transaction.next_check_at.map(|at| now.since(at)).unwrap_or_default();
        self.report.lateness_max = self.report.lateness_max.max(late);
        match &reply.result {
            Ok(_) | Err(NoAnswerKind::NotFound | NoAnswerKind::Unauthorised) => {
                self.limit.answered();
                ApiState::Answering
            }
            Err(NoAnswerKind::RateLimited) => {
                self.limit.limited(now);
                ApiState::RateLimited
            }
            Err(NoAnswerKind::Unavailable | NoAnswerKind::Outage) => {
                self.report.outage |= self.limit.failed();
                ApiState::NoAnswer
            }
        }
    }

    fn note(&mut self, result: Result<Settlement, SettleError>) {
        let settlement = match result {
            Ok(settlement) => settlement,
            Err(error) => return self.failed(&error),
        };
        let now = self.now();
        if let Some(write) = &settlement.write {
            let transaction = &write.transaction;
            if let Some(at) = transaction.next_check_at {
                self.schedule.falls_due(at, &transaction.id);
            }
            if transaction.lifecycle.as_final().is_none() {
                self.report.open_ages.push(now.since(transaction.first_seen_at));
            }
        }
        self.report.settlements.push(settlement);
    }
}

/// A transaction that was due, and what came of querying it.
#[derive(Debug)]
struct Queried {
    transaction: Transaction,
    reply: Result<Reply, NoAnswer>,
    took: Duration,
}

/// What a query says about the Status API.
enum ApiState {
    /// It was not queried.
    NotQueried,
    Answering,
    NoAnswer,
    /// It is up and wants to be asked less.
    RateLimited,
}

/// What can be in flight.
enum Work {
    Query(Box<Transaction>),
    /// And whether it is for an outage that there is no answer.
    Settle(Box<Queried>, bool),
}

/// What came of it.
enum Done {
    Queried(Box<Queried>),
    Settled(Box<Result<Settlement, SettleError>>),
}

async fn work<S: Store + Sync, A: StatusApi + Sync, C: Clock + Sync>(
    reconciler: &Reconciler<S, A, C>,
    work: Work,
    deadline: Timestamp,
) -> Done {
    match work {
        Work::Query(transaction) => {
            let started = reconciler.clock.now();
            let reply = reconciler.query(&transaction, deadline).await;
            let took = reconciler.clock.now().since(started);
            Done::Queried(Box::new(Queried { transaction: *transaction, reply, took }))
        }
        Work::Settle(queried, outage) => {
            Done::Settled(Box::new(settle_one(reconciler, *queried, outage, deadline).await))
        }
    }
}

async fn settle_one<S: Store + Sync, A: StatusApi + Sync, C: Clock + Sync>(
    reconciler: &Reconciler<S, A, C>,
    queried: Queried,
    outage: bool,
    deadline: Timestamp,
) -> Result<Settlement, SettleError> {
    let Queried { transaction, reply, took } = queried;
    let id = transaction.id.clone();
    let evidence = match &reply {
        Ok(reply) => evidence_of(reply, transaction.version, outage),
        Err(no_answer) => Evidence::NoAnswer(*no_answer),
    };
    let mut settlement = reconciler.settle(&id, Some(transaction), &[evidence], QueryMode::OnlyStale, deadline).await?;
    for (reply, disposition) in reply.ok().into_iter().zip(settlement.dispositions.drain(..)) {
        settlement.queries.insert(0, QueryResult { reply, took, disposition });
    }
    settlement.queries.iter().for_each(|queried| queried.log(&id));
    Ok(settlement)
}
