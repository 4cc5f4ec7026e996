//! The way back: interim and final heads, the evidence of an error, the commit point, the last answer.

use super::admit::DIALECT;
use super::held::Held;
use super::request::is_own;
use super::seek::Break;
use super::{Exchange, Own, State};
use crate::classify::echo::Echo;
use crate::classify::{self, Class, Evidence, Outcome};
use crate::cors;
use crate::error::{self, Problem};
use crate::json::RequestFields;
use crate::keyring::{Model, Refusal};
use crate::message::{Fields, ResponseHead};
use crate::session::Reason;
use crate::turn::Turn;
use core::time::Duration;

/// Tells a reverse proxy in front of us to pass events at once.
const BUFFERING: &str = "X-Accel-Buffering";

/// What the protocol does with a response head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// An interim answer: pass it on to a client that understands it, then go on waiting.
    Interim,
    /// Committed: write it (`keeps_response`, `additions`) and pass the body.
    Relay,
    /// Committed: write it, then bytes both ways.
    Tunnel,
    /// Held: bring the body to `handle_response_data`, write nothing.
    Hold,
    /// Not an answer that may stand here; the exchange has dealt with it.
    Refuse,
}

impl Exchange {
    /// A response head arrived. `drops` names the fields that end at this hop.
    pub fn handle_response(
        &mut self,
        head: &ResponseHead<'_>,
        drops: &dyn Fn(&[u8]) -> bool,
        turn: &mut Turn<'_>,
    ) -> Disposition {
        if self.state != State::Trying || !self.began {
            self.handle_broken(Break::Lost, turn);
            return Disposition::Refuse;
        }
        let status = head.status.as_u16();
        match status {
            101 if self.request.upgrade.is_some() => {
                self.commit(head, turn);
                // The lease lasts as long as the tunnel; its verdict falls now.
                self.due.verdict = true;
                self.state = State::Tunnel;
                self.handle_progress(turn.now);
                Disposition::Tunnel
            }
            100..=199 => self.interim(status, turn),
            200..=399 => {
                self.commit(head, turn);
                Disposition::Relay
            }
            _ => {
                self.own = Some(Box::new(Own::Held(Held::new(head, drops))));
                self.state = State::Judging;
                let limit = self.settings.request_timeout.unwrap_or(Duration::MAX);
                self.alarm = Some((turn.now + limit.min(self.settings.limits.error_time), Reason::ErrorTime));
                Disposition::Hold
            }
        }
    }

    fn interim(&mut self, status: u16, turn: &mut Turn<'_>) -> Disposition {
        self.interim += 1;
        if status == 101 || usize::from(self.interim) > self.settings.limits.interim_answers {
            let what = if status == 101 { "a 101 that nobody asked for" } else { "too many interim answers" };
            self.handle_broken(Break::Garbled(what.into()), turn);
            return Disposition::Refuse;
        }
        Disposition::Interim
    }

    /// The commit point: from here on the client gets this answer, and no other key is tried.
    fn commit(&mut self, head: &ResponseHead<'_>, turn: &mut Turn<'_>) {
        self.status = head.status.as_u16();
        self.class = Class::Ok;
        self.own = None;
        self.state = State::Relaying;
        self.due.go_on = false;
        self.body.commit(turn.pool);
        self.request.free(turn.pool);
        self.observer.begin(head, self.log.is_some());
        self.handle_progress(turn.now);
        let Some(lease) = &self.lease else { return };
        let account = classify::account(DIALECT, head.fields).filter(|name| !lease.knows_account(name));
        self.account = account.map(Into::into);
        self.due.verdict = lease.is_probe();
    }

    /// Payload of the answer: observed in passing, or kept as evidence. Of an error that passes live, pieces of the key
    /// are masked in place. `last`: the answer's end follows in the same call of the driver, so nothing is judged without it.
    pub fn handle_response_data(&mut self, data: &mut [u8], last: bool, turn: &mut Turn<'_>) {
        match self.state {
            State::Relaying => {
                if let Some(Own::Held(held)) = self.own.as_deref_mut() {
                    held.mask_on(data);
                }
                self.observer.data(data);
                self.handle_progress(turn.now);
            }
            State::Judging => {
                let Some(Own::Held(held)) = self.own.as_deref_mut() else { return };
                held.body.extend_from_slice(data);
                if !last && held.body.len() >= self.settings.limits.error_body {
                    self.judge(turn);
                }
            }
            _ => {}
        }
    }

    /// In the fields behind the body of an error that passes live, pieces of the key are masked in place.
    pub fn mask_trailers(&self, section: &mut [u8]) {
        if let (Some(Own::Held(_)), Some(lease)) = (self.own.as_deref(), &self.lease) {
            Echo::new(lease.entry().private_part()).mask(section);
        }
    }

    /// The answer ended as it should, with these fields behind its body.
    pub fn handle_response_end(&mut self, trailers: &Fields<'_>, turn: &mut Turn<'_>) {
        match self.state {
            State::Relaying => self.finish(Outcome { status: self.status, ..Outcome::plain(Class::Ok) }, turn),
            State::Judging => {
                if let Some(Own::Held(held)) = self.own.as_deref_mut() {
                    held.end(trailers);
                }
                self.judge(turn);
            }
            State::Tunnel => self.finish(Outcome::plain(Class::Ok), turn),
            _ => {}
        }
    }

    /// The evidence is complete, or as complete as its limits allow: whose fault is it?
    pub(super) fn judge(&mut self, turn: &mut Turn<'_>) {
        let Some(Own::Held(held)) = self.own.as_deref_mut() else { return };
        let Some(lease) = &self.lease else { return };
        let model = match &self.model {
            Model::Named(model) => Some(model.clone()),
            _ => RequestFields::of(self.body.whole()).into_model(),
        };
        let evidence = Evidence { status: held.status.as_u16(), fields: held.fields(), body: &held.body };
        let mut outcome = classify::judge(DIALECT, &evidence, turn.wall.at(turn.now), model.as_deref());
        if outcome.account.as_deref().is_some_and(|name| lease.knows_account(name)) {
            outcome.account = None;
        }
        held.mask_echo(Echo::new(lease.entry().private_part()), self.settings.limits.error_body);
        if let Some(model) = model {
            self.model = Model::Named(model);
        }
        self.conclude(outcome, turn);
    }

    /// Whether the upstream asked for no repeat.
    pub(super) fn vetoed(&self) -> bool {
        match self.own.as_deref() {
            Some(Own::Held(held)) => {
                held.fields().get("x-should-retry").is_some_and(|v| v.eq_ignore_ascii_case(b"false"))
            }
            _ => false,
        }
    }

    /// Whether the held answer would pass as it came, and its body go on beyond what was read.
    pub(super) fn goes_on_live(&self) -> bool {
        let held = matches!(self.own.as_deref(), Some(Own::Held(held)) if !held.complete && !held.cut);
        held && self.linked && !matches!(self.class, Class::KeyDead | Class::Quota)
    }

    /// Whether there is something to answer with: not what was held of an answer that would pass, and whose connection
    /// was given up since.
    pub(super) fn holds_an_answer(&self) -> bool {
        let passes = !matches!(self.class, Class::KeyDead | Class::Quota);
        match self.own.as_deref() {
            Some(Own::Held(held)) => !passes || held.complete || held.cut || self.goes_on_live(),
            Some(Own::Page(_)) => true,
            None => false,
        }
    }

    /// The walk is over: what the client gets.
    ///
    /// KEY_DEAD and QUOTA become a 503 of our own (a client that sees a 401 would doubt its own token); every
    /// other answer passes as it came; a fault without an answer is 502, silence 504.
    pub(super) fn last_answer(&mut self, refusal: Option<&Refusal>, turn: &mut Turn<'_>) {
        if let Some(fault) = self.fault.take() {
            return self.answer_problem(Problem::from(fault), turn);
        }
        if matches!(self.class, Class::KeyDead | Class::Quota) || !matches!(self.own.as_deref(), Some(Own::Held(_))) {
            let back = match refusal {
                Some(Refusal::Exhausted { back }) => Some(*back),
                Some(Refusal::Unavailable { back }) => *back,
                Some(Refusal::NoConnection) => Some(Duration::from_secs(1)),
                _ => None,
            };
            return self.answer_problem(error::no_available_keys(Some(self.class), back), turn);
        }
        let live = self.goes_on_live();
        let Some(Own::Held(held)) = self.own.as_deref() else { return };
        let complete = held.complete;
        self.status = held.status.as_u16();
        self.due.answer = true;
        if live {
            self.state = State::Relaying;
            self.body.commit(turn.pool);
            self.request.free(turn.pool);
            self.handle_progress(turn.now);
        } else {
            self.due.abort = !complete;
            self.finish(Outcome::plain(self.class), turn);
        }
    }

    /// Whether a field of the live answer goes to the client.
    pub fn keeps_response(&self, name: &[u8]) -> bool {
        let replaced = self.cors.is_some() && cors::replaces(name)
            || self.observer.is_event_stream() && name.eq_ignore_ascii_case(BUFFERING.as_bytes());
        !replaced && !is_own(name)
    }

    /// The fields that keywheel adds to whatever is answered.
    pub fn additions(&self, add: &mut dyn FnMut(&'static str, &[u8])) {
        let mut id = [0; 16];
        add("x-keywheel-request-id", hex(self.id, &mut id));
        if self.tries.attempts > 0 {
            add("x-keywheel-attempts", itoa::Buffer::new().format(self.tries.attempts).as_bytes());
        }
        if self.observer.is_event_stream() {
            add(BUFFERING, b"no");
        }
        if let Some(cors) = &self.cors {
            cors.fields().for_each(|(name, value)| add(name, value));
        }
    }

    /// Bytes that may go out as the last of a cut event stream: one error event, when the bytes so far end on an
    /// event boundary.
    pub fn parting(&self) -> Option<&'static [u8]> {
        self.observer.at_event_boundary().then_some(error::CUT_EVENT.as_bytes())
    }
}

fn hex(id: u64, out: &mut [u8; 16]) -> &[u8] {
    for (n, byte) in out.iter_mut().enumerate() {
        *byte = b"0123456789abcdef"[(id >> (60 - 4 * n)) as usize & 15];
    }
    out
}
