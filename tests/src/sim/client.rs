//! A client: a machine that takes its errands to keywheel one after another, or several at once, and notes what came.
//!
//! ```text
//!   Away ─ its time comes ─▶ Connected ─ answer, think, next errand ─┐
//!    ▲  ▲                        │  ▲────────────────────────────────┘
//!    │  └ answer said close, or ─┘
//!    └─── the connection was lost: the errands under way have ended, the others go on
//! ```

mod link;

use super::errand::{Errand, Leave, When};
use super::pipe::Read;
use super::world::{Event, World};
use crate::model::answer::{Answer, Framing};
use link::Link;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// How a client goes about its errands.
#[derive(Clone, Debug)]
pub struct Manner {
    /// When it comes, microseconds.
    pub at: u64,
    /// Between an answer and the next request, microseconds.
    pub think: u64,
    /// Requests sent before the first of them is answered.
    pub pipeline: usize,
    /// Bytes read at once and the pause between reads; `None`: as fast as it can.
    pub pace: Option<(usize, u64)>,
    /// The credential line it sends; empty: none.
    pub credential: String,
}

/// How an errand ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Not yet.
    Open,
    /// With a whole answer.
    Answered,
    /// The connection ended in order before the answer did.
    Eof,
    /// The connection was reset before the answer ended.
    Reset,
    /// The client left.
    Left,
    /// The client was deaf, and its connection was ended for it.
    Deaf,
}

/// What a client knows of an errand afterwards.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The errand.
    pub errand: Errand,
    /// When its first byte was written.
    pub began: Option<u64>,
    /// When it ended.
    pub ended_at: u64,
    /// How it ended.
    pub ending: Ending,
    /// The answer, as far as it came; status 0 when no head came.
    pub answer: Answer,
    /// Whether its whole request was written.
    pub sent: bool,
    /// The client ended its own direction while this was not answered, and waits for the answer.
    pub half_closed: bool,
    /// Serial of the connection it went by, among this client's.
    pub visit: u32,
    /// An errand before it on the same connection was not answered by then.
    pub pipelined: bool,
    /// The longest that the client had been silent on the connection before it, microseconds.
    pub silence: u64,
    /// Bytes of all requests that were under way on the connection when it was lost.
    pub under_way: usize,
}

/// A client.
#[derive(Debug)]
pub struct Client {
    id: u32,
    manner: Manner,
    address: SocketAddr,
    todo: VecDeque<Errand>,
    /// What came of the errands so far.
    pub outcomes: Vec<Outcome>,
    /// Violations of HTTP that the client saw.
    pub complaints: Vec<String>,
    link: Option<Link>,
    visits: u32,
    next_at: u64,
    wake_at: Option<u64>,
}

impl Client {
    /// A client with these errands.
    pub fn new(id: u32, manner: Manner, errands: Vec<Errand>) -> Self {
        let address = ([10, 9, (id >> 8) as u8, id as u8], 40_000).into();
        let next_at = manner.at;
        Client {
            id,
            manner,
            address,
            todo: errands.into(),
            outcomes: Vec::new(),
            complaints: Vec::new(),
            link: None,
            visits: 0,
            next_at,
            wake_at: None,
        }
    }

    /// Whether nothing is left to do.
    pub fn done(&self) -> bool {
        self.todo.is_empty() && self.outcomes.iter().all(|outcome| outcome.ending != Ending::Open)
    }

    /// Requests that it sends before the first of them is answered.
    pub fn pipeline(&self) -> u64 {
        self.manner.pipeline.max(1) as u64
    }

    /// From now on it reads as fast as it can.
    pub fn hurry(&mut self) {
        self.manner.pace = None;
    }

    /// Hangs up, whatever is under way.
    pub fn go(&mut self, world: &mut World) {
        if let Some(link) = self.link.take() {
            world.net.close(link.end, world.now());
            self.lost(link, Ending::Left, world);
        }
        self.todo.clear();
    }

    /// Goes on: called when something changed at its end, or when its time has come.
    pub fn step(&mut self, world: &mut World) {
        let now = world.now();
        self.wake_at = self.wake_at.filter(|at| *at > now);
        for _ in 0..100_000 {
            if !self.turn(world, now) {
                break;
            }
        }
        self.arm(world, now);
    }

    /// One round; true when there is more to do at once.
    fn turn(&mut self, world: &mut World, now: u64) -> bool {
        let Some(mut link) = self.link.take() else { return self.connect(world, now) };
        let moved = self.begin_next(&mut link, world, now) | link.write(world, now, &mut self.outcomes);
        if let Some(ending) = link.leaves(world, now) {
            self.lost(link, ending, world);
            return true;
        }
        if link.half_closed {
            link.under_way.iter().for_each(|index| self.outcomes[*index].half_closed = true);
        }
        match link.read(world, now, self.manner.pace) {
            Read::Got(_) => {
                self.receive(&mut link, world, now);
                if link.closing {
                    world.net.close(link.end, now);
                    self.lost(link, Ending::Eof, world);
                } else {
                    self.link = Some(link);
                }
                true
            }
            Read::Eof => {
                link.reader.end();
                self.receive(&mut link, world, now);
                world.net.close(link.end, now);
                self.lost(link, Ending::Eof, world);
                true
            }
            Read::Reset => {
                world.net.close(link.end, now);
                let ending = if link.deaf { Ending::Deaf } else { Ending::Reset };
                self.lost(link, ending, world);
                true
            }
            Read::Empty => {
                self.link = Some(link);
                moved
            }
        }
    }

    fn connect(&mut self, world: &mut World, now: u64) -> bool {
        if self.todo.is_empty() || now < self.next_at {
            return false;
        }
        let Some(end) = world.visit(self.id, self.address) else {
            // Between two processes nobody listens.
            self.next_at = now + 500_000;
            return false;
        };
        self.visits += 1;
        self.link = Some(Link::new(end));
        true
    }

    /// Puts the next errand into the outbox where one may be begun.
    fn begin_next(&mut self, link: &mut Link, world: &mut World, now: u64) -> bool {
        let room = link.under_way.len() < self.manner.pipeline.max(1)
            && link.held.is_none()
            && !link.half_closed
            && !link.deaf;
        let tunnel = link.under_way.iter().any(|index| !self.outcomes[*index].errand.frames.is_empty());
        let busy = tunnel || !link.outbox.is_empty() || (link.leave.is_some() && !link.under_way.is_empty());
        if !room || busy || now < self.next_at {
            return false;
        }
        let Some(errand) = self.todo.pop_front() else { return false };
        link.silence = link.silence.max(now - link.asked_at.unwrap_or(now));
        link.asked_at = Some(now);
        let credential =
            if errand.unauthorized { "Authorization: Bearer wrong-token-000" } else { &self.manner.credential };
        link.outbox.extend(errand.head(credential));
        let body = errand.framed();
        link.pause = errand.pause.map(|(after, span)| (body.len().saturating_sub(after), span));
        match errand.expect {
            Some(patience) => link.held = Some((body, now + patience)),
            None if errand.frames.is_empty() => link.outbox.extend(body),
            None => link.held = Some((errand.frames.clone(), u64::MAX)),
        }
        link.leave = errand.leave.map(|leave| (leave, now));
        (link.got, link.sent) = (0, 0);
        link.reader.expect(errand.method);
        world.tell(
            format_args!("client {}", self.id),
            format_args!(
                "#{} {} {} [{}]{}",
                errand.id,
                errand.method,
                errand.target,
                errand.spec,
                errand.mangled.unwrap_or_default()
            ),
        );
        link.under_way.push_back(self.outcomes.len());
        self.outcomes.push(Outcome {
            pipelined: link.under_way.len() > 1,
            errand,
            began: Some(now),
            ended_at: 0,
            ending: Ending::Open,
            answer: Answer::default(),
            sent: false,
            half_closed: false,
            visit: self.visits,
            silence: link.silence,
            under_way: 0,
        });
        true
    }

    /// Takes the answers that have come to their end.
    fn receive(&mut self, link: &mut Link, world: &mut World, now: u64) {
        link.release(now, false);
        for answer in link.reader.take_done() {
            if is_refusal(&answer) {
                link.closing = true;
                return self.ask_again_later(link, world, now);
            }
            let Some(index) = link.under_way.pop_front() else { continue };
            if link.under_way.is_empty() {
                link.held = None;
            }
            let outcome = &mut self.outcomes[index];
            link.closing |= answer.closes() || answer.framing == Framing::Tunnel || !outcome.sent;
            (outcome.answer, outcome.ending, outcome.ended_at) = (answer, Ending::Answered, now);
            link.leave = None;
            self.next_at = now + self.manner.think;
            world.tell(
                format_args!("client {}", self.id),
                format_args!(
                    "#{} got {}, {} bytes",
                    outcome.errand.id,
                    outcome.answer.status,
                    outcome.answer.body.len()
                ),
            );
        }
        if let Some(error) = link.reader.error() {
            self.complaints.push(format!("client {}: {error}", self.id));
            link.closing = true;
        }
    }

    /// Too many clients are connected, and this one is told so before it is listened to: what it asked on this connection
    /// it asks again, on another, when it was told to come back.
    fn ask_again_later(&mut self, link: &mut Link, world: &mut World, now: u64) {
        while let Some(index) = link.under_way.pop_back() {
            // They are the latest: a client has one connection at a time.
            let outcome = self.outcomes.remove(index);
            self.todo.push_front(outcome.errand);
        }
        self.next_at = self.next_at.max(now + 1_000_000);
        world.tell(format_args!("client {}", self.id), format_args!("is refused and comes back"));
    }

    /// The connection is no more: what was under way has ended so.
    fn lost(&mut self, mut link: Link, ending: Ending, world: &mut World) {
        let now = world.now();
        let open = link.reader.open().cloned();
        if link.reader.mid_head() && open.is_none() && ending == Ending::Eof && !link.closing {
            self.complaints.push(format!("client {}: an orderly end inside a head", self.id));
        }
        let size = |errand: &Errand| errand.head(&self.manner.credential).len() + errand.framed().len();
        let under_way = link.under_way.iter().map(|index| size(&self.outcomes[*index].errand)).sum();
        for (n, index) in link.under_way.drain(..).enumerate() {
            let outcome = &mut self.outcomes[index];
            (outcome.ending, outcome.ended_at, outcome.under_way) = (ending, now, under_way);
            if let (0, Some(answer)) = (n, &open) {
                outcome.answer = answer.clone();
            }
            world.tell(
                format_args!("client {}", self.id),
                format_args!("#{} ended: {ending:?} at status {}", outcome.errand.id, outcome.answer.status),
            );
        }
        self.next_at = self.next_at.max(now + self.manner.think.max(1));
    }

    /// Enters its next own time in the agenda.
    fn arm(&mut self, world: &mut World, now: u64) {
        let mut wake = (!self.todo.is_empty() && self.next_at > now).then_some(self.next_at);
        let mut sooner = |at: Option<u64>| {
            if let Some(at) = at.filter(|at| *at > now) {
                wake = Some(wake.map_or(at, |wake| wake.min(at)));
            }
        };
        if let Some(link) = &self.link {
            sooner(link.held.as_ref().map(|(_, until)| *until).filter(|until| *until != u64::MAX));
            sooner(link.paused_until);
            sooner(self.manner.pace.map(|_| link.read_at));
            if let Some((Leave { when: When::After(span), .. }, began)) = link.leave {
                sooner(Some(began + span));
            }
        }
        if let Some(at) = wake
            && self.wake_at.is_none_or(|armed| at < armed)
        {
            self.wake_at = Some(at);
            world.agenda.at(at, Event::Client(self.id));
        }
    }
}

/// Whether this is what a client hears that is one too many.
fn is_refusal(answer: &Answer) -> bool {
    answer.status == 503 && answer.body.windows(20).any(|window| window == b"too_many_connections")
}
