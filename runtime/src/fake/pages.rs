//! The answers that are neither chat nor responses: embeddings, models, files, transcriptions, digest.

use super::answer::Answer;
use super::intake::Intake;
use super::multipart::Part;
use super::route::Call;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The models there are; a name that goes on with `-` behind one of these is a dated version of it.
const MODELS: [&str; 12] = [
    "gpt-4o",
    "gpt-4.1",
    "gpt-5",
    "gpt-realtime",
    "gpt-3.5-turbo",
    "o3",
    "o4",
    "text-embedding-3-small",
    "text-embedding-3-large",
    "whisper-1",
    "tts-1",
    "omni-moderation",
];

/// Longest vector.
const DIMENSIONS_MAX: u64 = 8192;

/// Whether there is such a model.
pub(super) fn is_model(name: &str) -> bool {
    MODELS.iter().any(|m| name.strip_prefix(m).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
}

/// GET /v1/models
pub(super) fn models(call: &Call<'_>) -> Answer {
    let data: Vec<Value> = MODELS.iter().map(|name| model_object(call, name)).collect();
    Answer::json(&json!({"object": "list", "data": data}))
}

/// GET /v1/models/{id}
pub(super) fn model(call: &Call<'_>, name: &str) -> Answer {
    if is_model(name) { Answer::json(&model_object(call, name)) } else { no_model(name) }
}

/// 404 for a model that is not there.
pub(super) fn no_model(name: &str) -> Answer {
    let message = format!("The model `{name}` does not exist or you do not have access to it.");
    Answer::refuse(404, "model_not_found", &message)
}

fn model_object(call: &Call<'_>, name: &str) -> Value {
    json!({"id": name, "object": "model", "created": call.created, "owned_by": "system"})
}

/// POST /v1/embeddings, as numbers or, as the SDKs ask, in base64.
pub(super) fn embeddings(call: &Call<'_>, body: &Value) -> Answer {
    let count = match body.get("input") {
        Some(Value::Array(items)) if items.first().is_some_and(|i| !i.is_number()) => items.len(),
        Some(Value::String(_) | Value::Array(_)) => 1,
        _ => return Answer::refuse(400, "missing_required_parameter", "Missing required parameter: 'input'."),
    };
    let dimensions = body["dimensions"].as_u64().unwrap_or(1536).clamp(1, DIMENSIONS_MAX);
    let encoded = body["encoding_format"] == "base64";
    let rows: Vec<Value> = (0..count.min(2048) as u64)
        .map(|index| {
            let vector: Vec<f32> = (0..dimensions).map(|i| ((index * 31 + i * 7) % 97) as f32 / 97.0 - 0.5).collect();
            let embedding = if encoded { base64_floats(&vector).into() } else { json!(vector) };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let tokens = super::chat::input_tokens(body);
    Answer::json(&json!({
        "object": "list", "data": rows, "model": call.model(body),
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }))
}

fn base64_floats(vector: &[f32]) -> String {
    STANDARD.encode(vector.iter().flat_map(|f| f.to_le_bytes()).collect::<Vec<u8>>())
}

/// The file of a form, or the code and message of a refusal.
fn form_file(intake: &Intake) -> Result<&Part, (&'static str, &'static str)> {
    let form = intake.parts.as_ref().filter(|form| form.complete()).ok_or(("", "Could not parse multipart form."))?;
    let file = form.named("file").filter(|part| part.filename.is_some());
    file.ok_or(("missing_required_parameter", "Missing required parameter: 'file'."))
}

fn form_text(intake: &Intake, name: &str) -> Option<String> {
    let part = intake.parts.as_ref()?.named(name)?;
    Some(String::from_utf8_lossy(&part.value).into_owned())
}

/// POST /v1/files
pub(super) fn file(call: &Call<'_>, intake: &Intake) -> Answer {
    let file = match form_file(intake) {
        Ok(file) => file,
        Err((code, message)) => return Answer::refuse(400, code, message),
    };
    let Some(purpose) = form_text(intake, "purpose") else {
        return Answer::refuse(400, "missing_required_parameter", "Missing required parameter: 'purpose'.");
    };
    Answer::json(&json!({
        "id": format!("file-{}", call.id("file")), "object": "file", "bytes": file.len, "created_at": call.created,
        "expires_at": null, "filename": file.filename, "purpose": purpose, "status": "processed", "status_details": null,
    }))
}

/// POST /v1/audio/transcriptions
pub(super) fn transcription(intake: &Intake) -> Answer {
    let file = match form_file(intake) {
        Ok(file) => file,
        Err((code, message)) => return Answer::refuse(400, code, message),
    };
    match form_text(intake, "model") {
        Some(model) if is_model(&model) => {}
        Some(model) => return no_model(&model),
        None => return Answer::refuse(400, "missing_required_parameter", "Missing required parameter: 'model'."),
    }
    let text = format!("A recording of {} bytes.", file.len);
    if form_text(intake, "response_format").as_deref() == Some("text") {
        return Answer::bytes(200, "text/plain; charset=utf-8", (text + "\n").into_bytes());
    }
    let seconds = file.len.div_ceil(32_000);
    Answer::json(&json!({"text": text, "usage": {"type": "duration", "seconds": seconds}}))
}

/// POST /v1/digest: what arrived, in numbers.
pub(super) fn digest(intake: &Intake) -> Answer {
    let body = intake.body(0);
    Answer::json(&json!({"object": "digest", "length": body.len, "sha256": body.sha256}))
}
