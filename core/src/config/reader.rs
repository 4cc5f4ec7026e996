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

    /// The text of a setting and where it stands; `None` when nobody set it or its names contradict each other.
    pub(super) fn text(&mut self, name: &str) -> Option<(String, Source)> {
        let also = SETTINGS.iter().find(|s| s.name == name).and_then(|s| s.also);
        match self.stack.find(name, also) {
            Ok(given) => given.map(|given| (given.value.clone(), given.source.clone())),
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }

    /// A setting's value; `None` when nobody set it, or when it does not parse, which is remembered.
    pub(super) fn get<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Parsed<T>) -> Option<T> {
        let (text, source) = self.text(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(right) => {
                self.wrong(name, source, &text, right);
                None
            }
        }
    }

    /// Remembers that this value does not parse.
    pub(super) fn wrong(&mut self, name: &str, source: Source, text: &str, right: Cow<'static, str>) {
        const SHOWN: usize = 32;
        let secret = SETTINGS.iter().any(|s| s.name == name && s.secret);
        let shown = (!secret && text.len() <= SHOWN).then(|| text.into());
        self.errors.push(ConfigError::Value { name: name.into(), source, shown, right });
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
        if let Some((_, source)) = self.text(name) {
            self.warnings.push(Warning::NoEffect { name: name.into(), source, why });
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
            let Some((text, source)) = self.text(setting.name) else { continue };
            let parsed = match setting.name {
                "DISABLE_COMPRESSION" => boolean(&text).map(drop),
                "BUFFER_SIZE" | "STREAM_BUFFER_SIZE" => size(&text, 1, usize::MAX).map(drop),
                _ => Ok(()),
            };
            match parsed {
                Ok(()) => self.warnings.push(Warning::NoEffect { name: setting.name.into(), source, why }),
                Err(right) => self.wrong(setting.name, source, &text, right),
            }
        }
        for Given { name, source, .. } in self.stack.of_file().iter().filter(|given| !names::is_known(&given.name)) {
            let (name, source) = (name.clone(), source.clone());
            self.errors.push(ConfigError::UnknownName { alike: names::alike(&name), name, source });
        }
        for Given { name, source, .. } in self.stack.of_environment().filter(|given| !names::is_known(&given.name)) {
            let alike = names::alike(name);
            if alike.is_some() || name.starts_with("LIMIT_") {
                self.warnings.push(Warning::Unknown { name: name.clone(), source: source.clone(), alike });
            }
        }
    }
}
