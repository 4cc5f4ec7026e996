//! Bytes as a `.env` file: every line is accounted for, what was read reads the same when written anew, and a
//! configuration made of it is one or says why not.

use keywheel_core::config::dotenv::{self, Assignment};
use keywheel_core::config::{Config, Files, Layers};
use keywheel_core::secret::Secret;

/// Runs it.
pub fn run(data: &[u8]) {
    let (found, bad) = dotenv::parse(data);
    let lines = data.iter().filter(|b| **b == b'\n').count() as u32 + 1;
    let mut numbers: Vec<u32> = found.iter().map(|a| a.line).chain(bad.iter().map(|b| b.line)).collect();
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), count, "a line is read once");
    assert!(numbers.iter().all(|n| (1..=lines).contains(n)));
    assert!(found.is_sorted_by_key(|a| a.line) && bad.is_sorted_by_key(|b| b.line));

    let written: String = found.iter().map(line).collect();
    let (again, bad) = dotenv::parse(written.as_bytes());
    assert!(bad.is_empty(), "{bad:?}");
    let pairs =
        |all: &[Assignment]| all.iter().map(|a| (a.name.clone(), a.value.expose().to_vec())).collect::<Vec<_>>();
    assert!(pairs(&found) == pairs(&again), "what was read reads the same");

    parsed(&Layers { dotenv: Some(Secret::new(data)), ..Layers::default() }, b"sk-key");
}

/// An assignment with its value in double quotes.
fn line(assignment: &Assignment) -> String {
    assert!(!assignment.name.is_empty() && !assignment.name.starts_with(|c: char| c.is_ascii_digit()));
    let mut line = format!("{}=\"", assignment.name);
    for c in assignment.value.expose_text().expect("a value is UTF-8").chars() {
        match c {
            '"' | '\\' => line.extend(['\\', c]),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            c => line.push(c),
        }
    }
    line + "\"\n"
}

/// Reads a configuration of these layers, `content` standing in every file; messages can be shown.
pub(super) fn parsed(layers: &Layers, content: &[u8]) {
    let mut files = Files::new();
    for _ in 0..3 {
        for path in Config::needs(layers, &files) {
            files.add(&path, Ok(Secret::new(content)));
        }
    }
    assert!(Config::needs(layers, &files).is_empty(), "no file is asked for twice");
    match Config::parse(layers, &files) {
        Ok((config, warnings)) => {
            assert!(!config.keys.is_empty());
            warnings.iter().for_each(|warning| assert!(!warning.to_string().is_empty()));
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            errors.iter().for_each(|error| assert!(!error.to_string().is_empty()));
        }
    }
}
