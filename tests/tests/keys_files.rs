//! The table of keys files, on core alone and on both binaries.

use keywheel_tests::keys_file::{Row, rows};
use keywheel_tests::process::FLAVOURS;

fn all(play: impl Fn(&Row) -> Result<(), String>) {
    let rows = rows().unwrap_or_else(|why| panic!("{why}"));
    let failed: Vec<String> =
        rows.iter().filter_map(|row| Some(format!("{}: {}", row.name, play(row).err()?))).collect();
    assert!(failed.is_empty() && rows.len() >= 30, "{} of {}:\n{}", failed.len(), rows.len(), failed.join("\n"));
}

#[test]
fn on_core_alone() {
    all(Row::on_core);
}

#[test]
fn on_both_binaries() {
    FLAVOURS.iter().for_each(|flavour| all(|row| row.on_binary(flavour)));
}
