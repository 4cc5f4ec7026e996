//! One direction of a simulated connection: a bounded pipe whose bytes arrive late, in pieces, or not at all.
//!
//! ```text
//!   write ──► in flight (segments with a time each) ──► arrived ──► read
//!   finish ─────────────► FIN arrives after the last byte
//!   cut ────────────────► FIN or RST arrives in place of the byte at an offset
//! ```

use super::dice::Dice;
use std::collections::VecDeque;
use std::io::IoSlice;

/// Most bytes that TCP sends at once over Ethernet.
const SEGMENT: usize = 1_460;
/// Bytes of a connection behind which its pieces may be a byte larger.
const COARSER: u64 = 64;

/// How the bytes of one direction travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Shortest and longest delay, microseconds.
    pub delay: (u64, u64),
    /// How writes are cut into segments.
    pub cut: Cut,
    /// Bytes that may be on their way or unread at once.
    pub window: usize,
    /// A write may take fewer bytes than there is room for.
    pub short_writes: bool,
    /// A read may give fewer bytes than have arrived.
    pub short_reads: bool,
}

impl Weather {
    /// Nothing is late, nothing is cut.
    pub fn calm() -> Self {
        Weather { delay: (50, 50), cut: Cut::Whole, window: 256 * 1024, short_writes: false, short_reads: false }
    }
}

/// How a write is cut into segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Not at all.
    Whole,
    /// Byte by byte for the first so many bytes of the connection, then whole.
    Bytes(u64),
    /// Into pieces of at most so many bytes; of more, later in the connection.
    UpTo(usize),
    /// At this one offset of the connection.
    At(u64),
}

/// What happens in place of the byte at `at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Break {
    /// Offset in the direction's bytes.
    pub at: u64,
    /// What.
    pub how: Fault,
}

/// A fault of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The sender closes.
    Fin,
    /// The sender resets.
    Reset,
    /// Silence for so many microseconds, then the rest.
    Stall(u64),
    /// Silence until the faults are healed.
    Mute,
}

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes, at least one.
    Got(usize),
    /// Nothing has arrived.
    Empty,
    /// The other end finished.
    Eof,
    /// The connection was reset.
    Reset,
}

/// What arrives at a time.
#[derive(Clone, Copy, Debug)]
struct Segment {
    at: u64,
    what: Arrival,
}

#[derive(Clone, Copy, Debug)]
enum Arrival {
    Bytes(usize),
    Fin,
    Reset,
}

/// One direction.
#[derive(Debug)]
pub struct Pipe {
    weather: Weather,
    fault: Option<Break>,
    bytes: VecDeque<u8>,
    arrived: usize,
    flight: VecDeque<Segment>,
    last_at: u64,
    written: u64,
    read: u64,
    finished: bool,
    /// A cut was just reached: the sender's machine is gone.
    severed: bool,
    eof: bool,
    reset: bool,
    muted: bool,
    aborted: bool,
    /// When its end arrived.
    ended_at: Option<u64>,
}

impl Pipe {
    /// An open direction with this weather, that breaks so.
    pub fn new(weather: Weather, fault: Option<Break>) -> Self {
        Pipe {
            weather,
            fault,
            bytes: VecDeque::new(),
            arrived: 0,
            flight: VecDeque::new(),
            last_at: 0,
            written: 0,
            read: 0,
            finished: false,
            severed: false,
            eof: false,
            reset: false,
            muted: false,
            aborted: false,
            ended_at: None,
        }
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Bytes read so far.
    pub fn read_total(&self) -> u64 {
        self.read
    }

    /// Whether a read would give something.
    pub fn readable(&self) -> bool {
        self.arrived > 0 || self.eof || self.reset
    }

    /// Whether bytes have arrived that nobody read.
    pub fn unread(&self) -> bool {
        self.arrived > 0
    }

    /// Whether its end has arrived.
    pub fn ended(&self) -> bool {
        self.ended_at.is_some()
    }

    /// When that was.
    pub fn ended_at(&self) -> Option<u64> {
        self.ended_at
    }

    /// Room for bytes; none where there is little, as TCP has it (RFC 1122 section 4.2.3.3).
    pub fn room(&self) -> usize {
        let room = self.weather.window.saturating_sub(self.bytes.len());
        if room < (self.weather.window / 4).min(SEGMENT) { 0 } else { room }
    }

    /// Whether the sender's machine died by a cut; told once.
    pub fn take_severed(&mut self) -> bool {
        core::mem::take(&mut self.severed)
    }

    /// Whether a reset has arrived.
    pub fn was_reset(&self) -> bool {
        self.reset
    }

    /// Takes bytes from the sender; 0 means that there is no room.
    pub fn write(&mut self, slices: &[IoSlice<'_>], now: u64, dice: &mut Dice) -> usize {
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut take = offered.min(self.room());
        if self.weather.short_writes && take > 1 && dice.chance(40) {
            take = dice.range(1, take as u64) as usize;
        }
        let mut left = take;
        for slice in slices {
            let part = &slice[..left.min(slice.len())];
            self.bytes.extend(part);
            left -= part.len();
        }
        self.send(take, now, dice);
        take
    }

    /// Puts the last `n` bytes of `bytes` on their way.
    fn send(&mut self, mut n: usize, now: u64, dice: &mut Dice) {
        while n > 0 {
            let mut piece = self.piece(n, dice);
            match self.fault {
                Some(fault) if fault.at == self.written => {
                    self.fault = None;
                    if self.strike(fault.how, n, now, dice) {
                        return;
                    }
                    continue;
                }
                Some(fault) if fault.at > self.written => {
                    piece = piece.min(usize::try_from(fault.at - self.written).unwrap_or(piece));
                }
                _ => {}
            }
            self.written += piece as u64;
            n -= piece;
            self.fly(Arrival::Bytes(piece), now, dice);
        }
    }

    fn piece(&self, n: usize, dice: &mut Dice) -> usize {
        match self.weather.cut {
            Cut::Whole => n,
            Cut::Bytes(limit) if self.written < limit => 1,
            Cut::Bytes(_) => n,
            // The further on, the coarser: long bodies need no finer cuts than heads.
            Cut::UpTo(most) => n.min(dice.range(1, most as u64 + self.written / COARSER) as usize),
            Cut::At(offset) if offset > self.written => n.min((offset - self.written) as usize),
            Cut::At(_) => n,
        }
    }

    /// The fault happens before the last `n` bytes; true when they are lost by it.
    fn strike(&mut self, how: Fault, n: usize, now: u64, dice: &mut Dice) -> bool {
        match how {
            Fault::Stall(micros) => self.last_at = self.last_at.max(now) + micros,
            Fault::Mute => self.muted = true,
            Fault::Fin | Fault::Reset => {
                self.bytes.truncate(self.bytes.len() - n);
                self.finished = true;
                self.severed = true;
                self.fly(if how == Fault::Fin { Arrival::Fin } else { Arrival::Reset }, now, dice);
                return true;
            }
        }
        false
    }

    fn fly(&mut self, what: Arrival, now: u64, dice: &mut Dice) {
        let (low, high) = self.weather.delay;
        // Where the cut is the point, pieces arrive one after another.
        let apart = u64::from(matches!(self.weather.cut, Cut::Bytes(_) | Cut::At(_)));
        let at = (now + dice.range(low, high)).max(self.last_at + apart);
        self.last_at = at;
        match (self.flight.back_mut(), what) {
            (Some(Segment { at: last, what: Arrival::Bytes(count) }), Arrival::Bytes(more)) if *last == at => {
                *count += more;
            }
            _ => self.flight.push_back(Segment { at, what }),
        }
    }

    /// The sender finishes: FIN follows the last byte.
    pub fn finish(&mut self, now: u64, dice: &mut Dice) {
        if !self.finished {
            self.finished = true;
            self.fly(Arrival::Fin, now, dice);
        }
    }

    /// The sender breaks off: RST overtakes what is on its way. Once is enough.
    pub fn abort(&mut self, now: u64, dice: &mut Dice) {
        if core::mem::replace(&mut self.aborted, true) {
            return;
        }
        self.finished = true;
        self.flight.clear();
        self.bytes.truncate(self.arrived);
        self.last_at = 0;
        self.muted = false;
        self.fly(Arrival::Reset, now, dice);
    }

    /// Whether the sender finished or broke off.
    pub fn finished(&self) -> bool {
        self.finished
    }

    /// When the next segment arrives.
    pub fn next_at(&self) -> Option<u64> {
        if self.muted { None } else { self.flight.front().map(|segment| segment.at) }
    }

    /// Lets arrive what is due; true when something did.
    pub fn arrive(&mut self, now: u64) -> bool {
        let mut any = false;
        while let Some(segment) = self.flight.front().filter(|segment| !self.muted && segment.at <= now) {
            any = true;
            if !matches!(segment.what, Arrival::Bytes(_)) {
                self.ended_at.get_or_insert(now);
            }
            match segment.what {
                Arrival::Bytes(count) => self.arrived += count,
                Arrival::Fin => self.eof = true,
                Arrival::Reset => {
                    self.reset = true;
                    self.bytes.truncate(self.arrived);
                }
            }
            self.flight.pop_front();
        }
        any
    }

    /// Gives the receiver what has arrived; what arrived before a reset can still be read, as on Linux.
    pub fn read(&mut self, buffer: &mut [u8], dice: &mut Dice) -> Read {
        let mut n = self.arrived.min(buffer.len());
        if self.arrived == 0 {
            return match (self.reset, self.eof) {
                (true, _) => Read::Reset,
                (_, true) => Read::Eof,
                _ => Read::Empty,
            };
        }
        if self.weather.short_reads && n > 1 && dice.chance(40) {
            n = dice.range(1, n as u64) as usize;
        }
        let (front, back) = self.bytes.as_slices();
        let first = n.min(front.len());
        buffer[..first].copy_from_slice(&front[..first]);
        buffer[first..n].copy_from_slice(&back[..n - first]);
        self.bytes.drain(..n);
        self.arrived -= n;
        self.read += n as u64;
        Read::Got(n)
    }

    /// The receiver is gone: bytes that have arrived are thrown away. Those on their way arrive, and find nobody.
    pub fn discard(&mut self) {
        self.bytes.drain(..self.arrived);
        self.arrived = 0;
    }

    /// No more faults: what was held back arrives, nothing breaks from now on.
    pub fn heal(&mut self, now: u64) {
        self.fault = None;
        self.muted = false;
        let latest = now + self.weather.delay.1;
        self.last_at = self.last_at.min(latest);
        for segment in &mut self.flight {
            segment.at = segment.at.min(latest);
        }
    }
}

#[cfg(test)]
mod tests;
