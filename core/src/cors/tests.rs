use super::*;
use crate::message::Written;

/// Runs `f` on these fields.
fn with<R>(fields: &[(&str, &str)], f: impl FnOnce(Fields<'_>) -> R) -> R {
    f(Written::of(fields).fields())
}

fn listed() -> Cors {
    Cors { origins: Some(vec!["https://a.example".into(), "http://localhost:5173".into()]) }
}

const ANY: Cors = Cors { origins: None };

fn field<'a>(page: &'a Page, name: &str) -> Option<&'a str> {
    page.fields.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_preflight_is_options_with_origin_and_method() {
    let origin = ("Origin", "https://a.example");
    let asked = ("Access-Control-Request-Method", "POST");
    for (method, fields, expected) in [
        (Method::OPTIONS, &[origin, asked][..], true),
        (Method::OPTIONS, &[origin], false),
        (Method::OPTIONS, &[asked], false),
        (Method::POST, &[origin, asked], false),
    ] {
        assert_eq!(with(fields, |f| is_preflight(&method, f)), expected, "{method} {fields:?}");
    }
}

#[test]
fn requested_headers_are_echoed() {
    let fields = [
        ("Origin", "https://a.example"),
        ("Access-Control-Request-Headers", "authorization,content-type , x-stainless-lang"),
    ];
    for cors in [ANY, listed()] {
        let page = with(&fields, |f| cors.preflight(f));
        assert_eq!((page.status.as_u16(), page.body.len()), (204, 0));
        let names = field(&page, "Access-Control-Allow-Headers");
        assert_eq!(names, Some("authorization, content-type, x-stainless-lang"));
        assert_eq!(field(&page, "Access-Control-Allow-Methods"), Some("GET, POST, PUT, PATCH, DELETE, OPTIONS"));
        assert_eq!(field(&page, "Access-Control-Max-Age"), Some("7200"));
    }
}

#[test]
fn what_is_no_list_of_names_is_not_echoed() {
    for bad in ["", " , ", "a b", "a;b", "x: y", "é", "a,\"b\""] {
        let fields = [("Origin", "https://a.example"), ("Access-Control-Request-Headers", bad)];
        let page = with(&fields, |f| ANY.preflight(f));
        assert_eq!(field(&page, "Access-Control-Allow-Headers"), None, "{bad}");
    }
}

#[test]
fn a_strange_origin_is_told_nothing() {
    let fields = [("Origin", "https://b.example"), ("Access-Control-Request-Headers", "authorization")];
    let page = with(&fields, |f| listed().preflight(f));
    assert!(page.fields.is_empty() && page.status == StatusCode::NO_CONTENT);
}

#[test]
fn the_matching_origin_is_granted() {
    for (origin, granted) in [
        ("https://a.example", Some("https://a.example")),
        ("HTTPS://A.example", Some("https://a.example")),
        ("http://localhost:5173", Some("http://localhost:5173")),
        ("http://a.example", None),
        ("https://a.example.evil", None),
        ("https://a.example:444", None),
        ("https://a.example, http://localhost:5173", None),
        ("null", None),
        ("*", None),
    ] {
        let grant = with(&[("Origin", origin)], |f| listed().grant(f));
        let allow = grant.fields().find(|(name, _)| *name == "Access-Control-Allow-Origin").map(|(_, v)| v);
        assert_eq!(allow, granted.map(str::as_bytes), "{origin}");
    }
    assert_eq!(with(&[], |f| listed().grant(f)), Grant::Nobody);
}

#[test]
fn any_origin_is_a_star_and_vary_is_always_said() {
    let grant = with(&[], |f| ANY.grant(f));
    let fields: Vec<_> = grant.fields().map(|(name, _)| name).collect();
    assert_eq!(fields, ["Access-Control-Allow-Origin", "Vary", "Access-Control-Expose-Headers"]);
    assert_eq!(grant.fields().next(), Some(("Access-Control-Allow-Origin", &b"*"[..])));
    assert!(Grant::Nobody.fields().eq([("Vary", &b"Origin"[..])]));
}

#[test]
fn upstream_fields_that_are_replaced() {
    for name in ["Access-Control-Allow-Origin", "access-control-expose-headers", "ACCESS-CONTROL-MAX-AGE"] {
        assert!(replaces(name.as_bytes()));
    }
    for name in ["Access", "Vary", "x-access-control-allow-origin", "access_control_allow_origin"] {
        assert!(!replaces(name.as_bytes()));
    }
}
