//! A whole conversation that bytes choose: a client with its requests, upstreams with their answers, in any pieces and any
//! order, with losses, connections that are used again, peers that do not read, and time that passes. What came of it is
//! judged from outside.

use super::grammar::{self, Source};
use super::world::World;
use crate::differential::answers::Ending;
use crate::differential::story::{NUMBER, Story, Use};
use crate::differential::{KEY, MARK};
use crate::strict::{self, Start};
use keywheel_core::config::{PoolConfig, Settings};
use keywheel_core::session::{DialError, How, Linked, Side};
use std::time::Duration;

const KEYS: [&str; 3] = [KEY, "kw-another-account's-own-credential", "kw-the-last-account's-own-credential"];
/// Steps of one conversation.
const STEPS: usize = 400;
/// Deadlines that may pass before a session whose peers do nothing more is over.
const PATIENCE: usize = 300;

/// Runs it.
pub fn run(data: &[u8]) {
    let mut source = Source::new(data);
    let mode = source.byte();
    let settings = Settings { client_half_close: mode & 1 != 0, ..Settings::default() };
    let pool = PoolConfig { max_sockets: (mode & 2 != 0).then_some(1), ..PoolConfig::default() };
    let mut talk = Talk { source, ..Talk::new(World::new(settings, pool, &KEYS)) };
    for _ in 0..STEPS {
        if talk.source.is_empty() || talk.world.is_over() {
            break;
        }
        talk.step();
    }
    talk.finish();
    talk.world.end();
    talk.story.in_order = talk.world.hung_up == Some(How::Fin);
    talk.story.judge();
}

struct Talk<'d> {
    source: Source<'d>,
    world: World,
    story: Story,
    /// What the client has still to send.
    request: Vec<u8>,
    requests: usize,
    /// What the upstream has still to send on the connection that there is; none once it began its answer.
    answer: Option<Vec<u8>>,
    answers: usize,
    /// Connections that were kept and are used again.
    used_again: usize,
}

impl Talk<'_> {
    fn new(world: World) -> Self {
        let (story, source, request) = (Story::default(), Source::new(&[]), Vec::new());
        Talk { source, world, story, request, requests: 0, answer: None, answers: 0, used_again: 0 }
    }

    fn step(&mut self) {
        let op = self.source.byte();
        match op % 16 {
            0..=3 => self.ask(usize::MAX),
            4 => {
                let most = self.source.byte();
                self.ask(most.into());
            }
            5..=8 => self.reply(usize::MAX),
            9 => {
                let most = self.source.byte();
                self.reply(most.into());
            }
            10 => {
                let (side, most) = (self.side(), self.source.byte());
                self.take(side, most.into());
            }
            11 => self.pass(None),
            12 => {
                let tenths = self.source.byte();
                self.pass(Some(Duration::from_millis(u64::from(tenths) * 100)));
            }
            13 => drop(self.world.link(Err(DialError::Timeout))),
            14 => self.break_upstream(),
            _ => self.rarely(),
        }
        if op < 200 {
            self.flow();
        }
    }

    fn side(&mut self) -> Side {
        if self.source.below(2) == 0 { Side::Downstream } else { Side::Upstream }
    }

    /// The client sends at most so many bytes of its request; the next one once that is sent.
    fn ask(&mut self, most: usize) {
        if self.story.left || self.world.hung_up.is_some() {
            return;
        }
        if self.request.is_empty() {
            self.request = grammar::request(&mut self.source, NUMBER, self.requests);
            self.requests += 1;
        }
        let end = most.min(self.request.len());
        let read = self.world.read(Side::Downstream, &self.request[..end]);
        self.story.sent.extend(self.request.drain(..read));
        self.kept();
    }

    /// The upstream sends at most so many bytes of its answer, which may begin before the request is whole.
    fn reply(&mut self, most: usize) {
        let Some(last) = self.story.uses.last_mut().filter(|last| self.world.linked && last.end.is_none()) else {
            return;
        };
        if self.answer.is_none() {
            let Some(method) = asked(&last.got, self.source.byte() > 230) else { return };
            self.answers += 1;
            self.answer = Some(grammar::answer(&mut self.source, MARK, self.answers, &method));
        }
        let bytes = self.answer.as_mut().expect("it has begun");
        let read = self.world.read(Side::Upstream, &bytes[..most.min(bytes.len())]);
        last.sent.extend(bytes.drain(..read));
        self.kept();
    }

    fn break_upstream(&mut self) {
        let how = if self.source.below(2) == 0 { Ending::Fin } else { Ending::Reset };
        let Some(last) = self.story.uses.last_mut().filter(|last| self.world.linked && last.end.is_none()) else {
            return;
        };
        last.end = Some(how);
        match how {
            Ending::Fin => self.world.eof(Side::Upstream),
            _ => self.world.lose(Side::Upstream),
        }
        self.kept();
    }

    /// A client that ends, breaks off, or a process that ends: the conversation is short after it.
    fn rarely(&mut self) {
        match self.source.byte() {
            0..=9 => {
                self.story.left = true;
                self.world.eof(Side::Downstream);
            }
            10..=19 => {
                self.story.left = true;
                self.world.lose(Side::Downstream);
            }
            20..=29 => {
                self.story.drained = true;
                self.world.signal_drain();
            }
            _ => {}
        }
        self.kept();
    }

    fn pass(&mut self, span: Option<Duration>) {
        // Who does not read for long is given up.
        self.story.left |= self.world.owes(Side::Downstream);
        match span {
            Some(span) => self.world.pass(span),
            None => self.world.pass_to_deadline(),
        }
        self.kept();
    }

    /// A peer reads at most so many bytes; whether there were any.
    fn take(&mut self, side: Side, most: usize) -> bool {
        let bytes = self.world.write(side, most);
        match side {
            Side::Downstream => self.story.got.extend(&bytes),
            Side::Upstream if bytes.is_empty() => {}
            Side::Upstream => self.story.uses.last_mut().expect("a connection").got.extend(&bytes),
        }
        self.kept();
        !bytes.is_empty()
    }

    /// A connection that was given to be kept is clean: it carried one whole request and its answer, and nothing behind it.
    fn kept(&mut self) {
        let now = self.world.parked;
        if let Some(last) = self.story.uses.last_mut().filter(|_| now > self.story.parked) {
            self.story.parked = now;
            last.check_kept();
        }
    }

    /// Moves on what can be moved.
    fn flow(&mut self) {
        while self.connect()
            | self.world.wake()
            | self.take(Side::Upstream, usize::MAX)
            | self.take(Side::Downstream, usize::MAX)
        {}
    }

    fn connect(&mut self) -> bool {
        let reused = self.world.may_reuse() && self.story.parked > self.used_again;
        if !self.world.link(Ok(Linked { reused })) {
            return false;
        }
        self.used_again += usize::from(reused);
        self.answer = None;
        self.story.uses.push(Use::default());
        true
    }

    /// Nobody does anything more but read, and all deadlines pass.
    fn finish(&mut self) {
        self.flow();
        for _ in 0..PATIENCE {
            if self.world.is_over() {
                return;
            }
            self.world.pass_to_deadline();
            self.kept();
            self.flow();
        }
        panic!("the session does not end");
    }
}

/// The method of the request that has come, whole or (`early`) its head.
fn asked(bytes: &[u8], early: bool) -> Option<String> {
    let (message, _) = strict::request(bytes).ok()??;
    match message.start {
        Start::Request { method, .. } if message.complete || early => Some(method),
        _ => None,
    }
}
