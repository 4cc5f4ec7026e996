//! What both binaries do with their command line: serve, show the demo, or say what is wrong.
//!
//! Exit codes: 0 ended as asked; 1 could not serve; 2 a wrong command line or configuration.

mod args;
mod descriptors;
mod dumps;
mod file;
mod load;

use crate::demo;
use crate::host::{self, Clock};
use crate::log::{Console, Log};
use crate::server::{self, Boot, Flavour};
use args::Call;
use keywheel_core::config::{Config, ConfigError, Flags};
use load::{Loaded, Loader};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// A wrong command line or configuration.
const WRONG: u8 = 2;
/// How long the end waits for the log to be written.
const FLUSH: Duration = Duration::from_secs(2);

/// The whole process of a binary.
pub fn main<F: Flavour>() -> ExitCode {
    host::trace_panics();
    warn_of::<F>(dumps::forbid());
    match args::parse(F::NAME, std::env::args_os().collect()) {
        Ok(Call::Serve(flags)) => serve::<F>(*flags),
        Ok(Call::Demo { once }) => {
            warn_of::<F>(dumps::settle(false));
            demo::run::<F>(once, no_color())
        }
        Err(error) => {
            // Nowhere is left to say that it could not be printed.
            let _ = error.print();
            u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
    }
}

/// Whether the operator wants no colour (no-color.org).
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Says what ends the process, on standard error, whatever the log is set to.
pub(crate) fn complain(name: &str, text: &str) {
    let _ = writeln!(std::io::stderr(), "{name}: {text}");
}

/// Serving goes on where the kernel keeps a process from protecting itself, but not in silence.
fn warn_of<F: Flavour>(protected: std::io::Result<()>) {
    if let Err(error) = protected {
        complain(F::NAME, &format!("core dumps and tracing cannot be turned off: {error}"));
    }
}

fn serve<F: Flavour>(flags: Flags) -> ExitCode {
    let loader = Arc::new(Loader::new(flags, host::seed()));
    let loaded = match loader.load() {
        Ok(loaded) => loaded,
        Err(errors) => {
            complain(F::NAME, &format!("the configuration cannot be used:\n  {}", list(&errors, "\n  ")));
            return ExitCode::from(WRONG);
        }
    };
    warn_of::<F>(dumps::settle(loaded.config.core_dumps));
    let log = match Log::start(&loaded.config.log, Clock::start(), Some(Console::stdout(no_color()))) {
        Ok(log) => log,
        Err(error) => {
            complain(F::NAME, &error.to_string());
            return ExitCode::from(WRONG);
        }
    };
    log.install();
    greet(F::NAME, &log, &loaded);
    let (notices, ready) = (log.clone(), log.clone());
    let served = server::serve::<F>(Boot {
        config: loaded.config,
        reread: Arc::new(move || loader.load().map(|loaded| loaded.config).map_err(|errors| list(&errors, "; "))),
        notices: Arc::new(move |notice| notices.notice(notice)),
        ready: Box::new(move |running| {
            ready.event(log::Level::Info, "start", format!("listening on http://{}", running.address));
        }),
    });
    log.flush(FLUSH);
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(F::NAME, &error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn list(errors: &[ConfigError], between: &str) -> String {
    errors.iter().map(ConfigError::to_string).collect::<Vec<_>>().join(between)
}

/// The lines at the start: what was read, what is served, what the operator should know.
fn greet(name: &str, log: &Log, loaded: &Loaded) {
    let say = |level, text: String| log.event(level, "start", text);
    if !loaded.read.is_empty() {
        say(log::Level::Info, format!("configuration read from {}", loaded.read.join(", ")));
    }
    say(log::Level::Info, format!("{name} {}: {}", env!("CARGO_PKG_VERSION"), about(&loaded.config)));
    if let Some(text) = descriptors::raise() {
        say(log::Level::Info, text);
    }
    for warning in &loaded.warnings {
        say(log::Level::Warn, warning.to_string());
    }
}

/// `3 keys, strategy round_robin, upstream https://api.openai.com`.
fn about(config: &Config) -> String {
    let bases = config.keys.iter().flat_map(|key| key.bases.iter());
    let bases: BTreeSet<String> = bases.map(|base| format!("{}{}", base.origin, base.prefix)).collect();
    let keys = match config.keys.len() {
        1 => "1 key".to_owned(),
        n => format!("{n} keys"),
    };
    let upstream: Vec<String> = bases.into_iter().collect();
    format!("{keys}, strategy {}, upstream {}", config.pool.strategy.as_str(), upstream.join(", "))
}
