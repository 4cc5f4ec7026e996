//! One session's turn: bytes from and to its two sides, actions, deadlines.

use super::{Direct, Line, ROUNDS, Running, Seen, lend};
use crate::sim::dialing::Dialing;
use crate::sim::edge::Edge;
use crate::sim::net::{End, Write};
use crate::sim::pipe::Read;
use crate::sim::world::{Event, Owner, World};
use keywheel_core::session::{Linked, Loss, Side};
use keywheel_core::time::Instant;

/// Carries bytes from or to one side; true when some were.
type Carry = fn(&mut Direct, u32, &mut Running, Side, &mut World) -> bool;

/// Deadlines of one session that may be due at one moment.
const DUE_AT_ONCE: usize = 8;

impl Direct {
    pub(super) fn turn(&mut self, id: u32, run: &mut Running, world: &mut World) {
        let now = Instant::from_micros(world.now());
        self.time(id, run, world);
        run.starved_until = run.starved_until.filter(|until| *until > world.now());
        self.actions(id, run, world);
        let mut moved = true;
        for _ in 0..ROUNDS {
            let sides = if self.habits.upstream_first {
                [Side::Upstream, Side::Downstream]
            } else {
                [Side::Downstream, Side::Upstream]
            };
            let mut stirred = self.dial_on(id, run, world);
            moved = stirred;
            for (side, carry) in sides.into_iter().flat_map(|side| [(side, Self::read as Carry), (side, Self::write)]) {
                stirred |= carry(self, id, run, side, world);
                if core::mem::take(&mut stirred) {
                    moved = true;
                    self.actions(id, run, world);
                }
            }
            if !moved || run.done {
                break;
            }
        }
        run.session.rest(&mut self.lend(now));
        self.bounds(id, run, moved, world);
        if moved {
            // The turn was cut short: there is more to do.
            run.queued = true;
            self.ready.push_back(id);
        }
        self.arm(id, run, world);
    }

    /// The session's deadline, where it is due; now and then where it is not, or twice.
    fn time(&mut self, id: u32, run: &mut Running, world: &mut World) {
        let now = Instant::from_micros(world.now());
        // After a jump of the clock several may be due, one after another.
        for _ in 0..DUE_AT_ONCE {
            let Some((_, reason)) = run.session.poll_timeout().filter(|(at, _)| *at <= now) else { break };
            (self.observer)(world.now(), Seen::Woken(id, reason));
            run.session.handle_timeout(&mut self.lend(now));
        }
        if self.habits.dice.chance(self.habits.restless) {
            run.session.handle_timeout(&mut self.lend(now));
        }
    }

    fn read(&mut self, _: u32, run: &mut Running, side: Side, world: &mut World) -> bool {
        let now = Instant::from_micros(world.now());
        let Some(line) = &run.sides[side as usize] else { return false };
        if line.ended || line.broken || !world.net.readable(line.end) || !run.session.wants_read(side) {
            return false;
        }
        if self.starves(run, world) {
            return false;
        }
        let Some(line) = &mut run.sides[side as usize] else { return false };
        let mut turn = lend(&self.settings, &mut self.pool, &self.proxy, now);
        let room = run.session.recv_buf(side, &mut turn);
        if room.is_empty() {
            return false;
        }
        let most = line.appetite.bite(room.len());
        match world.net.read(line.end, &mut room[..most]) {
            Read::Got(n) => {
                line.appetite.took(n);
                line.last = room[n - 1];
                run.came(side, n, now.as_micros());
                run.session.handle_recv(side, n, &mut turn);
            }
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

    /// Whether there is no memory for a read just now; there is a moment later.
    fn starves(&mut self, run: &mut Running, world: &World) -> bool {
        if run.starved_until.is_none() && self.habits.dice.chance(self.habits.starved) {
            run.starved_until = Some(world.now() + 1_000);
        }
        run.starved_until.is_some()
    }

    fn write(&mut self, id: u32, run: &mut Running, side: Side, world: &mut World) -> bool {
        let now = world.now();
        let mut moved = false;
        if run.sides[side as usize].is_none() {
            run.flows(side);
        }
        while let Some(line) = run.sides[side as usize].as_mut().filter(|line| !line.broken) {
            if !run.session.has_transmit(side) {
                if core::mem::take(&mut line.finishing) {
                    world.net.shutdown(line.end, now);
                }
                run.flows(side);
                break;
            }
            let wrote = world.net.write(line.end, run.session.poll_transmit(side).slices(), now);
            let mut turn = lend(&self.settings, &mut self.pool, &self.proxy, Instant::from_micros(now));
            match wrote {
                Write::Took(n) => {
                    line.appetite.turned();
                    run.flows(side);
                    run.answers(now);
                    run.session.handle_sent(side, n, &mut turn);
                }
                Write::Full => {
                    run.refused(side, now);
                    break;
                }
                Write::Reset => {
                    line.broken = true;
                    run.session.handle_lost(side, Loss::Reset, &mut turn);
                }
            }
            // What is written may end one exchange and begin another: each call is followed by its actions.
            self.actions(id, run, world);
            moved = true;
        }
        world.pump();
        moved
    }

    /// Goes on with a dial.
    fn dial_on(&mut self, id: u32, run: &mut Running, world: &mut World) -> bool {
        let Some(dialing) = &mut run.dialing else { return false };
        let Some(outcome) = dialing.poll(world) else { return false };
        run.dialing = None;
        match outcome {
            Ok(end) => {
                let now = world.now();
                self.edge(now, Edge::Made);
                self.linked(id, run, end, now, false, world);
            }
            Err(error) => {
                self.edge(world.now(), Edge::Failed);
                let now = Instant::from_micros(world.now());
                run.session.handle_linked(Err(error), &mut self.lend(now));
            }
        }
        true
    }

    pub(super) fn linked(
        &mut self,
        id: u32,
        run: &mut Running,
        end: End,
        made_at: u64,
        reused: bool,
        world: &mut World,
    ) {
        let now = Instant::from_micros(world.now());
        world.own(end, Owner::Session(id));
        run.links();
        run.sides[Side::Upstream as usize] = Some(Line::new(end, made_at, self.habits.most_read));
        run.session.handle_linked(Ok(Linked { reused }), &mut self.lend(now));
    }

    /// Enters the next time at which the session has to be looked at.
    fn arm(&mut self, id: u32, run: &mut Running, world: &mut World) {
        let session = run.session.poll_timeout().map(|(at, _)| at.as_micros());
        let dialing = run.dialing.as_ref().and_then(Dialing::deadline);
        if let Some(at) = session.into_iter().chain(dialing).chain(run.starved_until).min()
            && run.armed.is_none_or(|armed| at < armed)
        {
            run.armed = Some(at);
            world.agenda.at(at + self.habits.dice.range(0, self.habits.late), Event::Deadline(id));
        }
    }
}
