//! A dial of core mode: the name is looked up, then each address is tried in order, each with its deadline.

use super::net::End;
use super::world::{Event, World};
use keywheel_core::session::{Dial, DialError};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// A dial under way.
#[derive(Debug)]
pub struct Dialing {
    session: u32,
    per_address: u64,
    state: State,
    left: VecDeque<SocketAddr>,
    last: DialError,
}

#[derive(Debug)]
enum State {
    LookingUp { until: u64 },
    Connecting { dial: u32, until: u64 },
    Over,
}

impl Dialing {
    /// Begins.
    pub fn new(dial: Dial, session: u32, world: &mut World) -> Self {
        let (after, found) = world.lookup(dial.origin.host(), dial.origin.port());
        let (left, last) = match found {
            Ok(all) => (all.into(), DialError::Resolve("no address".into())),
            Err(error) => (VecDeque::new(), DialError::Resolve(error.to_string())),
        };
        let until = world.now() + after;
        world.agenda.at(until, Event::Resolved(session));
        let per_address = dial.per_address.as_micros() as u64;
        Dialing { session, per_address, state: State::LookingUp { until }, left, last }
    }

    /// Goes on; what it came to, once it did.
    pub fn poll(&mut self, world: &mut World) -> Option<Result<End, DialError>> {
        loop {
            match self.state {
                State::LookingUp { until } if world.now() < until => return None,
                State::LookingUp { .. } => self.next(world),
                State::Connecting { dial, until } => match world.take_dialled(dial, None) {
                    Some(Ok(end)) => return Some(Ok(end)),
                    Some(Err(error)) => {
                        self.last = DialError::Connect(error.to_string());
                        self.next(world);
                    }
                    None if world.now() < until => return None,
                    None => {
                        world.undial(dial);
                        self.last = DialError::Timeout;
                        self.next(world);
                    }
                },
                State::Over => return Some(Err(self.last.clone())),
            }
        }
    }

    fn next(&mut self, world: &mut World) {
        self.state = match self.left.pop_front() {
            Some(to) => {
                let dial = world.dial(to, Some(self.session));
                State::Connecting { dial, until: world.now() + self.per_address }
            }
            None => State::Over,
        };
    }

    /// When to poll it whatever else happens.
    pub fn deadline(&self) -> Option<u64> {
        match self.state {
            State::LookingUp { until } | State::Connecting { until, .. } => Some(until),
            State::Over => None,
        }
    }

    /// Gives it up.
    pub fn stop(self, world: &mut World) {
        if let State::Connecting { dial, .. } = self.state {
            world.undial(dial);
        }
    }
}
