//! One row of the table, read from its lines.

use super::expect::Expect;
use super::script::{Answer, ClientAct, Script};
use keywheel_core::config::{SETTINGS, limit_names};

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// The family: its file's name.
    pub family: String,
    /// What it shows.
    pub name: String,
    /// Its first line in the file, from 1.
    pub line: usize,
    /// The section of an RFC, or the advisory, that it is derived from.
    pub rule: String,
    /// How much it demands.
    pub level: Level,
    /// keywheel's settings.
    pub settings: Vec<(String, String)>,
    /// How many keys there are.
    pub keys: usize,
    /// Whether it means nothing to another proxy.
    pub only_keywheel: bool,
    /// Whether it holds only where what a party sends at once arrives at once.
    pub together: bool,
    /// What the client does.
    pub client: Vec<ClientAct>,
    /// What the upstream answers to the requests it reads, one after the other.
    pub answers: Vec<Answer>,
    /// What may be seen.
    pub expect: Expect,
}

/// How much a row demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A MUST of an RFC for an intermediary, or plain security.
    Must,
    /// A SHOULD.
    Should,
    /// What a careful proxy does beyond.
    Hardening,
}

impl Level {
    /// All levels, the most severe first.
    pub const ALL: [Level; 3] = [Level::Must, Level::Should, Level::Hardening];

    /// The word of the table.
    pub fn word(self) -> &'static str {
        match self {
            Level::Must => "must",
            Level::Should => "should",
            Level::Hardening => "hardening",
        }
    }
}

/// What rows take from the beginning of their file.
#[derive(Clone, Debug, Default)]
struct Given {
    rule: String,
    level: Option<Level>,
    settings: Vec<(String, String)>,
    keys: Option<usize>,
    only_keywheel: bool,
    together: bool,
}

/// A row under construction.
#[derive(Debug)]
struct Draft {
    name: String,
    line: usize,
    given: Given,
    script: Script,
    expect: Expect,
}

/// Reads the rows of one family from numbered lines.
///
/// # Errors
/// The line that cannot be read, and why.
pub fn read(family: &str, lines: &[(usize, String)]) -> Result<Vec<Row>, String> {
    let mut defaults = Given::default();
    let mut rows = Vec::new();
    let mut draft: Option<Draft> = None;
    for (number, line) in lines {
        let at = |why: String| format!("{family}.txt:{number}: {why}: {line}");
        if line.trim().is_empty() || line.starts_with('#') || line.starts_with("--") {
            continue;
        }
        if let Some(name) = line.strip_prefix("=== ") {
            let next = Draft {
                name: name.trim().into(),
                line: *number,
                given: defaults.clone(),
                script: Script::default(),
                expect: Expect::default(),
            };
            rows.extend(draft.replace(next).map(|done| done.finish(family)).transpose()?);
            continue;
        }
        match &mut draft {
            None => defaults.read(line).and_then(known).map_err(at)?,
            Some(draft) => draft.read(line).map_err(at)?,
        }
    }
    rows.extend(draft.map(|done| done.finish(family)).transpose()?);
    Ok(rows)
}

fn known(was_read: bool) -> Result<(), String> {
    was_read.then_some(()).ok_or_else(|| "no such line".into())
}

impl Given {
    /// Reads a line that a file may begin with; false when it is another.
    fn read(&mut self, line: &str) -> Result<bool, String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "rule" => self.rule = rest.trim().into(),
            "level" => {
                let level = Level::ALL.into_iter().find(|level| level.word() == rest.trim());
                self.level = Some(level.ok_or("a level is must, should or hardening")?);
            }
            "set" => {
                let (name, value) = rest.split_once('=').ok_or("no `=`")?;
                if !is_setting(name) {
                    return Err(format!("keywheel has no setting {name}"));
                }
                self.settings.retain(|(other, _)| other != name);
                self.settings.push((name.into(), value.into()));
            }
            "keys" => self.keys = Some(rest.trim().parse().map_err(|_| "no number")?),
            "together" if rest.is_empty() => self.together = true,
            "only" if rest.trim() == "keywheel" => self.only_keywheel = true,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn is_setting(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.name == name || setting.also == Some(name))
        || limit_names().any(|limit| limit == name)
}

impl Draft {
    fn read(&mut self, line: &str) -> Result<(), String> {
        known(self.given.read(line)? || self.script.read(line)? || self.expect.read(line)?)
    }

    fn finish(self, family: &str) -> Result<Row, String> {
        let Draft { name, line, given, script, expect } = self;
        let lacking = |what: &str| format!("{family}.txt:{line}: `{name}` {what}");
        if given.rule.is_empty() {
            return Err(lacking("names no rule"));
        }
        let level = given.level.ok_or_else(|| lacking("has no level"))?;
        if script.client.is_empty() {
            return Err(lacking("lets its client do nothing"));
        }
        // A client that leaves may see nothing more.
        let gone = script.client.iter().any(|act| matches!(act, ClientAct::Reset | ClientAct::End));
        expect.check(gone).map_err(lacking)?;
        Ok(Row {
            family: family.into(),
            name,
            line,
            rule: given.rule,
            level,
            settings: given.settings,
            keys: given.keys.unwrap_or(1),
            only_keywheel: given.only_keywheel,
            together: given.together,
            client: script.client,
            answers: script.answers,
            expect,
        })
    }
}

impl Row {
    /// Bytes of the longest stream that a party sends, about.
    pub fn longest_stream(&self) -> usize {
        let client = self.client.iter().map(ClientAct::len).sum();
        self.answers.iter().map(Answer::len).chain([client]).max().unwrap_or(0)
    }

    /// Whether the client breaks its connection.
    pub fn client_resets(&self) -> bool {
        self.client.iter().any(|act| matches!(act, ClientAct::Reset))
    }

    /// Whether the client ends its direction.
    pub fn client_ends(&self) -> bool {
        self.client.iter().any(|act| matches!(act, ClientAct::End))
    }
}
