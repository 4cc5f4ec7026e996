//! The upstream side: base URLs, and keys that go there and not back to the proxy itself.

use super::base_url;
use super::error::{ConfigError, Warning};
use super::key::KeyEntry;
use super::keys::{self, Keys};
use super::listen::Listen;
use super::reader::Reader;
use super::source::Source;
use crate::origin::{BaseUrl, Origin};
use std::sync::Arc;

/// Where the keys come from.
enum KeysFrom<'a> {
    /// A comma list on the command line.
    List(&'a str),
    /// A file, and where it is named.
    File(Box<str>, Source),
}

const FLAG: &str = "-c";
const FILE: &str = "keys.txt";
const HOST: &str = "api.openai.com";

/// The file that holds the keys, if they come from one.
pub(super) fn keys_file(r: &mut Reader<'_>) -> Option<Box<str>> {
    match from(r) {
        KeysFrom::List(_) => None,
        KeysFrom::File(path, _) => Some(path),
    }
}

fn from<'a>(r: &mut Reader<'a>) -> KeysFrom<'a> {
    let flag = |path: &str| KeysFrom::File(path.into(), Source::Flag(FLAG));
    let layers = r.layers;
    match layers.flags.keys.as_ref().map(|keys| keys.expose_text().unwrap_or_default().trim()) {
        Some("-") => flag("-"),
        Some(text) => text.strip_prefix('@').map_or(KeysFrom::List(text), flag),
        None => match r.text("KEYS_FILE") {
            Some((path, source)) => KeysFrom::File(path.into(), source),
            None => KeysFrom::File(FILE.into(), Source::Default),
        },
    }
}

/// The keys, in file order, each with its base URLs. Empty only beside an error.
pub(super) fn keys(r: &mut Reader<'_>, listen: &Listen) -> Vec<Arc<KeyEntry>> {
    let bases = r.get("OPENAI_BASE_URL", base_url::list);
    let bases = bases.unwrap_or_else(|| Arc::from([BaseUrl::new(Origin::new(true, HOST, 443), "")]));
    if leads_back(r, listen, &bases) {
        let source = r.source("OPENAI_BASE_URL").unwrap_or(Source::Default);
        refuse(r, "OPENAI_BASE_URL", source, listen);
    }
    let Some((found, at)) = read(r) else { return Vec::new() };
    let keys = report(r, found, &at);
    let mut entries = Vec::with_capacity(keys.len());
    for (index, key) in (0..).zip(keys) {
        let Some(entry) = key.entry(index, &bases) else { continue };
        if !Arc::ptr_eq(&entry.bases, &bases) && leads_back(r, listen, &entry.bases) {
            refuse(r, "base_url", line(&at, entry.line), listen);
        }
        entries.push(Arc::new(entry));
    }
    entries
}

/// What the list or file holds, and which it is; `None` when it cannot be read.
fn read(r: &mut Reader<'_>) -> Option<(Keys, Source)> {
    match from(r) {
        KeysFrom::List(text) => {
            r.warnings.push(Warning::OnCommandLine { flag: FLAG, instead: "-c @FILE, -c - or KEYS_FILE" });
            Some((keys::inline(text), Source::Flag(FLAG)))
        }
        KeysFrom::File(path, source) => match r.files.get(&path) {
            Ok(text) => Some((keys::file(text), Source::File { path: path.as_ref().into(), line: 0 })),
            Err(why) => {
                // Where nobody named a file, the default is told.
                let which = if source == Source::Default { format!("{path}: ") } else { String::new() };
                let why = format!("{which}{why}; it holds the keys, one a line").into();
                r.errors.push(ConfigError::File { name: "KEYS_FILE", source, why });
                None
            }
        },
    }
}

/// Says what is wrong with the lines and keeps the keys.
fn report(r: &mut Reader<'_>, found: Keys, at: &Source) -> Vec<keys::Line> {
    let Keys { keys, skipped, repeated, wrong } = found;
    r.errors.extend(wrong.into_iter().map(|(number, field, right)| ConfigError::Value {
        name: field.into(),
        source: line(at, number),
        right,
    }));
    if keys.is_empty() {
        r.errors.push(ConfigError::NoKeys { source: at.clone(), skipped });
    } else if !skipped.is_empty() {
        r.warnings.push(Warning::Skipped { source: at.clone(), lines: skipped });
    }
    if !repeated.is_empty() {
        r.warnings.push(Warning::Repeated { source: at.clone(), lines: repeated });
    }
    keys
}

fn line(at: &Source, line: u32) -> Source {
    match at {
        Source::File { path, .. } => Source::File { path: Arc::clone(path), line },
        other => other.clone(),
    }
}

fn leads_back(r: &Reader<'_>, listen: &Listen, bases: &[BaseUrl]) -> bool {
    bases.iter().any(|base| listen.is_reached_by(&base.origin, &r.layers.own_names))
}

fn refuse(r: &mut Reader<'_>, name: &str, source: Source, listen: &Listen) {
    r.errors.push(ConfigError::SelfCall { name: name.into(), source, listen: listen.clone() });
}
