use super::*;
use crate::dialect::Dialect;
use crate::message::{FieldSpan, Fields};
use crate::time::UnixMillis;
use core::time::Duration;

/// Wed, 11 Nov 2026 12:00:00 GMT.
pub(super) const NOW: UnixMillis = UnixMillis(1_794_398_400_000);

/// Bytes and spans of a head that holds these fields.
pub(super) fn head(fields: &[(&str, &str)]) -> (Vec<u8>, Vec<FieldSpan>) {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    for (name, value) in fields {
        let start = bytes.len() as u32;
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        let name_end = start + name.len() as u32;
        let value_start = name_end + 2;
        let value_end = value_start + value.len() as u32;
        spans.push(FieldSpan { start, name_end, value_start, value_end, end: value_end + 2 });
    }
    (bytes, spans)
}

pub(super) fn judged(status: u16, fields: &[(&str, &str)], body: &str) -> Outcome {
    let (bytes, spans) = head(fields);
    let evidence = Evidence { status, fields: Fields::new(&bytes, &spans), body: body.as_bytes() };
    judge(Dialect::OpenAi, &evidence, NOW, None)
}

fn class(status: u16, body: &str) -> (Class, Blame) {
    let outcome = judged(status, &[], body);
    assert_eq!(outcome.status, status);
    (outcome.class, outcome.blame)
}

/// An error body in OpenAI's shape.
fn error(code: &str, kind: &str, message: &str) -> String {
    let word = |text: &str| if text.is_empty() { "null".to_owned() } else { format!("\"{text}\"") };
    format!(r#"{{"error":{{"message":{},"type":{},"param":null,"code":{}}}}}"#, word(message), word(kind), word(code))
}

#[test]
fn codes_decide() {
    use Blame::*;
    use Class::*;
    let rows = [
        (401, "invalid_api_key", KeyDead, Key),
        (401, "account_deactivated", KeyDead, Key),
        (401, "mismatched_organization", Client, Nobody),
        (401, "mismatched_project", Client, Nobody),
        (401, "ip_not_authorized", Config, Nobody),
        (403, "unsupported_country_region_territory", Config, Nobody),
        (403, "insufficient_permissions", Access, KeyModel),
        (403, "model_not_found", Access, KeyModel),
        (404, "model_not_found", Client, Nobody),
        (429, "rate_limit_exceeded", Rate, AccountModel),
        (429, "slow_down", Rate, AccountModel),
        (429, "insufficient_quota", Quota, Account),
        (429, "credit_balance_exhausted", Quota, Account),
        (429, "organization_spend_limit_exceeded", Quota, Account),
        (429, "organization_usage_limit_exceeded", Quota, Account),
        (429, "project_spend_limit_exceeded", Quota, Key),
        (429, "billing_hard_limit_reached", Quota, Account),
        (400, "billing_hard_limit_reached", Quota, Account),
        (400, "context_length_exceeded", Client, Nobody),
        (400, "content_policy_violation", Client, Nobody),
        (503, "server_is_overloaded", Overload, Nobody),
    ];
    for (status, code, expected, blame) in rows {
        let outcome = judged(status, &[], &error(code, "some_type", "Some words."));
        assert_eq!((outcome.class, outcome.blame), (expected, blame), "{status} {code}");
        assert_eq!(outcome.code.as_deref(), Some(code));
        assert_eq!(outcome.structured, status < 500, "{status} {code}");
    }
}

#[test]
fn types_decide_where_the_code_says_nothing() {
    assert_eq!(class(429, &error("", "insufficient_quota", "…")), (Class::Quota, Blame::Account));
    assert_eq!(class(429, &error("", "tokens", "…")), (Class::Rate, Blame::AccountModel));
    assert_eq!(class(429, &error("", "requests", "…")), (Class::Rate, Blame::AccountModel));
    assert_eq!(class(503, &error("", "service_unavailable_error", "…")), (Class::Overload, Blame::Nobody));
    let outcome = judged(429, &[], &error("", "tokens", "…"));
    assert_eq!((outcome.code.as_deref(), outcome.structured), (Some("tokens"), true));
    // The code is believed before the type.
    assert_eq!(class(429, &error("insufficient_quota", "tokens", "…")).0, Class::Quota);
    assert_eq!(class(429, &error("rate_limit_exceeded", "insufficient_quota", "…")).0, Class::Rate);
}

#[test]
fn words_decide_only_with_their_statuses() {
    let rows = [
        (401, "Invalid Authentication", Class::KeyDead),
        (401, "You must be a member of an organization to use the API", Class::KeyDead),
        (401, "OpenAI-Organization header should match organization for API key", Class::Client),
        (401, "OpenAI-Project header should match project for API key", Class::Client),
        (401, "Mismatched organization", Class::Client),
        (401, "Mismatched project", Class::Client),
        (401, "IP not authorized", Class::Config),
        (403, "Country, region, or territory not supported", Class::Config),
        (403, "You have insufficient permissions for this operation.", Class::Access),
        (403, "Project `p` does not have access to model `gpt-x`", Class::Access),
        (429, "You exceeded your current quota, please check your plan and billing details.", Class::Quota),
        (400, "Billing hard limit has been reached", Class::Quota),
        (404, "Billing hard limit has been reached", Class::Client),
        (422, "my text says: you exceeded your current quota", Class::Client),
        (500, "You exceeded your current quota", Class::Overload),
    ];
    for (status, message, expected) in rows {
        let outcome = judged(status, &[], &error("", "", message));
        assert_eq!((outcome.class, outcome.structured), (expected, false), "{status} {message}");
    }
}

#[test]
fn a_status_alone_is_the_last_resort() {
    let rows = [
        (401, Class::KeyDead),
        (403, Class::Unknown),
        (408, Class::Overload),
        (429, Class::Rate),
        (400, Class::Client),
        (404, Class::Client),
        (409, Class::Client),
        (413, Class::Client),
        (415, Class::Client),
        (422, Class::Client),
        (499, Class::Client),
        (500, Class::Overload),
        (502, Class::Overload),
        (503, Class::Overload),
        (504, Class::Overload),
        (529, Class::Overload),
        (999, Class::Overload),
        (101, Class::Ok),
        (200, Class::Ok),
        (304, Class::Ok),
        (399, Class::Ok),
    ];
    for (status, expected) in rows {
        for body in ["", "<html>502 Bad Gateway</html>", "{\"err", "null", "[]"] {
            let outcome = judged(status, &[], body);
            assert_eq!((outcome.class, outcome.structured), (expected, false), "{status} {body}");
        }
    }
}

#[test]
fn payment_required_is_quota_whatever_the_code_and_rate_when_a_wait_is_stated() {
    let body = error("rate_limit_exceeded", "", "…");
    let outcome = judged(402, &[], &body);
    assert_eq!((outcome.class, outcome.blame, outcome.rest), (Class::Quota, Blame::Key, None));
    let outcome = judged(402, &[("retry-after", "7")], &error("insufficient_quota", "", "…"));
    assert_eq!((outcome.class, outcome.rest), (Class::Rate, Some(Duration::from_secs(7))));
}

#[test]
fn a_dead_key_hides_in_a_400() {
    let body = r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[
        {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"},
        {"@type":"type.googleapis.com/google.rpc.LocalizedMessage","locale":"en-US"}]}}"#;
    assert_eq!(class(400, body), (Class::KeyDead, Blame::Key));
    assert_eq!(class(400, &format!("[{body}]")), (Class::KeyDead, Blame::Key));
    assert!(judged(400, &[], body).structured);
}

#[test]
fn slow_down_rests_a_second() {
    let outcome = judged(429, &[], &error("slow_down", "rate_limit_error", "…"));
    assert_eq!((outcome.class, outcome.rest), (Class::Rate, Some(Duration::from_secs(1))));
}

#[test]
fn only_the_body_of_a_4xx_can_change_the_verdict() {
    for status in 100..1000 {
        let differs = ["invalid_api_key", "insufficient_quota", "slow_down"]
            .iter()
            .any(|code| class(status, &error(code, "", "")) != class(status, ""));
        assert_eq!((400..500).contains(&status), differs || status == 402, "{status}");
    }
}

#[test]
fn account_and_code_are_bounded() {
    let named = |value: &str| judged(429, &[("OpenAI-Organization", value)], "").account;
    assert_eq!(named("org-1").as_deref(), Some("org-1"));
    assert_eq!(named(""), None);
    assert_eq!(named("org 1"), None);
    assert_eq!(named(&"o".repeat(129)), None);
    assert_eq!(judged(400, &[], &error("Bad code", "fine_type", "")).code.as_deref(), Some("fine_type"));
    assert_eq!(judged(400, &[], &error(&"c".repeat(65), "", "")).code, None);
}

#[test]
fn gzip_is_decoded_for_the_verdict_even_when_it_is_cut() {
    let body = super::gzip::tests::gzip(error("insufficient_quota", "t", &"long words ".repeat(50)).as_bytes(), 0, b"");
    let (bytes, spans) = head(&[("content-encoding", "gzip")]);
    for cut in [body.len(), body.len() - 9, 12, 3] {
        let evidence = Evidence { status: 429, fields: Fields::new(&bytes, &spans), body: &body[..cut] };
        let class = judge(Dialect::OpenAi, &evidence, NOW, None).class;
        assert_eq!(class, if cut > 12 { Class::Quota } else { Class::Rate }, "cut at {cut}");
    }
}

#[test]
fn error_events_are_judged_by_the_same_table() {
    let event = |name: &str, data: &str| {
        let event = crate::sse::Event { name: name.as_bytes(), data: data.as_bytes().into() };
        event_error(Dialect::OpenAi, &event).map(|o| (o.class, o.blame, o.status, o.code.as_deref().map(str::to_owned)))
    };
    let seen = |class, blame, status, code: &str| Some((class, blame, status, Some(code.to_owned())));
    assert_eq!(
        event("", &error("rate_limit_exceeded", "tokens", "…")),
        seen(Class::Rate, Blame::AccountModel, 0, "rate_limit_exceeded")
    );
    assert_eq!(
        event("error", r#"{"type":"error","code":"server_error","message":"m","param":null}"#),
        seen(Class::Overload, Blame::Nobody, 0, "server_error")
    );
    assert_eq!(
        event("", r#"{"type":"response.failed","response":{"error":{"code":"insufficient_quota"}}}"#),
        seen(Class::Quota, Blame::Account, 0, "insufficient_quota")
    );
    assert_eq!(
        event("", r#"{"error":{"code":502,"message":"Provider disconnected"},"choices":[]}"#),
        Some((Class::Overload, Blame::Nobody, 502, None))
    );
    assert_eq!(event("error", "went wrong"), Some((Class::Unknown, Blame::Key, 0, None)));
    assert_eq!(event("", r#"{"type":"error"}"#), Some((Class::Unknown, Blame::Key, 0, None)));
    assert_eq!(event("", r#"{"type":"response.created","response":{"error":null}}"#), None);
    assert_eq!(event("", r#"{"item":{"type":"mcp_call","error":{"code":"c"}}}"#), None);
}
