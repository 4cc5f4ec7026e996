//! How long the check of a token takes says nothing of the tokens that are valid: it is the same number of instructions,
//! as valgrind counts them, however much of a token was guessed.

use keywheel_tests::process::{Folder, binary};
use std::process::Command;

const TOKEN: &str = "proxy-token-Qw8Er7Ty6Ui5Op4As3Df2Gh1Jk0L";
const OTHER: &str = "another-token-of-another-length";

/// Instructions of one check, and whether the token was let in.
fn count(mode: &str, presented: &str, tokens: &[&str]) -> (u64, bool) {
    let folder = Folder::new();
    let out = folder.path().join("profile");
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*counted*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(binary("examples/token_check").get_program())
        .args([mode, presented])
        .args(tokens)
        .output()
        .expect("valgrind runs (scripts/test installs it)");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let profile = std::fs::read_to_string(&out).expect("a profile");
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a sum");
    (total.trim().parse().expect("a number"), run.stdout.starts_with(b"holds"))
}

/// `TOKEN` with another byte at this place: as many bytes are equal as stand before it.
fn equal_up_to(place: usize) -> String {
    let mut bytes = TOKEN.as_bytes().to_vec();
    bytes[place] = b'#';
    String::from_utf8(bytes).expect("ASCII")
}

/// Guesses of which 0, 1, half, all but one and all bytes are right.
fn guesses() -> Vec<String> {
    let n = TOKEN.len();
    [0, 1, n / 2, n - 1].map(equal_up_to).into_iter().chain([TOKEN.to_owned()]).collect()
}

#[test]
fn a_guess_costs_the_same_however_much_of_it_is_right() {
    let counts: Vec<(u64, bool)> = guesses().iter().map(|guess| count("proxy", guess, &[TOKEN])).collect();
    assert!(counts.iter().map(|(_, holds)| *holds).eq([false, false, false, false, true]), "{counts:?}");
    assert!(counts[0].0 > 1000, "a digest was counted: {counts:?}");
    assert!(counts.iter().all(|(n, _)| *n == counts[0].0), "{counts:?}");
}

#[test]
fn the_valid_tokens_show_neither_length_nor_order() {
    let guess = equal_up_to(0);
    let lengths = ["#", OTHER, TOKEN].map(|token| count("proxy", &guess, &[token]).0);
    assert!(lengths.iter().all(|n| *n == lengths[0]), "{lengths:?}");
    let orders = [[TOKEN, OTHER], [OTHER, TOKEN]].map(|tokens| count("proxy", TOKEN, &tokens));
    assert!(orders[0] == orders[1] && orders[0].1, "{orders:?}");
}

#[test]
fn the_count_sees_a_comparison_that_ends_early() {
    let counts: Vec<u64> = guesses().iter().map(|guess| count("naive", guess, &[TOKEN]).0).collect();
    assert!(counts[..4].is_sorted_by(|a, b| a < b), "more is right, more is compared: {counts:?}");
}
