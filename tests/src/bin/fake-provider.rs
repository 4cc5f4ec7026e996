//! The fake OpenAI provider as a program, for suites in other languages.
//!
//! Reads its keys from standard input, one `KEY | BEHAVIOUR` a line, to the end. Prints `{"port":…,"control":…}`, then
//! one JSON object for each request that ended. A line `KEY | BEHAVIOUR` sent to the control port changes a key and is
//! answered `ok`. Both ports are on 127.0.0.1. Runs until it is killed.
//!
//! Behaviours: `good`, `invalid`, `no_quota`, `rate_limited REQUESTS SECONDS`, `flaky_500 EVERY`, `dead_after REQUESTS`,
//! `always SPEC`.

use keywheel_runtime::fake::{Behaviour, Ended, Options, Provider, Record, Spec, threads};
use serde_json::json;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;

/// Requests that may be open at once without one of them being forgotten.
const KEEP: usize = 10_000;
/// How often the log is looked at.
const TICK: Duration = Duration::from_millis(5);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("fake-provider: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let provider = Provider::new(Options { keep_records: KEEP, keep_body: 0, ..Options::default() });
    for line in io::stdin().lock().lines() {
        set_key(&provider, &line.map_err(|e| e.to_string())?)?;
    }
    let (address, _server) = threads::spawn(provider.clone()).map_err(|e| e.to_string())?;
    let control = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| e.to_string())?;
    let control_port = control.local_addr().map_err(|e| e.to_string())?.port();
    print_line(&json!({"port": address.port(), "control": control_port}))?;
    let controlled = provider.clone();
    std::thread::spawn(move || serve_control(&control, &controlled));
    print_records(&provider)
}

/// Each request once it ended, in that order.
fn print_records(provider: &Provider) -> Result<(), String> {
    let mut printed_up_to = 0;
    let mut open = Vec::new();
    loop {
        open.extend(printed_up_to + 1..=provider.requests());
        printed_up_to = provider.requests().max(printed_up_to);
        let mut still_open = Vec::new();
        for serial in open {
            match provider.record(serial) {
                Some(record) if record.ended == Ended::Open => still_open.push(serial),
                Some(record) => print_line(&row(&record))?,
                None => {}
            }
        }
        open = still_open;
        std::thread::sleep(TICK);
    }
}

fn row(record: &Record) -> serde_json::Value {
    let ended = match record.ended {
        Ended::Open => "open",
        Ended::Complete => "complete",
        Ended::Cut => "cut",
        Ended::Left => "left",
        Ended::Upgraded => "upgraded",
    };
    json!({
        "method": record.method, "path": record.target.split('?').next(), "key": record.key, "status": record.status,
        "bytes": record.body.len, "sha256": record.body.sha256, "answered": record.answer.len, "ended": ended,
        "violations": record.violations.iter().map(|v| format!("{v:?}")).collect::<Vec<_>>(),
    })
}

fn print_line(value: &serde_json::Value) -> Result<(), String> {
    let mut out = io::stdout().lock();
    writeln!(out, "{value}").and_then(|()| out.flush()).map_err(|e| e.to_string())
}

fn serve_control(listener: &TcpListener, provider: &Provider) {
    for mut stream in listener.incoming().flatten() {
        let Ok(reader) = stream.try_clone() else { continue };
        for line in BufReader::new(reader).lines().map_while(Result::ok) {
            let answer = set_key(provider, &line).map_or_else(|why| format!("{why}\n"), |()| "ok\n".to_owned());
            if stream.write_all(answer.as_bytes()).is_err() {
                break;
            }
        }
    }
}

fn set_key(provider: &Provider, line: &str) -> Result<(), String> {
    let (key, behaviour) = line.split_once(" | ").ok_or_else(|| format!("`{line}` is no `KEY | BEHAVIOUR`"))?;
    provider.set_key(key, parse(behaviour)?);
    Ok(())
}

fn parse(text: &str) -> Result<Behaviour, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |word: &str| word.parse::<u32>().map_err(|_| format!("`{word}` in `{text}` is no number"));
    Ok(match words[..] {
        ["good"] => Behaviour::Good,
        ["invalid"] => Behaviour::Invalid,
        ["no_quota"] => Behaviour::NoQuota,
        ["rate_limited", requests, seconds] => {
            Behaviour::RateLimited { requests: number(requests)?, per: Duration::from_secs(number(seconds)?.into()) }
        }
        ["flaky_500", every] => Behaviour::flaky_500(number(every)?),
        ["dead_after", requests] => Behaviour::DeadAfter(number(requests)?),
        ["always", spec] => Behaviour::always(spec.parse::<Spec>()?),
        _ => return Err(format!("`{text}` is no behaviour")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaviours_are_read_and_nonsense_is_named() {
        assert_eq!(parse("good"), Ok(Behaviour::Good));
        let per = Duration::from_secs(30);
        assert_eq!(parse("rate_limited 2 30"), Ok(Behaviour::RateLimited { requests: 2, per }));
        assert_eq!(parse("dead_after 5"), Ok(Behaviour::DeadAfter(5)));
        assert!(parse("always status=500").is_ok());
        assert_eq!(parse("rate_limited two 30"), Err("`two` in `rate_limited two 30` is no number".into()));
        assert_eq!(parse("bad"), Err("`bad` is no behaviour".into()));
    }
}
