//! What all stages agree on: keys, token, settings.

use crate::sim::setup::Setup;

/// The token of every scenario.
pub const TOKEN: &str = "kw-token-of-scenario";

/// The n-th key of every scenario, from 1.
pub fn key(n: usize) -> String {
    format!("sk-proj-{n:02}{}", "KeyOfScenario".repeat(3))
}

/// The settings and keys of a scenario whose upstream is at `up`. CORS is off, so that it shows only where it is the
/// point, and one worker does all, so that connections are reused as the table says.
pub fn setup(env: &[(String, String)], keys: usize, up: &str) -> Setup {
    let base = format!("http://{up}");
    let defaults = [("AUTH_KEY", TOKEN), ("OPENAI_BASE_URL", &base), ("ENABLE_CORS", "false"), ("WORKERS", "1")];
    let unset = |(name, _): &(&str, &str)| env.iter().all(|(own, _)| own != name);
    let defaults = defaults.into_iter().filter(unset).map(|(name, value)| (name.to_owned(), value.to_owned()));
    Setup {
        env: defaults.chain(env.iter().cloned()).collect(),
        keys: (1..=keys).map(key).collect(),
        ..Setup::default()
    }
}

/// What a name of the table stands for, where the upstream is at `up`.
pub fn name(name: &str, up: &str) -> Option<String> {
    match name {
        "token" => Some(TOKEN.into()),
        "up" => Some(up.into()),
        _ => name.strip_prefix("key").and_then(|n| n.parse().ok()).map(key),
    }
}
