//! What many worlds together have to reach: each action, deadline, class, row of the provider's errors, transition of
//! a key, and edge of the connection table.

use super::counts::Counts;
use super::edge::Edge;
use keywheel_core::classify::Class;
use keywheel_core::proxy::Reason as House;
use keywheel_core::session::Reason;
use keywheel_runtime::fake::ROWS;

/// Something to be reached: its group and name in the counts.
pub type Item = (&'static str, String);

/// What sessions do, as the counts name it.
const ACTIONS: [&str; 11] = [
    "ask",
    "dial",
    "park",
    "hang up client",
    "reset client",
    "hang up upstream",
    "reset upstream",
    "end writing",
    "stop dial",
    "notice",
    "done",
];

/// What sessions ask of the proxy, and what it answers.
const ASKS: [&str; 7] = ["lease", "verdict", "settle", "swap", "pass over", "cancel", "admin"];
const REPLIES: [&str; 7] = ["granted", "queued", "refused", "kept", "need model", "page", "done"];

const REASONS: [Reason; 13] = [
    Reason::HeadTime,
    Reason::KeepAlive,
    Reason::BodyIdle,
    Reason::BodyRate,
    Reason::ModelWait,
    Reason::Backoff,
    Reason::UpstreamHead,
    Reason::ErrorTime,
    Reason::Budget,
    Reason::StreamIdle,
    Reason::TunnelIdle,
    Reason::WriteIdle,
    Reason::Linger,
];

const HOUSE: [House; 3] = [House::RestEnds, House::WaitEnds, House::Wake];

/// Transitions of a key, an account, or either for one model, as notices show them.
const TRANSITIONS: [&str; 11] = [
    "ready -> cooling",
    "ready -> blacklisted",
    "cooling -> ready",
    "cooling -> probing",
    "cooling -> blacklisted",
    "probing -> ready",
    "probing -> cooling",
    "probing -> blacklisted",
    "blacklisted -> probing",
    "blacklisted -> ready",
    "ready -> disabled",
];

/// What no world reaches, and why.
pub const UNREACHED: [(&str, &str, &str); 2] = [
    (
        "key transition",
        "ready -> disabled",
        "no client of a world switches keys off by hand; worlds of the keyring alone do (`--mode keys`)",
    ),
    ("edge", "FoundDead", "core mode sweeps idle connections right before it takes one; the driver's own test has it"),
];

/// All that is to be reached.
pub fn items() -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut group = |group: &'static str, names: &mut dyn Iterator<Item = String>| {
        items.extend(names.map(|name| (group, name)));
    };
    group("action", &mut ACTIONS.into_iter().map(str::to_owned));
    group("ask", &mut ASKS.into_iter().map(str::to_owned));
    group("reply", &mut REPLIES.into_iter().map(str::to_owned));
    group("deadline", &mut REASONS.into_iter().map(|reason| format!("{reason:?}")));
    group("deadline", &mut HOUSE.into_iter().map(|reason| format!("{reason:?}")));
    group("edge", &mut Edge::ALL.into_iter().map(|edge| format!("{edge:?}")));
    group("settled", &mut Class::ALL.into_iter().map(|class| class.as_str().to_owned()));
    group("row", &mut ROWS.iter().map(|row| row.name.to_owned()));
    group("key transition", &mut TRANSITIONS.into_iter().map(str::to_owned));
    items
}

/// What was not reached though it should have been.
pub fn missing(counts: &Counts) -> Vec<Item> {
    let explained = |(group, name): &Item| UNREACHED.iter().any(|(g, n, _)| g == group && n == name);
    items().into_iter().filter(|item| counts.of(item.0, &item.1) == 0 && !explained(item)).collect()
}

/// Both, in words: how much was reached, what was not, and why not.
pub fn report(counts: &Counts) -> String {
    let (all, missing) = (items().len(), missing(counts));
    let mut text = format!("{} of {all} reached\n", all - missing.len() - UNREACHED.len());
    missing.iter().for_each(|(group, name)| text += &format!("NOT REACHED  {group}: {name}\n"));
    UNREACHED.iter().for_each(|(group, name, why)| text += &format!("explained    {group}: {name}: {why}\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exhaustive: a new reason does not compile until it is in the list.
    fn place(reason: Reason) -> usize {
        match reason {
            Reason::HeadTime => 0,
            Reason::KeepAlive => 1,
            Reason::BodyIdle => 2,
            Reason::BodyRate => 3,
            Reason::ModelWait => 4,
            Reason::Backoff => 5,
            Reason::UpstreamHead => 6,
            Reason::ErrorTime => 7,
            Reason::Budget => 8,
            Reason::StreamIdle => 9,
            Reason::TunnelIdle => 10,
            Reason::WriteIdle => 11,
            Reason::Linger => 12,
        }
    }

    #[test]
    fn the_lists_are_whole() {
        assert!(REASONS.into_iter().enumerate().all(|(n, reason)| place(reason) == n));
        let mut items = items();
        let all = items.len();
        items.sort();
        items.dedup();
        assert_eq!(items.len(), all, "nothing twice");
        for (group, name, why) in UNREACHED {
            assert!(items.iter().any(|item| item.0 == group && item.1 == name) && why.len() > 20, "{name}");
        }
    }

    #[test]
    fn what_was_not_counted_is_missing() {
        let mut counts = Counts::default();
        items().iter().for_each(|(group, name)| counts.add(group, name, 1));
        assert!(missing(&counts).is_empty());
        let before = missing(&Counts::default()).len();
        assert_eq!(before, items().len() - UNREACHED.len());
        assert!(report(&Counts::default()).contains("NOT REACHED  edge: Parked"));
    }
}
