//! What the operator is told of the keys, in words: previews only, never a key.

use crate::classify::Class;
use crate::config::KeyEntry;
use crate::keyring::view::{State, Why};
use crate::keyring::{Change, Event, ScopeId};
use crate::notice::Notice;
use crate::time::Wall;
use log::Level;

/// Longest part of a model's name that is shown.
const MODEL: usize = 64;

/// The log line for an event of the keyring.
pub(super) fn told(event: &Event, wall: Wall) -> Notice {
    let (level, kind, text) = match event {
        Event::Changed(change, entry) => (level(change), "key_state", changed(change, entry, wall)),
        Event::Alike(origin, class) => {
            let class = class.as_str();
            (
                Level::Warn,
                "origin",
                format!("{origin}: several keys failed alike ({class}); it is blamed, they are not"),
            )
        }
        Event::Misconfigured { status, code, key } => {
            let why = Why { class: Class::Config, status: *status, code: code.clone() };
            let text = format!("the upstream refuses what every key would meet, seen with {}: {why}", who(key));
            (Level::Warn, "config", text)
        }
        Event::Wake(ticket, _) => (Level::Debug, "wake", format!("ticket {} is answered", ticket.serial)),
    };
    Notice::Event { level, kind, text }
}

fn level(change: &Change) -> Level {
    match change.to {
        State::Blacklisted => Level::Warn,
        State::Ready | State::Cooling | State::Probing | State::Disabled => Level::Info,
    }
}

/// `Key[3] sk-…abcd, model gpt-4o: ready -> cooling, rate (429 rate_limit_exceeded), until 2026-11-25T07:01:09.000Z`
fn changed(change: &Change, entry: &KeyEntry, wall: Wall) -> String {
    let mut text = match change.id {
        ScopeId::Key(_) | ScopeId::KeyModel(..) => who(entry),
        ScopeId::Account(_) | ScopeId::AccountModel(..) => format!("account of {}", who(entry)),
    };
    if let Some(model) = &change.model {
        text += ", model ";
        text.extend(model.chars().take(MODEL).flat_map(char::escape_debug));
    }
    text += &format!(": {} -> {}", change.from.as_str(), change.to.as_str());
    if let Some(why) = &change.why {
        text += &format!(", {why}");
    }
    if let Some(until) = change.until {
        text += &format!(", until {}", wall.at(until));
    }
    text
}

fn who(entry: &KeyEntry) -> String {
    format!("Key[{}] {}", entry.index, entry.preview)
}
