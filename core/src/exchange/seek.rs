//! The way to an answer: a key, a connection, an attempt, and what follows when one of them fails.

use super::tries::{May, Next, idempotent};
use super::{Exchange, State};
use crate::classify::{Class, Outcome};
use crate::error::{Problem, UpstreamFault};
use crate::json::RequestFields;
use crate::keyring::{Lease, Model, Refusal, Settle, Want};
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
const REDIALS: u32 = 2;

impl Exchange {
    /// What the proxy answered, at once or by a wake.
    pub fn handle_reply(&mut self, reply: Reply, turn: &mut Turn<'_>) {
        let asking = matches!(self.state, State::Asking | State::Queued(_));
        match reply {
            Reply::Granted(lease) if asking => self.begin(lease, turn),
            Reply::Granted(lease) => {
                self.ask = Some(Ask::Settle(Settle { lease, outcome: None, base: 0, then: None }));
            }
            Reply::Queued(ticket) if asking => self.state = State::Queued(ticket),
            Reply::NeedModel if asking => {
                self.state = State::Model;
                self.alarm = Some((turn.now + turn.settings.limits.model_wait, Reason::ModelWait));
                self.look_for_model(turn);
            }
            Reply::Refused(refusal) if asking => self.refused(&refusal, turn),
            Reply::Page(page) if asking => self.answer_page(page, turn),
            _ => {}
        }
    }

    fn begin(&mut self, lease: Lease, turn: &mut Turn<'_>) {
        if let Some(line) = &mut self.log {
            line.key = Some((lease.entry().index, lease.entry().preview.clone()));
        }
        self.lease = Some(lease);
        (self.base, self.redials, self.began) = (0, 0, false);
        self.dial_base(false, turn);
    }

    fn dial_base(&mut self, fresh: bool, turn: &Turn<'_>) {
        self.state = State::Dialing;
        self.dial = self.lease.as_ref().and_then(|l| l.base(self.base)).map(|base| Dial {
            origin: base.origin.clone(),
            repeatable: idempotent(&self.request.method),
            fresh,
            per_address: turn.settings.limits.connect,
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
                (self.began, self.written, self.interim) = (false, false, 0);
                self.own = None;
                self.body.rewind();
                self.due.send = true;
            }
            Err(error) => self.undialable(error, turn),
        }
    }

    fn undialable(&mut self, error: DialError, turn: &mut Turn<'_>) {
        self.base += 1;
        self.redials = 0;
        let Some(lease) = self.lease.take() else { return };
        if lease.base(self.base).is_some() {
            self.lease = Some(lease);
            return self.dial_base(false, turn);
        }
        self.tries.unreachable.extend((0..self.base).filter_map(|n| lease.base(n)).map(|b| b.origin.clone()));
        self.tries.keys.push(lease.key());
        self.fault = Some(UpstreamFault::Unreachable(error));
        self.class = Class::Ours;
        self.settle(lease, None, true, turn);
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
        self.written = true;
        if self.state == State::Trying {
            self.await_head(turn);
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
                self.cut = true;
                self.judge(turn);
            }
            State::Relaying => {
                self.due.abort = true;
                let class = if broken == Break::Silent { Class::Ours } else { Class::Overload };
                // What an error answer said of its key stands, cut or not.
                self.verdict = self.verdict.take().filter(|verdict| verdict.class != Class::Ok);
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
        self.due.release = true;
        self.due.send = false;
        self.redials += 1;
        if self.redials > REDIALS {
            self.undialable(DialError::Connect("closed before the request was sent".into()), turn);
        } else {
            self.dial_base(true, turn);
        }
    }

    /// The attempt has come to `outcome` before the commit point: another key, or the last answer.
    pub(super) fn conclude(&mut self, outcome: Outcome, turn: &mut Turn<'_>) {
        let may = May {
            repeatable: self.body.repeatable(),
            ambiguous: idempotent(&self.request.method) || turn.settings.retry_ambiguous,
            vetoed: self.vetoed(),
            time_left: self.budget_end.is_none_or(|end| turn.now < end),
        };
        let next = self.tries.next(outcome.class, may, &turn.settings.limits);
        self.class = outcome.class;
        self.due.release = true;
        self.due.send = false;
        let Some(lease) = self.lease.take() else { return };
        self.tries.keys.push(lease.key());
        match next {
            Next::Another => self.settle(lease, Some(outcome), true, turn),
            Next::AfterPause => {
                self.settle(lease, Some(outcome), false, turn);
                self.state = State::Backoff;
                let pause =
                    crate::rng::Rng::new(self.id ^ u64::from(self.tries.attempts)).between(BACKOFF.0, BACKOFF.1);
                self.alarm = Some((turn.now + pause, Reason::Backoff));
            }
            Next::Stop if self.goes_on_live() => {
                self.lease = Some(lease);
                self.verdict = Some(Box::new(outcome));
                self.last_answer(None, turn);
            }
            Next::Stop => {
                self.settle(lease, Some(outcome), false, turn);
                self.last_answer(None, turn);
            }
        }
    }

    /// Gives the lease back; `again`: and asks for another key in the same call.
    fn settle(&mut self, lease: Lease, outcome: Option<Outcome>, again: bool, turn: &Turn<'_>) {
        self.alarm = None;
        let then = again.then(|| self.want(turn));
        if again {
            self.state = State::Asking;
        }
        self.ask = Some(Ask::Settle(Settle { lease, outcome, base: self.base as u32, then }));
    }

    /// Asks for a key.
    pub(super) fn ask_for_key(&mut self, turn: &Turn<'_>) {
        self.alarm = None;
        self.state = State::Asking;
        self.ask = Some(Ask::Lease(self.want(turn)));
    }

    fn want(&self, turn: &Turn<'_>) -> Want {
        let budget = turn.now + turn.settings.limits.budget;
        Want {
            worker: self.worker,
            model: self.model.clone(),
            tried: self.tries.keys.clone(),
            unreachable: self.tries.unreachable.clone(),
            until: self.budget_end.unwrap_or(budget),
            may_wait: self.tries.keys.is_empty(),
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

    /// Looks for the model in what is kept of the body, while a lease depends on it.
    pub(super) fn look_for_model(&mut self, turn: &mut Turn<'_>) {
        if self.state != State::Model {
            return;
        }
        let body = self.body.whole();
        let found = RequestFields::of(body).into_model();
        let enough = self.body_ended || body.len() >= turn.settings.limits.model_peek;
        if found.is_some() || enough || !self.body.repeatable() {
            self.model = found.map_or(Model::Absent, Model::Named);
            self.ask_for_key(turn);
        }
    }

    /// The model was not seen in time: go on without it.
    pub(super) fn give_up_on_model(&mut self, turn: &mut Turn<'_>) {
        self.model = Model::Absent;
        self.ask_for_key(turn);
    }
}
