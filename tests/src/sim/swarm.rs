//! What is drawn for one world before it begins: which faults are on and how heavy they weigh, keys and how they
//! behave, settings, interventions. Some variants are switched off completely, the others differ wildly in weight.

use super::dice::{Dice, Streams};
use super::engine::{Carriage, Mode};
use super::fare::{Fare, in_pieces};
use super::intervention::{Intervention, interventions};
use super::setup::Setup;
use super::upstream::Mischief;
use super::variety::key_options;
use super::weather::Climate;
use keywheel_runtime::fake::{Behaviour, ROWS, Spec};
use std::time::Duration;

/// The token that opens keywheel in every world.
pub const TOKEN: &str = "kw-T0kenOfTheWorld-5b1f";
/// Where the upstream is.
pub const UPSTREAM: &str = "up.test";

/// A world before it begins.
#[derive(Clone, Debug)]
pub struct Swarm {
    /// Nothing goes wrong in it but what clients do.
    pub calm: bool,
    /// What keywheel starts with.
    pub setup: Setup,
    /// How keywheel is carried.
    pub carriage: Carriage,
    /// The network.
    pub climate: Climate,
    /// Upstreams speak TLS.
    pub tls: bool,
    /// What upstreams do beside answering.
    pub mischief: Mischief,
    /// Upstreams close idle connections after this.
    pub upstream_idle: Option<Duration>,
    /// Each key's organization and behaviour.
    pub keys: Vec<(String, Behaviour)>,
    /// What happens while the world runs, by time (microseconds).
    pub interventions: Vec<(u64, Intervention)>,
    /// When all faults end, microseconds.
    pub heal_at: u64,
    /// What clients may ask.
    pub fare: Fare,
    /// How many clients, the most errands of one, and the fewest of all.
    pub clients: (usize, usize, usize),
}

impl Swarm {
    /// A variable of keywheel's environment.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.setup.env.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// A world in which nothing depends on who is first: one client, one request after another, a calm network. What
    /// upstreams get is then the same however keywheel is carried.
    pub fn gentle(mut self) -> Self {
        self.climate = Climate::calm();
        self.mischief = Mischief::default();
        self.upstream_idle = None;
        self.interventions.retain(|(_, intervention)| matches!(intervention, Intervention::Heal));
        (self.fare.leaving, self.fare.deaf, self.fare.pipelining) = (0, 0, 0);
        self.clients = (1, 40, 1);
        self
    }

    /// The longest that something is under way between two ends (microseconds), where connections neither stall nor
    /// fall silent; lookups and handshakes included.
    pub fn slack(&self) -> Option<u64> {
        let sides = [&self.climate.up, &self.climate.down];
        let still = sides.iter().all(|odds| odds.stall + odds.mute + odds.blackhole == 0);
        let whole = self.climate.weathers.iter().all(|weather| !matches!(weather.cut, super::pipe::Cut::Bytes(_)));
        let jumps = self.interventions.iter().any(|(_, act)| matches!(act, Intervention::Jump(_)));
        let longest = self.climate.weathers.iter().map(|weather| weather.delay.1).max().unwrap_or(0);
        (still && whole && !jumps).then_some(2_000_000 + 10 * longest)
    }

    /// Whether SIGTERM comes in the middle.
    pub fn drains(&self) -> bool {
        self.interventions.iter().any(|(_, act)| matches!(act, Intervention::Drain))
    }

    /// Whether the wall's clock is set in the middle.
    pub fn sets_the_clock(&self) -> bool {
        self.interventions.iter().any(|(_, act)| matches!(act, Intervention::Wall(_)))
    }

    /// Whether some key's answers are odd by its own doing, whatever was asked of the provider.
    pub fn keys_wish(&self) -> bool {
        let odd = |behaviour: &Behaviour| matches!(behaviour, Behaviour::Every { .. });
        let later = |act: &Intervention| matches!(act, Intervention::Key(_, behaviour) if odd(behaviour));
        self.keys.iter().any(|(_, behaviour)| odd(behaviour)) || self.interventions.iter().any(|(_, act)| later(act))
    }

    /// The account that a key is of.
    pub fn account(&self, key: &str) -> Option<&str> {
        let n = self.setup.keys.iter().position(|line| line == key)?;
        self.keys.get(n).map(|(account, _)| account.as_str())
    }

    /// The value of a setting that is a number, or what the README says it is otherwise.
    pub fn number(&self, name: &str, otherwise: u64) -> u64 {
        self.setting(name).and_then(|value| value.parse().ok()).unwrap_or(otherwise)
    }
}

/// How much one variant weighs: often nothing.
pub(super) fn weight(dice: &mut Dice, off: u32) -> u32 {
    if dice.chance(off) { 0 } else { 1 << dice.range(0, 6) }
}

impl Swarm {
    /// The world of these streams.
    pub fn drawn(dice: &mut Streams, mode: Mode) -> Self {
        let dice = &mut dice.swarm;
        // What was added later draws from streams of its own.
        let [mut timing, mut plans, mut crowd, mut pools, mut bounds, mut options] =
            [101, 102, 103, 105, 110, 115].map(|n| dice.child(n));
        let calm = dice.chance(12);
        let climate = if calm || dice.chance(15) { Climate::calm() } else { Climate::drawn(dice) };
        let tls = mode == Mode::Full && dice.chance(25);
        let keys = keys(dice, calm, &mut crowd);
        let heal_at = dice.range(20_000_000, 200_000_000);
        let interventions = interventions(dice, &mut plans, keys.len(), heal_at, calm);
        Swarm {
            calm,
            setup: optioned(bounded(pooled(setup(dice, &keys, tls), &mut pools), &mut bounds), &mut options),
            carriage: timed(carriage(dice, mode, tls), &mut timing, calm),
            climate,
            tls,
            mischief: Mischief { unsolicited: if calm { 0 } else { odds(dice, 20) } },
            upstream_idle: (!calm && dice.chance(20)).then(|| Duration::from_millis(dice.range(5, 8_000))),
            keys: keys.into_iter().map(|key| (key.account, key.behaviour)).collect(),
            interventions,
            heal_at,
            fare: Fare::drawn(dice, calm),
            clients: (dice.range(1, 10) as usize, dice.range(1, 8) as usize, 20),
        }
    }
}

pub(super) fn odds(dice: &mut Dice, most: u64) -> u32 {
    if dice.chance(50) { 0 } else { dice.range(1, most) as u32 }
}

struct Key {
    text: String,
    account: String,
    behaviour: Behaviour,
}

fn keys(dice: &mut Dice, calm: bool, crowd: &mut Dice) -> Vec<Key> {
    let count = match dice.range(0, 19) {
        0 => 1,
        1 if crowd.chance(20) => 1000,
        1 => 100,
        _ => dice.range(2, 8),
    };
    let shared = dice.chance(30);
    let bad = if calm { 0 } else { *dice.pick(&[0, 20, 50, 100]) };
    let weights: Vec<u32> = (0..BEHAVIOURS).map(|_| weight(dice, 40)).collect();
    (0..count)
        .map(|n| Key {
            text: format!("sk-{}{}", if dice.chance(50) { "proj-" } else { "" }, dice.word(32)),
            account: format!("org-{}", if shared { n / 2 } else { n }),
            behaviour: if dice.chance(bad) { behaviour(dice, &weights) } else { Behaviour::Good },
        })
        .collect()
}

pub(super) const BEHAVIOURS: usize = 7;

/// Something that is wrong with a key.
pub(super) fn behaviour(dice: &mut Dice, weights: &[u32]) -> Behaviour {
    let every = dice.range(1, 4) as u32;
    let spec = |text: &str| Box::new(text.parse::<Spec>().expect("a wish that is spelled right"));
    match dice.weighted(weights.iter().copied()) {
        0 => Behaviour::Invalid,
        1 => Behaviour::NoQuota,
        2 => Behaviour::RateLimited {
            requests: dice.range(0, 3) as u32,
            per: Duration::from_millis(dice.range(300, 30_000)),
        },
        3 => Behaviour::flaky_500(every),
        4 => Behaviour::DeadAfter(dice.range(1, 4) as u32),
        5 => {
            let row = dice.pick(&ROWS).name;
            let mut later = dice.child(106);
            let wish = if later.chance(30) { in_pieces(row, &mut later) } else { format!("error={row}") };
            Behaviour::Every { every, spec: spec(&wish) }
        }
        _ => {
            let at = dice.range(0, 200);
            let wish = *dice.pick(&["hang", "garble", "reset_head=", "cut_head=", "reset_after=", "delay_ms="]);
            let wish = if wish.ends_with('=') { format!("{wish}{at}") } else { wish.to_owned() };
            Behaviour::Every { every, spec: spec(&wish) }
        }
    }
}

fn setup(dice: &mut Dice, keys: &[Key], tls: bool) -> Setup {
    let base = if tls { format!("https://{UPSTREAM}:8443") } else { format!("http://{UPSTREAM}:8080") };
    let mut env = vec![("AUTH_KEY".to_owned(), TOKEN.to_owned()), ("OPENAI_BASE_URL".to_owned(), base)];
    let mut maybe = |dice: &mut Dice, percent: u32, name: &str, values: &[&str]| {
        if dice.chance(percent) {
            env.push((name.to_owned(), (*dice.pick(values)).to_owned()));
        }
    };
    maybe(dice, 30, "LOAD_BALANCE_STRATEGY", &["random", "least_busy"]);
    maybe(dice, 40, "MAX_RETRIES", &["0", "1", "2", "8"]);
    maybe(dice, 50, "WHEN_EXHAUSTED", &["reject", "least_bad"]);
    maybe(dice, 15, "RETRY_AMBIGUOUS", &["true"]);
    maybe(dice, 15, "CLIENT_HALF_CLOSE", &["true"]);
    maybe(dice, 25, "MAX_SOCKETS", &["1", "2", "5"]);
    maybe(dice, 30, "MAX_FREE_SOCKETS", &["1", "3"]);
    maybe(dice, 50, "REQUEST_TIMEOUT", &["2000", "5000"]);
    maybe(dice, 20, "STREAM_HEADER_TIMEOUT", &["3000"]);
    maybe(dice, 20, "STREAM_IDLE_TIMEOUT", &["4000"]);
    maybe(dice, 20, "BLACKLIST_THRESHOLD", &["0", "2", "3"]);
    maybe(dice, 20, "ENABLE_CORS", &["false"]);
    maybe(dice, 30, "LIMIT_REPLAY", &["0", "2000", "20000"]);
    maybe(dice, 10, "LIMIT_REPLAY_TOTAL", &["30000"]);
    maybe(dice, 10, "LIMIT_WAITING", &["2"]);
    maybe(dice, 10, "LIMIT_CONNECTIONS", &["3"]);
    maybe(dice, 10, "LIMIT_KEEP_ALIVE", &["2000"]);
    Setup { env, keys: keys.iter().map(|key| key.text.clone()).collect(), ..Setup::default() }
}

/// Now and then more is said of a key than itself.
fn optioned(mut setup: Setup, dice: &mut Dice) -> Setup {
    if dice.chance(15) {
        setup.options = setup.keys.iter().map(|key| (key.clone(), key_options(dice))).collect();
    }
    setup
}

/// Now and then no idle connection is kept.
fn pooled(mut setup: Setup, dice: &mut Dice) -> Setup {
    if dice.chance(4) {
        setup.env.retain(|(name, _)| name != "MAX_FREE_SOCKETS");
        setup.env.push(("MAX_FREE_SOCKETS".to_owned(), "0".to_owned()));
    }
    setup
}

/// Now and then few errors are short enough to be known whole.
fn bounded(mut setup: Setup, dice: &mut Dice) -> Setup {
    if dice.chance(15) {
        setup.env.push(("LIMIT_ERROR_BODY".to_owned(), dice.pick(&["256", "300", "600"]).to_string()));
    }
    setup
}

/// A TLS record is read by no less than what the network has of it, as from a real socket.
fn carriage(dice: &mut Dice, mode: Mode, tls: bool) -> Carriage {
    let least = if tls { 700 } else { 1 };
    Carriage {
        mode,
        most_read: *dice.pick(&[usize::MAX, usize::MAX, 4096, 700, least]),
        upstream_first: dice.chance(50),
        order: dice.chance(50).then(|| dice.child(77)),
        workers: if dice.chance(30) { 2 } else { 1 },
        ..Carriage::plain(mode)
    }
}

/// Timers that come late by up to a tick, or uncalled for; memory that is refused for a moment.
fn timed(carriage: Carriage, dice: &mut Dice, calm: bool) -> Carriage {
    let late = if dice.chance(50) { 0 } else { dice.range(1, 1000) };
    let restless = if dice.chance(50) { 0 } else { dice.range(1, 30) as u32 };
    let starved = if calm || carriage.most_read < 4096 || dice.chance(70) { 0 } else { dice.range(1, 40) as u32 };
    Carriage { late, restless, starved, ..carriage }
}
