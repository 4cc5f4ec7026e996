//! The pages that keywheel answers itself: JSON, with the field names of both systems that came before it.
//!
//! Everything here is a pure function of plain views, which hold no secret: keys appear by preview only. Times are
//! RFC 3339 in UTC. A list is one page of at most `Limits::page_rows` rows; `nextPage` is null on the last.

mod health;
mod keys;
mod paging;
mod stats;
#[cfg(test)]
mod tests;

pub use health::{health, livez, readyz};
pub use keys::{blacklist, reset_keys};
pub use paging::Paging;
pub use stats::stats;

use crate::error::Problem;
use crate::message::Page;
use crate::time::UnixMillis;
use http::StatusCode;
use serde::Serialize;

/// Answers a reload: the number of keys now in force, or why nothing was changed.
pub fn reload(result: Result<usize, &str>, at: UnixMillis) -> Page {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        success: bool,
        message: String,
        total_keys: usize,
        timestamp: String,
    }
    match result {
        Ok(total_keys) => {
            let message = format!("Configuration reloaded: {total_keys} keys.");
            answer(StatusCode::OK, &Body { success: true, message, total_keys, timestamp: at.to_string() })
        }
        Err(text) => {
            let message = format!("The configuration was not reloaded, nothing changed: {text}");
            Problem::new(StatusCode::BAD_REQUEST, "invalid_request_error", "invalid_configuration", message)
                .admin_page(at)
        }
    }
}

fn answer(status: StatusCode, body: &impl Serialize) -> Page {
    let fields = vec![("Content-Type", "application/json".to_owned()), ("Cache-Control", "no-store".to_owned())];
    // Plain structs with text keys always serialise.
    Page { status, fields, body: serde_json::to_vec(body).unwrap_or_default().into() }
}

/// Uptime as the first system wrote it: whole seconds and an `s`.
fn seconds(span: core::time::Duration) -> String {
    format!("{}s", span.as_secs())
}
