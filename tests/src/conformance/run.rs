//! Plays many rows at one place, a few at a time.

use super::row::Row;
use super::stages::Place;
use super::table;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows that are played at once.
const AT_ONCE: usize = 8;

/// What a row came to: how often it was played, or what went wrong.
pub type Result = core::result::Result<usize, String>;

/// Plays rows; what each came to, in their order. `told` hears of each as it is done.
pub fn play(place: Place, rows: &[&Row], told: &(dyn Fn(&Row, &Result) + Sync)) -> Vec<Result> {
    let next = AtomicUsize::new(0);
    // What nobody plays does not hold.
    let unplayed = |row: &&Row| Mutex::new(Err(format!("{}.txt:{}: {}: not played", row.family, row.line, row.name)));
    let results: Vec<Mutex<Result>> = rows.iter().map(unplayed).collect();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(rows.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(row) = rows.get(at) else { return };
                    let result = place.run(row);
                    told(row, &result);
                    *results[at].lock().unwrap_or_else(std::sync::PoisonError::into_inner) = result;
                }
            });
        }
    });
    results.into_iter().map(|result| result.into_inner().unwrap_or_else(|poison| poison.into_inner())).collect()
}

/// Plays the whole table at one place.
///
/// # Panics
/// With all rows that do not hold, or the line that cannot be read; also where a row was not played.
pub fn all_hold(place: Place) {
    let all = table::rows().unwrap_or_else(|why| panic!("{why}"));
    let rows: Vec<&Row> = all.iter().filter(|row| place.takes(row)).collect();
    assert!(rows.len() == all.len() || matches!(place, Place::Peer(_)), "keywheel plays every row");
    let results = play(place, &rows, &|_, _| {});
    assert!(!results.contains(&Ok(0)), "each row is played at least once");
    let played: usize = results.iter().flatten().sum();
    let failed: Vec<&String> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    println!("{}: {} rows, {played} plays, {} failed", place.name(), rows.len(), failed.len());
    let words: Vec<&str> = failed.iter().map(|why| why.as_str()).collect();
    assert!(failed.is_empty(), "{} of {} rows failed\n\n{}", failed.len(), rows.len(), words.join("\n\n"));
}
