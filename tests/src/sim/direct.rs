//! Core mode: `Session` and `Proxy` driven directly over the simulated network, without async, for speed.
//!
//! It is a driver of its own: what the core's contract says is written a second time here, so that a driver's habits
//! (how much is read at once, which side first) are seen to make no difference.

mod carry;
mod house;
mod watch;

use super::appetite::Appetite;
use super::dialing::Dialing;
use super::dice::Dice;
use super::edge::Edge;
use super::net::End;
use super::world::{Owner, World};
use keywheel_core::config::{Config, Settings};
use keywheel_core::idle::{Held, Idle};
use keywheel_core::notice::Notice;
use keywheel_core::origin::Origin;
use keywheel_core::proxy::{Ask, Proxy, Reply};
use keywheel_core::session::{Action, How, Reason, Session, Side};
use keywheel_core::time::{Instant, UnixMillis};
use keywheel_core::turn::{Pool, Turn};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use watch::Watch;

/// Rounds of one turn.
const ROUNDS: usize = 64;
/// What the provider sends behind an answer where it is asked for noise; none of its answers ends so.
const NOISE: u8 = b'!';
/// The deadline of the proxy itself, beside those of sessions.
const HOUSE: u32 = u32::MAX;

/// In what drivers differ.
#[derive(Clone, Debug)]
pub struct Habits {
    /// Most bytes of one read, at least 1.
    pub most_read: usize,
    /// Which side is looked at first.
    pub upstream_first: bool,
    /// Sessions that have something to do take turns in an order drawn from these dice.
    pub order: Option<Dice>,
    /// Timers come late by up to so many microseconds.
    pub late: u64,
    /// Per cent of turns with a call for a deadline that is not due, and of deadlines told twice.
    pub restless: u32,
    /// Per cent of reads for which there is no memory at first.
    pub starved: u32,
    /// For the three above.
    pub dice: Dice,
}

/// What an observer sees pass between a session and the proxy.
#[derive(Debug)]
pub enum Seen<'a> {
    /// A session asks.
    Ask(u32, &'a Ask),
    /// The proxy answers it, at once or by a wake.
    Reply(u32, &'a Reply),
    /// A session or the proxy has something to say.
    Notice(&'a Notice),
    /// A session wakes by this deadline.
    Woken(u32, Reason),
    /// The proxy wakes by this deadline.
    HouseWoken(keywheel_core::proxy::Reason),
    /// A connection goes this way.
    Edge(Edge),
    /// Something did not hold.
    Wrong(String),
    /// A session does this.
    Act(u32, &'a Action),
}

/// Told of everything that passes.
pub type Observer = Box<dyn FnMut(u64, Seen<'_>)>;

/// Drives the core.
pub struct Direct {
    /// The proxy.
    pub proxy: Proxy,
    pool: Pool,
    replay_total: usize,
    idle: Idle<End>,
    settings: Arc<Settings>,
    /// Boxed, since each turn takes one out and puts it back.
    sessions: BTreeMap<u32, Box<Running>>,
    next: u32,
    listener: u32,
    tickets: BTreeMap<keywheel_core::keyring::Ticket, u32>,
    ready: VecDeque<u32>,
    habits: Habits,
    observer: Observer,
    house_armed: Option<u64>,
    /// Bytes that all sessions hold.
    held: usize,
    /// What `Job::ReadConfig` reads.
    pub config: Result<Box<Config>, String>,
}

impl core::fmt::Debug for Direct {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Direct({} sessions)", self.sessions.len())
    }
}

#[derive(Debug)]
struct Running {
    session: Session,
    sides: [Option<Line>; 2],
    dialing: Option<Dialing>,
    armed: Option<u64>,
    queued: bool,
    done: bool,
    /// A read was refused for want of memory; it is tried again at this time.
    starved_until: Option<u64>,
    watches: [Watch; 2],
    /// When its watches are looked at again.
    watched: Option<u64>,
    /// Bytes that it held after its last turn.
    held: usize,
}

/// One side's connection.
#[derive(Debug)]
struct Line {
    end: End,
    appetite: Appetite,
    made_at: u64,
    ended: bool,
    broken: bool,
    /// The writing half ends once nothing is to be written.
    finishing: bool,
    /// The last byte that was read.
    last: u8,
}

impl Line {
    fn new(end: End, made_at: u64, most_read: usize) -> Self {
        Line {
            end,
            appetite: Appetite::new(most_read),
            made_at,
            ended: false,
            broken: false,
            finishing: false,
            last: 0,
        }
    }
}

impl Direct {
    /// A process with this configuration that listens in `world`.
    pub fn new(config: Config, seed: u64, world: &mut World, habits: Habits, observer: Observer) -> Self {
        let now = Instant::from_micros(world.now());
        let limits = &config.settings.limits;
        let replay_total = limits.replay_total;
        let pool = Pool::new(replay_total);
        let idle = Idle::new(config.pool.max_free_sockets as usize);
        let kept = Box::new(config.clone());
        let proxy = Proxy::new(config, seed, now, UnixMillis(super::runtime::EPOCH.0 + world.now() / 1000));
        let mut direct = Direct {
            settings: proxy.settings().clone(),
            proxy,
            pool,
            replay_total,
            idle,
            sessions: BTreeMap::new(),
            next: 0,
            listener: world.listen(([10, 0, 0, 1], 3000).into()),
            tickets: BTreeMap::new(),
            ready: VecDeque::new(),
            habits,
            observer,
            house_armed: None,
            held: 0,
            config: Ok(kept),
        };
        direct.settle_proxy(world);
        direct
    }

    /// Lets one session that has something to do go on; false when none has.
    pub fn step(&mut self, world: &mut World) -> bool {
        self.accept(world);
        let next = match &mut self.habits.order {
            Some(dice) if self.ready.len() > 1 => self.ready.remove(dice.below(self.ready.len())),
            _ => self.ready.pop_front(),
        };
        let Some(id) = next else { return false };
        if let Some(mut run) = self.sessions.remove(&id) {
            run.queued = false;
            self.turn(id, &mut run, world);
            if run.done {
                self.drop_session(run, world);
            } else {
                self.sessions.insert(id, run);
            }
            world.pump();
        }
        true
    }

    /// Something changed at an end, a dial ended, or a deadline came.
    pub fn rouse(&mut self, id: u32) {
        if let Some(run) = self.sessions.get_mut(&id)
            && !core::mem::replace(&mut run.queued, true)
        {
            self.ready.push_back(id);
        }
    }

    /// A deadline came.
    pub fn deadline(&mut self, id: u32, world: &mut World) {
        if id == HOUSE {
            self.house_deadline(world);
        } else {
            if let Some(run) = self.sessions.get_mut(&id) {
                run.armed = None;
            }
            self.rouse(id);
        }
    }

    /// A dial of this session, or a lookup for it, came to its end.
    pub fn dialled(&mut self, id: u32) {
        self.rouse(id);
    }

    /// How many sessions run.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Bytes of the replay budget that are in use: none once all sessions have ended.
    pub fn replay_used(&self) -> usize {
        self.replay_total - self.pool.replay_left()
    }

    /// What each session waits for, in words.
    pub fn waits(&self) -> Vec<String> {
        let mut waits = Vec::new();
        for (id, run) in &self.sessions {
            let dialing = if run.dialing.is_some() { ", dials" } else { "" };
            waits.push(format!(
                "session {id} waits until {:?}{dialing}: {:?}",
                run.session.poll_timeout(),
                run.session
            ));
        }
        waits
    }

    fn edge(&mut self, now: u64, edge: Edge) {
        (self.observer)(now, Seen::Edge(edge));
    }

    fn wrong(&mut self, now: u64, what: String) {
        (self.observer)(now, Seen::Wrong(format!("{what} at {now}")));
    }

    fn accept(&mut self, world: &mut World) {
        // At the limit, further connections wait in the network's queue.
        while self.sessions.len() < self.settings.limits.connections {
            let Some((end, _)) = world.accept(self.listener, None) else { return };
            let now = Instant::from_micros(world.now());
            let Ok(seed) = self.proxy.open(0, now) else {
                let end_now = world.now();
                world.net.close(end, end_now);
                continue;
            };
            self.next += 1;
            let id = self.next;
            let session = Session::new(0, seed, &mut lend(&self.settings, &mut self.pool, &self.proxy, now));
            world.own(end, Owner::Session(id));
            let sides = [Some(Line::new(end, world.now(), self.habits.most_read)), None];
            self.sessions.insert(
                id,
                Box::new(Running {
                    session,
                    sides,
                    dialing: None,
                    armed: None,
                    queued: false,
                    done: false,
                    starved_until: None,
                    watches: Default::default(),
                    watched: None,
                    held: 0,
                }),
            );
            self.rouse(id);
        }
    }

    fn actions(&mut self, id: u32, run: &mut Running, world: &mut World) {
        while let Some(action) = run.session.poll() {
            self.act(id, run, action, world);
        }
    }

    fn act(&mut self, id: u32, run: &mut Running, action: Action, world: &mut World) {
        let now = world.now();
        (self.observer)(now, Seen::Act(id, &action));
        match action {
            Action::Ask(ask) => self.ask(id, run, ask, world),
            Action::Dial(dial) => {
                self.sweep(world);
                let at = Instant::from_micros(now);
                while let Some(Held { link, made_at }) = self.idle.take(&dial, at) {
                    if world.net.readable(link) {
                        self.edge(now, Edge::FoundDead);
                        world.net.close(link, now);
                        self.idle.closed(&dial.origin, &self.settings.limits, at);
                        continue;
                    }
                    self.edge(now, Edge::Reused);
                    self.idle.reused(&dial.origin, at);
                    self.linked(id, run, link, made_at.as_micros(), true, world);
                    return;
                }
                run.dialing = Some(Dialing::new(dial, id, world));
            }
            Action::StopDial => {
                if let Some(dialing) = run.dialing.take() {
                    self.edge(now, Edge::Stopped);
                    dialing.stop(world);
                }
            }
            Action::Park { origin, idle } => {
                if let Some(line) = run.sides[Side::Upstream as usize].take() {
                    self.park(&origin, line, idle, world);
                }
            }
            Action::Hangup(side, how) => self.hang_up(run, side, how, world),
            Action::EndWriting(side) => {
                self.edge(now, Edge::HalfClosed);
                if let Some(line) = &mut run.sides[side as usize] {
                    line.finishing = true;
                }
            }
            Action::Notice(notice) => (self.observer)(now, Seen::Notice(&notice)),
            Action::Done => run.done = true,
        }
    }

    fn park(&mut self, origin: &Origin, line: Line, idle: core::time::Duration, world: &mut World) {
        let now = world.now();
        if line.last == NOISE {
            self.wrong(now, format!("I13 connection {} is kept with bytes left over behind its answer", line.end.conn));
        }
        world.own(line.end, Owner::Nobody);
        let held = Held { link: line.end, made_at: Instant::from_micros(line.made_at) };
        let at = Instant::from_micros(now);
        let over = self.idle.put(origin, held, idle, &self.settings.limits, at);
        self.edge(now, if over == Some(line.end) { Edge::NotKept } else { Edge::Parked });
        if let Some(end) = over {
            if end != line.end {
                self.edge(now, Edge::Surplus);
            }
            world.net.close(end, now);
        }
        self.arm_house(world);
    }

    fn hang_up(&mut self, run: &mut Running, side: Side, how: How, world: &mut World) {
        let now = world.now();
        self.edge(
            now,
            match (side, how) {
                (Side::Downstream, How::Fin) => Edge::ClientFin,
                (Side::Downstream, How::Reset) => Edge::ClientReset,
                (Side::Upstream, How::Fin) => Edge::UpstreamFin,
                (Side::Upstream, How::Reset) => Edge::UpstreamReset,
            },
        );
        match (side, how) {
            (Side::Downstream, How::Fin) => {
                if let Some(line) = &run.sides[0] {
                    world.net.shutdown(line.end, now);
                }
            }
            (_, how) => {
                if let Some(line) = run.sides[side as usize].take() {
                    world.own(line.end, Owner::Nobody);
                    if how == How::Fin {
                        world.net.close(line.end, now);
                    } else {
                        world.net.reset(line.end, now);
                    }
                }
            }
        }
    }

    fn lend(&mut self, now: Instant) -> Turn<'_> {
        lend(&self.settings, &mut self.pool, &self.proxy, now)
    }
}

fn lend<'t>(settings: &'t Arc<Settings>, pool: &'t mut Pool, proxy: &Proxy, now: Instant) -> Turn<'t> {
    Turn { now, wall: proxy.wall(), settings, pool }
}
