//! What the parts of a simulation share: time, the network, names and addresses, the dice and the trace.
//!
//! It knows who owns each end of a connection and tells owners when something changed there. Clients and upstreams
//! are machines that the simulation steps; keywheel's ends belong either to tasks (full mode: their wakers are kept
//! here) or to sessions that are driven directly (core mode).

use super::agenda::Agenda;
use super::dice::{Dice, Streams};
use super::net::{End, Fate, Net};
use super::trace::{Record, Trace};
use super::weather::{Arrival, Climate};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Waker;

/// The setting of a timer's wake-up that means nothing.
const FOR_NOTHING: u32 = 0;

/// What is going to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something that this end sent arrives.
    Arrive(End),
    /// A timer of a task: slot and setting.
    Timer(u32, u32),
    /// A dial comes to its end, or reaches its peer.
    Dialled(u32),
    /// A name is looked up.
    Resolved(u32),
    /// A client's own time has come.
    Client(u32),
    /// An upstream's own time has come.
    Upstream(u32),
    /// A deadline of keywheel, where it is driven directly.
    Deadline(u32),
    /// It is looked whether a session of keywheel's, driven directly, has kept its deadlines.
    Watch(u32),
    /// The operator does something.
    Operator(u32),
}

/// Who is told about an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody (any more).
    Nobody,
    /// A client, by number.
    Client(u32),
    /// An upstream server, by number.
    Upstream(u32),
    /// A task of keywheel's: its wakers are told.
    Task,
    /// A session of keywheel's that is driven directly.
    Session(u32),
}

/// Who waits for a dial or a lookup.
#[derive(Debug)]
enum Waiting {
    Session(u32),
    Task(Option<Waker>),
}

#[derive(Debug)]
struct Dial {
    waiting: Waiting,
    outcome: Option<std::io::Result<End>>,
    to: SocketAddr,
    arrival: Arrival,
    fate: Option<Fate>,
}

#[derive(Debug, Default)]
struct Wakers {
    read: Option<Waker>,
    write: Option<Waker>,
}

#[derive(Debug)]
struct TimerSlot {
    setting: u32,
    expired: bool,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct ListenerSlot {
    at: SocketAddr,
    open: bool,
    queue: VecDeque<(End, SocketAddr)>,
    waker: Option<Waker>,
}

/// A handle to the world, for everything that lives in it.
pub type Shared = Rc<RefCell<World>>;

/// The world.
#[derive(Debug)]
pub struct World {
    /// Time.
    pub agenda: Agenda<Event>,
    /// Connections.
    pub net: Net,
    /// The record.
    pub trace: Trace,
    /// What was done that may not be.
    pub wrongs: Vec<String>,
    /// Chance.
    pub dice: Streams,
    /// What the network does to connections.
    pub climate: Climate,
    /// Addresses of names.
    pub names: BTreeMap<String, Vec<SocketAddr>>,
    /// Upstream servers by address.
    pub places: BTreeMap<SocketAddr, u32>,
    /// Timers of tasks: how late they come at most (microseconds), and per cent of settings with a wake-up for nothing.
    pub timing: (u64, u32),
    /// How far the wall clock was set on, milliseconds.
    pub wall: i64,
    timing_dice: Dice,
    /// What clients and upstreams read into.
    pub scratch: Box<[u8]>,
    owners: Vec<[Owner; 2]>,
    wakers: Vec<Wakers>,
    timers: Vec<TimerSlot>,
    free_timers: Vec<u32>,
    listeners: Vec<ListenerSlot>,
    dials: Vec<Dial>,
    told: VecDeque<(Owner, End)>,
    accepted: VecDeque<(u32, End)>,
}

impl World {
    /// A world of this seed in which nothing is yet.
    pub fn new(seed: u64, climate: Climate, record: Record) -> Self {
        let dice = Streams::new(seed);
        World {
            agenda: Agenda::default(),
            net: Net::new(dice.network.child(1)),
            trace: Trace::new(record),
            wrongs: Vec::new(),
            dice,
            climate,
            names: BTreeMap::new(),
            places: BTreeMap::new(),
            timing: (0, 0),
            wall: 0,
            timing_dice: Streams::new(seed).clock,
            scratch: vec![0; 16 * 1024].into(),
            owners: Vec::new(),
            wakers: Vec::new(),
            timers: Vec::new(),
            free_timers: Vec::new(),
            listeners: Vec::new(),
            dials: Vec::new(),
            told: VecDeque::new(),
            accepted: VecDeque::new(),
        }
    }

    /// Microseconds since the beginning.
    pub fn now(&self) -> u64 {
        self.agenda.now()
    }

    /// Writes a line of the story.
    pub fn tell(&mut self, who: core::fmt::Arguments<'_>, what: core::fmt::Arguments<'_>) {
        self.trace.tell(self.agenda.now(), who, what);
    }

    /// Connects two ends.
    fn join(&mut self, fate: Fate, owners: [Owner; 2]) -> (End, End) {
        self.owners.push(owners);
        self.wakers.push(Wakers::default());
        self.net.connect(fate)
    }

    /// Who is told about `end` from now on.
    pub fn own(&mut self, end: End, owner: Owner) {
        self.owners[end.conn as usize][end.side as usize] = owner;
    }

    /// Hands what the network did to the agenda and to owners.
    pub fn pump(&mut self) {
        let World { net, agenda, .. } = self;
        for (at, end) in net.take_arrivals() {
            agenda.at(at, Event::Arrive(end));
        }
        while let Some(end) = self.net.take_touched() {
            match self.owners[end.conn as usize][end.side as usize] {
                Owner::Nobody => {}
                Owner::Task => self.wake(end),
                owner => self.told.push_back((owner, end)),
            }
        }
    }

    fn wake(&mut self, end: End) {
        let wakers = &mut self.wakers[end.conn as usize];
        if self.net.readable(end)
            && let Some(waker) = wakers.read.take()
        {
            waker.wake();
        }
        if self.net.writable(end)
            && let Some(waker) = wakers.write.take()
        {
            waker.wake();
        }
    }

    /// The next owner, not a task, that is to be told of its end.
    pub fn next_told(&mut self) -> Option<(Owner, End)> {
        self.told.pop_front()
    }

    /// The next connection that reached an upstream server.
    pub fn next_accepted(&mut self) -> Option<(u32, End)> {
        self.accepted.pop_front()
    }

    /// Keeps the waker of a task that waits to read from, or to write to, `end`.
    pub fn wait_for(&mut self, end: End, write: bool, waker: &Waker) {
        let wakers = &mut self.wakers[end.conn as usize];
        let place = if write { &mut wakers.write } else { &mut wakers.read };
        match place {
            Some(old) => old.clone_from(waker),
            None => *place = Some(waker.clone()),
        }
    }

    // Listening, and clients that come.

    /// A new listener at `at`.
    pub fn listen(&mut self, at: SocketAddr) -> u32 {
        self.listeners.push(ListenerSlot { at, open: true, queue: VecDeque::new(), waker: None });
        self.listeners.len() as u32 - 1
    }

    /// Where a listener is.
    pub fn listens_at(&self, listener: u32) -> SocketAddr {
        self.listeners[listener as usize].at
    }

    /// A client dials keywheel; the connection waits to be accepted. `None`: nobody listens.
    pub fn visit(&mut self, client: u32, from: SocketAddr) -> Option<End> {
        let open: Vec<usize> = (0..self.listeners.len()).filter(|at| self.listeners[*at].open).collect();
        if open.is_empty() {
            return None;
        }
        let fate = self.climate.downstream(&mut self.dice.network, self.net.healed());
        let (own, theirs) = self.join(fate, [Owner::Client(client), Owner::Nobody]);
        let chosen = self.dice.scheduler.below(open.len());
        let slot = &mut self.listeners[open[chosen]];
        slot.queue.push_back((theirs, from));
        if let Some(waker) = slot.waker.take() {
            waker.wake();
        }
        Some(own)
    }

    /// Takes a connection that waits at `listener`, or keeps the waker.
    pub fn accept(&mut self, listener: u32, waker: Option<&Waker>) -> Option<(End, SocketAddr)> {
        let slot = &mut self.listeners[listener as usize];
        if slot.queue.is_empty() {
            slot.waker = waker.cloned();
        }
        slot.queue.pop_front()
    }

    /// Nobody listens there any more: who waits is reset.
    pub fn unlisten(&mut self, listener: u32) {
        let now = self.now();
        self.listeners[listener as usize].open = false;
        for (end, _) in core::mem::take(&mut self.listeners[listener as usize].queue) {
            self.net.reset(end, now);
        }
    }

    // Dialling upstreams.

    /// The addresses of a name and how long finding them takes.
    pub fn lookup(&mut self, host: &str, port: u16) -> (u64, std::io::Result<Vec<SocketAddr>>) {
        let (after, fails) = self.climate.lookup(&mut self.dice.network);
        if fails && !self.net.healed() {
            return (after, Err(std::io::Error::other("the simulated resolver failed")));
        }
        let mut all = self.names.get(host).cloned().unwrap_or_default();
        all.iter_mut().for_each(|address| address.set_port(port));
        (after, Ok(all))
    }

    /// Begins to connect; for a session that is driven directly, or for a task.
    pub fn dial(&mut self, to: SocketAddr, session: Option<u32>) -> u32 {
        let (arrival, fate) = self.climate.upstream(&mut self.dice.network, self.net.healed());
        let id = self.dials.len() as u32;
        let known = self.places.contains_key(&to);
        let arrival = if known { arrival } else { Arrival::Refuse(1000) };
        match arrival {
            Arrival::Accept(after) | Arrival::Refuse(after) | Arrival::AcceptThenReset(after) => {
                self.agenda.after(after, Event::Dialled(id));
            }
            Arrival::Blackhole => {}
        }
        let waiting = session.map_or(Waiting::Task(None), Waiting::Session);
        self.dials.push(Dial { waiting, outcome: None, to, arrival, fate: Some(fate) });
        id
    }

    /// A dial's time has come. Returns the session that waits for it, where one does.
    pub fn dialled(&mut self, id: u32) -> Option<u32> {
        let now = self.now();
        let dial = &mut self.dials[id as usize];
        let fate = dial.fate.take()?;
        let place = self.places.get(&dial.to).copied();
        let outcome = match (dial.arrival, place) {
            (Arrival::Accept(_) | Arrival::AcceptThenReset(_), Some(place)) => {
                let then_reset = matches!(dial.arrival, Arrival::AcceptThenReset(_));
                let (own, theirs) = self.join(fate, [Owner::Nobody, Owner::Upstream(place)]);
                self.accepted.push_back((place, theirs));
                if then_reset {
                    self.net.reset(theirs, now);
                }
                Ok(own)
            }
            _ => Err(std::io::ErrorKind::ConnectionRefused.into()),
        };
        let dial = &mut self.dials[id as usize];
        dial.outcome = Some(outcome);
        match &mut dial.waiting {
            Waiting::Session(session) => Some(*session),
            Waiting::Task(waker) => {
                if let Some(waker) = waker.take() {
                    waker.wake();
                }
                None
            }
        }
    }

    /// What a dial came to, once it did.
    pub fn take_dialled(&mut self, id: u32, waker: Option<&Waker>) -> Option<std::io::Result<End>> {
        let dial = &mut self.dials[id as usize];
        let outcome = dial.outcome.take();
        if let (None, Some(waker), Waiting::Task(place)) = (&outcome, waker, &mut dial.waiting) {
            *place = Some(waker.clone());
        }
        outcome
    }

    /// Nobody waits for this dial any more.
    pub fn undial(&mut self, id: u32) {
        let now = self.now();
        let dial = &mut self.dials[id as usize];
        dial.fate = None;
        if let Some(Ok(end)) = dial.outcome.take() {
            self.net.close(end, now);
        }
    }

    // Timers of tasks.

    /// A timer that is not set.
    pub fn new_timer(&mut self) -> u32 {
        self.free_timers.pop().unwrap_or_else(|| {
            self.timers.push(TimerSlot { setting: 0, expired: false, waker: None });
            self.timers.len() as u32 - 1
        })
    }

    /// Sets a timer anew.
    pub fn set_timer(&mut self, timer: u32, at: u64) {
        let slot = &mut self.timers[timer as usize];
        slot.setting += 1;
        slot.expired = false;
        let setting = slot.setting;
        let (late, restless) = self.timing;
        if self.timing_dice.chance(restless) {
            let early = self.timing_dice.range(self.now(), at);
            self.agenda.at(early, Event::Timer(timer, FOR_NOTHING));
        }
        let late = self.timing_dice.range(0, late);
        self.agenda.at(at.saturating_add(late), Event::Timer(timer, setting));
    }

    /// A timer's time has come, if it was not set anew meanwhile.
    pub fn expire(&mut self, timer: u32, setting: u32) {
        let slot = &mut self.timers[timer as usize];
        if setting == FOR_NOTHING {
            // The timer stays armed: only its task is polled once too often.
            slot.waker.iter().for_each(Waker::wake_by_ref);
        } else if slot.setting == setting {
            slot.expired = true;
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        }
    }

    /// Whether a timer has expired; keeps the waker otherwise.
    pub fn expired(&mut self, timer: u32, waker: &Waker) -> bool {
        let slot = &mut self.timers[timer as usize];
        if !slot.expired {
            slot.waker = Some(waker.clone());
        }
        slot.expired
    }

    /// A timer is not used any more.
    pub fn drop_timer(&mut self, timer: u32) {
        let slot = &mut self.timers[timer as usize];
        slot.setting += 1;
        slot.expired = false;
        slot.waker = None;
        self.free_timers.push(timer);
    }
}
