//! What happens to the process and to its keys while a world runs: drawn beforehand, each with its time.

use super::dice::Dice;
use super::swarm::{BEHAVIOURS, behaviour, weight};
use keywheel_runtime::fake::Behaviour;

/// Something that happens to the process or to a key.
#[derive(Clone, Debug)]
pub enum Intervention {
    /// A key behaves differently from now on.
    Key(usize, Behaviour),
    /// Another keys file: the keys that it holds, in this order.
    Reload(Vec<usize>),
    /// A configuration that is none: nothing changes.
    Misread,
    /// Somebody sets the wall clock, milliseconds on or back.
    Wall(i64),
    /// The clock jumps ahead, microseconds.
    Jump(u64),
    /// The operator revives all keys, whatever is in flight.
    Reset,
    /// Everything is healed.
    Heal,
    /// SIGTERM; another process follows once this one has ended.
    Drain,
}

/// Names of all kinds, as [`name`] gives them.
pub const NAMES: [&str; 8] = [
    "a key changes its behaviour",
    "reload of other keys",
    "a reload that fails",
    "the wall clock is set",
    "the clock jumps",
    "reset of all keys",
    "heal",
    "drain",
];

/// Draws what will happen; `plans` are the dice of stories that take several steps.
pub(super) fn interventions(
    dice: &mut Dice,
    plans: &mut Dice,
    keys: usize,
    heal_at: u64,
    calm: bool,
) -> Vec<(u64, Intervention)> {
    let mut all = vec![(heal_at, Intervention::Heal)];
    if calm {
        return all;
    }
    let weights: Vec<u32> = (0..BEHAVIOURS).map(|_| weight(dice, 50)).collect();
    let flips = if dice.chance(50) { dice.range(1, 12) } else { 0 };
    for _ in 0..flips {
        let at = dice.range(0, heal_at);
        let now = if dice.chance(40) || weights.iter().all(|weight| *weight == 0) {
            Behaviour::Good
        } else {
            behaviour(dice, &weights)
        };
        all.push((at, Intervention::Key(dice.below(keys), now)));
    }
    let reloads = if dice.chance(35) { dice.range(1, 4) } else { 0 };
    for _ in 0..reloads {
        let mut order: Vec<usize> = (0..keys).filter(|_| dice.chance(75)).collect();
        for place in (1..order.len()).rev() {
            order.swap(place, dice.below(place + 1));
        }
        if order.is_empty() {
            order.push(dice.below(keys));
        }
        all.push((dice.range(0, heal_at), Intervention::Reload(order)));
    }
    if dice.chance(15) {
        all.push((dice.range(0, heal_at), Intervention::Jump(dice.range(1_000_000, 3_600_000_000))));
    }
    stories(plans, keys, heal_at, &mut all);
    all.retain(|(at, _)| *at <= heal_at);
    all
}

/// Courses of events that chance alone would seldom put together.
fn stories(dice: &mut Dice, keys: usize, heal_at: u64, all: &mut Vec<(u64, Intervention)>) {
    let key = dice.below(keys);
    if dice.chance(8) {
        // Used up, then paid for.
        let at = dice.range(0, heal_at);
        all.push((at, Intervention::Key(key, Behaviour::NoQuota)));
        all.push((at + dice.range(1_000, heal_at), Intervention::Key(key, Behaviour::Good)));
    }
    if dice.chance(8) {
        // Good and bad by turns.
        let step = dice.range(10_000, 3_000_000);
        for n in 0..dice.range(4, 20) {
            let now = if n % 2 == 0 { Behaviour::Invalid } else { Behaviour::Good };
            all.push((n * step, Intervention::Key(key, now)));
        }
    }
    if keys > 1 && dice.chance(8) {
        // Taken out and put in again while its requests are in flight.
        let at = dice.range(0, heal_at);
        let others = (0..keys).filter(|other| *other != key).collect();
        all.push((at, Intervention::Reload(others)));
        all.push((at + dice.range(1, 5_000_000), Intervention::Reload((0..keys).collect())));
    }
    if dice.chance(10) {
        all.push((dice.range(0, heal_at), Intervention::Reset));
    }
    if dice.chance(6) {
        all.push((dice.range(0, heal_at), Intervention::Drain));
    }
    if dice.chance(4) {
        // Dead for longer than the time after which it is tried again.
        let at = dice.range(0, heal_at / 2);
        let now = if dice.chance(50) { Behaviour::Good } else { Behaviour::Invalid };
        all.push((at, Intervention::Key(key, Behaviour::Invalid)));
        all.push((at + heal_at / 4, Intervention::Key(key, now)));
        all.push((at + heal_at / 4, Intervention::Jump(2 * 3_600_000_000)));
    }
    if dice.chance(6) {
        all.push((dice.range(0, heal_at), Intervention::Misread));
    }
    if dice.chance(6) {
        let step = dice.range(0, 7_200_000) as i64 - 3_600_000;
        all.push((dice.range(0, heal_at), Intervention::Wall(step)));
    }
}

/// A behaviour in few words.
pub(super) fn manner_of(behaviour: &Behaviour) -> String {
    match behaviour {
        Behaviour::Every { every, spec } => {
            let error = spec.error.map(|row| format!("error={} ", row.name)).unwrap_or_default();
            let status = spec.status.map(|status| format!("status={status} ")).unwrap_or_default();
            let hang = if spec.hang { "hang " } else { "" };
            let garble = if spec.garble { "garble " } else { "" };
            let cut = spec.cut.map(|cut| format!("{cut:?} ")).unwrap_or_default();
            format!("each {every}. answer is {error}{status}{hang}{garble}{cut}after {:?}", spec.delay)
        }
        behaviour => format!("{behaviour:?}"),
    }
}

/// The kind of it.
pub fn name(intervention: &Intervention) -> &'static str {
    match intervention {
        Intervention::Key(..) => "a key changes its behaviour",
        Intervention::Reload(_) => "reload of other keys",
        Intervention::Misread => "a reload that fails",
        Intervention::Wall(_) => "the wall clock is set",
        Intervention::Jump(_) => "the clock jumps",
        Intervention::Reset => "reset of all keys",
        Intervention::Heal => "heal",
        Intervention::Drain => "drain",
    }
}

/// One line of the story.
pub(super) fn shown(intervention: &Intervention) -> String {
    match intervention {
        Intervention::Key(n, behaviour) => format!("key {n} from now on: {}", manner_of(behaviour)),
        Intervention::Reload(order) => format!("reload: keys {order:?}"),
        Intervention::Misread => "reload: no keys".into(),
        Intervention::Wall(millis) => format!("the wall clock is set by {} s", millis / 1_000),
        Intervention::Jump(micros) => format!("the clock jumps by {} s", micros / 1_000_000),
        Intervention::Reset => "all keys are reset".into(),
        Intervention::Heal => "all faults end".into(),
        Intervention::Drain => "SIGTERM".into(),
    }
}
