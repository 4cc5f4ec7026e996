//! The table of scenarios: plain text that reads like a transcript.
//!
//! ```text
//! === name of the scenario
//! env NAME=value          a setting
//! keys 2                  how many keys there are (default 3)
//! c> GET / HTTP/1.1       client 1 sends this line and CRLF      (c2>: client 2)
//! c>|text                 client 1 sends this text alone
//! u< GET / HTTP/1.1       upstream connection 1 gets this line   (u2<: the second one accepted)
//! u> HTTP/1.1 200 OK      upstream connection 1 sends it
//! c< HTTP/1.1 200 OK      client 1 gets it
//! c finishes | c closes | c resets | u …     what a party does to its connection
//! c ends | c breaks | u ends                 what it sees: an end in order, or a break
//! pause 300               milliseconds in which nothing is sent
//! reload keys 1           another keys file, then POST /reload by the operator
//! unreachable             the upstream refuses connections from here on
//! ```
//!
//! Lines that several scenarios share have a name; see [`super::definitions`].
//!
//! Steps happen in their order; neighbouring lines with the same mark are one step. Chunked bodies are written joined,
//! with `<end>` for the last chunk, since how a stream is cut into chunks is an accident of timing.

use super::definitions::expand;
use super::template::Template;
use std::collections::BTreeMap;

/// Definitions that all tables share.
const SHARED: &str = include_str!("../../parity/definitions.txt");

/// One scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it shows.
    pub name: String,
    /// Settings.
    pub env: Vec<(String, String)>,
    /// How many keys.
    pub keys: usize,
    /// What happens.
    pub steps: Vec<Step>,
}

/// One step, with its line in the table.
#[derive(Clone, Debug)]
pub struct Step {
    /// Line, from 1.
    pub line: usize,
    /// What happens.
    pub act: Act,
}

/// Who acts or sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// The n-th client, from 1.
    Client(usize),
    /// The n-th connection that the upstream accepts, from 1.
    Upstream(usize),
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Act {
    /// Bytes are sent.
    Send(Party, Template),
    /// Bytes are seen.
    Expect(Party, Template),
    /// FIN, the other direction stays open.
    Finish(Party),
    /// The connection is closed.
    Close(Party),
    /// The connection is reset.
    Reset(Party),
    /// An end in order is seen, and nothing before it.
    Ends(Party),
    /// A break is seen: a reset, or an end where a message was not over.
    Breaks(Party),
    /// Nothing is sent for so many milliseconds.
    Pause(u64),
    /// From here on there are so many keys.
    Reload(usize),
    /// The upstream refuses connections.
    Unreachable,
}

/// Reads a table.
///
/// # Errors
/// The line that cannot be read, and why.
pub fn read(table: &str) -> Result<Vec<Scenario>, String> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for (number, line) in expand(SHARED, table)? {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("=== ") {
            scenarios.push(Scenario { name: name.into(), env: Vec::new(), keys: 3, steps: Vec::new() });
            continue;
        }
        let scenario = scenarios.last_mut().ok_or("the first line names no scenario")?;
        scenario.add(&line, number).map_err(|why| format!("line {number}: {why}: {line}"))?;
    }
    Ok(scenarios)
}

impl Scenario {
    /// Bytes of the longest stream that a party sends, about.
    pub fn longest_stream(&self) -> u64 {
        let mut sent: BTreeMap<Party, usize> = BTreeMap::new();
        for step in &self.steps {
            if let Act::Send(party, template) = &step.act {
                *sent.entry(*party).or_default() += template.len();
            }
        }
        sent.into_values().max().unwrap_or(0) as u64
    }

    fn add(&mut self, line: &str, number: usize) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let act = match word {
            "env" => {
                let (name, value) = rest.split_once('=').ok_or("no `=`")?;
                self.env.push((name.into(), value.into()));
                return Ok(());
            }
            "keys" => {
                self.keys = rest.parse().map_err(|_| "no number")?;
                return Ok(());
            }
            "pause" => Act::Pause(rest.parse().map_err(|_| "no number")?),
            "reload" => Act::Reload(rest.trim_start_matches("keys ").parse().map_err(|_| "no number")?),
            "unreachable" => Act::Unreachable,
            _ => return self.talk(line, number),
        };
        self.steps.push(Step { line: number, act });
        Ok(())
    }

    fn talk(&mut self, line: &str, number: usize) -> Result<(), String> {
        let end = line.find([' ', '<', '>']).ok_or("no mark")?;
        let party = party(&line[..end])?;
        let (mark, rest) = line[end..].split_at(1);
        let act = match (mark, rest) {
            ("<" | ">", _) => return self.bytes(mark, party, rest, number),
            (_, "finishes") => Act::Finish(party),
            (_, "closes") => Act::Close(party),
            (_, "resets") => Act::Reset(party),
            (_, "ends") => Act::Ends(party),
            (_, "breaks") => Act::Breaks(party),
            _ => return Err("no such act".into()),
        };
        self.steps.push(Step { line: number, act });
        Ok(())
    }

    fn bytes(&mut self, mark: &str, party: Party, rest: &str, number: usize) -> Result<(), String> {
        let mut template = match self.steps.last_mut().map(|step| (step.line, &mut step.act)) {
            Some((_, Act::Send(last, template))) if mark == ">" && *last == party => core::mem::take(template),
            Some((_, Act::Expect(last, template))) if mark == "<" && *last == party => core::mem::take(template),
            _ => {
                let act = if mark == ">" { Act::Send } else { Act::Expect };
                self.steps.push(Step { line: number, act: act(party, Template::default()) });
                Template::default()
            }
        };
        match rest.strip_prefix('|') {
            Some(text) => template.add(text)?,
            None => {
                template.add(rest.strip_prefix(' ').unwrap_or(rest))?;
                template.text(b"\r\n");
            }
        }
        if let Some(Step { act: Act::Send(_, slot) | Act::Expect(_, slot), .. }) = self.steps.last_mut() {
            *slot = template;
        }
        Ok(())
    }
}

fn party(word: &str) -> Result<Party, String> {
    let (kind, number) = word.split_at(1.min(word.len()));
    let number = if number.is_empty() { 1 } else { number.parse().map_err(|_| "no such party")? };
    match kind {
        "c" => Ok(Party::Client(number)),
        "u" => Ok(Party::Upstream(number)),
        _ => Err("no such party".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_lines_are_one_step() {
        let table = "=== one\nenv A=b=c\nkeys 2\nc> GET / HTTP/1.1\nc>\nc>|{key1}\nu2< x\nc ends\npause 5\n";
        let all = read(table).expect("a good table");
        assert_eq!((all.len(), all[0].keys, all[0].steps.len()), (1, 2, 4));
        assert_eq!(all[0].env, [("A".to_owned(), "b=c".to_owned())]);
        assert!(matches!(all[0].steps[1].act, Act::Expect(Party::Upstream(2), _)));
        let Act::Send(Party::Client(1), template) = &all[0].steps[0].act else { panic!("a send") };
        assert_eq!(template.render(&|_| Some("k".into())), Ok(b"GET / HTTP/1.1\r\n\r\nk".to_vec()));
    }

    #[test]
    fn definitions_are_put_in() {
        let all = read("def hi\nu$1< $2\nend\n=== a\ndo hi 2 you\n").expect("a good table");
        let Act::Expect(Party::Upstream(2), template) = &all[0].steps[0].act else { panic!("an expectation") };
        assert_eq!(template.render(&|_| None), Ok(b"you\r\n".to_vec()));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for table in
            ["c> x", "do nothing", "=== a\nfoo", "=== a\nq> x", "=== a\nc sleeps", "=== a\nc> {open", "=== a\npause x"]
        {
            assert!(read(table).is_err(), "{table}");
        }
    }
}
