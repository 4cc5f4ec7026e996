//! Core mode: `Session` and `Proxy` driven directly over the simulated network, without async, for speed.
//!
//! It is a driver of its own: what the core's contract says is written a second time here, so that a driver's habits
//! (how much is read at once, which side first) are seen to make no difference.

use super::dialing::Dialing;
use super::dice::Dice;
use super::net::{End, Write};
use super::pipe::Read;
use super::world::{Event, Owner, World};
use keywheel_core::config::{Config, Settings};
use keywheel_core::idle::{Held, Idle};
use keywheel_core::notice::Notice;
use keywheel_core::origin::Origin;
use keywheel_core::proxy::{Ask, Command, Job, JobId, JobOutcome, Proxy, Reply};
use keywheel_core::session::{Action, How, Linked, Loss, Session, Side, Signal};
use keywheel_core::time::Instant;
use keywheel_core::turn::{Pool, Turn};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Rounds of one turn.
const ROUNDS: usize = 64;
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
    Woken(u32, keywheel_core::session::Reason),
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
    idle: Idle<End>,
    settings: Arc<Settings>,
    sessions: BTreeMap<u32, Running>,
    next: u32,
    listener: u32,
    tickets: BTreeMap<keywheel_core::keyring::Ticket, u32>,
    ready: VecDeque<u32>,
    habits: Habits,
    observer: Observer,
    house_armed: Option<u64>,
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
}

/// One side's connection.
#[derive(Debug)]
struct Line {
    end: End,
    made_at: u64,
    ended: bool,
    broken: bool,
    /// The writing half ends once nothing is to be written.
    finishing: bool,
}

impl Line {
    fn new(end: End, made_at: u64) -> Self {
        Line { end, made_at, ended: false, broken: false, finishing: false }
    }
}

impl Direct {
    /// A process with this configuration that listens in `world`.
    pub fn new(config: Config, seed: u64, world: &mut World, habits: Habits, observer: Observer) -> Self {
        let now = Instant::from_micros(world.now());
        let limits = &config.settings.limits;
        let pool = Pool::new(limits.replay_total);
        let idle = Idle::new(config.pool.max_free_sockets as usize);
        let kept = Box::new(config.clone());
        let proxy = Proxy::new(config, seed, now, super::runtime::EPOCH);
        let mut direct = Direct {
            settings: proxy.settings().clone(),
            proxy,
            pool,
            idle,
            sessions: BTreeMap::new(),
            next: 0,
            listener: world.listen(([10, 0, 0, 1], 3000).into()),
            tickets: BTreeMap::new(),
            ready: VecDeque::new(),
            habits,
            observer,
            house_armed: None,
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
            self.house_armed = None;
            let now = Instant::from_micros(world.now());
            if self.proxy.poll_timeout().is_some_and(|(at, _)| at <= now) {
                self.proxy.handle_timeout(now);
            }
            self.settle_proxy(world);
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

    /// Reads the configuration anew.
    pub fn reload(&mut self, world: &mut World) {
        self.proxy.request_reload(Instant::from_micros(world.now()));
        self.settle_proxy(world);
    }

    /// SIGTERM.
    pub fn drain(&mut self, world: &mut World) {
        let now = Instant::from_micros(world.now());
        self.proxy.drain(now);
        self.settle_proxy(world);
        let ids: Vec<u32> = self.sessions.keys().copied().collect();
        for id in ids {
            let Some(run) = self.sessions.get_mut(&id) else { continue };
            run.session.handle_signal(Signal::Drain, &mut lend(&self.settings, &mut self.pool, &self.proxy, now));
            self.rouse(id);
        }
    }

    /// The time for draining is over: what still runs is cut.
    pub fn end(&mut self, world: &mut World) {
        for (_, mut run) in core::mem::take(&mut self.sessions) {
            if let Some(line) = run.sides[Side::Downstream as usize].take() {
                world.own(line.end, Owner::Nobody);
                let now = world.now();
                world.net.reset(line.end, now);
            }
            self.drop_session(run, world);
        }
    }

    /// How many sessions run.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// What is left of the replay budget.
    pub fn replay_left(&self) -> usize {
        self.pool.replay_left()
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
            let sides = [Some(Line::new(end, world.now())), None];
            self.sessions
                .insert(id, Running { session, sides, dialing: None, armed: None, queued: false, done: false });
            self.rouse(id);
        }
    }

    fn turn(&mut self, id: u32, run: &mut Running, world: &mut World) {
        let now = Instant::from_micros(world.now());
        if run.session.poll_timeout().is_some_and(|(at, _)| at <= now) {
            if let Some((_, reason)) = run.session.poll_timeout() {
                (self.observer)(world.now(), Seen::Woken(id, reason));
            }
            run.session.handle_timeout(&mut self.lend(now));
        }
        self.actions(id, run, world);
        let mut moved = true;
        for _ in 0..ROUNDS {
            let sides = if self.habits.upstream_first {
                [Side::Upstream, Side::Downstream]
            } else {
                [Side::Downstream, Side::Upstream]
            };
            moved = self.dial_on(id, run, world);
            for side in sides {
                moved |= self.read(run, side, world);
                moved |= self.actions(id, run, world);
                moved |= self.write(run, side, world);
                moved |= self.actions(id, run, world);
            }
            if !moved || run.done {
                break;
            }
        }
        run.session.rest(&mut self.lend(now));
        if moved {
            // The turn was cut short: there is more to do.
            run.queued = true;
            self.ready.push_back(id);
        }
        self.arm(id, run, world);
    }

    fn read(&mut self, run: &mut Running, side: Side, world: &mut World) -> bool {
        let now = Instant::from_micros(world.now());
        let Some(line) = &mut run.sides[side as usize] else { return false };
        if line.ended || line.broken || !world.net.readable(line.end) || !run.session.wants_read(side) {
            return false;
        }
        let mut turn = lend(&self.settings, &mut self.pool, &self.proxy, now);
        let room = run.session.recv_buf(side, &mut turn);
        if room.is_empty() {
            return false;
        }
        let most = room.len().min(self.habits.most_read);
        match world.net.read(line.end, &mut room[..most]) {
            Read::Got(n) => run.session.handle_recv(side, n, &mut turn),
            Read::Empty => {
                run.session.handle_recv(side, 0, &mut turn);
                return false;
            }
            Read::Eof => {
                line.ended = true;
                run.session.handle_eof(side, &mut turn);
            }
            Read::Reset => {
                line.broken = true;
                run.session.handle_lost(side, Loss::Reset, &mut turn);
            }
        }
        world.pump();
        true
    }

    fn write(&mut self, run: &mut Running, side: Side, world: &mut World) -> bool {
        let now = world.now();
        let mut moved = false;
        while let Some(line) = run.sides[side as usize].as_mut().filter(|line| !line.broken) {
            let transmit = run.session.poll_transmit(side);
            if transmit.is_empty() {
                if core::mem::take(&mut line.finishing) {
                    world.net.shutdown(line.end, now);
                }
                break;
            }
            let wrote = world.net.write(line.end, transmit.slices(), now);
            let mut turn = lend(&self.settings, &mut self.pool, &self.proxy, Instant::from_micros(now));
            match wrote {
                Write::Took(n) => run.session.handle_sent(side, n, &mut turn),
                Write::Full => break,
                Write::Reset => {
                    line.broken = true;
                    run.session.handle_lost(side, Loss::Reset, &mut turn);
                }
            }
            moved = true;
        }
        world.pump();
        moved
    }

    fn actions(&mut self, id: u32, run: &mut Running, world: &mut World) -> bool {
        let mut any = false;
        while let Some(action) = run.session.poll() {
            any = true;
            self.act(id, run, action, world);
        }
        any
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
                        world.net.close(link, now);
                        self.idle.closed(&dial.origin, &self.settings.limits, at);
                        continue;
                    }
                    self.idle.reused(&dial.origin, at);
                    self.linked(id, run, link, made_at.as_micros(), true, world);
                    return;
                }
                run.dialing = Some(Dialing::new(dial, id, world));
            }
            Action::StopDial => {
                if let Some(dialing) = run.dialing.take() {
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
        world.own(line.end, Owner::Nobody);
        let held = Held { link: line.end, made_at: Instant::from_micros(line.made_at) };
        let at = Instant::from_micros(now);
        if let Some(end) = self.idle.put(origin, held, idle, &self.settings.limits, at) {
            world.net.close(end, now);
        }
        self.arm_house(world);
    }

    fn hang_up(&mut self, run: &mut Running, side: Side, how: How, world: &mut World) {
        let now = world.now();
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

    fn ask(&mut self, id: u32, run: &mut Running, ask: Ask, world: &mut World) {
        let now = Instant::from_micros(world.now());
        (self.observer)(world.now(), Seen::Ask(id, &ask));
        if let Ask::Cancel(ticket) = &ask {
            self.tickets.remove(ticket);
        }
        let reply = self.proxy.handle_ask(ask, now);
        (self.observer)(world.now(), Seen::Reply(id, &reply));
        if let Reply::Queued(ticket) = &reply {
            self.tickets.insert(*ticket, id);
        }
        run.session.handle_reply(reply, &mut self.lend(now));
        // A wake may be for this very session: it is out of the map, so it is handed over here.
        for (ticket, reply) in self.drain_proxy(world) {
            match self.tickets.remove(&ticket) {
                Some(owner) if owner == id => {
                    (self.observer)(world.now(), Seen::Reply(id, &reply));
                    run.session.handle_reply(reply, &mut self.lend(now));
                }
                owner => self.wake(owner, reply, world),
            }
        }
    }

    /// What the proxy wants done, but for the wakes.
    fn drain_proxy(&mut self, world: &mut World) -> Vec<(keywheel_core::keyring::Ticket, Reply)> {
        let mut wakes = Vec::new();
        while let Some(command) = self.proxy.poll() {
            match command {
                Command::Wake(ticket, reply) => wakes.push((ticket, reply)),
                Command::Run(job, Job::ReadConfig) => self.read_config(job, world),
                Command::Settings(settings) => self.settings = settings,
                Command::Notice(notice) => (self.observer)(world.now(), Seen::Notice(&notice)),
            }
        }
        self.arm_house(world);
        wakes
    }

    fn settle_proxy(&mut self, world: &mut World) {
        for (ticket, reply) in self.drain_proxy(world) {
            let owner = self.tickets.remove(&ticket);
            self.wake(owner, reply, world);
        }
    }

    fn wake(&mut self, owner: Option<u32>, reply: Reply, world: &mut World) {
        let now = Instant::from_micros(world.now());
        match (owner.and_then(|id| Some((id, self.sessions.get_mut(&id)?))), reply) {
            (Some((id, run)), reply) => {
                (self.observer)(world.now(), Seen::Reply(id, &reply));
                run.session.handle_reply(reply, &mut lend(&self.settings, &mut self.pool, &self.proxy, now));
                self.rouse(id);
            }
            (None, Reply::Granted(lease)) => {
                let settle = keywheel_core::keyring::Settle { lease, outcome: None, base: 0, then: None };
                let ask = Ask::Settle(settle);
                (self.observer)(world.now(), Seen::Ask(0, &ask));
                self.proxy.handle_ask(ask, now);
                self.settle_proxy(world);
            }
            (None, _) => {}
        }
    }

    fn read_config(&mut self, job: JobId, world: &World) {
        let outcome = JobOutcome::Config(self.config.clone());
        self.proxy.handle_job(job, outcome, Instant::from_micros(world.now()));
    }

    /// Goes on with a dial.
    fn dial_on(&mut self, id: u32, run: &mut Running, world: &mut World) -> bool {
        let Some(dialing) = &mut run.dialing else { return false };
        let Some(outcome) = dialing.poll(world) else { return false };
        run.dialing = None;
        match outcome {
            Ok(end) => {
                let now = world.now();
                self.linked(id, run, end, now, false, world);
            }
            Err(error) => {
                let now = Instant::from_micros(world.now());
                run.session.handle_linked(Err(error), &mut self.lend(now));
            }
        }
        true
    }

    fn linked(&mut self, id: u32, run: &mut Running, end: End, made_at: u64, reused: bool, world: &mut World) {
        let now = Instant::from_micros(world.now());
        world.own(end, Owner::Session(id));
        run.sides[Side::Upstream as usize] = Some(Line::new(end, made_at));
        run.session.handle_linked(Ok(Linked { reused }), &mut self.lend(now));
    }

    fn drop_session(&mut self, mut run: Running, world: &mut World) {
        let now = world.now();
        for line in run.sides.iter_mut().filter_map(Option::take) {
            world.own(line.end, Owner::Nobody);
            world.net.close(line.end, now);
        }
        if let Some(dialing) = run.dialing.take() {
            dialing.stop(world);
        }
        if let Some(ask) = run.session.abandon(&mut self.pool) {
            (self.observer)(now, Seen::Ask(0, &ask));
            if let Ask::Cancel(ticket) = &ask {
                self.tickets.remove(ticket);
            }
            self.proxy.handle_ask(ask, Instant::from_micros(now));
        }
        self.proxy.close(0);
        self.settle_proxy(world);
    }

    fn sweep(&mut self, world: &mut World) {
        let now = world.now();
        let mut over = Vec::new();
        let net = &world.net;
        let limits = &self.settings.limits;
        self.idle.sweep(limits, Instant::from_micros(now), |end| net.readable(*end), |end| over.push(end));
        over.into_iter().for_each(|end| world.net.close(end, now));
    }

    fn arm(&mut self, id: u32, run: &mut Running, world: &mut World) {
        let session = run.session.poll_timeout().map(|(at, _)| at.as_micros());
        let dialing = run.dialing.as_ref().and_then(Dialing::deadline);
        if let Some(at) = session.into_iter().chain(dialing).min()
            && run.armed.is_none_or(|armed| at < armed)
        {
            run.armed = Some(at);
            world.agenda.at(at, Event::Deadline(id));
        }
    }

    fn arm_house(&mut self, world: &mut World) {
        let proxy = self.proxy.poll_timeout().map(|(at, _)| at);
        if self.idle.poll_timeout().is_some_and(|at| at.as_micros() <= world.now()) {
            self.sweep(world);
        }
        if let Some(at) = proxy.into_iter().chain(self.idle.poll_timeout()).min().map(Instant::as_micros)
            && self.house_armed.is_none_or(|armed| at < armed)
        {
            self.house_armed = Some(at);
            world.agenda.at(at, Event::Deadline(HOUSE));
        }
    }

    fn lend(&mut self, now: Instant) -> Turn<'_> {
        lend(&self.settings, &mut self.pool, &self.proxy, now)
    }
}

fn lend<'t>(settings: &'t Arc<Settings>, pool: &'t mut Pool, proxy: &Proxy, now: Instant) -> Turn<'t> {
    Turn { now, wall: proxy.wall(), settings, pool }
}
