//! Whether a request comes from a web page of another site, where no token keeps such pages out.
//!
//! A browser sends a token only when a page gives it one, and a page of another site has none: where a token is asked for,
//! nothing here is needed. Where none is set, a page may do what its user may, unless this tells it apart:
//!
//! | what a page does | what tells |
//! |---|---|
//! | sends a form, an image, a fetch | `Sec-Fetch-Site` or `Origin`, which a page can neither set nor leave out |
//! | the same by GET, to an address that browsers send neither to (plain HTTP beyond loopback) | a browser's `User-Agent` and none of the two: fine to read, which the page cannot, but not to change anything |
//! | gives this machine's address to its own name (DNS rebinding), so that it is of the same site | that name is in Host, and keywheel does not go by it |
//!
//! curl, scripts and SDKs send none of these fields and are never refused.

use crate::cors::{Cors, Grant};
use crate::message::Fields;

/// Whether an admin call that no token guards comes from a page of another site. `authority` is the Host in force,
/// `names` what keywheel goes by beside addresses and local names, `changes` whether the call changes anything.
pub fn strange_admin(fields: Fields<'_>, authority: &[u8], names: &[Box<str>], changes: bool) -> bool {
    let (site, origin) = (fields.get("sec-fetch-site"), fields.get("origin"));
    let other_site = site.is_some_and(|site| site != b"same-origin" && site != b"none");
    let other_origin = origin.is_some_and(|origin| !is_of(origin, authority));
    let unknown = changes && site.is_none() && origin.is_none() && is_browser(fields);
    other_site || other_origin || unknown || is_rebound(fields, authority, names)
}

/// Whether a request to a proxied path that no token guards comes from a page that `cors` does not let in. Where any
/// page is let in, or cross-origin answers are left to somebody else, none is strange.
pub fn strange(fields: Fields<'_>, authority: &[u8], names: &[Box<str>], cors: Option<&Cors>) -> bool {
    let Some(cors) = cors.filter(|cors| cors.origins.is_some()) else { return false };
    match fields.get("origin") {
        Some(_) => cors.grant(fields) == Grant::Nobody,
        None => is_rebound(fields, authority, names),
    }
}

/// A browser's request to a name that anybody could have led here.
fn is_rebound(fields: Fields<'_>, authority: &[u8], names: &[Box<str>]) -> bool {
    let by_browser = || {
        // A page may set the last one, but not leave it out.
        let telling = ["origin", "referer", "sec-fetch-site", "accept-language"];
        telling.iter().any(|name| fields.get(name).is_some()) || is_browser(fields)
    };
    !is_own(authority, names) && by_browser()
}

/// Browsers have called themselves so for thirty years; a page cannot change it for a request to another origin.
fn is_browser(fields: Fields<'_>) -> bool {
    fields.get("user-agent").is_some_and(|agent| agent.starts_with(b"Mozilla/"))
}

/// Whether this origin, as browsers write it, is that of an http or https URL with this authority.
fn is_of(origin: &[u8], authority: &[u8]) -> bool {
    let of = |scheme: &[u8]| origin.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let rest = [&b"http://"[..], b"https://"].into_iter().find(|scheme| of(scheme));
    rest.and_then(|scheme| origin.get(scheme.len()..)).is_some_and(|rest| rest.eq_ignore_ascii_case(authority))
}

/// Whether nobody else can lead this name here: an address, a local name, or one that keywheel goes by.
fn is_own(authority: &[u8], names: &[Box<str>]) -> bool {
    if authority.starts_with(b"[") {
        return true;
    }
    let host = authority.split(|b| *b == b':').next().unwrap_or_default();
    let host = host.strip_suffix(b".").unwrap_or(host);
    // Names without a dot are not public, and no public one ends in digits or in localhost (RFC 6761 section 6.3).
    match host.iter().rposition(|b| *b == b'.') {
        None => !host.is_empty(),
        Some(dot) => {
            let last = host.get(dot + 1..).unwrap_or_default();
            last.iter().all(u8::is_ascii_digit)
                || last.eq_ignore_ascii_case(b"localhost")
                || names.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(host))
        }
    }
}

#[cfg(test)]
mod tests;
