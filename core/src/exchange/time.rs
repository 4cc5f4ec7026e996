//! Deadlines: each state's own, and the budget of everything before the commit point.

use super::seek::Break;
use super::{Exchange, State};
use crate::classify::{Class, Outcome};
use crate::config::Settings;
use crate::error::UpstreamFault;
use crate::json::RequestFields;
use crate::session::Reason;
use crate::time::Instant;
use crate::turn::Turn;
use core::time::Duration;

/// Upstream head limit when REQUEST_TIMEOUT is unset: for a call that says `stream: true` …
const STREAMED: Duration = Duration::from_secs(30);
/// … and for one that does not, or of which nobody can tell (reasoning sends no head before it is done).
const UNSTREAMED: Duration = Duration::from_secs(600);

impl Exchange {
    /// When to call `handle_timeout`, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        let budget = self.budget_end.filter(|_| self.uncommitted()).map(|at| (at, Reason::Budget));
        match (self.alarm, budget) {
            (Some(alarm), Some(budget)) => Some(alarm.min(budget)),
            (alarm, budget) => alarm.or(budget),
        }
    }

    /// Does what is due at `turn.now`; nothing when nothing is.
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        let Some((at, reason)) = self.poll_timeout() else { return };
        if turn.now < at {
            return;
        }
        match reason {
            Reason::ModelWait => self.give_up_on_model(turn),
            Reason::Backoff => self.ask_for_key(turn),
            Reason::UpstreamHead => self.head_is_late(turn),
            Reason::ErrorTime => self.judge(turn),
            Reason::Budget => self.budget_is_spent(turn),
            Reason::StreamIdle | Reason::TunnelIdle => self.handle_broken(Break::Silent, turn),
            Reason::HeadTime | Reason::KeepAlive | Reason::BodyIdle | Reason::BodyRate | Reason::Linger => {}
        }
    }

    fn uncommitted(&self) -> bool {
        !matches!(self.state, State::Relaying | State::Tunnel | State::Over)
    }

    /// The last request byte was written: the answer's head is awaited.
    pub(super) fn await_head(&mut self, turn: &Turn<'_>) {
        let settings = turn.settings;
        let shortest = match (settings.stream_header_timeout, settings.request_timeout) {
            (Some(streamed), any) => any.map_or(streamed, |any| any.min(streamed)),
            (None, any) => any.unwrap_or(STREAMED),
        };
        self.written_at = turn.now;
        self.alarm = Some((turn.now + shortest, Reason::UpstreamHead));
    }

    /// The shortest limit has passed; which one holds depends on the body, which is looked at only now.
    fn head_is_late(&mut self, turn: &mut Turn<'_>) {
        let limit = self.head_limit(turn.settings);
        let end = self.written_at + limit;
        if turn.now < end {
            self.alarm = Some((end, Reason::UpstreamHead));
        } else {
            self.handle_broken(Break::Silent, turn);
        }
    }

    fn head_limit(&self, settings: &Settings) -> Duration {
        let streamed = self.body.repeatable() && RequestFields::of(self.body.whole()).stream();
        match streamed {
            true => settings.stream_header_timeout.or(settings.request_timeout).unwrap_or(STREAMED),
            false => settings.request_timeout.unwrap_or(UNSTREAMED),
        }
    }

    /// The client's body is complete: from here on the time before the commit point counts.
    pub(super) fn start_budget(&mut self, turn: &Turn<'_>) {
        if self.budget_end.is_some() || !self.uncommitted() {
            return;
        }
        let settings = turn.settings;
        let head =
            settings.request_timeout.unwrap_or(UNSTREAMED).max(settings.stream_header_timeout.unwrap_or_default());
        let own = turn.now + settings.limits.budget + head;
        let client = self.client_limit.map(|limit| self.started + limit);
        self.budget_end = Some(client.map_or(own, |client| own.min(client)));
    }

    fn budget_is_spent(&mut self, turn: &mut Turn<'_>) {
        match self.state {
            State::Trying => return self.handle_broken(Break::Silent, turn),
            State::Judging => return self.judge(turn),
            _ => self.withdraw(),
        }
        if self.own.is_none() {
            self.fault.get_or_insert(UpstreamFault::Silent);
        }
        if self.lease.is_some() {
            self.finish(Outcome::plain(Class::Ours), turn);
        }
        self.last_answer(None, turn);
    }

    /// Bytes of the answer moved, in or out: its silence begins anew.
    pub fn handle_progress(&mut self, turn: &Turn<'_>) {
        let limits = &turn.settings.limits;
        match self.state {
            State::Relaying => self.alarm = Some((turn.now + limits.stream_idle, Reason::StreamIdle)),
            State::Tunnel => self.alarm = Some((turn.now + limits.tunnel_idle, Reason::TunnelIdle)),
            _ => {}
        }
    }
}
