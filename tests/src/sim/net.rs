//! The simulated network: connections made of two pipes each, and what their ends may do.
//!
//! It follows TCP where that matters to a proxy: a FIN closes one direction; closing with unread bytes resets; bytes
//! that reach a closed end are answered by a reset; a reset lets the other end read what had arrived before.

use super::dice::Dice;
use super::pipe::{Break, Pipe, Read, Weather};
use std::collections::VecDeque;
use std::io::IoSlice;

/// One end of a connection. End 0 dialled, end 1 accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct End {
    /// Which connection.
    pub conn: u32,
    /// Which end: 0 or 1.
    pub side: u8,
}

impl End {
    /// The other end.
    pub fn peer(self) -> End {
        End { conn: self.conn, side: 1 - self.side }
    }
}

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// So many bytes were taken, at least one.
    Took(usize),
    /// There is no room.
    Full,
    /// The connection was reset.
    Reset,
}

/// How one connection will behave.
#[derive(Clone, Debug)]
pub struct Fate {
    /// How bytes travel, both ways.
    pub weather: Weather,
    /// What breaks the bytes that the dialling end sends.
    pub there: Option<Break>,
    /// What breaks the bytes that the accepting end sends.
    pub back: Option<Break>,
}

impl Fate {
    /// Nothing happens.
    pub fn calm() -> Self {
        Fate { weather: Weather::calm(), there: None, back: None }
    }
}

#[derive(Debug)]
struct Conn {
    /// `pipes[side]` carries what that side sends.
    pipes: [Pipe; 2],
    closed: [bool; 2],
    /// When an arrival is entered in the agenda, so that it is not entered twice.
    due: [Option<u64>; 2],
    dice: Dice,
}

/// All connections of a world.
#[derive(Debug)]
pub struct Net {
    conns: Vec<Conn>,
    dice: Dice,
    /// Ends at which something changed: what is to be read, or that there is room.
    touched: VecDeque<End>,
    /// Arrivals to enter in the agenda: when, and the end that sent.
    arrivals: Vec<(u64, End)>,
    calm: bool,
}

impl Net {
    /// An empty network with its own dice.
    pub fn new(dice: Dice) -> Self {
        Net { conns: Vec::new(), dice, touched: VecDeque::new(), arrivals: Vec::new(), calm: false }
    }

    /// A connection: the dialling end and the accepting end. Each has its own dice, so that the bytes of one do not
    /// shift the others. Once faults are over it breaks no more, though its dial began when they were not.
    pub fn connect(&mut self, mut fate: Fate) -> (End, End) {
        if self.calm {
            (fate.there, fate.back) = (None, None);
        }
        let conn = self.conns.len() as u32;
        let dice = self.dice.child(u64::from(conn));
        let pipes = [Pipe::new(fate.weather.clone(), fate.there), Pipe::new(fate.weather, fate.back)];
        self.conns.push(Conn { pipes, closed: [false; 2], due: [None; 2], dice });
        (End { conn, side: 0 }, End { conn, side: 1 })
    }

    /// Reads at `end`.
    pub fn read(&mut self, end: End, buffer: &mut [u8]) -> Read {
        let Conn { pipes, dice, closed, .. } = self.at(end);
        if closed[end.side as usize] {
            return Read::Reset;
        }
        let pipe = &mut pipes[1 - end.side as usize];
        let was_full = pipe.room() == 0;
        let got = pipe.read(buffer, dice);
        if was_full && matches!(got, Read::Got(_)) {
            self.touched.push_back(end.peer());
        }
        got
    }

    /// Writes at `end`.
    pub fn write(&mut self, end: End, slices: &[IoSlice<'_>], now: u64) -> Write {
        let Conn { pipes, dice, closed, .. } = self.at(end);
        let (own, peers) = (end.side as usize, 1 - end.side as usize);
        if closed[own] || pipes[own].finished() || pipes[peers].was_reset() {
            return Write::Reset;
        }
        let took = pipes[own].write(slices, now, dice);
        if took == 0 {
            return Write::Full;
        }
        if pipes[own].take_severed() {
            // The sending machine died; its peer learns of it by the FIN or RST that is under way.
            closed[own] = true;
            pipes[peers].discard();
            self.touched.push_back(end);
        }
        self.schedule(end);
        Write::Took(took)
    }

    /// FIN: `end` sends no more.
    pub fn shutdown(&mut self, end: End, now: u64) {
        let Conn { pipes, dice, .. } = self.at(end);
        pipes[end.side as usize].finish(now, dice);
        self.schedule(end);
    }

    /// Closes `end`: in order, or by a reset where bytes were left unread.
    pub fn close(&mut self, end: End, now: u64) {
        let Conn { pipes, dice, closed, .. } = self.at(end);
        if core::mem::replace(&mut closed[end.side as usize], true) {
            return;
        }
        if pipes[1 - end.side as usize].unread() {
            pipes[end.side as usize].abort(now, dice);
        } else {
            pipes[end.side as usize].finish(now, dice);
        }
        pipes[1 - end.side as usize].discard();
        self.schedule(end);
    }

    /// Breaks the connection off at `end`: RST.
    pub fn reset(&mut self, end: End, now: u64) {
        let Conn { pipes, dice, closed, .. } = self.at(end);
        if core::mem::replace(&mut closed[end.side as usize], true) {
            return;
        }
        pipes[end.side as usize].abort(now, dice);
        pipes[1 - end.side as usize].discard();
        self.schedule(end);
    }

    /// Whether a read at `end` would give something.
    pub fn readable(&self, end: End) -> bool {
        self.look(end).closed[end.side as usize] || self.look(end).pipes[1 - end.side as usize].readable()
    }

    /// Whether the other end's FIN or RST has arrived, be there bytes to read before it or not.
    pub fn ended(&self, end: End) -> bool {
        self.look(end).pipes[1 - end.side as usize].ended()
    }

    /// When that arrived.
    pub fn ended_at(&self, end: End) -> Option<u64> {
        self.look(end).pipes[1 - end.side as usize].ended_at()
    }

    /// Whether a write at `end` would give something.
    pub fn writable(&self, end: End) -> bool {
        let Conn { pipes, closed, .. } = self.look(end);
        closed[end.side as usize]
            || pipes[end.side as usize].room() > 0
            || pipes[end.side as usize].finished()
            || pipes[1 - end.side as usize].was_reset()
    }

    /// Bytes that `end` has written and read.
    pub fn traffic(&self, end: End) -> (u64, u64) {
        let pipes = &self.look(end).pipes;
        (pipes[end.side as usize].written(), pipes[1 - end.side as usize].read_total())
    }

    /// Whether `end` was closed by its owner.
    pub fn closed(&self, end: End) -> bool {
        self.look(end).closed[end.side as usize]
    }

    /// How many connections there ever were.
    pub fn len(&self) -> usize {
        self.conns.len()
    }

    /// Whether there never was one.
    pub fn is_empty(&self) -> bool {
        self.conns.is_empty()
    }

    /// Something that `end` sent is due to arrive.
    pub fn arrive(&mut self, end: End, now: u64) {
        let Conn { pipes, closed, due, dice } = self.at(end);
        let receiver = end.peer();
        due[end.side as usize] = None;
        let pipe = &mut pipes[end.side as usize];
        if pipe.arrive(now) {
            if !closed[receiver.side as usize] {
                self.touched.push_back(receiver);
            } else if pipe.unread() {
                // Bytes for a closed end are answered by a reset.
                pipe.discard();
                pipes[receiver.side as usize].abort(now, dice);
                self.schedule(receiver);
            }
        }
        self.schedule(end);
    }

    /// No more faults: connections that hang go on, new ones are calm.
    pub fn heal(&mut self, now: u64) {
        self.calm = true;
        for conn in 0..self.conns.len() as u32 {
            for side in 0..2 {
                let end = End { conn, side };
                self.at(end).pipes[side as usize].heal(now);
                self.at(end).due[side as usize] = None;
                self.schedule(end);
            }
        }
    }

    /// Whether the faults are over.
    pub fn healed(&self) -> bool {
        self.calm
    }

    /// Takes the arrivals to be entered in the agenda.
    pub fn take_arrivals(&mut self) -> impl Iterator<Item = (u64, End)> + '_ {
        self.arrivals.drain(..)
    }

    /// Takes one end at which something changed.
    pub fn take_touched(&mut self) -> Option<End> {
        self.touched.pop_front()
    }

    fn schedule(&mut self, end: End) {
        let conn = &mut self.conns[end.conn as usize];
        let due = &mut conn.due[end.side as usize];
        if let Some(at) = conn.pipes[end.side as usize].next_at()
            && due.is_none_or(|due| at < due)
        {
            *due = Some(at);
            self.arrivals.push((at, end));
        }
    }

    fn at(&mut self, end: End) -> &mut Conn {
        &mut self.conns[end.conn as usize]
    }

    fn look(&self, end: End) -> &Conn {
        &self.conns[end.conn as usize]
    }
}

#[cfg(test)]
mod tests;
