//! Where the proxy listens, and whether an upstream is the proxy itself.

use super::base_url;
use super::credential;
use super::value::Parsed;
use crate::origin::Origin;
use core::fmt;
use core::net::IpAddr;

/// A host (name or address literal, without brackets) and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Name or address literal, without brackets.
    pub host: Box<str>,
    /// TCP port; 0 lets the system choose.
    pub port: u16,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Listen { host, port } = self;
        match host.parse() {
            Ok(IpAddr::V6(_)) => write!(f, "[{host}]:{port}"),
            Ok(IpAddr::V4(_)) => write!(f, "{host}:{port}"),
            Err(_) if reach(host) == Reach::Loopback => write!(f, "{host}:{port}"),
            // Any word is a name: one that was meant as a token, too.
            Err(_) => write!(f, "port {port} of HOST"),
        }
    }
}

/// Whom a host means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Every address of this machine.
    Any,
    /// This machine from itself.
    Loopback,
    /// One address, or a name that does not say.
    Other,
}

fn reach(host: &str) -> Reach {
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    match name.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(address) if address.is_unspecified() => Reach::Any,
        Ok(address) if address.is_loopback() => Reach::Loopback,
        Err(_) if name == "localhost" || name.ends_with(".localhost") => Reach::Loopback,
        _ => Reach::Other,
    }
}

impl Listen {
    /// Whether only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        reach(&self.host) == Reach::Loopback
    }

    /// Whether a connection to `origin` ends here. `own_names` are the names and addresses of this machine, as far as
    /// they are known; a loop by another name is found when it happens.
    pub(super) fn is_reached_by(&self, origin: &Origin, own_names: &[Box<str>]) -> bool {
        if self.port != origin.port() {
            return false;
        }
        let own = |host: &str| own_names.iter().any(|name| name.eq_ignore_ascii_case(host));
        match (reach(&self.host), reach(origin.host())) {
            (Reach::Any, Reach::Any | Reach::Loopback) => true,
            (Reach::Any, Reach::Other) => own(origin.host()),
            // A connection to the unspecified address goes to loopback.
            (Reach::Loopback, Reach::Any | Reach::Loopback) => true,
            (Reach::Loopback | Reach::Other, _) => self.host.eq_ignore_ascii_case(origin.host()),
        }
    }
}

/// Reads the value of `HOST`: a name or an address, IPv6 with or without brackets.
pub(super) fn host(text: &str) -> Parsed<Box<str>> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let v6 = bare.contains(':');
    let valid = if v6 { bare.parse::<IpAddr>().is_ok() } else { bare == text && base_url::host(text).is_ok() };
    let valid = valid && !credential::is_like(bare);
    valid.then(|| bare.into()).ok_or("an address such as 127.0.0.1, 0.0.0.0 or ::, or a host name".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(host: &str) -> Listen {
        Listen { host: host.into(), port: 3000 }
    }

    #[test]
    fn hosts() {
        for (text, expected) in [("0.0.0.0", "0.0.0.0"), ("[::1]", "::1"), ("::", "::"), ("localhost", "localhost")] {
            assert_eq!(host(text).as_deref(), Ok(expected));
        }
        for text in ["http://x", "x:80", "0.0.0.0:80", "[::1]:80", "[localhost]", "300.1.1.1", "a b", ":", "[]"] {
            assert!(host(text).is_err(), "{text}");
        }
        assert!(host("sk-proj-Qm7xW2vB9nLk4aaaa").is_err());
        for (host, shown) in [
            ("::1", "[::1]:3000"),
            ("0.0.0.0", "0.0.0.0:3000"),
            ("localhost", "localhost:3000"),
            ("a", "port 3000 of HOST"),
        ] {
            assert_eq!(listen(host).to_string(), shown);
        }
    }

    #[test]
    fn calls_to_itself() {
        let own = ["box.lan".into(), "192.168.1.5".into()];
        for (at, to, expected) in [
            ("0.0.0.0", "localhost", true),
            ("0.0.0.0", "127.0.0.1", true),
            ("0.0.0.0", "127.9.9.9", true),
            ("0.0.0.0", "0.0.0.0", true),
            ("0.0.0.0", "::1", true),
            ("0.0.0.0", "BOX.lan", true),
            ("::", "192.168.1.5", true),
            ("0.0.0.0", "192.168.1.6", false),
            ("127.0.0.1", "LOCALHOST.", true),
            ("127.0.0.1", "api.localhost", true),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("127.0.0.1", "::", true),
            ("localhost", "127.0.0.1", true),
            ("127.0.0.1", "box.lan", false),
            ("192.168.1.5", "192.168.1.5", true),
            ("192.168.1.5", "127.0.0.1", false),
            ("proxy.lan", "PROXY.lan", true),
            ("0.0.0.0", "api.openai.com", false),
        ] {
            let origin = Origin::new(false, to, 3000);
            assert_eq!(listen(at).is_reached_by(&origin, &own), expected, "{at} {to}");
            assert!(!listen(at).is_reached_by(&Origin::new(false, to, 3001), &own));
        }
    }
}
