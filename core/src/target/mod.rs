//! Where a request goes: an admin page, or a path upstream, normalised as little as clients need.
//!
//! ```text
//! raw target ── admin path, byte for byte ──────────────────────▶ Route::Admin
//!     │ `//` at the start → `/`
//!     │ /proxy/default cut off (another /proxy/NAME: 404)
//!     │ /v1/v1 → /v1 · /v1 put before a known resource
//!     │ a dot segment in any spelling: 400
//!     ▼
//! Route::Proxied(Target) ── with a base URL ──▶ prefix + path + query without credentials
//! ```
//!
//! Nothing else of a target is touched: percent encoding, `:generateContent` and the query's order arrive as
//! they were sent.

mod admin;
mod dots;

pub use admin::{changes, is_public, methods, number};

use crate::auth::kept_query;
use crate::proxy::AdminPage;

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// One of our own pages.
    Admin(AdminPage),
    /// The pool `default`.
    Proxied(Target),
}

/// Why a target is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// It is neither a path that begins with `/` nor `*`. 400.
    Form,
    /// The path holds a dot segment in some spelling, or a backslash. 400.
    DotSegment,
    /// `/proxy/NAME` names no pool. 404.
    UnknownPool,
    /// `page=` of an admin path is not a number from 1. 400.
    PageNumber,
}

/// A proxied target as offsets into the bytes it was read from, so that it outlives no buffer and costs
/// no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where the path to send begins.
    start: u32,
    /// One past it.
    end: u32,
    /// Whether `/v1` goes before it.
    add_version: bool,
}

/// The one version that is collapsed and put before bare resources.
const VERSION: &[u8] = b"/v1";

/// Decides where the target of a request head goes.
///
/// `resources` are the first path segments that the pool's dialect knows without a version (`chat`, `models`, …).
/// One pass over the path; nothing is allocated.
pub fn route(raw: &[u8], resources: &[&str]) -> Result<Route, TargetError> {
    let path = split(raw).0;
    if let Some(page) = admin::page(path) {
        return Ok(Route::Admin(page));
    }
    if path == b"*" {
        return Ok(Route::Proxied(Target { start: 0, end: 1, add_version: false }));
    }
    if !path.is_empty() && path.first() != Some(&b'/') {
        return Err(TargetError::Form);
    }
    if has_dot_segment(path) {
        return Err(TargetError::DotSegment);
    }
    let mut rest = one_slash(path);
    if let Some(named) = rest.strip_prefix(b"/proxy/") {
        let name_end = memchr::memchr(b'/', named).unwrap_or(named.len());
        let (name, after) = named.split_at(name_end);
        if name != b"default" {
            return Err(TargetError::UnknownPool);
        }
        rest = one_slash(after);
    }
    while let Some(inner) = below(rest, VERSION).filter(|inner| below(inner, VERSION).is_some()) {
        rest = inner;
    }
    let segment = rest.strip_prefix(b"/").unwrap_or_default().split(|&b| b == b'/').next().unwrap_or_default();
    let add_version = resources.iter().any(|resource| resource.as_bytes() == segment);
    let offset = |n: usize| u32::try_from(n).map_err(|_| TargetError::Form);
    Ok(Route::Proxied(Target { start: offset(path.len() - rest.len())?, end: offset(path.len())?, add_version }))
}

impl Target {
    /// The path that is sent below a base URL, without a version that is put before it. Empty stands for `/`.
    pub fn path<'a>(&self, raw: &'a [u8]) -> &'a [u8] {
        raw.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Appends the target to send below a base URL of this path prefix (which ends in no `/`): `raw` is what the
    /// target was read from.
    ///
    /// A prefix that ends in `/v1` and a path that begins with `/v1` make one `/v1`; credentials are left out of
    /// the query.
    pub fn write(&self, raw: &[u8], prefix: &str, out: &mut Vec<u8>) {
        let path = self.path(raw);
        if path == b"*" {
            out.push(b'*');
            return;
        }
        let begin = out.len();
        out.extend_from_slice(prefix.as_bytes());
        let versioned = prefix.as_bytes().ends_with(VERSION);
        match below(path, VERSION) {
            Some(inner) if versioned => out.extend_from_slice(inner),
            _ => {
                if self.add_version && !versioned {
                    out.extend_from_slice(VERSION);
                }
                out.extend_from_slice(path);
            }
        }
        if out.len() == begin {
            out.push(b'/');
        }
        let mut join = b'?';
        for run in split(raw).1.into_iter().flat_map(kept_query) {
            out.push(join);
            out.extend_from_slice(run);
            join = b'&';
        }
    }
}

/// The path of a target as the client spelled it: all of it that may be logged, as queries can carry credentials.
pub fn logged_path(raw: &[u8]) -> &[u8] {
    split(raw).0
}

/// Whether a path holds a dot segment in any spelling, or a backslash.
pub(crate) fn has_dot_segment(path: &[u8]) -> bool {
    dots::any(path)
}

/// The query of a target, without its `?`.
pub fn query(raw: &[u8]) -> Option<&[u8]> {
    split(raw).1
}

fn split(raw: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'?', raw) {
        Some(at) => (raw.get(..at).unwrap_or_default(), raw.get(at + 1..)),
        None => (raw, None),
    }
}

/// The path with the slashes at its start made one.
fn one_slash(path: &[u8]) -> &[u8] {
    let slashes = path.iter().take_while(|&&b| b == b'/').count();
    path.get(slashes.saturating_sub(1)..).unwrap_or_default()
}

/// What follows `segment` (with its slash) in a path that begins with exactly that segment.
fn below<'a>(path: &'a [u8], segment: &[u8]) -> Option<&'a [u8]> {
    path.strip_prefix(segment).filter(|rest| matches!(rest.first(), None | Some(b'/')))
}

#[cfg(test)]
mod tests;
