//! What keywheel says of its keys, as it says it to anyone: read from /stats.

use super::client;
use super::keys::TOKEN;
use crate::traits::Runtime;
use keywheel_core::date::parse_rfc3339;
use keywheel_core::time::UnixMillis;
use serde_json::Value;
use std::net::SocketAddr;

/// One key, as a person reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) index: u64,
    pub(super) preview: String,
    pub(super) state: String,
    /// Whether it gets requests now.
    pub(super) eligible: bool,
    /// `quota (429 insufficient_quota)`; empty when nothing is wrong.
    pub(super) why: String,
    /// Seconds until its way back, where one is stated.
    pub(super) back: Option<u64>,
    pub(super) ok: u64,
    pub(super) failed: u64,
}

/// All keys, in order.
///
/// # Errors
/// In words: no answer, or not the page that was expected.
pub(super) async fn look<R: Runtime>(rt: &R, proxy: SocketAddr) -> Result<Vec<Row>, String> {
    let request =
        format!("GET /stats HTTP/1.1\r\nHost: {proxy}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n");
    let answer = client::ask(rt, proxy, request.as_bytes()).await?;
    let page = serde_json::from_slice(&answer.body).unwrap_or_default();
    rows(&page).ok_or_else(|| format!("/stats answered {} without rows", answer.status))
}

fn rows(page: &Value) -> Option<Vec<Row>> {
    let now = time(&page["timestamp"])?;
    page["rows"].as_array()?.iter().map(|row| of_row(row, now)).collect()
}

fn of_row(row: &Value, now: UnixMillis) -> Option<Row> {
    // A limit for one model is what holds a key back as long as the key itself is ready.
    let limit = row["models"].as_array().and_then(|all| all.iter().find(|m| m["state"] != "ready"));
    let stands = limit.filter(|_| row["state"] == "ready").unwrap_or(row);
    let counts = row["counts"].as_object()?;
    let all: u64 = counts.values().filter_map(Value::as_u64).sum();
    let ok = counts.get("ok")?.as_u64()?;
    let until = time(&stands["until"]).map(|until| until.0.saturating_sub(now.0).div_ceil(1000));
    Some(Row {
        index: row["index"].as_u64()?,
        preview: text(&row["keyPreview"]),
        state: text(&stands["state"]),
        eligible: row["eligible"].as_bool()? && limit.is_none(),
        why: why(&stands["why"]),
        back: until,
        ok,
        failed: all - ok,
    })
}

fn why(cause: &Value) -> String {
    let Some(class) = cause["class"].as_str() else { return String::new() };
    let code = cause["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
    format!("{class} ({}{code})", cause["status"])
}

fn time(value: &Value) -> Option<UnixMillis> {
    parse_rfc3339(value.as_str()?.as_bytes())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
