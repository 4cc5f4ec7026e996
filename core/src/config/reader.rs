//! Reads settings one after another, and remembers everything that is wrong or worth saying.

use super::error::{ConfigError, Warning};
use super::layers::{Files, Given, Layers, Stack};
use super::limits::{self, limit_names};
use super::names::{self, SETTINGS};
use super::source::Source;
use super::value::{Parsed, boolean, number, size, span};
use crate::limits::Limits;
use core::time::Duration;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The layers while a configuration is read from them.
pub(super) struct Reader<'a> {
    stack: Stack,
    pub(super) layers: &'a Layers,
    pub(super) files: &'a Files,
    pub(super) errors: Vec<ConfigError>,
    pub(super) warnings: Vec<Warning>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(layers: &'a Layers, files: &'a Files) -> Self {
        let mut errors = Vec::new();
        let stack = Stack::new(layers, files, &mut errors);
        Reader { stack, layers, files, errors, warnings: Vec::new() }
    }

    /// The text of a setting that is no secret and where it stands.
    pub(super) fn text(&mut self, name: &str) -> Option<(String, Source)> {
        self.given(name).map(|given| (given.text().to_owned(), given.source.clone()))
    }

    /// Where a setting stands, if somebody set it.
    pub(super) fn source(&mut self, name: &str) -> Option<Source> {
        self.given(name).map(|given| given.source.clone())
    }

    /// A setting; `None` when nobody set it or its names contradict each other.
    fn given(&mut self, name: &str) -> Option<&Given> {
        let also = SETTINGS.iter().find(|s| s.name == name).and_then(|s| s.also);
        match self.stack.find(name, also) {
            Ok(given) => given,
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }

    /// A setting's value; `None` when nobody set it, or when it does not parse, which is remembered.
    pub(super) fn get<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Parsed<T>) -> Option<T> {
        let given = self.given(name)?;
        match parse(given.text()) {
            Ok(value) => Some(value),
            Err(right) => {
                let error = wrong(name, given, right);
                self.errors.push(error);
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, name: &str, default: bool) -> bool {
        self.get(name, boolean).unwrap_or(default)
    }

    pub(super) fn number(&mut self, name: &str, default: u32) -> u32 {
        self.get(name, |text| number(text, 0, u32::MAX)).unwrap_or(default)
    }

    /// A span of at least a millisecond.
    pub(super) fn span(&mut self, name: &str) -> Option<Duration> {
        self.get(name, |text| span(text, Duration::from_millis(1)))
    }

    /// Says that this setting, if somebody set it, changes nothing.
    pub(super) fn idle(&mut self, name: &str, why: &'static str) {
        if let Some(source) = self.source(name) {
            self.warnings.push(Warning::NoEffect { name: name.into(), source, why });
        }
    }

    /// Says which files every user of the machine can read although they hold secrets; `named` do in any case.
    pub(super) fn open_files(&mut self, named: impl Iterator<Item = Box<str>>) {
        let (dotenv, config) = self.stack.secrets();
        let config = self.text("CONFIG_FILE").filter(|_| config).map(|(path, _)| path.into());
        let all = dotenv.then(|| ".env".into()).into_iter().chain(config).chain(named);
        for path in all.filter(|path| self.files.is_open(path)).collect::<BTreeSet<_>>() {
            self.warnings.push(Warning::OpenFile { path });
        }
    }

    /// All limits. Two of them have a name of their own beside `LIMIT_…`.
    pub(super) fn limits(&mut self) -> Limits {
        let mut limits = Limits::default();
        for limit in limit_names() {
            let known_as = SETTINGS.iter().find(|s| s.also == Some(&limit)).map(|s| s.name);
            self.get(known_as.unwrap_or(&limit), |text| limits::set(&mut limits, &limit, text));
        }
        limits
    }

    /// Says which settings change nothing, and refuses names of the configuration file that do not exist.
    pub(super) fn names(&mut self) {
        for setting in SETTINGS {
            let Some(why) = setting.without_effect else { continue };
            let fits = |text: &str| match setting.name {
                "DISABLE_COMPRESSION" => boolean(text).map(drop),
                "BUFFER_SIZE" | "STREAM_BUFFER_SIZE" => size(text, 1, usize::MAX).map(drop),
                _ => Ok(()),
            };
            if self.get(setting.name, fits).is_some() {
                self.idle(setting.name, why);
            }
        }
        for Given { name, source, .. } in self.stack.of_file().iter().filter(|given| !names::is_known(&given.name)) {
            let (name, source) = (name.clone(), source.clone());
            self.errors.push(ConfigError::UnknownName { source, alike: names::alike(&name) });
        }
        for Given { name, source, .. } in self.stack.of_environment().filter(|given| !names::is_known(&given.name)) {
            let alike = names::alike(name);
            if alike.is_some() || name.starts_with("LIMIT_") {
                self.warnings.push(Warning::Unknown { name: name.clone(), source: source.clone(), alike });
            }
        }
    }
}

/// That this value does not parse.
fn wrong(name: &str, given: &Given, right: Cow<'static, str>) -> ConfigError {
    ConfigError::Value { name: name.into(), source: given.source.clone(), right }
}
