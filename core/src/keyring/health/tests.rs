//! Every transition of the machine, as one printed table; and the law that its fact only grows.

use super::*;
use crate::rng::Rng;

const NOW: Instant = Instant::from_micros(10);
const LATER: Instant = Instant::from_micros(50);
const BETWEEN: Instant = Instant::from_micros(30);

fn rest(until: Instant, then: Then) -> Event {
    Event::Fault { rank: Rank::Cooling, until, then }
}

fn dead(until: Instant) -> Event {
    Event::Fault { rank: Rank::Blacklisted, until, then: Then::Probing }
}

fn states() -> Vec<(&'static str, Health)> {
    let ready = Health::default();
    let stated = ready.after(rest(LATER, Then::Ready));
    let reckoned = ready.after(rest(LATER, Then::Probing));
    let black = ready.after(dead(LATER));
    vec![
        ("ready", ready),
        ("cooling to ready", stated),
        ("cooling to probing", reckoned),
        ("probing, due", reckoned.after(Event::Due)),
        ("probing, held", reckoned.after(Event::Due).after(Event::Try(7))),
        ("blacklisted", black),
        ("dead, due", black.after(Event::Due)),
        ("dead, held", black.after(Event::Due).after(Event::Try(7))),
        ("disabled", ready.after(Event::Disable)),
    ]
}

fn events() -> Vec<(&'static str, Event)> {
    vec![
        ("rest, shorter", rest(BETWEEN, Then::Ready)),
        ("rest, longer", rest(Instant::from_micros(99), Then::Ready)),
        ("rest, equal, reckoned", rest(LATER, Then::Probing)),
        ("dead", dead(Instant::from_micros(99))),
        ("due", Event::Due),
        ("try", Event::Try(7)),
        ("leave", Event::Leave(7)),
        ("leave of another", Event::Leave(8)),
        ("pass", Event::Pass(7)),
        ("pass of another", Event::Pass(8)),
        ("lift to ready", Event::Lift(Health::default())),
        ("cut", Event::Cut(BETWEEN)),
        ("reset", Event::Reset),
        ("disable", Event::Disable),
        ("enable", Event::Enable),
    ]
}

fn word(h: &Health) -> String {
    let until = h.due_at().map_or(String::new(), |t| format!(" until {}", t.as_micros()));
    let end = match (h.state(), h.then, h.trial) {
        (State::Cooling, Then::Ready, _) => " to ready",
        (State::Cooling, Then::Probing, _) => " to probing",
        (State::Probing, _, Trial::Held(_)) => " held",
        (State::Probing, ..) => " due",
        _ => "",
    };
    let dead = if h.is_dead_trial() { "dead " } else { "" };
    format!("{dead}{}{until}{end} e{}", h.state().as_str(), h.fact.epoch)
}

fn table() -> String {
    let mut out = String::new();
    for (name, health) in states() {
        out += &format!("{name} = {}\n", word(&health));
        for (event_name, event) in events() {
            let after = health.after(event);
            let arrow = if after == health { "-".to_owned() } else { word(&after) };
            out += &format!("  {event_name:<22} {arrow}\n");
        }
    }
    out
}

#[test]
fn the_whole_table() {
    let expected = include_str!("table.txt");
    let actual = table();
    assert!(actual == expected, "health/table.txt is not what the machine does; it does:\n{actual}");
}

/// Whatever happens, the fact never gets smaller: what was known is never forgotten but by a new epoch.
#[test]
fn the_fact_only_grows() {
    for seed in 0..2000 {
        let mut rng = Rng::new(seed);
        let mut health = Health::default();
        for _ in 0..40 {
            let events = events();
            let (name, mut event) = events[rng.below(events.len())];
            if let Event::Fault { until, .. } = &mut event {
                *until = Instant::from_micros(NOW.as_micros() + rng.below(100) as u64);
            }
            let after = health.after(event);
            assert!(after.fact() >= health.fact(), "seed {seed}: {name} took {health:?} to {after:?}");
            health = after;
        }
    }
}

/// Faults of one epoch may arrive in any order, any number of times.
#[test]
fn faults_commute() {
    for seed in 0..2000 {
        let mut rng = Rng::new(seed);
        let mut any = || {
            let until = Instant::from_micros(20 + rng.below(3) as u64);
            let then = if rng.below(2) == 0 { Then::Ready } else { Then::Probing };
            if rng.below(3) == 0 { dead(until) } else { rest(until, then) }
        };
        let faults = [any(), any(), any()];
        let take = |order: &[usize]| order.iter().fold(Health::default(), |h, &i| h.after(faults[i]));
        let one = take(&[0, 1, 2]);
        for order in [&[2, 1, 0][..], &[1, 0, 2], &[0, 0, 2, 1, 1, 2]] {
            assert_eq!(take(order), one, "seed {seed}: {faults:?}");
        }
    }
}
