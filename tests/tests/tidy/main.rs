//! The house rules as tests: lengths, layers, and documentation that must not fall behind the code.

mod docs;
mod imports;
mod layers;
mod length;
mod sources;
mod trees;

/// Fails with one line for each breach, so that one run names them all.
#[track_caller]
fn hold(rule: &str, breaches: &[String]) {
    assert!(breaches.is_empty(), "{rule}:\n  {}\n", breaches.join("\n  "));
}
