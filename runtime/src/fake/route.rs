//! Which answer a request gets: by its key, by its spec, by its path.

use super::answer::{Answer, Source};
use super::head::{Framing, Head};
use super::intake::{Intake, hex};
use super::provider::{Admission, Provider};
use super::rows::Row;
use super::spec::{Echo, Spec};
use super::{chat, pages, responses, websocket};
use keywheel_core::time::Instant;
use ring::digest::{SHA256, digest};
use serde_json::Value;
use std::borrow::Cow;

/// A request being answered.
pub(super) struct Call<'c> {
    pub(super) serial: u64,
    pub(super) head: &'c Head,
    pub(super) spec: &'c Spec,
    /// Unix seconds.
    pub(super) created: u64,
}

impl Call<'_> {
    /// An id of 24 characters, the same each time this request is answered.
    pub(super) fn id(&self, kind: &str) -> String {
        hex(&digest(&SHA256, format!("{kind}{}", self.serial).as_bytes()).as_ref()[..12])
    }

    /// The model that the answer names.
    pub(super) fn model(&self, body: &Value) -> String {
        body["model"].as_str().unwrap_or("gpt-4o").to_owned()
    }
}

/// The spec that a head brings: `x-fake`, or `fake=` in the query.
pub(super) fn spec_of_head(head: &Head) -> Result<Option<Spec>, String> {
    let text = head.get("x-fake").map(Cow::Borrowed).or_else(|| head.query("fake").map(percent_decoded));
    text.map(|t| t.parse()).transpose()
}

/// The spec that a body brings in its field `user`.
fn spec_of_body(body: Option<&Value>) -> Result<Option<Spec>, String> {
    let user = body.and_then(|b| b.get("user")).and_then(Value::as_str);
    user.filter(|text| text.starts_with("fake:")).map(str::parse).transpose()
}

/// The answer, and the spec that steers its bytes.
pub(super) fn answer(
    provider: &Provider,
    (serial, head, from_head): (u64, &Head, Option<&Spec>),
    intake: &Intake,
    now: Instant,
) -> (Answer, Spec) {
    let json = intake.json();
    let spec = match spec_of_body(json.as_ref()) {
        Ok(spec) => spec.or_else(|| from_head.cloned()).unwrap_or_default(),
        Err(why) => return (Answer::refuse(400, "bad_fake_spec", &why), Spec::default()),
    };
    let key = head.bearer();
    let Some(key) = key else {
        return (Answer::refuse(401, "", NO_KEY).with("www-authenticate", "Bearer"), spec);
    };
    let admission = provider.admit(key, now);
    let unknown = Spec::row("invalid_api_key").unwrap_or_default();
    let (admission, spec) = match admission {
        None => (None, unknown),
        Some(mut known) => {
            let imposed = known.imposed.take();
            (Some(known), imposed.unwrap_or(spec))
        }
    };
    let created = provider.options().wall.at(now).0 / 1000;
    let call = Call { serial, head, spec: &spec, created };
    let answer = steered(&call, key).unwrap_or_else(|| by_path(&call, intake, json.as_ref()));
    let answer = dressed(answer, &call, admission.as_ref(), key);
    provider.answered(Some(key), answer.status);
    let answer = if spec.gzip { answer.gzipped() } else { answer };
    (answer, spec)
}

const NO_KEY: &str = "You didn't provide an API key. You need to provide your API key in an Authorization header \
                      using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";

/// The answer that the spec asks for, if it asks for one.
fn steered(call: &Call<'_>, key: &str) -> Option<Answer> {
    let spec = call.spec;
    match (spec.error, spec.status) {
        (Some(row), _) => Some(Answer::error(row, spec, Some(key))),
        (None, Some(status)) if status >= 400 => Some(Answer::error(&Row::of_status(status), spec, Some(key))),
        (None, Some(204 | 304)) => {
            let status = spec.status.unwrap_or(204);
            Some(Answer { status, fields: Vec::new(), source: Source::Bytes(Vec::new()) })
        }
        _ => None,
    }
}

fn by_path(call: &Call<'_>, intake: &Intake, json: Option<&Value>) -> Answer {
    let path = call.head.path();
    let method = if call.head.method == "HEAD" { "GET" } else { call.head.method.as_str() };
    let mut answer = match (method, path) {
        ("GET", "/v1/realtime" | "/v1/responses") if websocket::wanted(call.head) => websocket::answer(call.head),
        ("GET", "/v1/models") => pages::models(call),
        ("POST", "/v1/files") => pages::file(call, intake),
        ("POST", "/v1/audio/transcriptions") => pages::transcription(intake),
        ("GET", "/v1/filler") => filler(call),
        (_, "/v1/echo") => echo(call),
        (_, "/v1/digest") => pages::digest(intake),
        ("POST", "/v1/chat/completions" | "/v1/responses" | "/v1/embeddings") => by_model(call, path, json),
        ("GET", _) if path.starts_with("/v1/models/") => pages::model(call, &path["/v1/models/".len()..]),
        _ => Answer::refuse(404, "unknown_url", &format!("Unknown request URL: {method} {path}.")),
    };
    if let Some(status) = call.spec.status {
        answer.status = status;
    }
    answer
}

fn by_model(call: &Call<'_>, path: &str, json: Option<&Value>) -> Answer {
    let Some(body) = json else {
        return Answer::refuse(400, "", "We could not parse the JSON body of your request.");
    };
    match body.get("model").and_then(Value::as_str) {
        None => return Answer::refuse(400, "", "you must provide a model parameter"),
        Some(model) if !pages::is_model(model) => return pages::no_model(model),
        Some(_) => {}
    }
    match path {
        "/v1/chat/completions" => chat::answer(call, body),
        "/v1/responses" => responses::answer(call, body),
        _ => pages::embeddings(call, body),
    }
}

/// GET /v1/filler: as many bytes as the spec says.
fn filler(call: &Call<'_>) -> Answer {
    let kind = ("content-type".into(), "application/octet-stream".into());
    Answer { status: 200, fields: vec![kind], source: Source::Filler(call.spec.bytes.unwrap_or(0)) }
}

/// /v1/echo: the body back, as it arrives.
fn echo(call: &Call<'_>) -> Answer {
    let kind = call.head.get("content-type").unwrap_or("application/octet-stream");
    let len = match call.head.framing {
        Framing::Length(n) => Some(n),
        Framing::Chunked => None,
    };
    Answer { status: 200, fields: vec![("content-type".into(), kind.into())], source: Source::Echo(len) }
}

/// Whether this request's body comes back as it arrives.
pub(super) fn is_echo(head: &Head) -> bool {
    head.path() == "/v1/echo"
}

/// Adds the fields that every answer of the provider carries.
fn dressed(answer: Answer, call: &Call<'_>, admission: Option<&Admission>, key: &str) -> Answer {
    let spec = call.spec;
    let mut answer = answer.with("x-request-id", format!("req_{}", call.id("req")));
    if let Some(known) = admission {
        let limit = |n: u64| n.to_string();
        let exhausted = spec.reset_requests.is_some();
        answer = answer
            .with("openai-organization", spec.account.clone().unwrap_or_else(|| known.account.clone()))
            .with("openai-processing-ms", "7")
            .with("openai-version", "2020-10-01")
            .with("x-ratelimit-limit-requests", "10000")
            .with("x-ratelimit-limit-tokens", "2000000")
            .with("x-ratelimit-remaining-requests", limit(if exhausted { 0 } else { known.remaining }))
            .with("x-ratelimit-remaining-tokens", if spec.reset_tokens.is_some() { "0" } else { "1999000" })
            .with("x-ratelimit-reset-requests", spec.reset_requests.as_deref().unwrap_or("6ms"))
            .with("x-ratelimit-reset-tokens", spec.reset_tokens.as_deref().unwrap_or("30ms"));
    }
    let optional = [
        ("retry-after", spec.retry_after.as_deref()),
        ("retry-after-ms", spec.retry_after_ms.as_deref()),
        ("x-should-retry", spec.should_retry.as_deref()),
        ("x-echo", (spec.echo_key == Some(Echo::Head)).then_some(key)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            answer = answer.with(name, value);
        }
    }
    let fill = "f".repeat(spec.field_size.unwrap_or(32) as usize);
    for n in 0..spec.fields {
        answer = answer.with(&format!("x-fill-{n}"), fill.as_str());
    }
    answer
}

fn percent_decoded(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned().into()
}
