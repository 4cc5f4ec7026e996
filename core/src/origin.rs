//! Where an upstream is: scheme, host and port, shared cheaply; and a base URL on it.

use core::fmt;
use std::sync::Arc;

/// Scheme, host and port of an upstream. Cloning shares.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(Arc<Parts>);

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Parts {
    host: Box<str>,
    port: u16,
    tls: bool,
}

impl Origin {
    /// `host` without brackets and in lower case.
    pub fn new(tls: bool, host: &str, port: u16) -> Self {
        Origin(Arc::new(Parts { host: host.to_ascii_lowercase().into(), port, tls }))
    }

    /// Host name or address literal, without brackets.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// TCP port.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Whether it speaks TLS.
    pub fn tls(&self) -> bool {
        self.0.tls
    }

    /// Whether requests to it could come back to this process: it speaks plain HTTP, or is no public address.
    pub fn may_loop(&self) -> bool {
        use core::net::IpAddr;
        if !self.tls() {
            return true;
        }
        let host = self.host();
        match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(v4)) => v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified(),
            Ok(IpAddr::V6(v6)) => {
                v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local()
            }
            Err(_) => {
                let private = [".local", ".internal", ".localhost", ".lan", ".home.arpa"];
                !host.contains('.') || private.iter().any(|end| host.ends_with(end))
            }
        }
    }

    /// The value of a Host field: IPv6 in brackets, the scheme's own port left out (RFC 9110 section 7.2).
    pub fn authority(&self) -> String {
        let host = self.host();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let default = if self.tls() { 443 } else { 80 };
        if self.port() == default { host } else { format!("{host}:{}", self.port()) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls() { "https" } else { "http" }, self.authority())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One base URL: an origin and the path prefix under which its API lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// The origin.
    pub origin: Origin,
    /// `Origin::authority`, rendered once.
    pub authority: Box<str>,
    /// Path prefix, starting with `/` and not ending in one; empty when there is none.
    pub prefix: Box<str>,
}

impl BaseUrl {
    /// A base URL with its authority rendered. `prefix` may be given with a trailing slash.
    pub fn new(origin: Origin, prefix: &str) -> Self {
        let authority = origin.authority().into();
        BaseUrl { origin, authority, prefix: prefix.trim_end_matches('/').into() }
    }
}
