//! Generated heads: what is accepted, written anew and read by the strict reader says the same.

use super::relay::{self, AUTHORITY, CREDENTIAL};
use crate::fuzz::{request_roundtrip, response};
use crate::strict;
use http::Method;
use keywheel_core::limits::Limits;
use proptest::prelude::*;

fn field() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        4 => "[A-Za-z!#$%&'*+.^_`|~-]{1,12}",
        1 => Just("Connection".to_owned()),
        1 => Just("Accept".to_owned()),
        1 => Just("TE".to_owned()),
        1 => Just("Content-Length".to_owned()),
        1 => Just("Transfer-Encoding".to_owned()),
        1 => Just("Expect".to_owned()),
        1 => Just("Upgrade".to_owned()),
    ];
    let value = prop_oneof![
        4 => "[!-~\u{a1}-\u{ff}]([ -~\t]{0,20}[!-~])?",
        1 => Just(String::new()),
        1 => Just("close, accept, x".to_owned()),
        1 => Just("chunked".to_owned()),
        1 => "[0-9]{1,3}",
        1 => Just("100-continue".to_owned()),
    ];
    (name, "[ \t]{0,2}", value, "[ \t]{0,2}")
        .prop_map(|(name, before, value, after)| format!("{name}:{before}{value}{after}\r\n"))
}

fn target() -> impl Strategy<Value = String> {
    let path = "/[!\"$-;=>@-\\[\\]-~]{0,20}(\\?[!\"$-~]{0,20})?";
    prop_oneof![3 => path, 1 => path.prop_map(|p| format!("http://some.host:80{p}"))]
}

proptest! {
    #[test]
    fn a_request_arrives_as_it_was_meant(
        method in "[A-Z]{1,8}",
        target in target(),
        fields in prop::collection::vec(field(), 0..12),
        at in 0..12_usize,
        body in prop::collection::vec(any::<u8>(), 0..30),
        pieces in prop::collection::vec(0..30_usize, 0..20),
    ) {
        let mut lines = fields;
        lines.insert(at.min(lines.len()), "Host: a.b:1\r\n".into());
        let mut bytes = format!("{method} {target} HTTP/1.1\r\n{}\r\n", lines.concat()).into_bytes();
        bytes.extend(&body);
        let whole = relay::request(&bytes, &[], &Limits::default());
        prop_assert_eq!(&relay::request(&bytes, &pieces, &Limits::default()), &whole);
        request_roundtrip::run(&bytes);
        if let Ok(Some(relayed)) = whole {
            let (message, _) = strict::request(&relayed.out).unwrap().unwrap();
            prop_assert!(target.ends_with(std::str::from_utf8(&relayed.start.1).unwrap()));
            prop_assert_eq!(message.only("host"), Some(AUTHORITY));
            prop_assert_eq!(message.all("authorization").last(), Some(CREDENTIAL.1));
        }
    }

    #[test]
    fn a_response_arrives_as_it_was_meant(
        status in 100..999_u16,
        reason in "[ -~\u{a1}-\u{ff}]{0,12}",
        fields in prop::collection::vec(field(), 0..12),
        body in prop::collection::vec(any::<u8>(), 0..30),
        pieces in prop::collection::vec(0..30_usize, 0..20),
    ) {
        let mut bytes = format!("HTTP/1.1 {status} {reason}\r\n{}\r\n", fields.concat()).into_bytes();
        bytes.extend(&body);
        let whole = relay::response(&bytes, &[], &Limits::default(), &Method::GET);
        prop_assert_eq!(relay::response(&bytes, &pieces, &Limits::default(), &Method::GET), whole);
        response::run(&bytes);
    }
}
