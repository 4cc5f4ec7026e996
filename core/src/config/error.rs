//! What is wrong with a configuration, and what its operator should know although it is fine.
//!
//! No message quotes a value, as any may be a secret that stands in the wrong place: a setting is told by its name and by
//! where it stands (`credential.rs` has the rule).

use super::listen::Listen;
use super::source::Source;
use core::fmt;
use std::borrow::Cow;

/// Why a configuration is refused. All errors of a configuration are reported at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A value does not parse.
    Value {
        /// The setting.
        name: Box<str>,
        /// Where it stands.
        source: Source,
        /// What would be right.
        right: Cow<'static, str>,
    },
    /// One setting has two values in the same layer, under one name or under its old and its new one.
    Conflict {
        /// One name, and where it stands.
        first: (Box<str>, Source),
        /// The other.
        second: (Box<str>, Source),
    },
    /// A file that a setting names cannot be read, or does not hold what it should.
    File {
        /// The setting.
        name: &'static str,
        /// Where it stands.
        source: Source,
        /// Why.
        why: Box<str>,
    },
    /// A line of a file cannot be read.
    Line {
        /// Which.
        source: Source,
        /// What is wrong.
        what: Box<str>,
    },
    /// The configuration file sets what does not exist.
    UnknownName {
        /// Where it stands.
        source: Source,
        /// A known name that looks like it.
        alike: Option<Box<str>>,
    },
    /// No key is left to serve with.
    NoKeys {
        /// Where keys were looked for.
        source: Source,
        /// The lines that were skipped.
        skipped: Vec<u32>,
    },
    /// A base URL leads back to the proxy itself.
    SelfCall {
        /// The setting that holds it.
        name: Box<str>,
        /// Where it stands.
        source: Source,
        /// Where the proxy listens.
        listen: Listen,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Value { name, source, right } => write!(f, "{name} ({source}): write {right}"),
            ConfigError::Conflict { first: (name, at), second: (other, there) } => write!(
                f,
                "{name} ({at}) and {other} ({there}) are one setting and have different values; keep one of them"
            ),
            ConfigError::File { name, source, why } => write!(f, "{name} ({source}): {why}"),
            ConfigError::Line { source, what } => write!(f, "{source}: {what}"),
            ConfigError::UnknownName { source, alike } => {
                write!(f, "{source}: there is no such setting")?;
                alike.as_ref().map_or(Ok(()), |alike| write!(f, "; did you mean {alike}?"))
            }
            ConfigError::NoKeys { source, skipped } if skipped.is_empty() => {
                write!(f, "no key: {source} holds none; write one key a line")
            }
            ConfigError::NoKeys { source, skipped } => {
                write!(f, "no key is left: {source}: {SKIPPED}: line ")?;
                some(f, skipped, |f, line| write!(f, "{line}"))?;
                f.write_str("; write one key a line, as UTF-8")
            }
            ConfigError::SelfCall { name, source, listen } => write!(
                f,
                "{name} ({source}): leads back to this proxy, which listens on {listen}; write the provider's URL"
            ),
        }
    }
}

impl core::error::Error for ConfigError {}

/// What an operator should know at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A span below a second without a unit: it may have been meant as seconds.
    BareSpan {
        /// The setting.
        name: &'static str,
        /// Where it stands.
        source: Source,
        /// What it says.
        millis: u64,
    },
    /// A setting that changes nothing.
    NoEffect {
        /// The setting.
        name: Box<str>,
        /// Where it stands.
        source: Source,
        /// Why.
        why: &'static str,
    },
    /// The environment or `.env` holds a name that is none of ours and looks like one.
    Unknown {
        /// The name.
        name: Box<str>,
        /// Where it stands.
        source: Source,
        /// The name that it looks like.
        alike: Option<Box<str>>,
    },
    /// Lines that hold no key were skipped.
    Skipped {
        /// The file or list.
        source: Source,
        /// Their numbers.
        lines: Vec<u32>,
    },
    /// Lines repeat a key, which is kept once: their numbers, each with that of the first.
    Repeated {
        /// The file or list.
        source: Source,
        /// The numbers.
        lines: Vec<(u32, u32)>,
    },
    /// A file that holds secrets can be read by every user of the machine.
    OpenFile {
        /// Which.
        path: Box<str>,
    },
    /// A secret was given on the command line, where every process of the machine can read it.
    OnCommandLine {
        /// The flag.
        flag: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// No token is asked for, so the proxy listens on loopback only.
    LoopbackOnly(Listen),
    /// No token is asked for, and other machines can reach the proxy.
    OpenToAll(Listen),
    /// No token is asked for, and pages of any origin may read answers.
    AnyPage,
    /// A client token is also `ADMIN_KEY`, so that client may do what the admin may.
    AdminIsClient,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::BareSpan { name, source, millis } => {
                write!(f, "{name} ({source}): {millis} means {millis} ms; if seconds were meant, write {millis}s")
            }
            Warning::NoEffect { name, source, why } => write!(f, "{name} ({source}) has no effect: {why}"),
            Warning::Unknown { name, source, alike } => {
                write!(f, "{name} ({source}) has no effect: there is no such setting")?;
                alike.as_ref().map_or(Ok(()), |alike| write!(f, "; did you mean {alike}?"))
            }
            Warning::Skipped { source, lines } => {
                write!(f, "{source}: {SKIPPED}: line ")?;
                some(f, lines, |f, line| write!(f, "{line}"))
            }
            Warning::Repeated { source, lines } => {
                write!(f, "{source}: a key comes again and is kept once: line ")?;
                some(f, lines, |f, (line, first)| write!(f, "{line} (as line {first})"))
            }
            Warning::OpenFile { path } => {
                write!(f, "{path}: it holds secrets, and every user of this machine can read it; chmod 600 {path}")
            }
            Warning::OnCommandLine { flag, instead } => {
                write!(f, "{flag}: other processes of this machine can read it; rather use {instead}")
            }
            Warning::LoopbackOnly(listen) => write!(
                f,
                "no AUTH_KEY is set, so the proxy listens on {listen} for this machine only; set AUTH_KEY, or HOST to insist"
            ),
            Warning::OpenToAll(listen) => {
                write!(f, "no AUTH_KEY is set: whoever reaches {listen} uses your keys; set AUTH_KEY")
            }
            Warning::AnyPage => f.write_str(
                "no AUTH_KEY is set and ALLOWED_ORIGINS is *: any web page in a browser that reaches this proxy can use your \
                 keys; set AUTH_KEY, or name the pages in ALLOWED_ORIGINS",
            ),
            Warning::AdminIsClient => f.write_str("a token of AUTH_KEY is also ADMIN_KEY: its clients are admins"),
        }
    }
}

/// Why lines of a keys file are skipped.
const SKIPPED: &str = "skipped, as a key is at most 16 KiB of visible ASCII, not in quotes, with a letter or digit";

/// The first ten, and how many more there are.
fn some<T>(
    f: &mut fmt::Formatter<'_>,
    all: &[T],
    each: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    const SHOWN: usize = 10;
    for (n, one) in all.iter().take(SHOWN).enumerate() {
        f.write_str(if n == 0 { "" } else { ", " })?;
        each(f, one)?;
    }
    let more = all.len().saturating_sub(SHOWN);
    if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
}
