//! The log: records go into bounded queues, one writer thread for each place they are written to.
//!
//! ```text
//!   Notice, log::Record ─▶ Log ─┬─ queue ─▶ thread ─▶ console   (text, coloured on a terminal, or JSON)
//!                               └─ queue ─▶ thread ─▶ file      (the same without colour)
//! ```
//!
//! Whoever logs never waits: a full queue drops the record, and the next line that can be written says how many
//! were lost. A console that blocks holds up nothing but its own thread; one that was closed is written to no more. A file
//! that cannot be written (a full disk) is tried again with what comes next, and then says how many are missing.

mod record;
mod render;
mod sink;

use crate::host::Clock;
use keywheel_core::config::{LogConfig, LogFormat};
use keywheel_core::notice::Notice;
use record::Record;
use render::render;
use sink::Sink;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Where the console's lines go.
pub struct Console {
    /// Written to by one thread.
    pub out: Box<dyn Write + Send>,
    /// Whether text may be coloured.
    pub colour: bool,
}

impl Console {
    /// Standard output; coloured if it is a terminal and `NO_COLOR` is not set.
    pub fn stdout(no_color: bool) -> Console {
        let out = io::stdout();
        Console { colour: out.is_terminal() && !no_color, out: Box::new(out) }
    }
}

/// The log. Cloning shares.
#[derive(Clone)]
pub struct Log(Arc<Shared>);

struct Shared {
    clock: Clock,
    level: AtomicUsize,
    sinks: Vec<Sink>,
}

/// The log file could not be opened.
#[derive(Debug)]
pub struct LogError(io::Error);

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LOG_FILE_PATH: the file cannot be appended to: {}", self.0)
    }
}

impl std::error::Error for LogError {}

impl Log {
    /// Starts the writers.
    ///
    /// # Errors
    /// The file cannot be opened for appending, or its folder cannot be made.
    pub fn start(config: &LogConfig, clock: Clock, console: Option<Console>) -> Result<Log, LogError> {
        let json = config.format == LogFormat::Json;
        let mut sinks = Vec::new();
        if let Some(Console { out, colour }) = console {
            sinks.push(Sink::start("log-console", out, render(json, colour)));
        }
        if let Some(path) = &config.file {
            let file = open(Path::new(&**path)).map_err(LogError)?;
            sinks.push(Sink::start("log-file", Box::new(file), render(json, false)));
        }
        Ok(Log(Arc::new(Shared { clock, level: AtomicUsize::new(config.level as usize), sinks })))
    }

    /// Takes a notice. Never waits.
    pub fn notice(&self, notice: Notice) {
        self.write(Record::of_notice(notice, self.0.clock.unix_now()));
    }

    /// Takes a line of the process's own. Never waits.
    pub fn event(&self, level: log::Level, kind: &'static str, text: impl Into<String>) {
        self.notice(Notice::Event { level, kind, text: text.into() });
    }

    /// Writes records of this level and above from now on.
    pub fn set_level(&self, level: log::LevelFilter) {
        self.0.level.store(level as usize, Ordering::Relaxed);
    }

    /// Waits until what was taken so far is written, but no longer than `most` in all.
    pub fn flush(&self, most: Duration) {
        for sink in &self.0.sinks {
            sink.flush(most / self.0.sinks.len() as u32);
        }
    }

    /// Makes this the process's logger for the `log` crate, which TLS speaks to. Done once in a process; a second
    /// call changes nothing.
    pub fn install(&self) {
        if log::set_boxed_logger(Box::new(self.clone())).is_ok() {
            log::set_max_level(log::LevelFilter::Debug);
        }
    }

    fn takes(&self, level: log::Level) -> bool {
        level as usize <= self.0.level.load(Ordering::Relaxed)
    }

    fn write(&self, record: Record) {
        if self.takes(record.level()) {
            let record = Arc::new(record);
            for sink in &self.0.sinks {
                sink.push(Arc::clone(&record));
            }
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Log({} sinks)", self.0.sinks.len())
    }
}

impl log::Log for Log {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        // What libraries say besides their warnings helps nobody who runs a proxy at `info`.
        let (level, foreign) = (metadata.level(), !metadata.target().starts_with("keywheel"));
        self.takes(if foreign && level > log::Level::Warn { level.max(log::Level::Debug) } else { level })
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            self.write(Record::of_log(record, self.0.clock.unix_now()));
        }
    }

    fn flush(&self) {
        Log::flush(self, Duration::from_secs(1));
    }
}

/// Opens the file for appending, and makes it and its folder where they are missing: for their owner only, as who called
/// what is nobody else's business. What is there keeps the permissions that the operator gave it.
fn open(path: &Path) -> io::Result<fs::File> {
    let (mut folders, mut file) = (fs::DirBuilder::new(), OpenOptions::new());
    folders.recursive(true);
    file.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        folders.mode(0o700);
        file.mode(0o600);
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        folders.create(folder)?;
    }
    file.open(path)
}

#[cfg(test)]
mod tests;
