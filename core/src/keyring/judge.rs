//! Judging: what an attempt came to is taken in, as far as it says something of a key, an account, an origin.

use super::book::Change;
use super::choose::Answer;
use super::correlated::{Effect, Failures, Who};
use super::health;
use super::lease::{KeyId, Lease, Settle, Verdict};
use super::rest::Cause;
use super::scope::{Fault, ModelId, ScopeId};
use super::{Event, Keyring};
use crate::classify::{Blame, Class, Outcome};
use core::time::Duration;
use std::borrow::Cow;

/// Between two warnings of a misconfiguration.
const WARNING_PACE: Duration = Duration::from_secs(60);
/// Longest name under which something is known of a model; longer ones go by their beginning and a hash.
const MODEL_NAME: usize = 200;

/// An outcome and the lease that it is of.
#[derive(Clone, Copy, Debug)]
struct Evidence<'a> {
    key: KeyId,
    serial: u64,
    /// The origin that answered, where it is still known.
    upstream: Option<u32>,
    /// The model that the lease was given for.
    model: Option<ModelId>,
    outcome: &'a Outcome,
}

impl Keyring {
    /// A verdict ahead of the lease's end.
    pub(crate) fn verdict(&mut self, verdict: &Verdict) {
        let Verdict { key, serial, model, outcome, .. } = verdict;
        let upstream = verdict.origin.as_ref().and_then(|origin| self.board.origins.id(origin));
        self.judge(Evidence { key: *key, serial: *serial, upstream, model: *model, outcome });
        self.wake();
    }

    /// A lease ends; if its request wants another key at once, the answer to that.
    pub(crate) fn settle(&mut self, settle: Settle) -> Option<Answer> {
        let answer = self.end(settle).1;
        self.wake();
        answer
    }

    /// The same, but the lease goes on where its request gets no other key: the answer that came with it is the last, and its
    /// connection is held until that has passed.
    pub(crate) fn swap(&mut self, settle: Settle) -> Option<Answer> {
        let (mut lease, answer) = self.end(settle);
        let answer = match answer {
            Some(Answer::Refused(refusal)) => {
                lease.counted = true;
                self.hold(&lease);
                Some(Answer::Kept(lease, refusal))
            }
            answer => answer,
        };
        self.wake();
        answer
    }

    fn end(&mut self, settle: Settle) -> (Lease, Option<Answer>) {
        let Settle { lease, outcome, base, then } = settle;
        self.take_back(&lease);
        self.charge_passed_over(&lease, base);
        let alike = match &outcome {
            Some(outcome) => self.conclude(&lease, base, outcome),
            None => {
                self.leave_trials(lease.serial, false);
                false
            }
        };
        let answer = then.map(|want| match alike {
            true => Answer::Refused(super::Refusal::Correlated),
            false => self.serve(want),
        });
        (lease, answer)
    }

    /// A lease whose first base URLs could not be dialed: it goes on to the next one that has a permit to spare, else it ends.
    pub(crate) fn pass_over(&mut self, settle: Settle) -> Option<Answer> {
        let Settle { mut lease, base, .. } = settle;
        let onward = (base..).map_while(|n| Some((n, lease.base(n as usize)?))).find_map(|(n, next)| {
            let id = self.board.origins.id(&next.origin)?;
            (id == lease.upstream || !self.board.origins.is_taken(id)).then_some((n, id))
        });
        let Some((passed, upstream)) = onward else { return self.settle(Settle { lease, ..settle }) };
        self.charge_passed_over(&lease, passed);
        self.give_permit(lease.upstream);
        self.take_permit(upstream);
        (lease.upstream, lease.passed) = (upstream, lease.passed + passed);
        self.wake();
        Some(Answer::Granted(lease))
    }

    fn give_permit(&mut self, upstream: u32) {
        for site in self.board.origins.give_permit(upstream) {
            self.lanes.touch(self.board.roster.block(site as usize).0, None);
            self.stirred = true;
        }
    }

    pub(super) fn take_permit(&mut self, upstream: u32) {
        for site in self.board.origins.take_permit(upstream) {
            self.lanes.touch(self.board.roster.block(site as usize).0, None);
        }
    }

    /// The lease's permit and place are free again.
    fn take_back(&mut self, lease: &Lease) {
        self.leases = self.leases.saturating_sub(1);
        self.give_permit(lease.upstream);
        self.count_leases(lease.key, |leases| leases.saturating_sub(1));
    }

    /// The lease takes its permit and place again.
    fn hold(&mut self, lease: &Lease) {
        self.leases += 1;
        self.take_permit(lease.upstream);
        self.count_leases(lease.key, |leases| leases + 1);
    }

    fn count_leases(&mut self, key: KeyId, count: impl Fn(u32) -> u32) {
        let Some(slot) = self.board.book.slots.find(key) else { return };
        slot.leases = count(slot.leases);
        let (place, leases) = (slot.place, slot.leases);
        if self.board.roster.set_leases(place, leases) {
            self.lanes.touch(place, None);
        }
    }

    /// Origins that could not be reached are tried last for a while.
    fn charge_passed_over(&mut self, lease: &Lease, base: u32) {
        for passed in 0..base.min(lease.entry.bases.len() as u32) {
            if let Some(id) = lease.base(passed as usize).and_then(|base| self.board.origins.id(&base.origin)) {
                self.board.origins.charge(id, self.board.now);
            }
        }
    }

    fn conclude(&mut self, lease: &Lease, base: u32, outcome: &Outcome) -> bool {
        self.tally[outcome.class as usize] += 1;
        if let Some(slot) = self.board.book.slots.find(lease.key) {
            slot.tally[outcome.class as usize] += 1;
        }
        // What a verdict has already said is not said twice.
        if lease.judged.is_some_and(|judged| judged == outcome.class || judged != Class::Ok) {
            return false;
        }
        let upstream = match base {
            0 => Some(lease.upstream),
            passed => lease.base(passed as usize).and_then(|base| self.board.origins.id(&base.origin)),
        };
        let Lease { key, serial, model, .. } = *lease;
        self.judge(Evidence { key, serial, upstream, model, outcome })
    }

    /// Takes an outcome in. Whether so many keys failed alike that the fault is not theirs.
    fn judge(&mut self, evidence: Evidence<'_>) -> bool {
        let Evidence { key, outcome, upstream, .. } = evidence;
        let (success, now) = (outcome.class == Class::Ok, self.board.now);
        if let Some(name) = &outcome.account
            && self.board.book.learn_account(key, name, now)
        {
            self.touch(key.slot, None);
            self.stirred = true;
        }
        let alike = if success {
            self.succeed(&evidence);
            false
        } else {
            self.fail(&evidence)
        };
        if let Some(upstream) = upstream.and_then(|id| self.board.origins.get(id)) {
            upstream.lately.note(key, success);
        }
        self.leave_trials(evidence.serial, success);
        alike
    }

    fn succeed(&mut self, evidence: &Evidence<'_>) {
        let Evidence { key, serial, upstream, outcome, model } = *evidence;
        if let Some(id) = upstream {
            self.board.origins.success(id);
        }
        let Some(slot) = self.board.book.slots.find(key) else { return };
        if !slot.scope.is_stale(serial) {
            slot.soft = 0;
        }
        let named = || outcome.model.as_deref().and_then(|name| self.board.book.models.id(&short(name)));
        let model = named().or(model);
        for id in self.board.book.scopes_of(key.slot, model) {
            if self.board.book.get(id).is_some_and(|scope| scope.has_rested()) {
                let (_, change) = self.board.book.change(id, |scope| scope.success(serial));
                self.changed(change);
            }
        }
    }

    /// The trials that the lease holds end: with the success of what they tried, or without a word.
    fn leave_trials(&mut self, serial: u64, success: bool) {
        for id in self.trials.remove(&serial).into_iter().flatten() {
            let revived = success && self.board.book.get(id).is_some_and(|scope| scope.health.is_held_by(serial));
            self.change(id, if success { health::Event::Pass(serial) } else { health::Event::Leave(serial) });
            if let ScopeId::Key(slot) = id
                && revived
                && let Some(slot) = self.board.book.slots.get_mut(slot)
            {
                slot.soft = 0;
            }
        }
    }

    fn fail(&mut self, evidence: &Evidence<'_>) -> bool {
        let outcome = evidence.outcome;
        match outcome.class {
            Class::Overload => {
                evidence.upstream.into_iter().for_each(|id| self.board.origins.charge(id, self.board.now))
            }
            Class::Config => self.warn(evidence),
            _ => {}
        }
        let Some(cause) = Cause::of(outcome.class) else { return false };
        let alike = Failures::concerns(outcome) && self.is_alike(evidence);
        if alike {
            self.undo(evidence);
        }
        let effect = match cause {
            Cause::Soft => self.soft(evidence, alike),
            _ => self.put_out(evidence, cause, alike),
        };
        if Failures::concerns(outcome)
            && let Some(upstream) = evidence.upstream.and_then(|id| self.board.origins.get(id))
        {
            upstream.failures.effect(effect);
        }
        alike
    }

    /// Whether this failure is one of several alike, from the third on.
    fn is_alike(&mut self, evidence: &Evidence<'_>) -> bool {
        let Evidence { key, serial, outcome, upstream, .. } = *evidence;
        let account = self.board.book.slots.find(key).map_or(0, |slot| slot.account);
        let who = if account == 0 { Who::Key(key) } else { Who::Account(account) };
        let now = self.board.now;
        let upstream = upstream.and_then(|id| self.board.origins.get(id));
        upstream.is_some_and(|upstream| upstream.failures.add(who, outcome, serial, now))
    }

    /// The fault is the origin's: it is charged, and what this group of answers caused is taken back.
    fn undo(&mut self, evidence: &Evidence<'_>) {
        let Some(id) = evidence.upstream else { return };
        self.board.origins.charge(id, self.board.now);
        let Some(upstream) = self.board.origins.get(id) else { return };
        let failures = upstream.failures.take_back(evidence.outcome);
        self.events.push_back(Event::Alike(upstream.origin.clone(), evidence.outcome.class));
        let (latest, now) = (self.serial, self.board.now);
        for (serial, effect) in failures {
            let (counted, out) = match effect {
                Effect::None => continue,
                Effect::Out(id, before) => (None, Some((id, before))),
                Effect::Counted(key) => (Some(key), None),
                Effect::Both(key, before) => (Some(key), Some((ScopeId::Key(key.slot), before))),
            };
            if let Some(slot) = counted.and_then(|key| self.board.book.slots.find(key)) {
                slot.soft = slot.soft.saturating_sub(1);
            }
            if let Some((id, before)) = out {
                let (_, change) = self.board.book.change(id, |scope| scope.take_back(serial, *before, latest, now));
                self.changed(change);
            }
        }
    }

    /// An unexplained fault: counts against the key only while others do well at that origin.
    fn soft(&mut self, evidence: &Evidence<'_>, alike: bool) -> Effect {
        let Evidence { key, serial, upstream, .. } = *evidence;
        let threshold = self.pool.threshold;
        let others_do_well = upstream
            .and_then(|id| self.board.origins.get(id))
            .is_some_and(|upstream| upstream.lately.others_do_well(key));
        let Some(slot) = self.board.book.slots.find(key) else { return Effect::None };
        if threshold == 0 || alike || !others_do_well || slot.scope.is_stale(serial) {
            return Effect::None;
        }
        slot.soft = slot.soft.saturating_add(1);
        if slot.soft < threshold {
            return Effect::Counted(key);
        }
        match self.put_out(evidence, Cause::Soft, false) {
            Effect::Out(_, before) => Effect::Both(key, before),
            _ => Effect::Counted(key),
        }
    }

    /// The scope to blame rests, or is blacklisted.
    fn put_out(&mut self, evidence: &Evidence<'_>, cause: Cause, alike: bool) -> Effect {
        let Evidence { key, serial, outcome, .. } = *evidence;
        let now = self.board.now;
        let Some(id) = self.blamed(key, cause, outcome) else { return Effect::None };
        if let Some(forgotten) = self.board.book.ensure(id, self.bounds.model_facts, now) {
            self.changed(Some(forgotten));
        }
        let fault = Fault { cause, outcome, serial, alike, now };
        let rng = &mut self.rng;
        let (before, change): (_, Option<Change>) = self.board.book.change(id, |scope| scope.fault(fault, rng));
        self.changed(change);
        before.flatten().map_or(Effect::None, |before| Effect::Out(id, Box::new(before)))
    }

    /// The scope that an outcome names, as far as it can be told apart: without an account it is the key's own,
    /// without a model the whole of it.
    fn blamed(&mut self, key: KeyId, cause: Cause, outcome: &Outcome) -> Option<ScopeId> {
        let (slot, account) = (key.slot, self.board.book.slots.find(key)?.account);
        let blame = match (cause, outcome.blame) {
            (Cause::Dead | Cause::Soft, _) | (Cause::Quota, Blame::Nobody) => Blame::Key,
            (Cause::Rate, Blame::Nobody) => Blame::AccountModel,
            (Cause::Access, Blame::Nobody) => Blame::KeyModel,
            (_, blame) => blame,
        };
        let by_model = matches!(blame, Blame::KeyModel | Blame::AccountModel);
        let model =
            outcome.model.as_deref().filter(|_| by_model).map(|name| self.board.book.models.learn(&short(name)));
        let shared = account != 0 && matches!(blame, Blame::Account | Blame::AccountModel);
        Some(match (shared, model) {
            (true, Some(model)) => ScopeId::AccountModel(account, model),
            (true, None) => ScopeId::Account(account),
            (false, Some(model)) => ScopeId::KeyModel(slot, model),
            (false, None) => ScopeId::Key(slot),
        })
    }

    fn warn(&mut self, evidence: &Evidence<'_>) {
        let Some(slot) = self.board.book.slots.find(evidence.key).filter(|_| self.board.now >= self.next_warning)
        else {
            return;
        };
        let (status, code, key) = (evidence.outcome.status, evidence.outcome.code.clone(), slot.entry.clone());
        self.events.push_back(Event::Misconfigured { status, code, key });
        self.next_warning = self.board.now + WARNING_PACE;
    }
}

/// The name under which something is known of a model: bounded, whatever a client sends.
pub(super) fn short(name: &str) -> Cow<'_, str> {
    if name.len() <= MODEL_NAME {
        return Cow::Borrowed(name);
    }
    let start = name.char_indices().map(|(at, _)| at).take_while(|&at| at <= MODEL_NAME).last().unwrap_or(0);
    Cow::Owned(format!("{}…{:016x}", &name[..start], super::lease::account_id(name)))
}
