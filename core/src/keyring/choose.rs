//! Choosing: a request that wants a key gets a lease, a place in the queue, or a refusal.

use super::health::Event;
use super::judge::short;
use super::lease::{Lease, Model, Patience, Refusal, Ticket, Want};
use super::origins::Errand;
use super::queue::Waiter;
use super::{KeyId, Keyring, ScopeId, bar::Bar};
use crate::config::WhenExhausted;
use crate::time::Instant;
use std::borrow::Cow;

/// Keys chosen by chance that may draw anew in one choice.
const REDRAWS: usize = 64;

/// What a want comes to.
#[derive(Debug)]
pub(crate) enum Answer {
    Granted(Lease),
    Queued(Ticket),
    NeedModel,
    Refused(Refusal),
    /// Refused, and the lease that was to be swapped goes on.
    Kept(Lease, Refusal),
}

/// What is decided of a want, before anything is done about it.
#[derive(Debug)]
pub(super) enum Decision {
    /// The key in this place serves it.
    Grant(u32),
    /// It waits: for a connection, or for a rest that ends then.
    Wait(Option<Instant>),
    Refuse(Refusal),
}

impl Keyring {
    /// A request wants a key.
    pub(crate) fn lease(&mut self, want: Want) -> Answer {
        let answer = self.serve(want);
        self.wake();
        answer
    }

    pub(super) fn serve(&mut self, mut want: Want) -> Answer {
        if let Model::Named(name) = &mut want.model
            && let Cow::Owned(bounded) = short(name)
        {
            *name = bounded.into();
        }
        if want.patience == Patience::Outlook {
            return Answer::Refused(self.refusal(&want, None));
        }
        if want.model == Model::Unread && (self.board.menus.restrict() || self.board.book.models.any_limited()) {
            return Answer::NeedModel;
        }
        if want.tried.is_empty() {
            self.requests += 1;
        }
        let until = want.until.min(self.board.now + self.bounds.key_wait);
        let room = self.queue.len() < self.bounds.waiting;
        // Whoever waits comes before whoever arrives.
        let behind = self.next_pass.is_some() && want.may_wait() && room && until > self.board.now;
        match self.decide(&want, until) {
            Decision::Grant(_) if behind => {
                let ticket = self.enqueue(want, until);
                // One in, one out: those who wait never grow by those who come while a key is free.
                self.stirred = true;
                Answer::Queued(ticket)
            }
            Decision::Grant(place) => match self.grant(place, &want) {
                Some(lease) => Answer::Granted(lease),
                None => Answer::Refused(Refusal::NoConnection),
            },
            Decision::Wait(_) if room => Answer::Queued(self.enqueue(want, until)),
            Decision::Wait(ends) => Answer::Refused(self.without_waiting(&want, ends)),
            Decision::Refuse(refusal) => Answer::Refused(refusal),
        }
    }

    fn enqueue(&mut self, want: Want, until: Instant) -> Ticket {
        let ticket = self.ticket(want.worker);
        self.queue.push(Waiter { ticket, want, until });
        ticket
    }

    /// What becomes of a want that may wait until then.
    pub(super) fn decide(&mut self, want: &Want, until: Instant) -> Decision {
        let may_wait = want.may_wait() && until > self.board.now;
        let best = self.best(want, true, false);
        if let Some((place, Bar::OPEN)) = best {
            return Decision::Grant(place);
        }
        // A key that lacks nothing but a connection may lie behind one that rests, at another site.
        match best.filter(|_| !want.is_picky()).or_else(|| self.best(want, false, false)) {
            Some((_, Bar::OPEN | Bar::CROWDED)) if may_wait => Decision::Wait(None),
            Some((_, Bar::OPEN | Bar::CROWDED)) => Decision::Refuse(Refusal::NoConnection),
            Some((_, bar)) => self.exhausted(want, bar, may_wait, until),
            None => Decision::Refuse(self.refusal(want, None)),
        }
    }

    /// No untried key is eligible: the pool's policy decides.
    fn exhausted(&mut self, want: &Want, bar: Bar, may_wait: bool, until: Instant) -> Decision {
        match self.pool.when_exhausted {
            WhenExhausted::Wait if may_wait && bar.is_resting() && bar.ends().is_some_and(|end| end <= until) => {
                Decision::Wait(bar.ends())
            }
            WhenExhausted::LeastBad if want.may_wait() => match self.best(want, true, true) {
                Some((place, bar)) if bar.is_resting_alive() => Decision::Grant(place),
                _ if !self.best(want, false, true).is_some_and(|(_, bar)| bar.is_resting_alive()) => {
                    Decision::Refuse(self.refusal(want, Some(bar)))
                }
                _ if may_wait => Decision::Wait(None),
                _ => Decision::Refuse(Refusal::NoConnection),
            },
            _ => Decision::Refuse(self.refusal(want, Some(bar))),
        }
    }

    /// The best untried key and what stands between; where `connected`, of those with a connection to spare; where
    /// `alive`, of those that were not found dead.
    fn best(&mut self, want: &Want, connected: bool, alive: bool) -> Option<(u32, Bar)> {
        let tried: Vec<u32> =
            want.tried.iter().filter_map(|&id| self.board.book.slots.find(id).map(|slot| slot.place)).collect();
        let errand =
            Errand { unreachable: &want.unreachable, further: !want.tried.is_empty(), connected, now: self.board.now };
        for _ in 0..REDRAWS {
            let lane = self.lanes.of(want.model_name(), &self.board);
            let best = if want.is_picky() || alive {
                lane.best_but(&tried, &errand, alive, &self.board)
            } else {
                lane.best(&self.board)
            };
            match best {
                Some((place, Bar::OPEN)) if self.board.roster.redraw(place, &mut self.rng) => {
                    self.lanes.touch(place, None)
                }
                best => return best,
            }
        }
        self.lanes.of(want.model_name(), &self.board).best(&self.board)
    }

    /// Why no lease is given. `bar`: what stands between the request and the best untried key.
    pub(super) fn refusal(&mut self, want: &Want, bar: Option<Bar>) -> Refusal {
        let lane = self.lanes.of(want.model_name(), &self.board);
        if lane.allowed() == 0 {
            return Refusal::ModelNotFound;
        }
        let back = lane.best(&self.board).and_then(|(_, bar)| bar.ends()).map(|end| end.since(self.board.now));
        if self.board.origins.stops(want, self.board.now) {
            return Refusal::Correlated;
        }
        match (bar, back) {
            (Some(bar), Some(back)) if bar.is_resting() => Refusal::Exhausted { back },
            _ => Refusal::Unavailable { back },
        }
    }

    /// Why a want that would wait is refused when it cannot: for a connection, or for a rest that ends then.
    fn without_waiting(&mut self, want: &Want, ends: Option<Instant>) -> Refusal {
        match ends {
            None => Refusal::NoConnection,
            Some(_) => {
                let bar = self.untried(want);
                self.refusal(want, bar)
            }
        }
    }

    /// What stands between the request and the best untried key.
    pub(super) fn untried(&mut self, want: &Want) -> Option<Bar> {
        self.best(want, false, false).map(|(_, bar)| bar)
    }

    /// Gives a lease of the key in this place.
    pub(super) fn grant(&mut self, place: u32, want: &Want) -> Option<Lease> {
        let n = self.board.roster.slot(place)?;
        let errand = Errand {
            unreachable: &want.unreachable,
            further: !want.tried.is_empty(),
            connected: true,
            now: self.board.now,
        };
        let (base, upstream) = self.board.origins.choose(self.board.roster.site(place), &errand)?;
        self.serial += 1;
        self.leases += 1;
        let serial = self.serial;
        let model = want.model_name().and_then(|name| self.board.book.models.id(name));
        let probe = self.take_trials(n, model, serial);
        self.board.roster.serve(place, &mut self.rng);
        let slot = self.board.book.slots.get_mut(n)?;
        slot.leases += 1;
        self.board.roster.set_leases(place, slot.leases);
        let lease = Lease {
            key: KeyId { slot: n, generation: slot.generation },
            serial,
            probe,
            first_base: base,
            passed: 0,
            upstream,
            model,
            judged: None,
            counted: false,
            account: slot.account,
            entry: slot.entry.clone(),
        };
        self.lanes.touch(place, None);
        self.take_permit(upstream);
        Some(lease)
    }

    /// The lease tries every scope of its key that is due.
    fn take_trials(&mut self, slot: u32, model: Option<super::scope::ModelId>, serial: u64) -> bool {
        let due = |id: &ScopeId| self.board.book.get(*id).is_some_and(|scope| scope.health.is_due());
        let mut scopes = self.board.book.scopes_of(slot, model).filter(due).peekable();
        if scopes.peek().is_none() {
            return false;
        }
        let scopes: Vec<ScopeId> = scopes.collect();
        for &id in &scopes {
            let dead = self.board.book.get(id).is_some_and(|scope| scope.health.is_dead_trial());
            self.change(id, Event::Try(serial));
            if dead {
                for other in self.board.book.pace(self.board.now) {
                    self.touch(other, None);
                }
            }
        }
        self.trials.insert(serial, scopes);
        true
    }
}

impl Want {
    fn may_wait(&self) -> bool {
        self.patience == Patience::Wait
    }

    /// Whether it passes over some key or origin.
    fn is_picky(&self) -> bool {
        !self.tried.is_empty() || !self.unreachable.is_empty()
    }
}
