//! How a record reads: a line of text, or a JSON object. Nothing in it can end the line or steer a terminal.

use super::record::{Body, Record};
use keywheel_core::classify::Class;
use keywheel_core::json::Usage;
use keywheel_core::notice::RequestLine;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const CYAN: &str = "\x1b[36m";

/// Appends a record's line, its line end included.
pub(super) type Render = fn(&Record, &mut String);

/// The renderer for a format; `colour` matters to text only.
pub(super) fn render(json: bool, colour: bool) -> Render {
    match (json, colour) {
        (true, _) => as_json,
        (false, true) => |record, out| as_text(record, Paint(true), out),
        (false, false) => |record, out| as_text(record, Paint(false), out),
    }
}

#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, colour: &str, text: &str) -> String {
        if self.0 { format!("{colour}{text}{RESET}") } else { text.to_owned() }
    }
}

fn as_text(record: &Record, paint: Paint, out: &mut String) {
    let level = match record.level() {
        log::Level::Error => paint.with(RED, "ERROR"),
        log::Level::Warn => paint.with(YELLOW, "WARN "),
        log::Level::Info => "INFO ".to_owned(),
        log::Level::Debug => paint.with(DIM, "DEBUG"),
        log::Level::Trace => paint.with(DIM, "TRACE"),
    };
    out.push_str(&paint.with(DIM, &record.at().to_string()));
    let _ = write!(out, " {level} ");
    match record.body() {
        Body::Request(line) => request_text(line, paint, out),
        Body::Event { text, .. } => escape(text, out),
    }
    out.push('\n');
}

/// `METHOD path - STATUS - latency - Key[i] preview - Retry[n]`, then what else is worth knowing.
fn request_text(line: &RequestLine, paint: Paint, out: &mut String) {
    escape(&line.method, out);
    out.push(' ');
    escape(&line.path, out);
    let colour = match line.status {
        200..300 => GREEN,
        300..400 => CYAN,
        400..500 => YELLOW,
        500.. => RED,
        _ => DIM,
    };
    let _ = write!(out, " - {} - {}", paint.with(colour, &line.status.to_string()), latency(line.latency));
    match &line.key {
        Some((index, preview)) => {
            let _ = write!(out, " - Key[{index}] ");
            escape(preview, out);
        }
        None => out.push_str(" - Key[-]"),
    }
    let _ = write!(out, " - Retry[{}]", line.retries);
    if line.class != Class::Ok {
        let _ = write!(out, " - {}", line.class.as_str());
    }
    if !line.complete {
        out.push_str(" - incomplete");
    }
}

fn latency(span: Duration) -> String {
    let ms = span.as_secs_f64() * 1000.0;
    if ms < 1000.0 { format!("{ms:.1}ms") } else { format!("{:.2}s", ms / 1000.0) }
}

fn as_json(record: &Record, out: &mut String) {
    let mut object = match record.body() {
        Body::Event { kind, text } => json!({"kind": kind, "message": text}),
        Body::Request(line) => request_json(line),
    };
    object["time"] = record.at().to_string().into();
    object["level"] = record.level().as_str().to_ascii_lowercase().into();
    for c in object.to_string().chars() {
        if steers(c) {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| {
                let _ = write!(out, "\\u{unit:04x}");
            });
        } else {
            out.push(c);
        }
    }
    out.push('\n');
}

fn request_json(line: &RequestLine) -> Value {
    json!({
        "kind": "request",
        "method": line.method,
        "path": line.path,
        "status": line.status,
        "latency_ms": (line.latency.as_secs_f64() * 1e6).round() / 1000.0,
        "key_index": line.key.as_ref().map(|(index, _)| index),
        "key": line.key.as_ref().map(|(_, preview)| preview),
        "retries": line.retries,
        "class": line.class.as_str(),
        "id": line.id,
        "model": line.model,
        "usage": line.usage.map(usage_json),
        "complete": line.complete,
    })
}

fn usage_json(usage: Usage) -> Value {
    json!({"input": usage.input, "output": usage.output, "total": usage.total, "cached": usage.cached})
}

/// Appends `text` with everything that could end the line or steer a terminal written out, and with `\` doubled,
/// so that what is written out cannot be mistaken for what was said.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        if steers(c) || c == '\\' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
}

/// Control characters, line and paragraph separators, and what turns the direction of writing.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
