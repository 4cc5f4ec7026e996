//! Every setting there is: its name, its other name, what it does.

use super::limits::limit_names;

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Another name of the same setting.
    pub also: Option<&'static str>,
    /// Whether its value is a secret, so that a file with it is nobody else's to read.
    pub secret: bool,
    /// Why it changes nothing, where it does not: it is accepted so that a predecessor's file starts, and said once.
    pub without_effect: Option<&'static str>,
}

const fn plain(name: &'static str) -> Setting {
    Setting { name, also: None, secret: false, without_effect: None }
}

const fn alias(name: &'static str, also: &'static str) -> Setting {
    Setting { also: Some(also), ..plain(name) }
}

const fn secret(name: &'static str, also: Option<&'static str>) -> Setting {
    Setting { also, secret: true, ..plain(name) }
}

const fn idle(name: &'static str, why: &'static str) -> Setting {
    Setting { without_effect: Some(why), ..plain(name) }
}

const BUFFERS: &str = "buffers come from a pool and hold only what is under way";
const NOT_YET: &str = "this version does not have it";

/// All settings but the limits, which [`limit_names`] names.
pub const SETTINGS: &[Setting] = &[
    alias("PORT", "SERVER_PORT"),
    alias("HOST", "SERVER_HOST"),
    plain("WORKERS"),
    plain("CONFIG_FILE"),
    plain("KEYS_FILE"),
    plain("OPENAI_BASE_URL"),
    secret("AUTH_KEY", Some("BEARER_TOKEN")),
    plain("AUTH_KEY_FILE"),
    secret("ADMIN_KEY", None),
    idle("ADMIN_LISTEN", "this version does not have it; the admin paths stay on the main port"),
    plain("LOAD_BALANCE_STRATEGY"),
    plain("START_INDEX"),
    plain("MAX_RETRIES"),
    plain("BLACKLIST_THRESHOLD"),
    plain("WHEN_EXHAUSTED"),
    plain("RETRY_AMBIGUOUS"),
    plain("REQUEST_TIMEOUT"),
    plain("STREAM_HEADER_TIMEOUT"),
    alias("CONNECT_TIMEOUT", "LIMIT_CONNECT"),
    alias("STREAM_IDLE_TIMEOUT", "LIMIT_STREAM_IDLE"),
    plain("SHUTDOWN_TIMEOUT"),
    plain("CORE_DUMPS"),
    plain("CLIENT_HALF_CLOSE"),
    plain("SEND_VIA"),
    plain("MAX_SOCKETS"),
    plain("MAX_FREE_SOCKETS"),
    plain("UPSTREAM_CA_FILE"),
    plain("ENABLE_CORS"),
    plain("ALLOWED_ORIGINS"),
    plain("ENABLE_KEEP_ALIVE"),
    plain("LOG_LEVEL"),
    plain("LOG_FORMAT"),
    plain("LOG_ENABLE_REQUEST"),
    plain("LOG_ENABLE_FILE"),
    plain("LOG_FILE_PATH"),
    idle("STATE_FILE", NOT_YET),
    idle("DISABLE_COMPRESSION", "bodies pass as client and provider code them"),
    idle("BUFFER_SIZE", BUFFERS),
    idle("STREAM_BUFFER_SIZE", BUFFERS),
    Setting { secret: true, ..idle("JWT_TOKENS", NOT_YET) },
    Setting { secret: true, ..idle("JWT_TOKEN", NOT_YET) },
];

/// Whether a name of this spelling (upper case) is a setting.
pub(super) fn is_known(name: &str) -> bool {
    SETTINGS.iter().any(|s| s.name == name || s.also == Some(name)) || limit_names().any(|limit| limit == name)
}

/// Whether the value of the setting of this name (upper case) is a secret.
pub(super) fn is_secret(name: &str) -> bool {
    SETTINGS.iter().any(|s| s.secret && (s.name == name || s.also == Some(name)))
}

/// A known name that differs from this one by at most two letters, if there is one; short names are not guessed at.
pub(super) fn alike(name: &str) -> Option<Box<str>> {
    const LEAST: usize = 7;
    if name.len() < LEAST || name.len() > 64 {
        return None;
    }
    let plain = SETTINGS.iter().flat_map(|s| [Some(s.name), s.also]).flatten().map(str::to_owned);
    plain.chain(limit_names()).find(|known| known.len() >= LEAST && distance(known, name) <= 2).map(String::into)
}

/// How many letters have to be put in, taken out or replaced to make one word the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (y, above) in b.bytes().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *above;
            left = replaced.min(left + 1).min(diagonal + 1);
            *above = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, n) in
            [("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("abc", "abd", 1), ("abc", "acb", 2), ("a", "xaz", 2)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (n, n), "{a} {b}");
        }
    }

    #[test]
    fn names_that_look_like_one_of_ours() {
        for (name, known) in [("AUTH_KYE", "AUTH_KEY"), ("LOGLEVEL", "LOG_LEVEL"), ("LIMIT_REPLY", "LIMIT_REPLAY")] {
            assert_eq!(alike(name).as_deref(), Some(known));
        }
        for name in ["HOSTNAME", "PORTS", "PATH", "KUBERNETES_PORT", "HOSTS"] {
            assert_eq!(alike(name), None, "{name}");
        }
    }

    #[test]
    fn no_name_stands_twice() {
        let mut all: Vec<&str> = SETTINGS.iter().flat_map(|s| [Some(s.name), s.also]).flatten().collect();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
