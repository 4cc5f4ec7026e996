//! Base URLs: where an upstream's API lies.

use super::credential;
use super::value::Parsed;
use crate::origin::{BaseUrl, Origin};
use crate::target;
use core::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// A comma list of base URLs, at least one; one that is given twice counts once.
pub(super) fn list(text: &str) -> Parsed<Arc<[BaseUrl]>> {
    let mut all: Vec<BaseUrl> = Vec::new();
    for item in super::value::list(text) {
        let base = parse(item)?;
        if !all.contains(&base) {
            all.push(base);
        }
    }
    if all.is_empty() { Err("at least one URL such as https://api.openai.com".into()) } else { Ok(all.into()) }
}

/// `http(s)://host[:port][/prefix]`. Refused: credentials in the URL (they would reach logs), a query, a fragment, and
/// a prefix that no request could be sent below.
fn parse(text: &str) -> Parsed<BaseUrl> {
    if credential::is_like(text) {
        return Err("a URL without a key; keys belong into the keys file".into());
    }
    let (scheme, rest) = text.split_once("://").ok_or("a URL that begins with https:// or http://")?;
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => return Err("a URL that begins with https:// or http://".into()),
    };
    let (authority, prefix) = rest.split_at(rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err("a URL without credentials; keys belong into the keys file".into());
    }
    if prefix.contains(['?', '#', '\\']) || !prefix.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("a URL without query, fragment and spaces".into());
    }
    if target::has_dot_segment(prefix.as_bytes()) {
        return Err("a URL without . and .. in its path".into());
    }
    let (host, port) = host_and_port(authority, if tls { 443 } else { 80 })?;
    Ok(BaseUrl::new(Origin::new(tls, host, port), prefix))
}

/// Splits `host[:port]`; an IPv6 address stands in brackets.
pub(super) fn host_and_port(authority: &str, default: u16) -> Parsed<(&str, u16)> {
    let (name, port) = match authority.strip_prefix('[') {
        Some(inner) => inner.split_once(']').ok_or("a ] after the IPv6 address")?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(digits) => super::value::number(digits, 1, u16::MAX).map_err(|_| "a port from 1 to 65535")?,
        None if port.is_empty() => default,
        None => return Err("a : between host and port".into()),
    };
    let bracketed = authority.starts_with('[');
    let name = if bracketed { name.parse::<Ipv6Addr>().is_ok().then_some(name) } else { host(name).ok() };
    name.map(|name| (name, port)).ok_or("a host name or an IP address (IPv6 in brackets) after ://".into())
}

/// A host name or an IPv4 address.
///
/// A name whose last label is a number would be read as an address in an odd spelling by some resolvers, so it has to
/// be one (127.1 is refused).
pub(super) fn host(text: &str) -> Parsed<&str> {
    let bare = text.strip_suffix('.').unwrap_or(text);
    let label = |l: &str| {
        let inside = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        !l.is_empty() && l.len() <= 63 && l.bytes().all(inside)
    };
    let last = bare.rsplit('.').next().unwrap_or_default();
    let number = |l: &str| l.bytes().all(|b| b.is_ascii_digit()) || l.starts_with("0x") || l.starts_with("0X");
    let valid = bare.len() <= 253 && bare.split('.').all(label) && (!number(last) || text.parse::<Ipv4Addr>().is_ok());
    valid.then_some(text).ok_or("a host name or an IP address".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Parsed<Vec<String>> {
        list(text).map(|all| all.iter().map(|b| format!("{}{}", b.origin, b.prefix)).collect())
    }

    #[test]
    fn urls_that_are_fine() {
        for (text, expected) in [
            ("https://api.openai.com", "https://api.openai.com"),
            ("https://api.openai.com/", "https://api.openai.com"),
            ("HTTPS://API.OpenAI.com:443/v1/", "https://api.openai.com/v1"),
            ("http://localhost:8080/openai/v1", "http://localhost:8080/openai/v1"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("http://[::1]:81/x", "http://[::1]:81/x"),
            ("https://my_host.internal./a%20b", "https://my_host.internal./a%20b"),
        ] {
            assert_eq!(shown(text), Ok(vec![expected.to_owned()]), "{text}");
        }
    }

    #[test]
    fn a_list_keeps_order_and_drops_repeats() {
        let all = shown(" https://b/v1 ,https://a,, https://b/v1/ ");
        assert_eq!(all, Ok(vec!["https://b/v1".to_owned(), "https://a".to_owned()]));
        assert!(shown(" , ").is_err());
    }

    #[test]
    fn urls_that_are_refused_say_what_would_be_right() {
        for (text, word) in [
            ("api.openai.com", "https://"),
            ("ftp://x", "https://"),
            ("https://user:pw@host", "credentials"),
            ("https://sk-secret@host/v1", "credentials"),
            ("https://host/sk-secret-0123456789abcdef/v1", "without a key"),
            ("https://sk-secret-0123456789abcdef/v1", "without a key"),
            ("sk-secret-0123456789abcdef", "without a key"),
            ("https://host?x=1", "query"),
            ("https://host/a#b", "fragment"),
            ("https://host/a b", "spaces"),
            ("https://host\\x", "query"),
            ("https://host/../x", ". and .."),
            ("https://host/%2e%2e/x", ". and .."),
            ("https://", "host name"),
            ("https://:80", "host name"),
            ("https://a..b", "host name"),
            ("https://hö", "host name"),
            ("https://127.1", "host name"),
            ("https://2130706433", "host name"),
            ("https://0x7f000001", "host name"),
            ("https://256.1.1.1", "host name"),
            ("https://[::1", "]"),
            ("https://[x]:1", "host name"),
            ("https://[127.0.0.1]", "host name"),
            ("https://[::1]80", ":"),
            ("https://::1", "port"),
            ("https://a:", "port"),
            ("https://a:0", "port"),
            ("https://a:65536", "port"),
            ("https://a:80:80", "port"),
        ] {
            let error = shown(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
            assert!(!error.contains("sk-secret") && !error.contains("pw@"), "{error}");
        }
    }
}
