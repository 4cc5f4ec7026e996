//! One request and its answer, in messages: which key, how many attempts, and when the answer is committed.
//!
//! ```text
//!  begin ──► Asking ◄──► Model, Backoff        a key is asked for (the model may have to be read first)
//!    │        │  ▲ ▲
//!    │ own    ▼  │ └──────────────┐
//!    │ answer Queued              │ another key (Tries::next)
//!    │        │ Granted           │
//!    │        ▼                   │
//!    │      Dialing ─► Trying ─► Judging       head and body go out; an answer ≥ 400 is held
//!    │        │           │ < 400   │ pass it on
//!    │        ▼           ▼         ▼
//!    │      (502)     Relaying ◄────┘          committed: the replay buffer is gone, no way back
//!    ▼        ▼           │  Tunnel (101)
//!   Over ◄────┴───────────┘
//! ```
//!
//! An exchange knows no HTTP/1 syntax: heads are spans, data are slices, ends are calls. Whoever speaks a
//! protocol (`session` for HTTP/1) calls it and does what [`Exchange::poll`] says, in that order.

mod admit;
mod ending;
mod held;
mod observe;
mod request;
mod respond;
mod seek;
mod time;
mod tries;

pub use held::Held;
pub use request::Outgoing;
pub use respond::Disposition;
pub use seek::Break;

use crate::classify::{Class, Outcome};
use crate::config::Settings;
use crate::cors::Grant;
use crate::error::UpstreamFault;
use crate::json::RequestFields;
use crate::keyring::{Lease, Model, Ticket};
use crate::message::Page;
use crate::notice::RequestLine;
use crate::proxy::Ask;
use crate::replay::{Intake, Replay};
use crate::session::{Action, Dial, Reason};
use crate::time::{Instant, UnixMillis};
use crate::turn::Turn;
use core::fmt;
use core::time::Duration;
use observe::Observer;
use request::Request;
use std::sync::Arc;
use tries::Tries;

/// What an exchange wants of the protocol around it. Exhaustive on purpose.
#[derive(Debug)]
pub enum Step {
    /// Stop the dial that is under way.
    StopDial,
    /// The upstream is not wanted any more: keep the connection if its answer ended exactly, else end it.
    Release,
    /// Ask the proxy; bring the reply to `handle_reply`.
    Ask(Ask),
    /// Get a connection; bring it to `handle_linked`.
    Dial(Dial),
    /// The connection is there: write `outgoing`, then `pending`.
    Send,
    /// The client waits for `100 Continue` and may have it.
    Continue,
    /// Write `answer` to the client; the request is over unless the answer goes on live.
    Answer,
    /// End the client's answer visibly broken: it was begun and cannot be completed.
    Abort,
    /// The request is finished: log it.
    Log(Box<RequestLine>),
}

/// What is answered from here, when it is not the upstream's live answer.
#[derive(Debug)]
pub enum Answer<'a> {
    /// An answer of keywheel's own.
    Page(&'a Page),
    /// An upstream's answer that was held back. Unless it is `complete`, its body goes on live.
    Held(&'a Held),
}

#[derive(Debug)]
enum Own {
    Page(Page),
    Held(Held),
}

/// Where the exchange stands. Each state has at most one deadline of its own (`alarm`), beside the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The model is looked for in the body before a key is asked for.
    Model,
    /// The proxy was asked; its reply comes in the same turn.
    Asking,
    /// Waiting for a key or a permit.
    Queued(Ticket),
    /// A short pause before another key is asked for.
    Backoff,
    /// A connection is being made.
    Dialing,
    /// The request is being sent, or its answer awaited.
    Trying,
    /// An answer of 400 or above is held and its body read as evidence.
    Judging,
    /// The answer is committed and passes.
    Relaying,
    /// The connection was upgraded: bytes both ways.
    Tunnel,
    /// Nothing more is wanted of proxy or upstream.
    Over,
}

/// Steps that wait to be polled, beside `ask` and `dial`.
#[derive(Clone, Copy, Debug, Default)]
struct Due {
    stop_dial: bool,
    release: bool,
    send: bool,
    go_on: bool,
    answer: bool,
    abort: bool,
    verdict: bool,
}

/// One request and its answer. See the module's head for its states.
pub struct Exchange {
    state: State,
    due: Due,
    ask: Option<Ask>,
    dial: Option<Dial>,
    request: Request,
    body: Replay,
    body_ended: bool,
    /// The body goes to the upstream that is linked; not any more once another key is looked for, although its answer
    /// may yet turn out to be the last.
    feeding: bool,
    /// The client waits to be told that it may send its body.
    expects: bool,
    tries: Tries,
    lease: Option<Lease>,
    /// The upstream's connection is this exchange's.
    linked: bool,
    /// Dials of this lease that died before a byte was written.
    redials: u8,
    /// The first byte of the attempt was written.
    began: bool,
    interim: u16,
    /// The verdict that the lease will be settled with, where it is known before the lease ends.
    verdict: Option<Box<Outcome>>,
    /// The account that the answer names, unless the lease knows it.
    account: Option<Box<str>>,
    own: Option<Box<Own>>,
    observer: Observer,
    alarm: Option<(Instant, Reason)>,
    /// When the client's body was complete, and when the time before the commit point is used up from then on.
    completed_at: Instant,
    budget_end: Option<Instant>,
    /// The client's own limit, where it stated one.
    client_limit: Option<Duration>,
    model: Model,
    /// Looks for the model in the body as it comes, while a lease depends on it.
    peek: Option<Box<RequestFields>>,
    worker: u32,
    /// x-keywheel-request-id, and the seed of the request's own chances.
    id: u64,
    started: Instant,
    status: u16,
    class: Class,
    log: Option<Box<RequestLine>>,
    /// What the client's origin is granted; `None`: no CORS fields (switched off, or an admin path).
    cors: Option<Grant>,
    /// Why the last attempt, or dial, came to no answer.
    fault: Option<UpstreamFault>,
    written_at: Instant,
    /// The settings in force when the head arrived.
    settings: Arc<Settings>,
    /// An admin path, and when it was asked for.
    admin: Option<UnixMillis>,
}

/// Where it stands, and none of the bytes it keeps.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("state", &self.state)
            .field("due", &self.due)
            .field("lease", &self.lease)
            .field("body", &self.body)
            .field("alarm", &self.alarm)
            .field("status", &self.status)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

impl Exchange {
    /// What becomes of request data that arrives now.
    pub fn intake(&self) -> Intake {
        match self.state {
            State::Over => Intake::Discard,
            State::Tunnel => Intake::Pass,
            State::Relaying if !self.feeding => Intake::Discard,
            State::Model => self.body.intake(false, self.settings.limits.model_peek),
            State::Trying | State::Judging | State::Relaying => self.body.intake(true, 0),
            State::Asking | State::Queued(_) | State::Backoff | State::Dialing => self.body.intake(false, 0),
        }
    }

    /// Request data: copied if `intake` said `Keep`; to be sent from where it lies if it said `Pass`.
    pub fn handle_data(&mut self, data: &[u8], turn: &mut Turn<'_>) {
        if self.intake() == Intake::Keep {
            self.body.push(data, &self.settings.limits, turn.pool);
            self.look_for_model(data, turn);
        }
    }

    /// The request is complete.
    pub fn handle_end(&mut self, turn: &mut Turn<'_>) {
        self.body_ended = true;
        self.start_budget(turn.now);
        self.look_for_model(&[], turn);
    }

    /// Whether data of the answer, and its end, are wanted now. Not while another key is looked for: what was read so far
    /// may yet turn out to be the last answer, which is written ([`Step::Answer`]) before it goes on.
    pub fn takes_answer(&self) -> bool {
        !(self.due.answer || matches!(self.state, State::Asking | State::Backoff))
    }

    /// Whether an upstream's answer is on its way to the client: ended now, it is cut.
    pub fn is_answering(&self) -> bool {
        matches!(self.state, State::Relaying | State::Tunnel)
    }

    /// Whether the request is complete.
    pub fn request_ended(&self) -> bool {
        self.body_ended
    }

    /// Body bytes that are to be sent next (after `outgoing`).
    pub fn pending(&self) -> &[u8] {
        self.body.pending()
    }

    /// Whether the upstream that is linked is to get (more of) the request.
    pub fn feeds(&self) -> bool {
        self.feeding
    }

    /// So many bytes of `pending` were sent.
    pub fn handle_sent(&mut self, n: usize) {
        self.body.advance(n);
    }

    /// The request to be written for the attempt under way.
    pub fn outgoing(&self) -> Option<Outgoing<'_>> {
        let lease = self.lease.as_ref()?;
        let base = lease.base(0)?;
        let hop = base.origin.may_loop().then_some(&*self.settings.instance);
        Some(self.request.outgoing(lease, base, hop))
    }

    /// The protocol that the client asked to change to.
    pub fn asked_upgrade(&self) -> Option<&[u8]> {
        self.request.upgrade.as_deref()
    }

    /// What to answer after [`Step::Answer`].
    pub fn answer(&self) -> Option<Answer<'_>> {
        self.own.as_deref().map(|own| match own {
            Own::Page(page) => Answer::Page(page),
            Own::Held(held) => Answer::Held(held),
        })
    }

    /// The request's method.
    pub fn method(&self) -> &http::Method {
        &self.request.method
    }

    /// What to do next; drain to `None` after each call.
    pub fn poll(&mut self) -> Option<Step> {
        if core::mem::take(&mut self.due.release) {
            return Some(Step::Release);
        }
        let outer = self.poll_outer().map(|action| match action {
            Action::Ask(ask) => Step::Ask(ask),
            Action::Dial(dial) => Step::Dial(dial),
            _ => Step::StopDial,
        });
        outer.or_else(|| self.poll_codec())
    }

    /// The steps that whoever drives the session takes.
    pub(crate) fn poll_outer(&mut self) -> Option<Action> {
        // It is asked after every few bytes, and seldom has a step: then nothing is moved.
        if !(self.due.stop_dial || self.due.verdict || self.ask.is_some() || self.dial.is_some()) {
            return None;
        }
        if core::mem::take(&mut self.due.stop_dial) {
            return Some(Action::StopDial);
        }
        if let Some(ask) = self.early_verdict().or_else(|| self.ask.take()) {
            return Some(Action::Ask(ask));
        }
        self.dial.take().map(Action::Dial)
    }

    /// The steps that the protocol takes.
    pub(crate) fn poll_codec(&mut self) -> Option<Step> {
        let due = &mut self.due;
        if !(due.release || due.send || due.go_on || due.answer || due.abort) {
            return None;
        }
        let (flag, step) = match due {
            Due { release: flag @ true, .. } => (flag, Step::Release),
            Due { send: flag @ true, .. } => (flag, Step::Send),
            Due { go_on: flag @ true, .. } => (flag, Step::Continue),
            Due { answer: flag @ true, .. } => (flag, Step::Answer),
            Due { abort: flag, .. } => (flag, Step::Abort),
        };
        *flag = false;
        Some(step)
    }

    /// Whether nothing more is wanted of proxy and upstream, and the answer (or its abort) has been given out.
    pub fn is_over(&self) -> bool {
        self.state == State::Over && !(self.due.answer || self.due.abort || self.due.release)
    }

    /// What is still to be said to the proxy when the exchange ends.
    pub(crate) fn take_ask(&mut self) -> Option<Ask> {
        self.ask.take()
    }

    /// The answer reached the client to its end (`complete`), or what could be sent of it was.
    pub fn handle_delivered(&mut self, complete: bool, turn: &mut Turn<'_>) -> Option<Step> {
        self.free(turn.pool);
        let mut line = self.log.take()?;
        line.status = self.status;
        line.latency = turn.now.since(self.started);
        line.retries = self.tries.attempts.saturating_sub(1);
        line.class = self.class;
        line.complete = complete;
        line.usage = self.observer.usage();
        if let Model::Named(model) = &self.model {
            line.model = Some(model.clone());
        }
        Some(Step::Log(line))
    }

    /// Bytes of buffer memory held beside the struct: the request as it is kept, an answer that is held.
    pub fn held(&self) -> usize {
        let own = match self.own.as_deref() {
            Some(Own::Held(held)) => held.body.capacity(),
            Some(Own::Page(page)) => page.body.len(),
            None => 0,
        };
        self.request.held() + self.body.held() + own
    }
}
