//! The steps of a world: requests, ends of leases, time, the operator.

use super::{Held, Play, Step};
use crate::keyring::faults;
use crate::keyring::model::{Ask, HOUR, Known, Micros, Name, SECOND, State};
use crate::keyring::setup::MODELS;
use keywheel_core::classify::{Class, Outcome};
use keywheel_core::keyring::{Settle, Ticket};
use keywheel_core::proxy::{Ask as Call, Reply};
use keywheel_core::time::Instant;

impl Play {
    pub(super) fn step(&mut self) -> Step {
        // What is due at this very moment comes first, so that what the proxy says after the step is about the step.
        self.catch_up(self.now)?;
        match self.dice.weighted(self.world.steps.weights.into_iter()) {
            0 => self.request()?,
            1 => self.end(false)?,
            2 => self.early_verdict()?,
            3 => self.cancel()?,
            4 => self.pass_time()?,
            5 => self.reset()?,
            6 => self.reload()?,
            7 => self.end(true)?,
            _ => self.switch()?,
        }
        self.drain()?;
        self.compare()
    }

    fn request(&mut self) -> Step {
        let named = self.dice.chance(self.world.named);
        let name = (*self.dice.pick(&MODELS)).to_owned();
        let model = match (named, self.dice.chance(50)) {
            (true, _) => Known::Named(name),
            (false, true) => Known::Unread,
            (false, false) => Known::Absent,
        };
        let budget = *self.dice.pick(&[60 * SECOND, 60 * SECOND, 2 * SECOND, 0]);
        let may_wait = self.dice.chance(90);
        let ask = Ask { model, tried: Vec::new(), unreachable: Vec::new(), until: self.now + budget, may_wait };
        self.ask(ask)
    }

    fn ask(&mut self, mut ask: Ask) -> Step {
        let reply = self.proxy.handle_ask(Call::Lease(self.want(&ask)), self.instant());
        let again = matches!(reply, Reply::NeedModel);
        self.answered(ask.clone(), reply)?;
        if again {
            ask.model =
                if self.dice.chance(80) { Known::Named((*self.dice.pick(&MODELS)).to_owned()) } else { Known::Absent };
            let reply = self.proxy.handle_ask(Call::Lease(self.want(&ask)), self.instant());
            self.answered(ask, reply)?;
        }
        Ok(())
    }

    fn take_lease(&mut self) -> Option<Held> {
        if self.held.is_empty() {
            return None;
        }
        let n = self.dice.below(self.held.len());
        Some(self.held.swap_remove(n))
    }

    /// An outcome for a lease. Where the end of the rest is drawn by chance and could not be seen, it is stated.
    fn outcome(&mut self, held: &Held) -> Outcome {
        let name = held.lease.entry().name.to_string();
        let account = self.world.account(&name);
        let ready = |name| self.model.scopes.get(&name).is_none_or(|scope| scope.state == State::Ready);
        let shared = account.map(|account| Name::Account(account.to_owned()));
        let guessed = ready(Name::Key(name)) && shared.is_none_or(ready);
        let weights = self.world.classes;
        faults::outcome(&mut self.dice, &weights, held.ask.name(), account, guessed)
    }

    /// A lease ends; where `again`, its request wants another key.
    fn end(&mut self, again: bool) -> Step {
        let Some(held) = self.take_lease() else { return Ok(()) };
        if held.kept {
            return self.let_go(held);
        }
        let outcome = if self.dice.chance(92) { Some(self.outcome(&held)) } else { None };
        let bases = self.model.leases[&held.number].bases.len();
        let passed = if self.dice.chance(10) { self.dice.below(bases) } else { 0 };
        let again = again && outcome.as_ref().is_none_or(|outcome| outcome.class != Class::Ok);
        let ask = again.then(|| self.another(&held, passed));
        let then = ask.as_ref().map(|ask| self.want(ask));
        let settle = Settle { lease: held.lease, outcome: outcome.clone(), base: passed as u32, then };
        // No draw: seeds keep their worlds.
        let swaps = ask.is_some() && outcome.is_some() && held.number.is_multiple_of(3);
        let call = if swaps { Call::Swap(Box::new(settle)) } else { Call::Settle(settle) };
        let reply = self.proxy.handle_ask(call, self.instant());
        let shown = outcome.as_ref().map(|o| (o.class, o.blame, &o.code, o.rest, &o.model, &o.account, o.structured));
        let key = self.model.leases[&held.number].key.clone();
        self.say(format!("settle {} {key:?} +{passed}: {shown:?}", held.number));
        self.story.note(&format!("settled: {}", outcome.as_ref().map_or("unused", |outcome| outcome.class.as_str())));
        let told = self.told(&key.0);
        let lease = self.model.leases[&held.number].clone();
        let alike = self.model.settle(held.number, passed, outcome.as_ref(), &|name| told.get(name).copied())?;
        let (kept, reply) = match reply {
            Reply::Kept(lease, refusal) if swaps => (Some(lease), Reply::Refused(refusal)),
            reply @ Reply::Refused(_) if swaps => return Err(format!("a swap was answered by {reply:?}")),
            reply => (None, reply),
        };
        self.settled(ask, reply, alike)?;
        if let (Some(still), Some(outcome)) = (kept, outcome) {
            self.story.note("kept");
            self.model.keep(held.number, lease, outcome.class);
            self.held.push(Held { number: held.number, lease: still, ask: held.ask, kept: true });
        }
        Ok(())
    }

    /// What the request of a lease that ended was answered.
    fn settled(&mut self, ask: Option<Ask>, reply: Reply, alike: bool) -> Step {
        match (ask, reply) {
            (None, Reply::Done) => Ok(()),
            (Some(_), Reply::Refused(refusal)) if alike => {
                self.story.note("walk stopped");
                self.refused(&refusal, &crate::keyring::model::No::Correlated)
            }
            (Some(ask), reply) => self.answered(ask, reply),
            (None, reply) => Err(format!("a settlement was answered by {reply:?}")),
        }
    }

    /// A lease ends of which nothing more is to be said.
    fn let_go(&mut self, held: Held) -> Step {
        self.say(format!("let go {}", held.number));
        self.proxy.handle_ask(Call::Settle(Settle::unused(held.lease)), self.instant());
        self.model.settle(held.number, 0, None, &|_| None).map(drop)
    }

    /// What the request of a lease asks after it failed.
    fn another(&mut self, held: &Held, passed: usize) -> Ask {
        let mut ask = held.ask.clone();
        let lease = &self.model.leases[&held.number];
        ask.tried.push(lease.key.clone());
        if passed + 1 == lease.bases.len() && self.dice.chance(20) {
            ask.unreachable.extend(lease.bases.iter().cloned());
        }
        if ask.model == Known::Unread {
            ask.model = Known::Absent;
        }
        ask.may_wait = false;
        ask
    }

    fn early_verdict(&mut self) -> Step {
        let unjudged = self.held.iter().position(|held| self.model.leases[&held.number].judged.is_none());
        let Some(n) = unjudged else { return Ok(()) };
        let mut held = self.held.swap_remove(n);
        let outcome = self.outcome(&held);
        self.say(format!("verdict {}: {:?} {:?} {:?}", held.number, outcome.class, outcome.blame, outcome.rest));
        let verdict = held.lease.verdict(0, outcome.clone());
        self.proxy.handle_ask(Call::Verdict(verdict), self.instant());
        let told = self.told(&held.lease.entry().name);
        self.model.verdict(held.number, 0, &outcome, &|name| told.get(name).copied())?;
        self.story.note("verdict ahead");
        self.held.push(held);
        Ok(())
    }

    fn cancel(&mut self) -> Step {
        if self.model.waiting.is_empty() {
            return Ok(());
        }
        let ticket = self.dice.pick(&self.model.waiting).ticket;
        self.say(format!("cancel {ticket}"));
        self.proxy.handle_ask(Call::Cancel(Ticket { worker: 0, serial: ticket }), self.instant());
        self.model.dequeue(ticket);
        self.story.note("cancelled");
        Ok(())
    }

    /// To a deadline exactly, a moment, or far ahead; a late housekeeper finds several deadlines past.
    fn pass_time(&mut self) -> Step {
        let due = self.proxy.poll_timeout().map(|(at, _)| at.as_micros());
        let target = match (self.dice.below(10), due) {
            (0..=4, Some(due)) => due,
            (0..=6, _) => self.now + self.dice.range(1, 1_500_000),
            (7, _) => self.now + self.dice.range(1, 2000),
            (8, _) => self.now + self.dice.range(2, 70) * SECOND,
            _ => self.now + self.dice.range(1, 30) * HOUR,
        };
        if self.dice.chance(30) {
            self.story.note("late housekeeper");
            return self.catch_up(target);
        }
        while let Some((at, _)) = self.proxy.poll_timeout().filter(|(at, _)| at.as_micros() <= target) {
            self.catch_up(at.as_micros())?;
        }
        self.catch_up(target)
    }

    /// Brings both to this time, as often as the proxy says that something is due.
    pub(super) fn catch_up(&mut self, to: Micros) -> Step {
        self.now = self.now.max(to);
        self.model.advance(self.now);
        for _ in 0..100 {
            self.proxy.handle_timeout(self.instant());
            self.drain()?;
            self.compare()?;
            if self.proxy.poll_timeout().is_none_or(|(at, _)| at > self.instant()) {
                return Ok(());
            }
        }
        Err(format!("{:?} stays due", self.proxy.poll_timeout()))
    }

    fn reset(&mut self) -> Step {
        self.say("reset".to_owned());
        let cleared = self.proxy.reset(self.instant());
        let expected = self.model.reset();
        self.watch.forget();
        self.story.note("reset");
        if cleared == expected { Ok(()) } else { Err(format!("reset cleared {cleared} keys, not {expected}")) }
    }

    fn reload(&mut self) -> Step {
        self.world.reload(&mut self.dice);
        self.say(format!("reload {:?} {:?}", self.world.policy, self.world.keys));
        self.proxy.reload(self.world.config(), self.instant());
        self.model.reload(self.world.policy.clone(), self.world.keys.clone());
        self.watch.forget();
        self.story.note("reload");
        Ok(())
    }

    /// A key is switched off by hand, or on.
    fn switch(&mut self) -> Step {
        let key = self.dice.pick(&self.model.keys).name.clone();
        let who = (key.clone(), self.model.counts[&key].life);
        let Some(&id) = self.ids.get(&who) else { return Ok(()) };
        let on = self.dice.chance(60);
        self.say(format!("{key} is switched {}", if on { "on" } else { "off" }));
        if !self.proxy.set_enabled(id, on, self.instant()) {
            return Err(format!("{who:?} is not known as {id:?}"));
        }
        self.model.set_enabled(&key, on);
        self.story.note("switched by hand");
        Ok(())
    }

    /// All faults stop: everything that is out finds back, and the next request is served.
    pub(super) fn heal(&mut self) -> Step {
        self.say("heal".to_owned());
        while let Some(held) = self.held.pop() {
            self.let_go(held)?;
            self.drain()?;
            self.compare()?;
        }
        self.pass_all_time()?;
        let off = |name: &Name| matches!(name, Name::Key(_)) && self.model.scopes[name].state == State::Disabled;
        let disabled = self.model.scopes.keys().filter(|name| off(name)).count();
        let pool = self.proxy.pool(self.instant());
        if pool.leases != 0 || pool.waiting != 0 || pool.healthy + disabled != pool.total {
            return Err(format!("after all faults stopped: {pool:?}, {disabled} of them switched off"));
        }
        Ok(())
    }

    /// Beyond every rest that can be: a month, and the day's cap on others.
    fn pass_all_time(&mut self) -> Step {
        let end = self.now + 62 * 24 * HOUR;
        for _ in 0..10_000 {
            while let Some(held) = self.held.pop() {
                self.let_go(held)?;
                self.drain()?;
            }
            match self.proxy.poll_timeout().map(|(at, _)| at) {
                Some(at) if at <= Instant::from_micros(end) => self.catch_up(at.as_micros())?,
                _ => return self.catch_up(end),
            }
        }
        Err("time does not pass".into())
    }
}
