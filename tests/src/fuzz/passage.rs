//! What passes through a session between a client and an upstream that behaves: all bytes of both, kept for a judge.

use super::world::World;
use crate::differential::{KEY, plain_answer};
use crate::strict;
use keywheel_core::config::{PoolConfig, Settings};
use keywheel_core::session::{How, Linked, Side};

/// Deadlines that may pass before a session without peers is over.
const PATIENCE: usize = 64;

/// A session between two peers that read all they are sent.
pub(super) struct Passage {
    pub(super) world: World,
    /// What the client was sent.
    pub(super) client: Vec<u8>,
    /// What came on each connection to the upstream.
    pub(super) upstreams: Vec<Vec<u8>>,
    /// On how many connections the upstream has answered: it answers one complete request on each by itself.
    answered: usize,
}

impl Passage {
    /// A client that needs no token has connected.
    pub(super) fn new() -> Passage {
        let settings = Settings { client_half_close: true, ..Settings::default() };
        let world = World::new(settings, PoolConfig::default(), &[KEY]);
        Passage { world, client: Vec::new(), upstreams: Vec::new(), answered: 0 }
    }

    /// On its first connection the upstream answers nothing by itself.
    pub(super) fn answer_first_by_hand(&mut self) {
        self.answered = 1;
    }

    /// A peer sends; whether all of it was read.
    pub(super) fn send(&mut self, side: Side, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        loop {
            let n = self.world.read(side, rest);
            rest = &rest[n..];
            let moved = self.flow();
            if rest.is_empty() || (n == 0 && !moved) {
                return rest.is_empty();
            }
        }
    }

    /// Moves on what can be moved; whether anything could.
    fn flow(&mut self) -> bool {
        let mut any = false;
        loop {
            let mut moved = false;
            if self.world.link(Ok(Linked { reused: false })) {
                self.upstreams.push(Vec::new());
                moved = true;
            }
            moved |= self.world.wake();
            for side in [Side::Upstream, Side::Downstream] {
                let bytes = self.world.write(side, usize::MAX);
                moved |= !bytes.is_empty();
                match side {
                    Side::Downstream => self.client.extend(bytes),
                    Side::Upstream => self.upstreams.last_mut().into_iter().for_each(|up| up.extend(&bytes)),
                }
            }
            moved |= self.answer();
            any |= moved;
            if !moved {
                return any;
            }
        }
    }

    /// The upstream answers the request that has come to its end on its newest connection.
    fn answer(&mut self) -> bool {
        if !self.world.linked || self.answered >= self.upstreams.len() {
            return false;
        }
        let Some(Ok(Some((message, _)))) = self.upstreams.last().map(|up| strict::request(up)) else { return false };
        if !message.complete {
            return false;
        }
        self.answered = self.upstreams.len();
        let strict::Start::Request { method, .. } = message.start else { return false };
        self.world.read(Side::Upstream, plain_answer(&method, self.answered).as_bytes());
        true
    }

    /// The client ends, and all that is still due comes to its end.
    pub(super) fn finish(&mut self) {
        self.world.eof(Side::Downstream);
        self.flow();
        for _ in 0..PATIENCE {
            if self.world.is_over() {
                return;
            }
            self.world.pass_to_deadline();
            self.flow();
        }
        panic!("the session does not end");
    }

    /// Time passes until the session has done with its upstream.
    pub(super) fn settle(&mut self) {
        self.flow();
        for _ in 0..PATIENCE {
            if self.world.is_over() || self.world.hung_up.is_some() || !self.world.linked {
                return;
            }
            self.world.pass_to_deadline();
            self.flow();
        }
        panic!("the upstream is waited for without end");
    }

    /// Whether the client saw its connection end in order.
    pub(super) fn ended_in_order(&self) -> bool {
        self.world.hung_up == Some(How::Fin)
    }

    /// The requests that came to the upstream in full. Each had a connection of its own; whatever came was written as a
    /// careful sender writes.
    pub(super) fn arrived(&self) -> Vec<strict::Message> {
        let (mut whole, mut begun) = (Vec::new(), false);
        for bytes in self.upstreams.iter().filter(|bytes| !bytes.is_empty()) {
            assert!(!begun, "nothing follows a request that was given up");
            let (messages, rest) =
                strict::requests(bytes).unwrap_or_else(|d| panic!("{d:?}: {}", bytes.escape_ascii()));
            assert!(messages.len() <= 1 && rest.is_empty(), "one request: {}", bytes.escape_ascii());
            begun = messages.iter().any(|message| !message.complete);
            whole.extend(messages.into_iter().filter(|message| message.complete));
        }
        whole
    }
}
