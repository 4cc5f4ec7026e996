//! Where a configured value stands, so that whoever wrote it finds it.

use core::fmt;
use std::sync::Arc;

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line, as it is called there (`-p`).
    Flag(&'static str),
    /// The process environment, under this name.
    Env(Box<str>),
    /// A line, from 1, of a file: `.env`, the configuration file, the keys file.
    File {
        /// As it was named.
        path: Arc<str>,
        /// From 1; 0 stands for the whole file.
        line: u32,
    },
    /// Nobody set it.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag(flag) => write!(f, "flag {flag}"),
            Source::Env(name) => write!(f, "env {name}"),
            Source::File { path, line: 0 } => f.write_str(path),
            Source::File { path, line } => write!(f, "{path}:{line}"),
            Source::Default => f.write_str("default"),
        }
    }
}
