//! The simulated stage: virtual time, every byte under control.

use super::cast;
use super::script::{Act, Party};
use super::stage::{End as Ended, Seen, Stage};
use crate::sim::engine::{Carriage, Engine};
use crate::sim::net::{End, Write};
use crate::sim::pipe::{Cut, Read, Weather};
use crate::sim::setup::Setup;
use crate::sim::trace::Record;
use crate::sim::weather::Climate;
use crate::sim::world::{Event, Owner, Shared, World};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::rc::Rc;

/// Longest that a scenario may wait for anything, microseconds: a head's time and a silent upstream's are within.
const PATIENCE: u64 = 700_000_000;
/// Milliseconds in which all that was sent has arrived, and that are shorter than any deadline.
const SETTLING: u64 = 20;
/// Where the upstream is.
const UP: &str = "up.test:8080";

/// A world with this scenario's parties.
#[derive(Debug)]
pub struct Simulated {
    world: Shared,
    engine: Engine,
    setup: Setup,
    clients: Vec<Port>,
    upstreams: Vec<Port>,
    place: SocketAddr,
    until: u64,
    failure: Option<String>,
}

#[derive(Debug, Default)]
struct Port {
    end: Option<End>,
    outbox: VecDeque<u8>,
    finishing: bool,
    seen: Seen,
}

impl Simulated {
    /// A fresh world. `cut`: how the bytes of all connections are cut into segments.
    ///
    /// # Errors
    /// The setup is wrong.
    pub fn new(env: &[(String, String)], keys: usize, cut: Cut, carriage: Carriage) -> Result<Self, String> {
        let weathers = vec![Weather { cut, ..Weather::calm() }];
        let world = Rc::new(RefCell::new(World::new(1, Climate { weathers, ..Climate::calm() }, Record::Nothing)));
        let place = ([10, 1, 0, 1], 8080).into();
        world.borrow_mut().names.insert("up.test".into(), vec![place]);
        world.borrow_mut().places.insert(place, 0);
        let setup = cast::setup(env, keys, UP);
        let engine = Engine::start(&setup, &world, carriage, Box::new(|_, _| {}))?;
        let ports = || (Vec::new(), Vec::new());
        let (clients, upstreams) = ports();
        Ok(Simulated { world, engine, setup, clients, upstreams, place, until: PATIENCE, failure: None })
    }

    fn port(&mut self, party: Party) -> Option<&mut Port> {
        match party {
            Party::Client(n) => self.clients.get_mut(n - 1),
            Party::Upstream(n) => self.upstreams.get_mut(n - 1),
        }
    }

    /// Reads and writes what can be at every port.
    fn exchange(&mut self) -> bool {
        let mut world = self.world.borrow_mut();
        let now = world.now();
        let mut moved = false;
        for port in self.clients.iter_mut().chain(&mut self.upstreams) {
            moved |= port.exchange(&mut world, now);
        }
        world.pump();
        moved
    }
}

impl Port {
    fn exchange(&mut self, world: &mut World, now: u64) -> bool {
        let Some(end) = self.end else { return false };
        let mut moved = false;
        while !self.outbox.is_empty() {
            let Write::Took(n) = world.net.write(end, &[IoSlice::new(self.outbox.as_slices().0)], now) else { break };
            self.outbox.drain(..n);
            moved = true;
        }
        if self.finishing && self.outbox.is_empty() {
            self.finishing = false;
            world.net.shutdown(end, now);
        }
        let mut buffer = [0; 4096];
        while self.seen.end.is_none() {
            match world.net.read(end, &mut buffer) {
                Read::Got(n) => self.seen.bytes.extend_from_slice(&buffer[..n]),
                Read::Empty => return moved,
                Read::Eof => self.seen.end = Some(Ended::Fin),
                Read::Reset => self.seen.end = Some(Ended::Reset),
            }
            moved = true;
        }
        moved
    }
}

impl Stage for Simulated {
    fn name(&self, name: &str) -> Option<String> {
        cast::name(name, UP)
    }

    fn send(&mut self, party: Party, bytes: &[u8]) -> Result<(), String> {
        if let Party::Client(n) = party
            && self.clients.len() < n
        {
            let address = ([10, 9, 0, n as u8], 40_000).into();
            let end = self.world.borrow_mut().visit(n as u32 - 1, address);
            self.clients.push(Port { end: Some(end.ok_or("nobody listens")?), ..Port::default() });
        }
        let port = self.port(party).ok_or_else(|| format!("{party:?} does not exist"))?;
        port.outbox.extend(bytes);
        self.exchange();
        Ok(())
    }

    fn hang_up(&mut self, party: Party, act: &Act) {
        let Some(port) = self.port(party) else { return };
        let Some(end) = port.end else { return };
        if let Act::Finish(_) = act {
            port.finishing = true;
        } else {
            let ended = port.seen.end.get_or_insert(Ended::Fin);
            if let Act::Reset(_) = act {
                *ended = Ended::Reset;
            }
            let mut world = self.world.borrow_mut();
            let now = world.now();
            match act {
                Act::Reset(_) => world.net.reset(end, now),
                _ => world.net.close(end, now),
            }
            world.pump();
        }
        self.exchange();
    }

    fn seen(&mut self, party: Party) -> Option<&Seen> {
        self.port(party).map(|port| &port.seen)
    }

    fn progress(&mut self) -> bool {
        match self.engine.step(&self.world) {
            Ok(true) => return true,
            Ok(false) => {}
            Err(why) => self.failure = Some(why),
        }
        if self.failure.is_some() {
            return false;
        }
        let accepted = self.world.borrow_mut().next_accepted();
        if let Some((_, end)) = accepted {
            self.upstreams.push(Port { end: Some(end), ..Port::default() });
            return true;
        }
        let told = self.world.borrow_mut().next_told();
        match told {
            Some((owner @ Owner::Session(_), _)) => {
                self.engine.told(owner);
                return true;
            }
            Some(_) => {
                self.exchange();
                return true;
            }
            None => {}
        }
        let mut world = self.world.borrow_mut();
        if world.agenda.next_at().is_none_or(|at| at > self.until) {
            return false;
        }
        let event = world.agenda.pop();
        drop(world);
        event.is_some_and(|event: Event| self.engine.handle(event, &self.world))
    }

    fn pause(&mut self, millis: u64) {
        let until = self.world.borrow().now() + millis * 1000;
        self.until = until;
        while self.progress() {}
        let now = self.world.borrow().now();
        self.world.borrow_mut().agenda.jump(until.saturating_sub(now));
        self.until = until + PATIENCE;
    }

    fn settle(&mut self) {
        self.pause(SETTLING);
    }

    fn now(&self) -> u64 {
        self.world.borrow().now() / 1000
    }

    fn reload(&mut self, keys: usize) -> Result<(), String> {
        self.setup.keys = (1..=keys).map(cast::key).collect();
        self.engine.reload(&self.setup, &self.world);
        Ok(())
    }

    fn unreachable(&mut self) {
        self.world.borrow_mut().places.remove(&self.place);
    }
}
