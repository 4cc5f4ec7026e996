//! Admin answers, until the admin room renders them.

use super::{AdminPage, Proxy};
use crate::message::Page;
use http::StatusCode;
use serde_json::{Value, json};

impl Proxy {
    pub(super) fn page(&mut self, what: AdminPage, _page: u32) -> Page {
        let total = self.keys.len();
        let ready = if self.draining { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        match what {
            AdminPage::Livez => answer(StatusCode::OK, &json!({ "status": "ok" })),
            AdminPage::Readyz => answer(ready, &json!({ "ready": !self.draining })),
            _ => answer(
                StatusCode::OK,
                &json!({ "status": "ok", "keysStatus": { "total": total, "healthy": total, "blacklisted": 0 } }),
            ),
        }
    }
}

/// What a caller of /reload gets.
pub(super) fn reloaded(result: Result<usize, &str>) -> Page {
    match result {
        Ok(keys) => answer(StatusCode::OK, &json!({ "success": true, "totalKeys": keys })),
        Err(text) => answer(StatusCode::BAD_REQUEST, &json!({ "success": false, "message": text })),
    }
}

fn answer(status: StatusCode, body: &Value) -> Page {
    Page { status, fields: vec![("Content-Type", "application/json".to_owned())], body: body.to_string().into() }
}
