//! What the network of one world does: which faults are on, how often, and the draw for each connection.

use super::dice::Dice;
use super::net::Fate;
use super::pipe::{Break, Cut, Fault, Weather};
use std::collections::BTreeMap;

/// What becomes of a dial; spans in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It connects.
    Accept(u64),
    /// It is refused.
    Refuse(u64),
    /// It connects and is reset at once.
    AcceptThenReset(u64),
    /// Nothing ever comes back.
    Blackhole,
}

/// Per cent of connections that suffer each fault; 0 switches it off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Odds {
    /// A dial is refused.
    pub refuse: u32,
    /// A dial is never answered.
    pub blackhole: u32,
    /// A dial is accepted, then reset.
    pub accept_reset: u32,
    /// A direction ends early, in order.
    pub fin: u32,
    /// A direction is reset.
    pub reset: u32,
    /// A direction is silent for a while.
    pub stall: u32,
    /// A direction is silent until the faults are healed.
    pub mute: u32,
}

/// The network of one world.
#[derive(Clone, Debug)]
pub struct Climate {
    /// How bytes travel; each connection takes one of these.
    pub weathers: Vec<Weather>,
    /// Faults of connections to upstreams.
    pub up: Odds,
    /// Faults of connections from clients.
    pub down: Odds,
    /// Faults strike within so many bytes of a direction.
    pub reach: u64,
    /// Per cent of lookups that fail, and the longest a lookup takes (microseconds).
    pub lookups: (u32, u64),
    /// Faults that were drawn, by kind.
    pub drawn: BTreeMap<&'static str, u64>,
}

impl Climate {
    /// Nothing ever happens.
    pub fn calm() -> Self {
        Climate {
            weathers: vec![Weather::calm()],
            up: Odds::default(),
            down: Odds::default(),
            reach: 4096,
            lookups: (0, 0),
            drawn: BTreeMap::new(),
        }
    }

    /// A network with some faults switched off completely and the others of very different weight.
    pub fn drawn(dice: &mut Dice) -> Self {
        let mut odds = |most: u64| if dice.chance(45) { dice.range(1, most) as u32 } else { 0 };
        let up = Odds {
            refuse: odds(15),
            blackhole: odds(8),
            accept_reset: odds(10),
            fin: odds(12),
            reset: odds(12),
            stall: odds(20),
            mute: odds(6),
        };
        let down = Odds { fin: odds(8), reset: odds(8), stall: odds(15), mute: odds(4), ..Odds::default() };
        let lookups = (odds(6), 20_000);
        let weathers = (0..3).map(|_| weather(dice)).collect();
        let reach = *dice.pick(&[300, 2_000, 20_000, 200_000]);
        Climate { weathers, up, down, reach, lookups, drawn: BTreeMap::new() }
    }

    /// What a connection from a client is like.
    pub fn downstream(&mut self, dice: &mut Dice, healed: bool) -> Fate {
        let odds = if healed { Odds::default() } else { self.down };
        self.fate(odds, [&CLIENT, &TO_CLIENT], dice)
    }

    /// What becomes of a dial, and what the connection is like.
    pub fn upstream(&mut self, dice: &mut Dice, healed: bool) -> (Arrival, Fate) {
        let after = dice.range(100, 30_000);
        let fate = self.fate(if healed { Odds::default() } else { self.up }, [&TO_UPSTREAM, &UPSTREAM], dice);
        let roll = dice.range(0, 99) as u32;
        let Odds { refuse, blackhole, accept_reset, .. } = self.up;
        let (arrival, name) = match roll {
            _ if healed => (Arrival::Accept(after), ""),
            r if r < refuse => (Arrival::Refuse(after), "dial refused"),
            r if r < refuse + blackhole => (Arrival::Blackhole, "dial into a black hole"),
            r if r < refuse + blackhole + accept_reset => (Arrival::AcceptThenReset(after), "accepted, then reset"),
            _ => (Arrival::Accept(after), ""),
        };
        self.count(name);
        (arrival, fate)
    }

    /// How long a lookup takes, and whether it fails.
    pub fn lookup(&mut self, dice: &mut Dice) -> (u64, bool) {
        let (odds, most) = self.lookups;
        let fails = dice.chance(odds);
        self.count(if fails { "lookup failed" } else { "" });
        (dice.range(0, most), fails)
    }

    fn fate(&mut self, odds: Odds, names: [&Names; 2], dice: &mut Dice) -> Fate {
        let weather = dice.pick(&self.weathers).clone();
        let reach = self.reach;
        let [there, back] = names.map(|names| {
            // Where keywheel sends, an end that comes by the path and not from keywheel is a reset.
            let fault = break_of(odds, reach, names.keywheel_sends, dice);
            self.count(fault.map_or("", |fault| names.of(fault.how)));
            fault
        });
        Fate { weather, there, back }
    }

    fn count(&mut self, name: &'static str) {
        if !name.is_empty() {
            *self.drawn.entry(name).or_default() += 1;
        }
    }
}

fn break_of(odds: Odds, reach: u64, only_reset: bool, dice: &mut Dice) -> Option<Break> {
    let at = dice.range(0, reach);
    let span = dice.range(1_000, 40_000_000);
    let roll = dice.range(0, 99) as u32;
    let Odds { fin, reset, stall, mute, .. } = odds;
    let how = match roll {
        r if r < fin && !only_reset => Fault::Fin,
        r if r < fin + reset => Fault::Reset,
        r if r < fin + reset + stall => Fault::Stall(span),
        r if r < fin + reset + stall + mute => Fault::Mute,
        _ => return None,
    };
    Some(Break { at, how })
}

/// What the faults of one direction are called where they are counted.
struct Names {
    fin: &'static str,
    reset: &'static str,
    stall: &'static str,
    mute: &'static str,
    keywheel_sends: bool,
}

impl Names {
    fn of(&self, how: Fault) -> &'static str {
        match how {
            Fault::Fin => self.fin,
            Fault::Reset => self.reset,
            Fault::Stall(_) => self.stall,
            Fault::Mute => self.mute,
        }
    }
}

const CLIENT: Names = Names {
    fin: "client ends (FIN)",
    reset: "client resets",
    stall: "client stalls",
    mute: "client falls silent",
    keywheel_sends: false,
};
const TO_CLIENT: Names = Names {
    fin: "",
    reset: "path to client resets",
    stall: "path to client stalls",
    mute: "path to client is mute",
    keywheel_sends: true,
};
const UPSTREAM: Names = Names {
    fin: "upstream ends (FIN)",
    reset: "upstream resets",
    stall: "upstream stalls",
    mute: "upstream falls silent",
    keywheel_sends: false,
};
const TO_UPSTREAM: Names = Names {
    fin: "",
    reset: "path to upstream resets",
    stall: "path to upstream stalls",
    mute: "path to upstream is mute",
    keywheel_sends: true,
};

fn weather(dice: &mut Dice) -> Weather {
    let low = dice.range(10, 2_000);
    let high = low + *dice.pick(&[0, 500, 20_000]);
    let cut = match dice.range(0, 3) {
        0 => Cut::Whole,
        1 => Cut::Bytes(dice.range(20, 600)),
        2 => Cut::UpTo(dice.range(2, 64) as usize * 16),
        _ => Cut::UpTo(dice.range(1_000, 70_000) as usize),
    };
    let window = *dice.pick(&[600, 4_096, 65_536, 262_144]);
    Weather { delay: (low, high), cut, window, short_writes: dice.chance(30), short_reads: dice.chance(30) }
}
