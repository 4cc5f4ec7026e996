//! The way to an answer: a key, a connection, an attempt, and what follows when one of them fails.

use super::tries::{May, Next, idempotent};
use super::{Exchange, Own, State};
use crate::classify::{Class, Outcome};
use crate::error::{Problem, UpstreamFault};
use crate::json::RequestFields;
use crate::keyring::{Lease, Model, Patience, Refusal, Settle, Want};
use crate::proxy::{Ask, Reply};
use crate::session::{Dial, DialError, Linked, Reason};
use crate::turn::Turn;
use core::time::Duration;
use std::borrow::Cow;

/// How an upstream's side of an attempt broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Break {
    /// It closed or reset the connection.
    Lost,
    /// What it sent is not a response head, or breaks the framing it announced.
    Garbled(Cow<'static, str>),
    /// It did not answer in time.
    Silent,
}

/// Pauses before another key is tried after an overload: between these.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));
/// Connections of one lease that may die before a byte was written to them.
const REDIALS: u8 = 2;

impl Exchange {
    /// What the proxy answered, at once or by a wake.
    pub fn handle_reply(&mut self, reply: Reply, turn: &mut Turn<'_>) {
        let asking = matches!(self.state, State::Asking | State::Queued(_));
        if asking && matches!(reply, Reply::Granted(_) | Reply::Queued(_) | Reply::NeedModel) {
            self.due.go_on |= core::mem::take(&mut self.expects);
        }
        match reply {
            Reply::Granted(lease) if asking => self.begin(lease),
            Reply::Kept(lease, refusal) if asking => {
                self.lease = Some(lease);
                self.refused(&refusal, turn);
            }
            Reply::Granted(lease) | Reply::Kept(lease, _) => self.ask = Some(Ask::Settle(Settle::unused(lease))),
            Reply::Queued(ticket) if asking => self.state = State::Queued(ticket),
            Reply::NeedModel if asking => {
                self.state = State::Model;
                self.alarm = Some((turn.now + self.settings.limits.model_wait, Reason::ModelWait));
                let mut peek = RequestFields::default();
                peek.feed(self.body.whole());
                self.peek = Some(Box::new(peek));
                self.look_for_model(&[], turn);
            }
            Reply::Refused(refusal) if asking => self.refused(&refusal, turn),
            Reply::Page(page) if asking => self.answer_page(page, turn),
            _ => {}
        }
    }

    fn begin(&mut self, lease: Lease) {
        if let Some(line) = &mut self.log {
            line.key = Some((lease.entry().index, lease.entry().preview.clone()));
        }
        self.release();
        (self.lease, self.verdict) = (Some(lease), None);
        (self.redials, self.began) = (0, false);
        self.dial(false);
    }

    fn dial(&mut self, fresh: bool) {
        self.state = State::Dialing;
        self.dial = self.lease.as_ref().and_then(|l| l.base(0)).map(|base| Dial {
            origin: base.origin.clone(),
            repeatable: idempotent(&self.request.method),
            fresh,
            per_address: self.settings.limits.connect,
        });
    }

    /// A connection is there, or cannot be had.
    pub fn handle_linked(&mut self, linked: Result<Linked, DialError>, turn: &mut Turn<'_>) {
        if self.state != State::Dialing {
            self.due.release |= linked.is_ok();
            return;
        }
        match linked {
            Ok(_) => {
                self.state = State::Trying;
                self.linked = true;
                (self.began, self.interim) = (false, 0);
                // From here on the client gets what this attempt comes to.
                (self.own, self.fault) = (None, None);
                self.body.rewind();
                self.feeding = true;
                self.due.send = true;
            }
            Err(error) => self.undialable(error, turn),
        }
    }

    fn undialable(&mut self, error: DialError, turn: &mut Turn<'_>) {
        let Some(lease) = self.lease.take() else { return };
        self.tries.unreachable.extend(lease.base(0).map(|base| base.origin.clone()));
        self.tries.keys.push(lease.key());
        self.fault = Some(UpstreamFault::Unreachable(error));
        self.class = Class::Ours;
        self.alarm = None;
        self.state = State::Asking;
        let then = Some(self.want(Patience::Refuse, turn));
        self.ask = Some(Ask::PassOver(Box::new(Settle { lease, outcome: None, base: 1, then })));
    }

    /// The first byte of the attempt was written.
    pub fn handle_began(&mut self) {
        if self.state == State::Trying && !self.began {
            self.began = true;
            self.tries.attempts += 1;
        }
    }

    /// The last byte of the request was written.
    pub fn handle_written(&mut self, turn: &mut Turn<'_>) {
        if self.state == State::Trying {
            self.await_head(turn.now);
        }
    }

    /// The upstream's side broke.
    pub fn handle_broken(&mut self, broken: Break, turn: &mut Turn<'_>) {
        match self.state {
            State::Trying if !self.began => self.redial(turn),
            State::Trying => {
                let (class, fault) = match broken {
                    Break::Lost => (Class::Ambiguous, UpstreamFault::Lost),
                    Break::Garbled(what) => (Class::Unknown, UpstreamFault::Garbled(what)),
                    Break::Silent => (Class::Ours, UpstreamFault::Silent),
                };
                self.fault = Some(fault);
                self.conclude(Outcome::plain(class), turn);
            }
            State::Judging => {
                if let Some(Own::Held(held)) = self.own.as_deref_mut() {
                    held.cut = true;
                }
                self.judge(turn);
            }
            State::Relaying => {
                self.due.abort = true;
                let class = if broken == Break::Silent { Class::Ours } else { Class::Overload };
                self.finish(Outcome { status: self.status, ..Outcome::plain(class) }, turn);
            }
            State::Tunnel => {
                self.due.abort = true;
                self.finish(Outcome::plain(Class::Ok), turn);
            }
            _ => {}
        }
    }

    /// The connection died before a byte was written: the lease is kept, and this was no attempt.
    fn redial(&mut self, turn: &mut Turn<'_>) {
        self.release();
        self.redials += 1;
        if self.redials > REDIALS {
            self.undialable(DialError::Connect("closed before the request was sent".into()), turn);
        } else {
            self.dial(true);
        }
    }

    /// The attempt has come to `outcome` before the commit point: another key, or the last answer.
    pub(super) fn conclude(&mut self, outcome: Outcome, turn: &mut Turn<'_>) {
        let may = May {
            repeatable: self.body.repeatable(),
            ambiguous: idempotent(&self.request.method) || self.settings.retry_ambiguous,
            vetoed: self.vetoed(),
            time_left: !self.is_out_of_time(turn.now),
        };
        let next = self.tries.next(outcome.class, may, &self.settings.limits);
        self.class = outcome.class;
        let Some(lease) = self.lease.take() else { return };
        self.tries.keys.push(lease.key());
        let live = self.goes_on_live();
        if !live {
            self.release();
        }
        if matches!(next, Next::Another | Next::AfterPause) {
            // Now, not when the next attempt begins: the body may outgrow what can be kept before that.
            self.feeding = false;
            self.body.rewind();
        }
        match next {
            Next::Another if live => self.swap(lease, outcome, turn),
            Next::Another => self.settle(lease, Some(outcome), Some(Patience::Refuse), turn),
            Next::AfterPause => {
                if live {
                    self.keep(lease, outcome);
                } else {
                    self.settle(lease, Some(outcome), None, turn);
                }
                self.state = State::Backoff;
                let pause =
                    crate::rng::Rng::new(self.id ^ u64::from(self.tries.attempts)).between(BACKOFF.0, BACKOFF.1);
                self.alarm = Some((turn.now + pause, Reason::Backoff));
            }
            Next::Stop if live => {
                self.keep(lease, outcome);
                self.last_answer(None, turn);
            }
            // What the client is told depends on when another key could serve it.
            Next::Stop if matches!(outcome.class, Class::KeyDead | Class::Quota) => {
                self.settle(lease, Some(outcome), Some(Patience::Outlook), turn);
            }
            Next::Stop => {
                self.settle(lease, Some(outcome), None, turn);
                self.last_answer(None, turn);
            }
        }
    }

    /// Gives the lease back, and asks in the same call for what the request wants `then`.
    fn settle(&mut self, lease: Lease, outcome: Option<Outcome>, then: Option<Patience>, turn: &Turn<'_>) {
        self.alarm = None;
        let then = then.map(|patience| self.want(patience, turn));
        if then.is_some() {
            self.state = State::Asking;
        }
        self.ask = Some(Ask::Settle(Settle { lease, outcome, base: 0, then }));
    }

    /// The verdict falls now, and the lease goes on with the connection.
    fn keep(&mut self, lease: Lease, outcome: Outcome) {
        self.lease = Some(lease);
        self.verdict = Some(Box::new(outcome));
        self.due.verdict = true;
    }

    /// Gives the lease back for that of another key, unless there is none: then the answer that was held goes on, and its
    /// connection is held as long.
    fn swap(&mut self, lease: Lease, outcome: Outcome, turn: &Turn<'_>) {
        self.alarm = None;
        self.state = State::Asking;
        // Where the verdict was not even told yet, it falls with this.
        self.due.verdict = false;
        self.verdict = Some(Box::new(outcome.clone()));
        if self.model == Model::Unread {
            // It was looked for as evidence; what is still to come of the body is not waited for.
            self.model = Model::Absent;
        }
        let then = Some(self.want(Patience::Refuse, turn));
        self.ask = Some(Ask::Swap(Box::new(Settle { lease, outcome: Some(outcome), base: 0, then })));
    }

    /// The pause is over.
    pub(super) fn end_backoff(&mut self, turn: &Turn<'_>) {
        match (self.lease.take(), self.verdict.take()) {
            (Some(lease), Some(outcome)) => self.swap(lease, *outcome, turn),
            _ => self.ask_for_key(turn),
        }
    }

    /// Asks for a key.
    pub(super) fn ask_for_key(&mut self, turn: &Turn<'_>) {
        self.alarm = None;
        self.state = State::Asking;
        let patience = if self.tries.keys.is_empty() { Patience::Wait } else { Patience::Refuse };
        self.ask = Some(Ask::Lease(self.want(patience, turn)));
    }

    fn want(&self, patience: Patience, turn: &Turn<'_>) -> Want {
        let budget = turn.now + self.settings.limits.budget;
        Want {
            worker: self.worker,
            model: self.model.clone(),
            tried: self.tries.keys.clone(),
            unreachable: self.tries.unreachable.clone(),
            until: self.budget_end.unwrap_or(budget),
            patience,
        }
    }

    /// No key: the last answer where one is held, else what the refusal says.
    fn refused(&mut self, refusal: &Refusal, turn: &mut Turn<'_>) {
        if self.fault.is_some() || self.own.is_some() {
            self.last_answer(Some(refusal), turn);
        } else {
            self.answer_problem(Problem::from(refusal), turn);
        }
    }

    /// Looks for the model in `data`, the next of the body, while a lease depends on it.
    pub(super) fn look_for_model(&mut self, data: &[u8], turn: &Turn<'_>) {
        let Some(peek) = &mut self.peek else { return };
        peek.feed(data);
        let seen = self.body.whole().len();
        let enough = self.body_ended || peek.is_done() || seen >= self.settings.limits.model_peek;
        if enough || peek.model().is_some() || !self.body.repeatable() {
            self.end_peek(turn);
        }
    }

    /// Goes on with the model, or without it when it was not seen in time.
    pub(super) fn end_peek(&mut self, turn: &Turn<'_>) {
        let found = self.peek.take().and_then(|peek| peek.into_model());
        self.model = found.map_or(Model::Absent, Model::Named);
        self.ask_for_key(turn);
    }
}
