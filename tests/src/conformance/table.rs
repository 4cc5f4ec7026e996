//! The table: all files of `tests/conformance`.

use super::row::{self, Row};
use crate::parity::definitions::expand;
use std::fs;
use std::path::Path;

/// Where the files are.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance");
/// Definitions that all files share; it has no rows.
const SHARED: &str = "definitions";

/// Reads all rows, file by file in the order of their names.
///
/// # Errors
/// The file and line that cannot be read, and why.
pub fn rows() -> Result<Vec<Row>, String> {
    let entries = fs::read_dir(FOLDER).map_err(|error| format!("{FOLDER}: {error}"))?;
    let mut families: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".txt")?.to_owned()))
        .filter(|family| family != SHARED)
        .collect();
    families.sort();
    let shared = text(&format!("{SHARED}.txt"))?;
    let mut rows = Vec::new();
    for family in families {
        rows.extend(of(&family, &shared, &text(&format!("{family}.txt"))?)?);
    }
    Ok(rows)
}

/// The text of a file in the table's folder.
///
/// # Errors
/// It cannot be read.
pub fn text(name: &str) -> Result<String, String> {
    let path = Path::new(FOLDER).join(name);
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads the rows of one family.
///
/// # Errors
/// The line that cannot be read, and why.
pub fn of(family: &str, shared: &str, text: &str) -> Result<Vec<Row>, String> {
    let lines = expand(shared, text).map_err(|why| format!("{family}.txt: {why}"))?;
    row::read(family, &lines)
}
