//! Lines of a table that have a name: `def NAME` … `end` gives it, `do NAME one two` puts the lines in, with `$1` and
//! `$2` replaced by the words and `$*` by all that follows the name.

use std::collections::BTreeMap;

/// Lines that have a name.
type Definitions<'t> = BTreeMap<&'t str, Vec<&'t str>>;

/// The lines of `table` with their numbers, definitions put where they are used; those of `shared` are known.
///
/// # Errors
/// The line that uses what is not defined.
pub fn expand(shared: &str, table: &str) -> Result<Vec<(usize, String)>, String> {
    let mut definitions = Definitions::new();
    collect(shared, &mut definitions);
    let mut lines = Vec::new();
    for (number, line) in collect(table, &mut definitions) {
        put_in(line, number, &definitions, &mut lines)?;
    }
    Ok(lines)
}

/// Takes the definitions out; the other lines, numbered from 1.
fn collect<'t>(table: &'t str, definitions: &mut Definitions<'t>) -> Vec<(usize, &'t str)> {
    let mut defining = None;
    let mut lines = Vec::new();
    for (index, line) in table.lines().enumerate() {
        if let Some(name) = line.strip_prefix("def ") {
            // A table's own takes the place of a shared one.
            definitions.insert(name, Vec::new());
            defining = Some(name);
        } else if line == "end" {
            defining = None;
        } else if let Some(name) = defining {
            definitions.entry(name).or_default().push(line);
        } else {
            lines.push((index + 1, line));
        }
    }
    lines
}

/// Adds a line, or what it calls.
fn put_in(
    line: &str,
    number: usize,
    definitions: &Definitions<'_>,
    lines: &mut Vec<(usize, String)>,
) -> Result<(), String> {
    let Some(call) = line.strip_prefix("do ") else {
        lines.push((number, line.to_owned()));
        return Ok(());
    };
    let (name, all) = call.split_once(' ').unwrap_or((call, ""));
    let mut words = all.split(' ');
    let body = definitions.get(name).ok_or_else(|| format!("line {number}: `{name}` is not defined"))?;
    let (one, two) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    body.iter().try_for_each(|line| {
        put_in(&line.replace("$1", one).replace("$2", two).replace("$*", all), number, definitions, lines)
    })
}
