//! /v1/chat/completions: the whole object, and the stream of chunks.

use super::answer::{Answer, Source, error_body};
use super::route::Call;
use super::rows::Row;
use serde_json::{Value, json};

/// Pieces of text when nothing else is asked for.
const PIECES: u32 = 8;
const WORDS: [&str; 8] = ["The", " wheel", " turns", ",", " another", " key", " answers", "."];

/// The text of an answer, in pieces: the same whether it is streamed or not.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pieces: u32,
    size: Option<u32>,
}

impl Text {
    pub(super) fn of(call: &Call<'_>) -> Text {
        let spec = call.spec;
        let size = spec.size.or(spec.bytes.map(|_| 1024));
        let pieces = match (spec.bytes, size) {
            // As many pieces of the size asked for as make that many bytes, rounded up.
            (Some(bytes), Some(size)) => u32::try_from(bytes.div_ceil(u64::from(size))).unwrap_or(u32::MAX),
            _ => spec.chunks.unwrap_or(PIECES),
        };
        Text { pieces: pieces.min(TEXT_MAX / size.unwrap_or(1).max(LONGEST_WORD)), size }
    }

    pub(super) fn pieces(&self) -> u32 {
        self.pieces
    }

    pub(super) fn piece(&self, n: u32) -> String {
        let word = WORDS[n as usize % WORDS.len()];
        match self.size {
            Some(size) => word.trim().chars().cycle().take(size as usize).collect(),
            None => word.to_owned(),
        }
    }

    pub(super) fn whole(&self) -> String {
        (0..self.pieces).map(|n| self.piece(n)).collect()
    }
}

/// Longest text of one answer: 64 MiB.
const TEXT_MAX: u32 = 64 * 1024 * 1024;
const LONGEST_WORD: u32 = 8;

/// Tokens of the request, roughly as a tokenizer counts: four bytes each.
pub(super) fn input_tokens(body: &Value) -> u64 {
    let input = body.get("messages").or(body.get("input")).map(Value::to_string).unwrap_or_default();
    (input.len() as u64).div_ceil(4)
}

fn usage(input: u64, output: u64) -> Value {
    json!({
        "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
    })
}

/// Answers a chat request.
pub(super) fn answer(call: &Call<'_>, body: &Value) -> Answer {
    if !body.get("messages").is_some_and(Value::is_array) {
        return Answer::refuse(400, "missing_required_parameter", "Missing required parameter: 'messages'.");
    }
    let text = Text::of(call);
    let id = format!("chatcmpl-{}", call.id("chat"));
    let model = call.model(body);
    let input = input_tokens(body);
    if body["stream"] == true {
        let usage = body["stream_options"]["include_usage"] == true;
        let stream = Stream {
            id,
            model,
            created: call.created,
            text,
            input,
            usage,
            step: 0,
            error: call.spec.event_error,
            comments: call.spec.comments,
        };
        return Answer::events(Source::Chat(stream));
    }
    Answer::json(&json!({
        "id": id, "object": "chat.completion", "created": call.created, "model": model,
        "choices": [{
            "index": 0, "logprobs": null, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text.whole(), "refusal": null, "annotations": []},
        }],
        "usage": usage(input, text.pieces().into()), "service_tier": "default", "system_fingerprint": "fp_fake",
    }))
}

/// A chat answer as events: the role, the pieces, the finish, perhaps the usage, `[DONE]`.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    id: String,
    model: String,
    created: u64,
    text: Text,
    input: u64,
    usage: bool,
    step: u32,
    error: Option<&'static Row>,
    comments: bool,
}

impl Stream {
    /// The next event, its empty line included.
    pub(super) fn next(&mut self) -> Option<String> {
        let (step, pieces) = (self.step, self.text.pieces());
        self.step = self.step.saturating_add(1);
        let delta = |delta: Value, finish: Value| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
        let data = match step {
            0 => self
                .chunk(delta(json!({"role": "assistant", "content": "", "refusal": null}), Value::Null), Value::Null),
            n if n <= pieces => self.chunk(delta(json!({"content": self.text.piece(n - 1)}), Value::Null), Value::Null),
            n if n == pieces + 1 => match self.error {
                Some(row) => {
                    self.step = u32::MAX;
                    error_body(row.message, row.kind, row.code).to_string()
                }
                None => self.chunk(delta(json!({}), "stop".into()), Value::Null),
            },
            n if n == pieces + 2 && self.usage => self.chunk(json!([]), usage(self.input, pieces.into())),
            n if n == pieces + 2 + u32::from(self.usage) => "[DONE]".to_owned(),
            _ => return None,
        };
        let comment = if self.comments { ": keep-alive\n\n" } else { "" };
        Some(format!("{comment}data: {data}\n\n"))
    }

    fn chunk(&self, choices: Value, usage: Value) -> String {
        let mut chunk = json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "service_tier": "default", "system_fingerprint": "fp_fake", "choices": choices,
        });
        if self.usage {
            chunk["usage"] = usage;
        }
        chunk.to_string()
    }
}
