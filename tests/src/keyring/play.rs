//! One seed played: operations on the proxy and on the model, and what they say compared.

mod compare;
mod steps;

use super::model::{Ask, Expect, Known, Model, No, Who};
use super::setup::World;
use super::watch::Watch;
use crate::sim::dice::Dice;
use core::fmt;
use core::time::Duration;
use keywheel_core::keyring::{self, KeyId, Lease, Patience, Refusal, Want};
use keywheel_core::origin::Origin;
use keywheel_core::proxy::{Command, Proxy, Reply};
use keywheel_core::time::{Instant, UnixMillis};
use std::collections::BTreeMap;

/// What happened in one or many worlds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// How often each kind of thing happened.
    pub counts: BTreeMap<String, u64>,
}

impl Story {
    pub(super) fn add(&mut self, other: &Story) {
        for (what, count) in &other.counts {
            *self.counts.entry(what.clone()).or_default() += count;
        }
    }

    fn note(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts.iter().try_for_each(|(what, count)| writeln!(f, "{count:>10}  {what}"))
    }
}

/// Where proxy and model part.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The steps that led there, the last one last.
    pub trace: Vec<String>,
    /// In what they part.
    pub why: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.trace.len().saturating_sub(60);
        self.trace[from..].iter().try_for_each(|line| writeln!(f, "{line}"))?;
        write!(f, "seed {}: {}", self.seed, self.why)
    }
}

/// A lease that is out, and the request that holds it.
#[derive(Debug)]
struct Held {
    number: u64,
    lease: Lease,
    ask: Ask,
    /// It was to be swapped, and goes on.
    kept: bool,
}

/// One world being played.
#[derive(Debug)]
pub(super) struct Play {
    seed: u64,
    dice: Dice,
    world: World,
    model: Model,
    proxy: Proxy,
    now: u64,
    held: Vec<Held>,
    ids: BTreeMap<Who, KeyId>,
    numbers: u64,
    watch: Watch,
    story: Story,
    trace: Vec<String>,
}

type Step = Result<(), String>;

impl Play {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed).child(1);
        let world = World::new(&mut dice);
        let proxy = Proxy::new(world.config(), seed, Instant::ZERO, UnixMillis(1_800_000_000_000));
        Play {
            seed,
            dice,
            model: Model::new(world.policy.clone(), world.keys.clone()),
            proxy,
            trace: vec![format!("{:?} {:?}", world.policy, world.keys)],
            world,
            now: 0,
            held: Vec::new(),
            ids: BTreeMap::new(),
            numbers: 0,
            watch: Watch::default(),
            story: Story::default(),
        }
    }

    pub(super) fn run(mut self) -> Result<Story, Box<Failure>> {
        let mut result = self.compare();
        for _ in 0..self.world.count {
            result = result.and_then(|()| self.step());
        }
        match result.and_then(|()| self.heal()) {
            Ok(()) => Ok(self.story),
            Err(why) => Err(Box::new(Failure { seed: self.seed, trace: self.trace, why })),
        }
    }

    fn instant(&self) -> Instant {
        Instant::from_micros(self.now)
    }

    fn say(&mut self, line: String) {
        self.trace.push(format!("{:>14} {line}", self.now));
    }

    /// The same as keywheel is asked it.
    fn want(&self, ask: &Ask) -> Want {
        Want {
            worker: 0,
            model: match &ask.model {
                Known::Unread => keyring::Model::Unread,
                Known::Absent => keyring::Model::Absent,
                Known::Named(name) => keyring::Model::Named(name.as_str().into()),
            },
            tried: ask.tried.iter().map(|who| self.ids[who]).collect(),
            unreachable: ask.unreachable.iter().map(|host| Origin::new(true, host, 443)).collect(),
            until: Instant::from_micros(ask.until),
            patience: if ask.may_wait { Patience::Wait } else { Patience::Refuse },
        }
    }

    /// What the proxy answered a request that wants a key, held against what the model expects.
    fn answered(&mut self, ask: Ask, reply: Reply) -> Step {
        let until = self.model.wait_until(&ask);
        let unread = ask.model == Known::Unread && self.model.needs_model();
        let expected = if unread { Expect::NeedModel } else { self.model.expect(&ask, until) };
        self.say(format!("  {ask:?} -> {} (expected {expected:?})", said(&reply)));
        if !matches!(reply, Reply::NeedModel) && ask.tried.is_empty() {
            self.model.requests += 1;
        }
        let room = self.model.waiting.len() < self.model.policy.waiting;
        match (reply, expected) {
            (Reply::NeedModel, Expect::NeedModel) => self.story.note("asked for the model"),
            (Reply::Granted(lease), Expect::One(keys)) => self.granted(lease, ask, &keys)?,
            (Reply::Queued(ticket), Expect::Wait) if room => {
                self.story.note("queued");
                self.model.queue(ticket.serial, ask, until);
            }
            (Reply::Queued(ticket), Expect::One(_)) if room && ask.may_wait && !self.model.waiting.is_empty() => {
                self.story.note("queued behind others");
                self.model.queue(ticket.serial, ask, until);
            }
            (Reply::Refused(refusal), Expect::No(no)) => self.refused(&refusal, &no)?,
            (Reply::Refused(refusal), Expect::Wait) if !room => {
                self.story.note("queue full");
                let no = self.model.refuse_waiting(&ask);
                self.refused(&refusal, &no)?;
            }
            (reply, expected) => return Err(format!("answered {reply:?}, not {expected:?}")),
        }
        Ok(())
    }

    fn granted(&mut self, lease: Lease, ask: Ask, keys: &[String]) -> Step {
        let key = lease.entry().name.to_string();
        if !keys.contains(&key) {
            return Err(format!("{key} was chosen, not one of {keys:?}"));
        }
        self.watch.served(&self.model, &ask, keys, &key)?;
        self.numbers += 1;
        let bases: Vec<String> = (0..).map_while(|n| lease.base(n)).map(|base| base.origin.host().to_owned()).collect();
        self.story.note(if lease.is_probe() { "trial" } else { "granted" });
        self.model.grant(self.numbers, &key, bases, lease.is_probe(), &ask)?;
        self.ids.insert(self.model.leases[&self.numbers].key.clone(), lease.key());
        self.held.push(Held { number: self.numbers, lease, ask, kept: false });
        Ok(())
    }

    fn refused(&mut self, refusal: &Refusal, no: &No) -> Step {
        let micros = |span: &Duration| span.as_micros() as u64;
        let is = match refusal {
            Refusal::Exhausted { back } => No::Exhausted(micros(back)),
            Refusal::Unavailable { back } => No::Unavailable(back.as_ref().map(micros)),
            Refusal::ModelNotFound => No::ModelNotFound,
            Refusal::NoConnection => No::Unconnected,
            Refusal::Correlated => No::Correlated,
        };
        let word = format!("{is:?}");
        self.story.note(&format!("refused: {}", word.split('(').next().unwrap_or_default()));
        if is == *no { Ok(()) } else { Err(format!("refused as {is:?}, not {no:?}")) }
    }

    /// What the proxy wants done: wakes are held against the model, in order.
    fn drain(&mut self) -> Step {
        while let Some(command) = self.proxy.poll() {
            match command {
                Command::Wake(ticket, reply) => self.woken(ticket.serial, reply)?,
                Command::Notice(_) => self.story.note("notice"),
                Command::Settings(_) => self.story.note("settings published"),
                Command::Clock(_) => return Err("nobody set the clock".into()),
                Command::Run(..) => return Err("a job that nobody asked for".into()),
            }
        }
        Ok(())
    }

    fn woken(&mut self, ticket: u64, reply: Reply) -> Step {
        let Some(waiter) = self.model.waiter(ticket) else { return Err(format!("ticket {ticket} does not wait")) };
        let expected = self.model.expect(&waiter.ask, waiter.until);
        self.say(format!("  wake {ticket}, until {}, -> {} (expected {expected:?})", waiter.until, said(&reply)));
        match (reply, expected) {
            (Reply::Granted(lease), Expect::One(keys)) => {
                if let Some(earlier) = self.model.earlier_in_line(&waiter) {
                    return Err(format!("ticket {ticket} came after {earlier}, which waits for the same"));
                }
                self.story.note("woken with a key");
                self.granted(lease, waiter.ask, &keys)?;
            }
            (Reply::Refused(refusal), Expect::No(no)) => {
                self.story.note("woken without");
                self.refused(&refusal, &no)?;
            }
            (reply, expected) => return Err(format!("woken with {reply:?}, not {expected:?}")),
        }
        self.model.dequeue(ticket);
        Ok(())
    }
}

fn said(reply: &Reply) -> String {
    match reply {
        Reply::Granted(lease) => {
            format!("{} at {:?}", lease.entry().name, lease.base(0).map(|b| b.origin.host().to_owned()))
        }
        reply => format!("{reply:?}"),
    }
}
