//! Rows of keys, and the pages that are about keys that are out: /blacklist and /reset-keys.

use super::{Paging, answer};
use crate::classify::Class;
use crate::keyring::view::{KeyRow, PoolView, Standing, Tally, Why};
use crate::message::Page;
use crate::stats::Server;
use http::StatusCode;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// How something stands, and until when.
#[derive(serde::Serialize)]
pub(super) struct Stands<'a> {
    state: &'static str,
    why: Option<Cause<'a>>,
    since: String,
    until: Option<String>,
}

#[derive(serde::Serialize)]
struct Cause<'a> {
    class: &'static str,
    status: u16,
    code: Option<&'a str>,
}

/// One key of /stats.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Key<'a> {
    index: u32,
    line_number: u32,
    name: &'a str,
    key_preview: &'a str,
    eligible: bool,
    #[serde(flatten)]
    stands: Stands<'a>,
    epoch: u32,
    weight: u32,
    priority: u32,
    in_flight: u32,
    counts: Counts<'a>,
    models: Vec<Model<'a>>,
}

/// A limit of a key for one model.
#[derive(serde::Serialize)]
struct Model<'a> {
    model: &'a str,
    scope: &'static str,
    #[serde(flatten)]
    stands: Stands<'a>,
}

/// Attempts by class, in the order of the word list, each of them, so that a reader need not ask whether one is there.
pub(super) struct Counts<'a>(pub(super) &'a Tally);

impl Serialize for Counts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Class::ALL.len()))?;
        for (class, count) in Class::ALL.iter().zip(self.0) {
            map.serialize_entry(class.as_str(), count)?;
        }
        map.end()
    }
}

impl<'a> Stands<'a> {
    fn new(server: &Server, standing: &'a Standing) -> Self {
        let time = |at| server.wall.at(at).to_string();
        let cause = |why: &'a Why| Cause { class: why.class.as_str(), status: why.status, code: why.code.as_deref() };
        Stands {
            state: standing.state.as_str(),
            why: standing.why.as_ref().map(cause),
            since: time(standing.since),
            until: standing.until.map(time),
        }
    }
}

impl<'a> Key<'a> {
    pub(super) fn new(server: &Server, row: &'a KeyRow) -> Self {
        let models = row.models.iter().map(|limit| Model {
            model: &limit.model,
            scope: if limit.account { "account" } else { "key" },
            stands: Stands::new(server, &limit.standing),
        });
        Key {
            index: row.entry.index,
            line_number: row.entry.line,
            name: &row.entry.name,
            key_preview: &row.entry.preview,
            eligible: row.eligible,
            stands: Stands::new(server, &row.standing),
            epoch: row.epoch,
            weight: row.entry.weight,
            priority: row.entry.priority,
            in_flight: row.leases,
            counts: Counts(&row.tally),
            models: models.collect(),
        }
    }
}

/// One key of /blacklist.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Out<'a> {
    index: u32,
    line_number: u32,
    name: &'a str,
    key_preview: &'a str,
    state: &'static str,
    reason: String,
    since: String,
    until: Option<String>,
}

impl<'a> Out<'a> {
    fn new(server: &Server, row: &'a KeyRow) -> Self {
        let Standing { state, why, since, until } = &row.standing;
        Out {
            index: row.entry.index,
            line_number: row.entry.line,
            name: &row.entry.name,
            key_preview: &row.entry.preview,
            state: state.as_str(),
            reason: why.as_ref().map_or_else(|| state.as_str().to_owned(), Why::to_string),
            since: server.wall.at(*since).to_string(),
            until: until.map(|until| server.wall.at(until).to_string()),
        }
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Blacklist<'a> {
    total_blacklisted: usize,
    total_keys: usize,
    healthy_keys: usize,
    blacklisted_keys: Vec<Out<'a>>,
    page: u32,
    next_page: Option<u32>,
    timestamp: String,
}

/// GET /blacklist: the keys that are not eligible now. `rows` are those of this page, `paging.range(pool.out())` of
/// them all.
pub fn blacklist(server: &Server, pool: &PoolView, rows: &[KeyRow], paging: Paging) -> Page {
    let body = Blacklist {
        total_blacklisted: pool.out(),
        total_keys: pool.total,
        healthy_keys: pool.healthy,
        blacklisted_keys: rows.iter().map(|row| Out::new(server, row)).collect(),
        page: paging.page(),
        next_page: paging.next(pool.out()),
        timestamp: server.timestamp().to_string(),
    };
    answer(StatusCode::OK, &body)
}

/// Answers /reset-keys: how many keys of all were out and are in again.
pub fn reset_keys(cleared: usize, total: usize) -> Page {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        success: bool,
        message: String,
        cleared_count: usize,
        total_keys: usize,
    }
    let message = format!("{cleared} of {total} keys were out and are in again.");
    answer(StatusCode::OK, &Body { success: true, message, cleared_count: cleared, total_keys: total })
}
