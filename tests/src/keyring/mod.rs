//! The keyring alone: `Proxy` without sessions, driven by seeded operations and judged after each by a model.
//!
//! The model reads the rules as they are written and looks at everything, every time; it shares no code with
//! keywheel. What the proxy answers, whom it wakes, what it shows of each key must be what the model says.

mod faults;
mod model;
mod play;
#[cfg(test)]
mod rules;
mod setup;
#[cfg(test)]
mod tests;
mod watch;

pub use play::{Failure, Story};

/// Plays one seed: what happened, or where proxy and model part.
pub fn run(seed: u64) -> Result<Story, Box<Failure>> {
    play::Play::new(seed).run()
}

/// Plays `count` seeds from `start` on and sums up what happened; the first that fails ends it.
pub fn run_many(start: u64, count: u64) -> Result<Story, Box<Failure>> {
    let mut all = Story::default();
    for seed in start..start.saturating_add(count) {
        all.add(&run(seed)?);
    }
    Ok(all)
}
