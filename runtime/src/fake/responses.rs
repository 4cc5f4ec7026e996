//! /v1/responses: the whole object, and the stream of typed events.

use super::answer::{Answer, Source};
use super::chat::{Text, input_tokens};
use super::route::Call;
use super::rows::Row;
use serde_json::{Value, json};

/// Answers a responses request.
pub(super) fn answer(call: &Call<'_>, body: &Value) -> Answer {
    if body.get("input").is_none() {
        return Answer::refuse(400, "missing_required_parameter", "Missing required parameter: 'input'.");
    }
    let stream = Stream {
        id: format!("resp_{}", call.id("resp")),
        item: format!("msg_{}", call.id("msg")),
        model: call.model(body),
        created: call.created,
        text: Text::of(call),
        input: input_tokens(body),
        step: 0,
        error: call.spec.event_error,
        comments: call.spec.comments,
    };
    if body["stream"] == true {
        return Answer::events(Source::Responses(stream));
    }
    Answer::json(&stream.response("completed"))
}

/// A response as events: created, in progress, the item and its part opened, deltas, all closed, completed.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    id: String,
    item: String,
    model: String,
    created: u64,
    text: Text,
    input: u64,
    step: u32,
    error: Option<&'static Row>,
    comments: bool,
}

impl Stream {
    /// The next event, its empty line included.
    pub(super) fn next(&mut self) -> Option<String> {
        let step = self.step;
        let (kind, mut data) = self.event(step)?;
        self.step = if kind == "error" { u32::MAX } else { step + 1 };
        data["type"] = kind.into();
        data["sequence_number"] = step.into();
        let comment = if self.comments { ": keep-alive\n\n" } else { "" };
        Some(format!("{comment}event: {kind}\ndata: {data}\n\n"))
    }

    fn event(&self, step: u32) -> Option<(&'static str, Value)> {
        let pieces = self.text.pieces();
        let at = |mut data: Value| {
            data["item_id"] = self.item.as_str().into();
            data["output_index"] = 0.into();
            data["content_index"] = 0.into();
            data
        };
        Some(match step {
            0 => ("response.created", json!({"response": self.response("in_progress")})),
            1 => ("response.in_progress", json!({"response": self.response("in_progress")})),
            2 => ("response.output_item.added", json!({"output_index": 0, "item": self.message("in_progress")})),
            3 => ("response.content_part.added", at(json!({"part": part("")}))),
            n if n < 4 + pieces => {
                ("response.output_text.delta", at(json!({"delta": self.text.piece(n - 4), "logprobs": []})))
            }
            n => match (n - 4 - pieces, self.error) {
                (0, Some(row)) => ("error", json!({"code": row.code, "message": row.message, "param": null})),
                (0, None) => ("response.output_text.done", at(json!({"text": self.text.whole(), "logprobs": []}))),
                (1, None) => ("response.content_part.done", at(json!({"part": part(&self.text.whole())}))),
                (2, None) => {
                    ("response.output_item.done", json!({"output_index": 0, "item": self.message("completed")}))
                }
                (3, None) => ("response.completed", json!({"response": self.response("completed")})),
                _ => return None,
            },
        })
    }

    fn message(&self, status: &str) -> Value {
        let content = if status == "completed" { json!([part(&self.text.whole())]) } else { json!([]) };
        json!({"id": self.item, "type": "message", "status": status, "role": "assistant", "content": content})
    }

    fn response(&self, status: &str) -> Value {
        let done = status == "completed";
        let output = u64::from(self.text.pieces());
        let usage = json!({
            "input_tokens": self.input, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": output, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self.input + output,
        });
        json!({
            "id": self.id, "object": "response", "created_at": self.created, "status": status, "model": self.model,
            "error": null, "incomplete_details": null, "instructions": null, "max_output_tokens": null,
            "output": if done { json!([self.message("completed")]) } else { json!([]) },
            "parallel_tool_calls": true, "previous_response_id": null,
            "reasoning": {"effort": null, "summary": null}, "store": true, "temperature": 1.0,
            "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
            "truncation": "disabled", "usage": if done { usage } else { Value::Null }, "user": null, "metadata": {},
        })
    }
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}
