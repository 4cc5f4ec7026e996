//! What keywheel is started with: the environment and the keys file, as an operator would write them.

use keywheel_core::config::{Config, Files, Layers};
use keywheel_core::secret::Secret;
use std::collections::BTreeMap;

/// An environment and a keys file.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Variables.
    pub env: Vec<(String, String)>,
    /// Lines of the keys file.
    pub keys: Vec<String>,
    /// What stands behind a key, by key.
    pub options: BTreeMap<String, String>,
}

impl Setup {
    fn keys_file(&self) -> String {
        let options = |key| self.options.get(key).map_or("", |options| options.as_str());
        self.keys.iter().map(|key| format!("{key}{}\n", options(key))).collect()
    }

    /// What stands behind this key under this name.
    pub fn option(&self, key: &str, name: &str) -> Option<&str> {
        self.options.get(key)?.split(' ').find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    }

    /// The configuration that comes of it.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn config(&self) -> Result<Config, String> {
        let layers = Layers::of_env(self.env.iter().cloned());
        let mut files = Files::new();
        loop {
            let needed = Config::needs(&layers, &files);
            if needed.is_empty() {
                break;
            }
            for path in needed {
                let keys = (&*path == "keys.txt").then(|| Secret::new(self.keys_file()));
                files.add(&path, keys.ok_or_else(|| "not found".to_owned()));
            }
        }
        let parsed = Config::parse(&layers, &files);
        let words = |errors: Vec<_>| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        parsed.map(|(config, _)| config).map_err(words)
    }
}
