//! One answer before it is bytes: status, fields, where the body comes from.

use super::responses;
use super::rows::{Row, Shape};
use super::spec::{Echo, Spec};
use super::{chat, gzip};
use serde_json::{Value, json};

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) fields: Vec<(String, String)>,
    pub(super) source: Source,
}

/// Where a body comes from.
#[derive(Debug)]
pub(super) enum Source {
    Bytes(Vec<u8>),
    /// So many bytes of filler.
    Filler(u64),
    /// Server-sent events, made one at a time.
    Chat(chat::Stream),
    /// Likewise.
    Responses(responses::Stream),
    /// The request's own body.
    Echo(Option<u64>),
}

impl Answer {
    pub(super) fn json(value: &Value) -> Answer {
        Answer::bytes(200, "application/json", value.to_string().into_bytes())
    }

    pub(super) fn bytes(status: u16, kind: &str, bytes: Vec<u8>) -> Answer {
        Answer { status, fields: vec![("content-type".into(), kind.into())], source: Source::Bytes(bytes) }
    }

    pub(super) fn events(source: Source) -> Answer {
        let kind = ("content-type".into(), "text/event-stream; charset=utf-8".into());
        Answer { status: 200, fields: vec![kind, ("cache-control".into(), "no-cache".into())], source }
    }

    /// A failed answer: the row, with what the spec says otherwise.
    pub(super) fn error(row: &Row, spec: &Spec, key: Option<&str>) -> Answer {
        let mut message = spec.message.clone().unwrap_or_else(|| row.message.to_owned());
        if row.name == "invalid_api_key" {
            message = format!("Incorrect API key provided: {}. {HELP}", masked(key.unwrap_or_default()));
        }
        if let (Some(Echo::Message), Some(key)) = (spec.echo_key, key) {
            message = format!("{message} The key was {key}.");
        }
        let kind = spec.kind.as_deref().unwrap_or(row.kind);
        let code = spec.code.as_deref().unwrap_or(row.code);
        let (kind, body) = match row.shape {
            Shape::OpenAi => ("application/json", error_body(&message, kind, code).to_string()),
            Shape::Html => {
                ("text/html", format!("<html>\r\n<body><center><h1>{message}</h1></center></body>\r\n</html>\r\n"))
            }
            Shape::Google => ("application/json", google_body(row.status, &message).to_string()),
            Shape::Empty => ("text/plain", String::new()),
        };
        Answer::bytes(spec.status.unwrap_or(row.status), kind, body.into_bytes())
    }

    /// A refusal of the client's own mistake.
    pub(super) fn refuse(status: u16, code: &str, message: &str) -> Answer {
        let body = error_body(message, "invalid_request_error", code);
        Answer::bytes(status, "application/json", body.to_string().into_bytes())
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Answer {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// The same with its body compressed; a stream stays as it is.
    pub(super) fn gzipped(mut self) -> Answer {
        if let Source::Bytes(bytes) = &self.source {
            self.source = Source::Bytes(gzip::gzip(bytes));
            return self.with("content-encoding", "gzip");
        }
        self
    }
}

impl Source {
    /// How many bytes, where that is known.
    pub(super) fn len(&self) -> Option<u64> {
        match self {
            Source::Bytes(bytes) => Some(bytes.len() as u64),
            Source::Filler(n) => Some(*n),
            Source::Chat(_) | Source::Responses(_) => None,
            Source::Echo(len) => *len,
        }
    }
}

const HELP: &str = "You can find your API key at https://platform.openai.com/account/api-keys.";

/// The error object of the OpenAI API.
pub(super) fn error_body(message: &str, kind: &str, code: &str) -> Value {
    let or_null = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    json!({"error": {"message": message, "type": or_null(kind), "param": null, "code": or_null(code)}})
}

fn google_body(status: u16, message: &str) -> Value {
    let details = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]);
    json!({"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT", "details": details}})
}

/// A key as OpenAI shows it: the first three characters, stars, the last four.
fn masked(key: &str) -> String {
    let all: Vec<char> = key.chars().collect();
    if all.len() < 12 {
        return "*".repeat(all.len());
    }
    let (head, tail): (String, String) = (all[..3].iter().collect(), all[all.len() - 4..].iter().collect());
    format!("{head}{}{tail}", "*".repeat(all.len() - 7))
}
