//! The packages that each binary is made of, as committed: a new one, or a new version, is seen in a review.

use crate::hold;
use crate::sources;
use std::fs;
use std::process::Command;

/// Set to any value, it makes the test write what it finds.
const RENEW: &str = "RENEW_TREES";

/// What cargo would build a binary from, build scripts and every platform included, without this machine's paths.
fn tree(package: &str) -> String {
    let cargo = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--target", "all", "--edges", "normal,build", "--charset", "ascii"])
        .args(["--package", package])
        .current_dir(sources::root())
        .output()
        .expect("cargo runs");
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let text = String::from_utf8(cargo.stdout).expect("cargo writes UTF-8");
    let here = format!(" ({}", sources::root().display());
    text.lines().map(|line| format!("{}\n", without(line, &here))).collect()
}

/// A line without the path of a package of the house.
fn without(line: &str, here: &str) -> String {
    match line.split_once(here) {
        Some((before, after)) => format!("{before}{}", after.split_once(')').map_or("", |(_, rest)| rest)),
        None => line.to_owned(),
    }
}

#[test]
fn each_binary_is_made_of_the_packages_that_were_reviewed() {
    for package in ["keywheel-tokio", "keywheel-smol"] {
        let path = format!("tests/data/tree-{package}.txt");
        let found = tree(package);
        assert!(found.contains("rustls v") && !found.contains('/'), "the tree is read");
        if std::env::var_os(RENEW).is_some() {
            fs::write(sources::root().join(&path), &found).expect("the snapshot can be written");
        }
        let kept = sources::read(&path);
        let only = |a: &str, b: &str, mark: char| -> Vec<String> {
            a.lines()
                .filter(|line| !b.lines().any(|other| other == *line))
                .map(|line| format!("{mark} {line}"))
                .collect()
        };
        let mut breaches = [only(&found, &kept, '+'), only(&kept, &found, '-')].concat();
        if breaches.is_empty() && found != kept {
            breaches.push("the order of its lines".into());
        }
        let rule = format!("{path} is what cargo builds; if the change is meant, `make trees` renews it");
        hold(&rule, &breaches);
    }
}
