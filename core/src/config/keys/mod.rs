//! The keys file: one key a line, its optional fields after ` | `.
//!
//! ```text
//! # a comment
//! sk-proj-…
//! sk-proj-… | team A | weight=3
//! sk-proj-… | backup | priority=1 models=gpt-4o*,o3   # fields may share a place
//! sk-…      | base_url=https://eu.example/v1 org=org-1 project=proj-1
//! ```

use super::base_url;
use super::credential;
use super::key::{Fingerprint, KeyEntry};
use super::value::{self, Parsed};
use crate::origin::BaseUrl;
use crate::secret::Secret;
use core::mem;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a keys file (or a list of keys) holds.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// The keys, in order, each once.
    pub(super) keys: Vec<Line>,
    /// Lines whose first word is no key: skipped.
    pub(super) skipped: Vec<u32>,
    /// Lines that repeat a key, each with the line of the first.
    pub(super) repeated: Vec<(u32, u32)>,
    /// Optional fields that do not parse: line, field, and what would be right.
    pub(super) wrong: Vec<(u32, &'static str, Cow<'static, str>)>,
}

/// One key and its optional fields.
#[derive(Debug)]
pub(super) struct Line {
    line: u32,
    secret: Secret,
    name: String,
    weight: u32,
    priority: u32,
    models: Vec<Box<str>>,
    bases: Option<Arc<[BaseUrl]>>,
    organization: Option<Box<str>>,
    project: Option<Box<str>>,
}

/// Longest key: what a provider's server takes as one field.
const KEY: usize = 16 * 1024;
/// Longest name of a key, in characters.
const NAME: usize = 64;
/// Greatest weight: shares finer than this are not told apart.
const WEIGHT: u32 = 10_000;

/// Reads a keys file.
pub(super) fn file(text: &[u8]) -> Keys {
    read(lines(text))
}

/// The lines of a file of secrets that are neither blank nor comments, without white space around them, each with its
/// number from 1. A byte order mark and CRLF are tolerated.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let lines = text.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
    (1..).zip(lines).filter(|(_, line)| !line.is_empty() && !line.starts_with(b"#"))
}

/// Reads a comma list of keys without optional fields; the "line" of a key is its place in the list, from 1.
pub(super) fn inline(text: &str) -> Keys {
    read((1..).zip(value::list(text).map(str::as_bytes)))
}

fn read<'a>(lines: impl Iterator<Item = (u32, &'a [u8])>) -> Keys {
    let mut all = Keys::default();
    let mut seen = BTreeMap::new();
    for (number, line) in lines {
        let key_end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
        let (key, rest) = line.split_at(key_end);
        let rest = rest.trim_ascii();
        if !is_key(key) || !matches!(rest.first(), None | Some(b'|' | b'#')) {
            all.skipped.push(number);
            continue;
        }
        if let Some(&first) = seen.get(&Fingerprint::of(key)) {
            all.repeated.push((number, first));
            continue;
        }
        seen.insert(Fingerprint::of(key), number);
        let mut entry = Line::plain(number, key);
        if let Err((field, right)) = entry.read(rest) {
            all.wrong.push((number, field, right));
        }
        all.keys.push(entry);
    }
    all
}

/// Whether these bytes can be a key. Punctuation and words in quotes are of another kind of file, such as a JSON list.
fn is_key(word: &[u8]) -> bool {
    let quoted = word.starts_with(b"\"") || word.starts_with(b"'");
    !quoted && word.len() <= KEY && word.iter().all(u8::is_ascii_graphic) && word.iter().any(u8::is_ascii_alphanumeric)
}

impl Line {
    fn plain(line: u32, key: &[u8]) -> Self {
        Line {
            line,
            secret: Secret::new(key),
            name: String::new(),
            weight: 1,
            priority: 0,
            models: Vec::new(),
            bases: None,
            organization: None,
            project: None,
        }
    }

    /// Reads what follows the key; an error names the field and what would be right.
    fn read(&mut self, rest: &[u8]) -> Result<(), (&'static str, Cow<'static, str>)> {
        if rest.starts_with(b"#") {
            return Ok(());
        }
        let rest = core::str::from_utf8(rest).map_err(|_| ("name", "UTF-8 text".into()))?;
        for place in rest.split('|').skip(1) {
            let mut name = Vec::new();
            for field in fields(place) {
                match field.split_once('=') {
                    Some((key, text)) => self.set(key, text)?,
                    None => name.push(field),
                }
            }
            if name.is_empty() {
                continue;
            }
            let name = name.join(" ");
            let fits =
                name.chars().count() <= NAME && !name.chars().any(char::is_control) && !credential::is_like(&name);
            if !fits || !mem::replace(&mut self.name, name).is_empty() {
                return Err((
                    "name",
                    "one name, which is no key, of at most 64 characters without control characters".into(),
                ));
            }
        }
        Ok(())
    }

    fn set(&mut self, key: &str, text: &str) -> Result<(), (&'static str, Cow<'static, str>)> {
        fn of<T>(field: &'static str, parsed: Parsed<T>) -> Result<T, (&'static str, Cow<'static, str>)> {
            parsed.map_err(|right| (field, right))
        }
        match key {
            "weight" => self.weight = of("weight", value::number(text, 1, WEIGHT))?,
            "priority" => self.priority = of("priority", value::number(text, 0, u32::MAX))?,
            "models" => self.models = of("models", models(text))?,
            "base_url" => self.bases = Some(of("base_url", base_url::list(text))?),
            "org" => self.organization = Some(of("org", value::visible(text))?.into()),
            "project" => self.project = Some(of("project", value::visible(text))?.into()),
            _ => {
                let known = "a name, weight=, priority=, models=, base_url=, org= or project=";
                return Err(("field", known.into()));
            }
        }
        Ok(())
    }

    /// The key as the keyring takes it: `index` is its position, `bases` the pool's base URLs.
    pub(super) fn entry(self, index: u32, bases: &Arc<[BaseUrl]>) -> Option<KeyEntry> {
        let bases = self.bases.unwrap_or_else(|| Arc::clone(bases));
        let mut entry = KeyEntry::new(self.secret, index, bases).ok()?;
        entry.name = self.name.into();
        entry.line = self.line;
        entry.weight = self.weight;
        entry.priority = self.priority;
        entry.models = self.models;
        entry.organization = self.organization;
        entry.project = self.project;
        Some(entry)
    }
}

/// The words of a place; a word that ends in a comma goes on in the next one (`models=a, b`). A comment ends them.
fn fields(place: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in place.split_whitespace().take_while(|word| !word.starts_with('#')) {
        match all.last_mut().filter(|last| last.ends_with(',') && last.contains('=')) {
            Some(last) => last.push_str(word),
            None => all.push(word.to_owned()),
        }
    }
    all
}

/// Model names, `*` only as the last character of one.
fn models(text: &str) -> Parsed<Vec<Box<str>>> {
    let fits = |model: &&str| !model.strip_suffix('*').unwrap_or(model).contains('*');
    let all: Vec<&str> = value::list(text).collect();
    if all.is_empty() || !all.iter().all(fits) {
        return Err("models separated by commas, each a whole name or a prefix that ends in *".into());
    }
    Ok(all.into_iter().map(Box::from).collect())
}

#[cfg(test)]
mod tests;
