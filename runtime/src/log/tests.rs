use super::*;
use keywheel_core::classify::Class;
use keywheel_core::json::Usage;
use keywheel_core::notice::RequestLine;
use keywheel_core::time::UnixMillis;
use serde_json::Value;
use std::sync::{Condvar, Mutex};

/// Shared bytes that can be made to block or to fail.
#[derive(Clone, Default)]
struct Screen(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    text: Vec<u8>,
    blocked: bool,
    closed: bool,
    full: bool,
    waiting: bool,
    writes: usize,
}

impl Screen {
    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.0.lock().expect("no panic"));
        self.0.1.notify_all();
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.0.lock().expect("no panic").text).into_owned()
    }

    /// Until the writer stands before a blocked screen.
    fn wait_until_blocked(&self) {
        let guard = self.0.0.lock().expect("no panic");
        drop(self.0.1.wait_while(guard, |state| !state.waiting).expect("no panic"));
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.0.lock().expect("no panic");
        state.writes += 1;
        state.waiting = state.blocked;
        self.0.1.notify_all();
        let mut state = self.0.1.wait_while(state, |state| state.blocked).expect("no panic");
        state.waiting = false;
        if state.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if state.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn log_to(screen: &Screen, config: &LogConfig) -> Log {
    let console = Console { out: Box::new(screen.clone()), colour: false };
    Log::start(config, Clock::start(), Some(console)).expect("a log")
}

fn line() -> RequestLine {
    RequestLine {
        method: "POST".into(),
        path: "/v1/chat/completions".into(),
        status: 200,
        latency: Duration::from_micros(12_345),
        key: Some((3, "sk-…abcd".into())),
        retries: 1,
        class: Class::Ok,
        id: "req-1".into(),
        model: Some("gpt-4o".into()),
        usage: Some(Usage { input: 9, output: 3, total: 12, cached: 0 }),
        complete: true,
    }
}

fn rendered(line: RequestLine, json: bool, colour: bool) -> String {
    let mut out = String::new();
    render(json, colour)(&Record::of_notice(Notice::Request(Box::new(line)), UnixMillis(1_000)), &mut out);
    out
}

#[test]
fn a_request_reads_as_its_users_know_it() {
    assert_eq!(
        rendered(line(), false, false),
        "1970-01-01T00:00:01.000Z INFO  POST /v1/chat/completions - 200 - 12.3ms - Key[3] sk-…abcd - Retry[1]\n"
    );
    let failed = RequestLine {
        status: 0,
        key: None,
        retries: 0,
        latency: Duration::from_millis(61_230),
        class: Class::Ours,
        complete: false,
        ..line()
    };
    assert_eq!(
        rendered(failed, false, false),
        "1970-01-01T00:00:01.000Z WARN  POST /v1/chat/completions - 0 - 61.23s - Key[-] - Retry[0] - ours - incomplete\n"
    );
    for (status, colour) in [(200, "\x1b[32m"), (304, "\x1b[36m"), (429, "\x1b[33m"), (503, "\x1b[31m")] {
        let text = rendered(RequestLine { status, ..line() }, false, true);
        assert!(text.contains(&format!("{colour}{status}\x1b[0m")), "{text:?}");
    }
}

#[test]
fn a_request_as_json() {
    let text = rendered(line(), true, true);
    let it: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        it,
        serde_json::json!({
            "time": "1970-01-01T00:00:01.000Z", "level": "info", "kind": "request", "method": "POST",
            "path": "/v1/chat/completions", "status": 200, "latency_ms": 12.345, "key_index": 3, "key": "sk-…abcd",
            "retries": 1, "class": "ok", "id": "req-1", "model": "gpt-4o",
            "usage": {"input": 9, "output": 3, "total": 12, "cached": 0}, "complete": true,
        })
    );
    assert!(text.ends_with("}\n") && !text.trim_end().contains('\n'));
}

#[test]
fn nothing_in_a_record_ends_the_line_or_steers_the_terminal() {
    let nasty = "/a\r\nINFO forged\x1b[2J\u{85}\u{202e}\u{2028}\\n\u{9b}";
    let evil = RequestLine { path: nasty.into(), method: "G\nT".into(), ..line() };
    let text = rendered(evil.clone(), false, true);
    assert!(text.contains("/a\\r\\nINFO forged\\u{1b}[2J\\u{85}\\u{202e}\\u{2028}\\\\n\\u{9b}"), "{text:?}");
    let json = rendered(evil, true, false);
    for line in [text.as_str(), json.as_str()] {
        let bare = line.replace("\x1b[32m", "").replace("\x1b[2m", "").replace("\x1b[0m", "");
        assert!(!bare.trim_end_matches('\n').chars().any(char::is_control), "{line:?}");
        assert!(!bare.contains(['\u{2028}', '\u{202e}']), "{line:?}");
    }
    let it: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(it["path"], nasty, "JSON readers get what was said");
}

#[test]
fn a_blocked_console_blocks_nobody_and_what_was_lost_is_said() {
    let screen = Screen::default();
    screen.set(|state| state.blocked = true);
    let log = log_to(&screen, &LogConfig::default());
    log.event(log::Level::Info, "test", "first");
    screen.wait_until_blocked();
    let extra = 100;
    for n in 0..sink::QUEUE + extra {
        log.event(log::Level::Info, "test", format!("line {n}"));
    }
    log.flush(Duration::from_millis(1));
    screen.set(|state| state.blocked = false);
    log.flush(Duration::from_secs(60));
    log.event(log::Level::Info, "test", "last");
    log.flush(Duration::from_secs(60));
    let text = screen.text();
    assert!(text.contains("first\n") && text.contains(&format!("line {}\n", sink::QUEUE - 1)), "what fitted was kept");
    assert!(!text.contains(&format!("line {}\n", sink::QUEUE)));
    assert_eq!(text.matches("100 log records were dropped").count(), 1);
    assert!(text.ends_with("last\n"));
}

#[test]
fn a_closed_console_is_left_alone_and_the_file_goes_on() {
    let path = std::env::temp_dir().join(format!("keywheel-log-{}", std::process::id()));
    let file = path.join("new").join("app.log");
    let config = LogConfig { file: Some(file.to_string_lossy().into()), ..LogConfig::default() };
    let screen = Screen::default();
    screen.set(|state| state.closed = true);
    let log = log_to(&screen, &config);
    for n in 0..3 {
        log.event(log::Level::Info, "test", format!("line {n}"));
        log.flush(Duration::from_secs(60));
    }
    let written = fs::read_to_string(&file).expect("the file");
    assert_eq!(written.lines().count(), 3, "{written}");
    assert_eq!(screen.0.0.lock().expect("no panic").writes, 1, "no second try");
    let again = log_to(&screen, &config);
    again.event(log::Level::Info, "test", "appended");
    again.flush(Duration::from_secs(60));
    let written = fs::read_to_string(&file).expect("the file");
    assert_eq!(written.lines().count(), 4, "{written}");
    fs::remove_dir_all(&path).expect("cleaned up");
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_that_names_the_setting() {
    let config = LogConfig { file: Some("/proc/no/such/app.log".into()), ..LogConfig::default() };
    let error = Log::start(&config, Clock::start(), None).expect_err("no file");
    assert!(error.to_string().starts_with("LOG_FILE_PATH: the file cannot be appended to: "), "{error}");
}

#[test]
fn levels_hold_for_notices_and_libraries() {
    use ::log::Log as _;
    let enabled = |log: &Log, level, target| log.enabled(&log::Metadata::builder().level(level).target(target).build());
    let screen = Screen::default();
    let log = log_to(&screen, &LogConfig { level: log::LevelFilter::Info, ..LogConfig::default() });
    assert!(enabled(&log, log::Level::Info, "keywheel_runtime"));
    assert!(!enabled(&log, log::Level::Debug, "keywheel_runtime"));
    assert!(enabled(&log, log::Level::Warn, "rustls::check"));
    assert!(!enabled(&log, log::Level::Info, "rustls::check"), "chatter of libraries");
    log.event(log::Level::Debug, "test", "unseen");
    log.set_level(log::LevelFilter::Debug);
    assert!(enabled(&log, log::Level::Debug, "rustls::check"));
    log.event(log::Level::Debug, "test", "seen");
    log.log(&log::Record::builder().level(log::Level::Warn).target("rustls").args(format_args!("alert")).build());
    log.set_level(log::LevelFilter::Off);
    log.event(log::Level::Error, "test", "off");
    log.flush(Duration::from_secs(60));
    let text = screen.text();
    assert!(text.contains("DEBUG seen\n") && text.contains("WARN  alert\n"), "{text}");
    assert!(!text.contains("unseen") && !text.contains("off"), "{text}");
}

#[test]
fn a_long_text_is_cut_at_a_character() {
    let screen = Screen::default();
    let log = log_to(&screen, &LogConfig::default());
    log.event(log::Level::Info, "test", "ä".repeat(10_000));
    log.flush(Duration::from_secs(60));
    let text = screen.text();
    assert!(text.ends_with("ä…\n") && text.len() < 9_000, "{}", text.len());
}

#[test]
fn a_disk_that_was_full_is_written_again_and_says_what_is_missing() {
    let screen = Screen::default();
    let log = log_to(&screen, &LogConfig::default());
    let tell = |text: &str| {
        log.event(log::Level::Info, "test", text);
        log.flush(Duration::from_secs(60));
    };
    screen.set(|state| state.full = true);
    ["lost", "lost, too"].into_iter().for_each(tell);
    screen.set(|state| state.full = false);
    ["written", "written as ever"].into_iter().for_each(tell);
    let text = screen.text();
    let lines: Vec<_> = text.lines().map(|line| line.rsplit("  ").next().unwrap_or_default()).collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].is_empty() && lines[1].ends_with("written"), "{text}");
    assert!(lines[2].ends_with("2 log records were dropped: writing them failed"), "{text}");
    assert!(lines[3].ends_with("written as ever"), "{text}");
}
