//! Rows counted by family and level, place by place, as Markdown or JSON.

use super::row::{Level, Row};
use super::stages::Place;
use std::collections::BTreeMap;

/// Passed of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Rows that hold.
    pub passed: usize,
    /// Rows that were played.
    pub of: usize,
}

/// Counts by family, level and place.
#[derive(Clone, Debug, Default)]
pub struct Tally(BTreeMap<(String, Level), BTreeMap<&'static str, Count>>);

impl Tally {
    /// Notes what a row came to at a place.
    pub fn add(&mut self, row: &Row, place: Place, passed: bool) {
        let line = self.0.entry((row.family.clone(), row.level)).or_default();
        let count = line.entry(place.name()).or_default();
        count.of += 1;
        count.passed += usize::from(passed);
    }

    /// All rows at one place.
    pub fn at(&self, place: Place) -> Count {
        let counts = self.0.values().filter_map(|line| line.get(place.name()));
        counts.fold(Count::default(), |sum, count| Count { passed: sum.passed + count.passed, of: sum.of + count.of })
    }

    /// A table with a line for each family and level.
    pub fn markdown(&self, places: &[Place]) -> String {
        let names: Vec<&str> = places.iter().map(|place| place.name()).collect();
        let mut lines = vec![format!("| family | level | {} |", names.join(" | "))];
        lines.push(format!("|---|---|{}", "---:|".repeat(places.len())));
        for ((family, level), line) in &self.0 {
            let cells: Vec<String> = places.iter().map(|place| cell(line.get(place.name()))).collect();
            lines.push(format!("| {family} | {} | {} |", level.word(), cells.join(" | ")));
        }
        let cells: Vec<String> = places.iter().map(|place| cell(Some(&self.at(*place)))).collect();
        lines.push(format!("| all | | {} |", cells.join(" | ")));
        lines.join("\n")
    }

    /// The same for machines: an array of objects.
    pub fn json(&self) -> String {
        let lines = self.0.iter().map(|((family, level), line)| {
            let places: serde_json::Map<_, _> = line
                .iter()
                .map(|(place, count)| {
                    ((*place).to_owned(), serde_json::json!({"passed": count.passed, "of": count.of}))
                })
                .collect();
            serde_json::json!({"family": family, "level": level.word(), "places": places})
        });
        serde_json::Value::from(lines.collect::<Vec<_>>()).to_string()
    }
}

fn cell(count: Option<&Count>) -> String {
    count.filter(|count| count.of > 0).map_or_else(|| "-".into(), |count| format!("{}/{}", count.passed, count.of))
}
