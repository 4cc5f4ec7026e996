//! The layers that a configuration is made of: flags over environment over `.env` over file over defaults.
//!
//! All are plain data that the driver hands in, so that reading them is a pure function. Each value knows where
//! it stands.

use super::error::ConfigError;
use super::source::Source;
use super::{dotenv, file, names};
use crate::secret::Secret;
use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the command line said. All are texts, so that each is checked in one place.
#[derive(Default)]
pub struct Flags {
    /// `-p/--port`.
    pub port: Option<String>,
    /// `-H/--host`.
    pub host: Option<String>,
    /// `-c/--keys`: a comma list of keys, `@FILE`, or `-` for standard input.
    pub keys: Option<Secret>,
    /// `-k/--auth-key`.
    pub auth_key: Option<Secret>,
    /// `-s/--strategy`.
    pub strategy: Option<String>,
    /// `--config`.
    pub config: Option<String>,
    /// `--log-format`.
    pub log_format: Option<String>,
    /// `--log-level`.
    pub log_level: Option<String>,
    /// `--workers`.
    pub workers: Option<String>,
}

/// Everything but the content of files. `Debug` shows none of it, as any value may be a secret.
#[derive(Default)]
pub struct Layers {
    /// The command line.
    pub flags: Flags,
    /// The process environment.
    pub env: Vec<(String, Secret)>,
    /// The content of `.env`, where there is one.
    pub dotenv: Option<Secret>,
    /// Names and addresses of this machine, as far as they are known: an upstream on them may be the proxy itself.
    pub own_names: Vec<Box<str>>,
    /// Names this process in `x-keywheel-hop`: random, and the same at each reload.
    pub instance: u64,
}

impl Layers {
    /// These variables, and nothing else.
    pub fn of_env<N: Into<String>, V: Into<Vec<u8>>>(env: impl IntoIterator<Item = (N, V)>) -> Self {
        let env = env.into_iter().map(|(name, value)| (name.into(), Secret::new(value))).collect();
        Layers { env, ..Layers::default() }
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flags(…)")
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Layers(…)")
    }
}

/// The files that were read, by the path that named them, each with its content or why there is none.
#[derive(Debug, Default)]
pub struct Files {
    contents: BTreeMap<Box<str>, Result<Secret, Box<str>>>,
    open: BTreeSet<Box<str>>,
}

impl Files {
    /// None yet.
    pub fn new() -> Self {
        Files::default()
    }

    /// Adds what reading `path` gave; an error is told in words (`not found`).
    pub fn add(&mut self, path: &str, content: Result<Secret, String>) {
        self.contents.insert(path.into(), content.map_err(String::into));
    }

    /// Says that every user of the machine can read this file (also `.env`, which is a layer and not among them).
    pub fn open_to_all(&mut self, path: &str) {
        self.open.insert(path.into());
    }

    /// Whether every user of the machine can read it.
    pub(super) fn is_open(&self, path: &str) -> bool {
        self.open.contains(path)
    }

    /// Whether reading this file was tried.
    pub(super) fn tried(&self, path: &str) -> bool {
        self.contents.contains_key(path)
    }

    /// The content, or why there is none.
    pub(super) fn get(&self, path: &str) -> Result<&[u8], &str> {
        match self.contents.get(path) {
            Some(Ok(content)) => Ok(content.expose()),
            Some(Err(why)) => Err(why),
            None => Err("it was not read"),
        }
    }
}

/// A value of one layer.
pub(super) struct Given {
    /// The setting's name, upper case.
    pub(super) name: Box<str>,
    /// Without white space around it. Empty: this layer says that the setting has its default.
    value: Secret,
    /// Where it stands.
    pub(super) source: Source,
}

impl Given {
    fn new(name: &str, value: &Secret, source: Source) -> Self {
        let value = value.expose_text().unwrap_or_default().trim().into();
        Given { name: name.into(), value, source }
    }

    /// The value, which may be a secret.
    pub(super) fn text(&self) -> &str {
        self.value.expose_text().unwrap_or_default()
    }
}

/// The values of all layers, the strongest first.
pub(super) struct Stack([Vec<Given>; 4]);

impl Stack {
    /// Orders the layers. Lines that cannot be read go into `errors`.
    pub(super) fn new(layers: &Layers, files: &Files, errors: &mut Vec<ConfigError>) -> Self {
        let env = layers.env.iter().map(|(name, value)| Given::new(name, value, Source::Env(name.as_str().into())));
        let mut stack = Stack([layers.flags.given(), env.collect(), Vec::new(), Vec::new()]);

        let path: Arc<str> = ".env".into();
        let at = |path: &Arc<str>, line| Source::File { path: Arc::clone(path), line };
        let (assignments, bad) = dotenv::parse(layers.dotenv.as_ref().map_or(&[], Secret::expose));
        stack.0[2] = assignments.iter().map(|a| Given::new(&a.name, &a.value, at(&path, a.line))).collect();
        errors.extend(bad.iter().map(|b| ConfigError::Line { source: at(&path, b.line), what: b.what.into() }));

        if let Some(config) = stack.first("CONFIG_FILE").filter(|given| !given.value.is_empty()) {
            let path: Arc<str> = config.text().into();
            match files.get(&path) {
                Ok(text) => {
                    let (lines, bad) = file::parse(text);
                    let name = |line: &file::Line| line.name.to_ascii_uppercase();
                    stack.0[3] = lines.iter().map(|l| Given::new(&name(l), &l.value, at(&path, l.line))).collect();
                    errors
                        .extend(bad.into_iter().map(|b| ConfigError::Line { source: at(&path, b.line), what: b.what }));
                }
                Err(why) => errors.push(ConfigError::File {
                    name: "CONFIG_FILE",
                    source: config.source.clone(),
                    why: why.into(),
                }),
            }
        }
        stack
    }

    /// The value of this one name in the strongest layer that has it.
    pub(super) fn first(&self, name: &str) -> Option<&Given> {
        self.0.iter().flatten().find(|given| &*given.name == name)
    }

    /// The value of a setting in the strongest layer that has it under either name; two that differ there are an error.
    /// An empty value yields to another of its layer and else says "the default".
    pub(super) fn find(&self, name: &str, also: Option<&str>) -> Result<Option<&Given>, ConfigError> {
        let called = |given: &&Given| &*given.name == name || also.is_some_and(|also| &*given.name == also);
        let Some(layer) = self.0.iter().find(|layer| layer.iter().any(|given| called(&given))) else { return Ok(None) };
        let mut set = layer.iter().filter(called).filter(|given| !given.value.is_empty());
        let Some(first) = set.next() else { return Ok(None) };
        match set.find(|other| other.text() != first.text()) {
            Some(other) => Err(ConfigError::Conflict {
                first: (first.name.clone(), first.source.clone()),
                second: (other.name.clone(), other.source.clone()),
            }),
            None => Ok(Some(first)),
        }
    }

    /// The values of the configuration file, whose names all have to be known.
    pub(super) fn of_file(&self) -> &[Given] {
        &self.0[3]
    }

    /// Whether one of the values of `.env`, and whether one of the configuration file, is a secret.
    pub(super) fn secrets(&self) -> (bool, bool) {
        let any = |layer: &[Given]| layer.iter().any(|given| names::is_secret(&given.name) && !given.value.is_empty());
        (any(&self.0[2]), any(&self.0[3]))
    }

    /// The values of the environment and of `.env`, most of which are others' business.
    pub(super) fn of_environment(&self) -> impl Iterator<Item = &Given> {
        self.0[1].iter().chain(&self.0[2])
    }
}

impl Flags {
    /// The flags under the names of the settings that they set. `-c` is not among them: see `build`.
    fn given(&self) -> Vec<Given> {
        let open = [
            ("PORT", "-p", &self.port),
            ("HOST", "-H", &self.host),
            ("LOAD_BALANCE_STRATEGY", "-s", &self.strategy),
            ("CONFIG_FILE", "--config", &self.config),
            ("LOG_FORMAT", "--log-format", &self.log_format),
            ("LOG_LEVEL", "--log-level", &self.log_level),
            ("WORKERS", "--workers", &self.workers),
        ];
        let auth_key = self.auth_key.iter().map(|value| Given::new("AUTH_KEY", value, Source::Flag("-k")));
        let open = open
            .into_iter()
            .filter_map(|(name, flag, value)| Some(Given::new(name, &value.as_deref()?.into(), Source::Flag(flag))));
        auth_key.chain(open).collect()
    }
}
