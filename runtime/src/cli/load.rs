//! Reads what a configuration is made of: environment, `.env`, files, standard input. What it means is core's to say.

use super::file::{self, words};
use keywheel_core::config::{Config, ConfigError, Files, Flags, Layers, Source, Warning};
use keywheel_core::secret::Secret;
use std::io::{self, ErrorKind};
use std::sync::{Mutex, OnceLock, PoisonError};

/// A configuration, and what its operator should know of it.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) config: Config,
    pub(super) warnings: Vec<Warning>,
    /// The files that were read, `.env` first.
    pub(super) read: Vec<Box<str>>,
}

/// Reads the configuration, at the start and at each reload.
pub(super) struct Loader {
    /// All but `.env`, which is read anew each time.
    layers: Mutex<Layers>,
    /// Standard input can be read once: a reload finds what was there at the start.
    stdin: OnceLock<Result<Secret, String>>,
}

impl Loader {
    /// With these flags over this process's environment. `instance` names the process.
    pub(super) fn new(flags: Flags, instance: u64) -> Self {
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        let env = Layers::of_env(std::env::vars_os().map(|(name, value)| (text(name), text(value))));
        let own_names = hostname().into_iter().collect();
        Loader { layers: Mutex::new(Layers { flags, own_names, instance, ..env }), stdin: OnceLock::new() }
    }

    /// Reads everything anew.
    ///
    /// # Errors
    /// All that is wrong, at once.
    pub(super) fn load(&self) -> Result<Loaded, Vec<ConfigError>> {
        let mut layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut read = Vec::new();
        layers.dotenv = match file::read(".env") {
            Ok(content) => {
                read.push(".env".into());
                Some(content)
            }
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => {
                return Err(vec![ConfigError::File { name: ".env", source: Source::Default, why: words(&e).into() }]);
            }
        };
        let mut files = Files::new();
        if file::is_open(".env") {
            files.open_to_all(".env");
        }
        loop {
            let needs = Config::needs(&layers, &files);
            if needs.is_empty() {
                break;
            }
            for path in needs {
                let content = self.content(&path);
                if content.is_ok() {
                    read.push(path.clone());
                }
                files.add(&path, content);
                if file::is_open(&path) {
                    files.open_to_all(&path);
                }
            }
        }
        let parsed = Config::parse(&layers, &files);
        layers.dotenv = None;
        parsed.map(|(config, warnings)| Loaded { config, warnings, read })
    }

    fn content(&self, path: &str) -> Result<Secret, String> {
        if path != "-" {
            return file::read(path).map_err(|e| words(&e));
        }
        let once = self.stdin.get_or_init(|| file::read_all(io::stdin()).map_err(|e| words(&e)));
        once.as_ref().map(|secret| Secret::new(secret.expose())).map_err(Clone::clone)
    }
}

/// This machine's name, where the kernel tells it.
fn hostname() -> Option<Box<str>> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.into())
}
