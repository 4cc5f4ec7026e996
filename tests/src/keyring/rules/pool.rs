//! A pool of keys to try a rule on.

use core::time::Duration;
use keywheel_core::classify::{Blame, Class, Outcome};
use keywheel_core::config::{Config, KeyEntry, Settings};
use keywheel_core::keyring::view::{KeyRow, State};
use keywheel_core::keyring::{KeyId, Lease, Model, Patience, Refusal, Settle, Ticket, Want};
use keywheel_core::notice::Notice;
use keywheel_core::origin::{BaseUrl, Origin};
use keywheel_core::proxy::{Ask, Command, Proxy, Reply};
use keywheel_core::secret::Secret;
use keywheel_core::time::{Instant, UnixMillis};
use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) const HOUR: f64 = 3600.0;

pub(crate) struct Pool {
    pub(crate) proxy: Proxy,
    now: Instant,
    wakes: VecDeque<(Ticket, Reply)>,
    notices: Vec<String>,
}

pub(crate) fn seconds(s: f64) -> Instant {
    Instant::from_micros((s * 1e6) as u64)
}

/// A key called `k{n}`; `bases` are hosts.
pub(crate) fn key(n: usize, bases: &[&str]) -> KeyEntry {
    let bases: Vec<BaseUrl> = bases.iter().map(|host| BaseUrl::new(Origin::new(true, host, 443), "")).collect();
    let mut entry = KeyEntry::new(Secret::new(format!("secret-{n}").into_bytes()), n as u32, bases.into()).unwrap();
    entry.name = format!("k{n}").into();
    entry
}

/// A configuration of so many equal keys.
pub(crate) fn config(count: usize) -> Config {
    Config::new((0..count).map(|n| Arc::new(key(n, &["api.test"]))).collect())
}

pub(crate) fn change_key(config: &mut Config, n: usize, f: impl FnOnce(&mut KeyEntry)) {
    f(Arc::get_mut(&mut config.keys[n]).unwrap());
}

pub(crate) fn change_settings(config: &mut Config, f: impl FnOnce(&mut Settings)) {
    f(Arc::get_mut(&mut config.settings).unwrap());
}

pub(crate) fn outcome(class: Class) -> Outcome {
    let blame = match class {
        Class::KeyDead | Class::Quota | Class::Unknown => Blame::Key,
        Class::Rate => Blame::AccountModel,
        Class::Access => Blame::KeyModel,
        _ => Blame::Nobody,
    };
    Outcome { blame, structured: true, status: 400, ..Outcome::plain(class) }
}

pub(crate) fn resting(class: Class, secs: f64) -> Outcome {
    Outcome { rest: Some(Duration::from_secs_f64(secs)), ..outcome(class) }
}

pub(crate) fn of_model(outcome: Outcome, model: &str) -> Outcome {
    Outcome { model: Some(model.into()), ..outcome }
}

pub(crate) fn of_account(outcome: Outcome, account: &str) -> Outcome {
    Outcome { account: Some(account.into()), ..outcome }
}

pub(crate) fn want() -> Want {
    Want {
        worker: 3,
        model: Model::Absent,
        tried: Vec::new(),
        unreachable: Vec::new(),
        until: seconds(1e9),
        patience: Patience::Wait,
    }
}

pub(crate) fn want_model(model: &str) -> Want {
    Want { model: Model::Named(model.into()), ..want() }
}

pub(crate) fn want_after(tried: &[KeyId]) -> Want {
    Want { tried: tried.to_vec(), patience: Patience::Refuse, ..want() }
}

pub(crate) fn name(reply: &Reply) -> String {
    match reply {
        Reply::Granted(lease) => lease.entry().name.to_string(),
        reply => panic!("no key was granted: {reply:?}"),
    }
}

impl Pool {
    pub(crate) fn of(count: usize) -> Self {
        Pool::new(config(count))
    }

    pub(crate) fn new(config: Config) -> Self {
        let proxy = Proxy::new(config, 1, Instant::ZERO, UnixMillis(1_800_000_000_000));
        Pool { proxy, now: Instant::ZERO, wakes: VecDeque::new(), notices: Vec::new() }
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// Goes to this second, by way of everything that falls due.
    pub(crate) fn at(&mut self, secs: f64) -> &mut Self {
        let target = seconds(secs);
        assert!(target >= self.now, "time runs forward");
        while let Some((at, _)) = self.proxy.poll_timeout().filter(|(at, _)| *at <= target) {
            self.now = self.now.max(at);
            self.proxy.handle_timeout(self.now);
            self.drain();
            assert!(self.proxy.poll_timeout().is_none_or(|(next, _)| next > at), "what was due is done");
        }
        self.now = target;
        self.proxy.handle_timeout(target);
        self.drain();
        self
    }

    /// Goes on by so many seconds.
    pub(crate) fn after(&mut self, secs: f64) -> &mut Self {
        let now = self.now.as_micros() as f64 / 1e6;
        self.at(now + secs)
    }

    fn drain(&mut self) {
        while let Some(command) = self.proxy.poll() {
            match command {
                Command::Wake(ticket, reply) => self.wakes.push_back((ticket, reply)),
                Command::Notice(Notice::Event { kind, text, .. }) => self.notices.push(format!("{kind}: {text}")),
                Command::Notice(Notice::Request(_)) | Command::Run(..) | Command::Settings(_) | Command::Clock(_) => {}
            }
        }
    }

    pub(crate) fn call(&mut self, ask: Ask) -> Reply {
        let reply = self.proxy.handle_ask(ask, self.now);
        self.drain();
        reply
    }

    pub(crate) fn ask(&mut self, want: Want) -> Reply {
        self.call(Ask::Lease(want))
    }

    /// A lease for a request like this.
    pub(crate) fn take_for(&mut self, want: Want) -> Lease {
        match self.ask(want) {
            Reply::Granted(lease) => lease,
            reply => panic!("no key was granted: {reply:?}"),
        }
    }

    pub(crate) fn take(&mut self) -> Lease {
        self.take_for(want())
    }

    /// A lease of this key: what is given before it is given back unused.
    pub(crate) fn take_key(&mut self, n: usize) -> Lease {
        let mut others = Vec::new();
        for _ in 0..10_000 {
            let lease = self.take();
            if *lease.entry().name == *format!("k{n}") {
                others.into_iter().for_each(|lease| self.give_back(lease));
                return lease;
            }
            others.push(lease);
        }
        panic!("k{n} is never given");
    }

    pub(crate) fn refused(&mut self, want: Want) -> Refusal {
        match self.ask(want) {
            Reply::Refused(refusal) => refusal,
            reply => panic!("not refused: {reply:?}"),
        }
    }

    pub(crate) fn queued(&mut self, want: Want) -> Ticket {
        match self.ask(want) {
            Reply::Queued(ticket) => ticket,
            reply => panic!("not queued: {reply:?}"),
        }
    }

    /// The lease ends with this outcome.
    pub(crate) fn end(&mut self, lease: Lease, outcome: Outcome) {
        let reply = self.call(Ask::Settle(Settle { lease, outcome: Some(outcome), base: 0, then: None }));
        assert!(matches!(reply, Reply::Done));
    }

    /// The lease ends with this outcome and its request wants another key.
    pub(crate) fn end_then(&mut self, lease: Lease, outcome: Outcome, then: Want) -> Reply {
        self.call(Ask::Settle(Settle { lease, outcome: Some(outcome), base: 0, then: Some(then) }))
    }

    pub(crate) fn give_back(&mut self, lease: Lease) {
        self.call(Ask::Settle(Settle::unused(lease)));
    }

    pub(crate) fn verdict(&mut self, lease: &mut Lease, outcome: Outcome) {
        let verdict = lease.verdict(0, outcome);
        assert!(matches!(self.call(Ask::Verdict(verdict)), Reply::Done));
    }

    /// One attempt with this key comes to this.
    pub(crate) fn attempt(&mut self, n: usize, outcome: Outcome) {
        let lease = self.take_key(n);
        self.end(lease, outcome);
    }

    pub(crate) fn row(&mut self, n: usize) -> KeyRow {
        let rows = self.proxy.rows(0..usize::MAX, self.now);
        rows.into_iter().find(|row| *row.entry.name == *format!("k{n}")).unwrap()
    }

    pub(crate) fn state(&mut self, n: usize) -> State {
        self.row(n).standing.state
    }

    /// Seconds until the key's rest, or its time on the blacklist, ends.
    pub(crate) fn left(&mut self, n: usize) -> f64 {
        let until = self.row(n).standing.until.unwrap_or_else(|| panic!("k{n} is not out"));
        until.since(self.now).as_secs_f64()
    }

    /// The state of the key for a model, and seconds until that ends; whether it is the account's.
    pub(crate) fn limit(&mut self, n: usize, model: &str) -> Option<(State, f64, bool)> {
        let now = self.now;
        let row = self.row(n);
        let limit = row.models.iter().find(|limit| &*limit.model == model)?;
        let left = limit.standing.until.map_or(0.0, |until| until.since(now).as_secs_f64());
        Some((limit.standing.state, left, limit.account))
    }

    /// The answers that waiting requests got since the last call.
    pub(crate) fn woken(&mut self) -> Vec<(Ticket, Reply)> {
        self.drain();
        self.wakes.drain(..).collect()
    }

    /// The notices since the last call.
    pub(crate) fn told(&mut self) -> Vec<String> {
        self.drain();
        core::mem::take(&mut self.notices)
    }
}
