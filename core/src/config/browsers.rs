//! What browsers may do: `ENABLE_CORS` and `ALLOWED_ORIGINS`.

use super::base_url;
use super::error::Warning;
use super::reader::Reader;
use super::value::{self, Parsed};
use crate::cors::Cors;
use std::sync::Arc;

/// The policy; `None`: off. `guarded`: a token is asked for.
pub(super) fn cors(r: &mut Reader<'_>, guarded: bool) -> Option<Cors> {
    let origins = r.get("ALLOWED_ORIGINS", origins).unwrap_or_default();
    let cors = r.boolean("ENABLE_CORS", true).then_some(Cors { origins })?;
    if !guarded && cors.origins.is_none() {
        r.warnings.push(Warning::AnyPage);
    }
    Some(cors)
}

/// A comma list of origins; `*` among them means any.
fn origins(text: &str) -> Parsed<Option<Vec<Arc<str>>>> {
    let mut all = Vec::new();
    for item in value::list(text) {
        if item == "*" {
            return Ok(None);
        }
        all.push(origin(item).ok_or("* or origins such as https://app.example (no path), separated by commas")?);
    }
    if all.is_empty() { Err("* or at least one origin such as https://app.example".into()) } else { Ok(Some(all)) }
}

/// An origin as browsers write it (RFC 6454 section 6.2); extensions have schemes of their own.
fn origin(text: &str) -> Option<Arc<str>> {
    let text = text.to_ascii_lowercase();
    if text == "null" {
        return Some(text.into());
    }
    let (scheme, authority) = text.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let web = matches!(scheme, "http" | "https");
    let is_authority = match base_url::host_and_port(authority, 0) {
        Ok(_) => true,
        Err(_) => !web && !authority.is_empty() && authority.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
    };
    (is_scheme && is_authority).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_origins() {
        let read = |text| origins(text).map(|all| all.map(|all| all.iter().map(|o| o.to_string()).collect::<Vec<_>>()));
        assert_eq!(read("*"), Ok(None));
        assert_eq!(read("https://a.example, *"), Ok(None));
        let all = ["https://a.example", "http://localhost:5173", "http://[::1]:80", "chrome-extension://abc", "null"];
        assert_eq!(
            read("HTTPS://A.example,http://localhost:5173,http://[::1]:80,chrome-extension://abc,null"),
            Ok(Some(all.map(String::from).to_vec()))
        );
        for text in [
            ",",
            "a.example",
            "https://a.example/",
            "https://a.example/x",
            "https://",
            "https://*.example",
            "https://u@a",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
