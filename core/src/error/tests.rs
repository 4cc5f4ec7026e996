use super::*;
use serde_json::{Value, json};

fn parsed(page: &Page) -> Value {
    serde_json::from_slice(&page.body).unwrap()
}

fn field<'a>(page: &'a Page, name: &str) -> Option<&'a str> {
    let mut all = page.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
    let first = all.next().map(|(_, value)| value.as_str());
    assert!(all.next().is_none(), "{name} once");
    first
}

fn page_of(refusal: &Refusal) -> Page {
    Problem::from(refusal).page()
}

/// Status, code and what is said of trying again.
fn told(page: &Page) -> (u16, String, Option<&str>, Option<&str>) {
    let code = parsed(page)["error"]["code"].as_str().unwrap().to_owned();
    (page.status.as_u16(), code, field(page, "Retry-After"), field(page, "x-should-retry"))
}

#[test]
fn a_page_has_the_shape_of_openai() {
    let page = Problem::new(StatusCode::BAD_REQUEST, "kind", "code", "words").page();
    assert_eq!(page.body, r#"{"error":{"message":"words","type":"kind","param":null,"code":"code"}}"#.as_bytes(),);
    assert_eq!(field(&page, "content-type"), Some("application/json"));
}

#[test]
fn an_admin_page_has_a_timestamp() {
    let page = Problem::new(StatusCode::NOT_FOUND, "kind", "code", "words").admin_page(UnixMillis(1));
    let expected =
        json!({"error": {"message": "words", "type": "kind", "code": "code", "timestamp": "1970-01-01T00:00:00.001Z"}});
    assert_eq!(parsed(&page), expected);
}

#[test]
fn hostile_text_stays_inside_its_string() {
    let text = "\"},{\"x\":\"\\\u{0}\r\n\u{2028}</script>\u{1b}[31m é";
    let fault = UpstreamFault::Unreachable(DialError::Tls(text.into()));
    let page = Problem::from(fault).page();
    let body = parsed(&page);
    assert!(body["error"]["message"].as_str().unwrap().contains(text));
    assert_eq!(body["error"]["code"], "upstream_unreachable");
    assert!(page.body.iter().all(|b| *b >= 0x20), "control characters are escaped");
}

#[test]
fn a_bad_request_says_what_the_parser_said() {
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    let page = Problem::from(ClientFault::Request { status, code: "head_too_large", text: "too large".into() }).page();
    assert_eq!(told(&page), (431, "head_too_large".into(), None, None));
    assert_eq!(parsed(&page)["error"]["type"], "invalid_request_error");
}

#[test]
fn a_401_names_the_scheme_and_a_repeated_credential_is_400() {
    for (error, code) in [(AuthError::Missing, "missing_api_key"), (AuthError::Invalid, "invalid_api_key")] {
        let page = Problem::from(ClientFault::Auth(error)).page();
        assert_eq!(told(&page), (401, code.into(), None, None));
        assert!(field(&page, "WWW-Authenticate").unwrap().starts_with("Bearer"));
    }
    let page = Problem::from(ClientFault::Auth(AuthError::Repeated("api-key"))).page();
    assert_eq!(told(&page), (400, "repeated_credential".into(), None, None));
    assert_eq!(field(&page, "WWW-Authenticate"), None);
}

#[test]
fn faults_of_a_target() {
    for (error, status, code) in [
        (TargetError::Form, 400, "invalid_target"),
        (TargetError::DotSegment, 400, "dot_segment"),
        (TargetError::UnknownPool, 404, "unknown_pool"),
        (TargetError::PageNumber, 400, "invalid_page"),
    ] {
        let page = Problem::from(ClientFault::Target(error)).page();
        assert_eq!(told(&page), (status, code.into(), None, None));
    }
}

#[test]
fn other_faults_of_a_client() {
    let page = Problem::from(ClientFault::Method("GET, HEAD")).admin_page(UnixMillis(0));
    assert_eq!((page.status.as_u16(), field(&page, "Allow")), (405, Some("GET, HEAD")));
    let page = Problem::from(ClientFault::SlowBody).page();
    assert_eq!(told(&page), (408, "request_timeout".into(), None, None));
    // A client that repeated it would only feed the loop.
    let page = Problem::from(ClientFault::Loop).page();
    assert_eq!(told(&page), (508, "loop_detected".into(), None, Some("false")));
}

#[test]
fn faults_of_an_upstream() {
    for (fault, status, code, word) in [
        (UpstreamFault::Unreachable(DialError::Resolve("no such name".into())), 502, "upstream_unreachable", "resolve"),
        (UpstreamFault::Unreachable(DialError::Connect("refused".into())), 502, "upstream_unreachable", "refused"),
        (UpstreamFault::Unreachable(DialError::Timeout), 502, "upstream_unreachable", "in time"),
        (UpstreamFault::Unreachable(DialError::Resources("x".into())), 502, "upstream_unreachable", "descriptor"),
        (UpstreamFault::Lost, 502, "upstream_lost", "closed"),
        (UpstreamFault::Garbled("a bare LF".into()), 502, "upstream_garbled", "a bare LF"),
        (UpstreamFault::Silent, 504, "upstream_timeout", "in time"),
    ] {
        let page = Problem::from(fault).page();
        assert_eq!(told(&page), (status, code.into(), None, None));
        let body = parsed(&page);
        assert!(body["error"]["message"].as_str().unwrap().contains(word), "{body}");
        assert_eq!(body["error"]["type"], "server_error");
    }
}

#[test]
fn resting_keys_are_429_with_the_way_back() {
    for (millis, seconds, ms, should) in [
        (0, "1", "1", None),
        (1, "1", "1", None),
        (1_000, "1", "1000", None),
        (1_001, "2", "1001", None),
        (60_000, "60", "60000", None),
        (60_001, "61", "60001", Some("false")),
    ] {
        let page = page_of(&Refusal::Exhausted { back: Duration::from_millis(millis) });
        assert_eq!(told(&page), (429, "rate_limit_exceeded".into(), Some(seconds), should));
        assert_eq!(field(&page, "retry-after-ms"), Some(ms));
    }
}

#[test]
fn keys_that_are_out_are_503() {
    assert_eq!(
        told(&page_of(&Refusal::Unavailable { back: None })),
        (503, "no_available_keys".into(), None, Some("false"))
    );
    let page = no_available_keys(Some(Class::Quota), None).page();
    assert_eq!(told(&page), (503, "no_available_keys".into(), None, Some("false")));
    assert!(parsed(&page)["error"]["message"].as_str().unwrap().contains("quota"));
    let page = no_available_keys(Some(Class::KeyDead), Some(Duration::from_secs(7))).page();
    assert_eq!(told(&page), (503, "no_available_keys".into(), Some("7"), None));
    let page = no_available_keys(Some(Class::KeyDead), Some(Duration::from_secs(61))).page();
    assert_eq!(told(&page), (503, "no_available_keys".into(), None, Some("false")));
}

#[test]
fn other_refusals() {
    let page = page_of(&Refusal::ModelNotFound);
    assert_eq!(told(&page), (404, "model_not_found".into(), None, None));
    let page = page_of(&Refusal::NoConnection);
    assert_eq!(told(&page), (503, "no_free_connection".into(), Some("1"), None));
    let page = Problem::from(Unready::Draining).page();
    assert_eq!(told(&page), (503, "draining".into(), Some("1"), None));
    assert_eq!(told(&Problem::from(Unready::Full).page()).1, "too_many_connections");
}
