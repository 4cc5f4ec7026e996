//! The demo's eight keys, and what is wrong with five of them.

use crate::fake::{Behaviour, Provider, Spec};

/// One key of the demo.
pub(super) struct Script {
    pub(super) key: &'static str,
    /// What is said of it.
    pub(super) about: &'static str,
    behaviour: fn() -> Behaviour,
}

/// The token that clients of the demo send.
pub(super) const TOKEN: &str = "demo-token";

/// The keys, in the order in which they stand in the demo's keys file.
pub(super) const SCRIPTS: [Script; 8] = [
    Script { key: "sk-demo-0-zOYdF4nWq0b1aaaa", about: "good", behaviour: || Behaviour::Good },
    Script { key: "sk-demo-1-Yw8xkV2mTj5tbbbb", about: "invalid", behaviour: || Behaviour::Invalid },
    Script { key: "sk-demo-2-Xq3uPn7hLs9rcccc", about: "500 now and then", behaviour: || Behaviour::flaky_500(4) },
    Script { key: "sk-demo-3-Wp6cRz1gKd4vdddd", about: "out of quota", behaviour: || Behaviour::NoQuota },
    Script { key: "sk-demo-4-Vo5bHy9fJm2seeee", about: "good", behaviour: || Behaviour::Good },
    Script { key: "sk-demo-5-Un4aGx8eIl1qffff", about: "limited, 2 s rest", behaviour: limited },
    Script { key: "sk-demo-6-Tm3zFw7dHk0pgggg", about: "revoked after 6", behaviour: || Behaviour::DeadAfter(6) },
    Script { key: "sk-demo-7-Sl2yEv6cGj9ohhhh", about: "good", behaviour: || Behaviour::Good },
];

/// By count and not by time, so that it shows on a slow machine too.
fn limited() -> Behaviour {
    let spec = Spec { retry_after: Some("2".into()), ..Spec::row("rate_requests").unwrap_or_default() };
    Behaviour::Every { every: 4, spec: Box::new(spec) }
}

/// Teaches a provider these keys.
pub(super) fn teach(provider: &Provider) {
    for script in &SCRIPTS {
        provider.set_key(script.key, (script.behaviour)());
    }
}

/// The keys file.
pub(super) fn file() -> String {
    SCRIPTS.iter().map(|script| format!("{}\n", script.key)).collect()
}
