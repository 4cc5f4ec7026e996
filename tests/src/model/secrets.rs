//! Finds secrets in what came out: any 8 bytes of a key or token after its fixed prefix.

use std::collections::BTreeMap;

/// Length of a window that gives a secret away.
const WINDOW: usize = 8;

/// What is secret.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// Each window, with the number of the secret it is of.
    windows: std::collections::HashMap<[u8; WINDOW], usize>,
    names: BTreeMap<usize, String>,
}

impl Secrets {
    /// These secrets.
    pub fn new<'s>(all: impl Iterator<Item = &'s str>) -> Self {
        let mut secrets = Secrets::default();
        for (n, secret) in all.enumerate() {
            let private = secret.strip_prefix("sk-").unwrap_or(secret);
            let private = private.strip_prefix("proj-").unwrap_or(private);
            for window in private.as_bytes().windows(WINDOW) {
                secrets.windows.insert(window.try_into().unwrap_or_default(), n);
            }
            secrets.names.insert(n, format!("secret {n}"));
        }
        secrets
    }

    /// The first secret of which a part stands in `bytes`, and where.
    pub fn find_in(&self, bytes: &[u8]) -> Option<String> {
        let (at, n) = bytes.windows(WINDOW).enumerate().find_map(|(at, window)| {
            let window: [u8; WINDOW] = window.try_into().ok()?;
            self.windows.get(&window).map(|n| (at, n))
        })?;
        Some(format!("{} at byte {at}", self.names.get(n).map_or("a secret", String::as_str)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_after_the_prefix_give_a_secret_away() {
        let secrets = Secrets::new(["sk-proj-abcdefghijkl"].into_iter());
        assert!(secrets.find_in(b"xx bcdefghi yy").is_some());
        assert!(secrets.find_in(b"sk-proj-abcdefg").is_none());
    }
}
