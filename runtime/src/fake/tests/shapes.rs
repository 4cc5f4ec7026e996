//! The answers have the shapes of the real API.

use super::*;
use base64::Engine as _;
use serde_json::{Value, json};

fn events(text: &str) -> Vec<(Option<String>, Value)> {
    let body = split(text).1;
    let data = |event: &str| {
        let kind = event.lines().find_map(|l| l.strip_prefix("event: ")).map(str::to_owned);
        let data = event.lines().find_map(|l| l.strip_prefix("data: ")).expect("data");
        (kind, serde_json::from_str(data).unwrap_or_else(|_| data.into()))
    };
    body.trim_end().split("\n\n").map(data).collect()
}

#[test]
fn chat_whole() {
    let text = answer(&provider(), &json_post("/v1/chat/completions", &chat("")));
    let it = json_of(&text);
    assert_eq!((&it["object"], &it["model"]), (&"chat.completion".into(), &"gpt-4o".into()));
    assert!(it["id"].as_str().is_some_and(|id| id.starts_with("chatcmpl-")));
    assert_eq!(it["choices"][0]["message"]["content"], "The wheel turns, another key answers.");
    assert_eq!(it["choices"][0]["finish_reason"], "stop");
    let usage = |name: &str| it["usage"][name].as_u64().expect("a number");
    assert_eq!(usage("prompt_tokens") + usage("completion_tokens"), usage("total_tokens"));
    assert!(text.contains("x-request-id: req_") && text.contains("x-ratelimit-limit-requests: 10000\r\n"), "{text}");
}

#[test]
fn chat_streamed() {
    for include_usage in [false, true] {
        let mut body = chat("fake:chunks=3");
        body["stream"] = true.into();
        body["stream_options"] = json!({"include_usage": include_usage});
        let text = answer(&provider(), &json_post("/v1/chat/completions", &body));
        assert!(text.contains("content-type: text/event-stream"), "{text}");
        let events = events(&text);
        assert_eq!(events.len(), 6 + usize::from(include_usage));
        assert_eq!(events[0].1["choices"][0]["delta"]["role"], "assistant");
        let content: String =
            events[1..4].iter().map(|(_, e)| e["choices"][0]["delta"]["content"].as_str().expect("text")).collect();
        assert_eq!(content, "The wheel turns");
        assert_eq!(events[4].1["choices"][0]["finish_reason"], "stop");
        assert_eq!(events.last().map(|e| &e.1), Some(&Value::from("[DONE]")));
        assert_eq!(events[1].1.get("usage").is_some(), include_usage);
        assert!(
            !include_usage || events[5].1["choices"] == json!([]) && events[5].1["usage"]["completion_tokens"] == 3
        );
    }
}

#[test]
fn chat_of_a_size() {
    for stream in [false, true] {
        let mut body = chat("fake:bytes=5000,size=100,event_comments");
        body["stream"] = stream.into();
        let text = answer(&provider(), &json_post("/v1/chat/completions", &body));
        let content = if stream {
            assert!(split(&text).1.starts_with(": keep-alive\n\n"));
            let body = split(&text).1.replace(": keep-alive\n\n", "");
            let chunks = body.matches("\"content\":\"").count();
            assert_eq!(chunks, 51, "role and fifty");
            continue;
        } else {
            json_of(&text)["choices"][0]["message"]["content"].as_str().map(str::len)
        };
        assert_eq!(content, Some(5000));
    }
}

#[test]
fn responses_whole_and_streamed() {
    let mut body = json!({"model": "gpt-4.1", "input": "hi"});
    let whole = json_of(&answer(&provider(), &json_post("/v1/responses", &body)));
    assert_eq!((&whole["object"], &whole["status"]), (&"response".into(), &"completed".into()));
    let words = "The wheel turns, another key answers.";
    assert_eq!(whole["output"][0]["content"][0]["text"], words);
    body["stream"] = true.into();
    let events = events(&answer(&provider(), &json_post("/v1/responses", &body)));
    let kinds: Vec<&str> = events.iter().map(|(kind, _)| kind.as_deref().expect("a kind")).collect();
    assert_eq!(
        kinds[..4],
        ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"]
    );
    assert_eq!(kinds[4..12], ["response.output_text.delta"; 8]);
    assert_eq!(
        kinds[12..],
        ["response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed"]
    );
    for (n, (kind, data)) in events.iter().enumerate() {
        assert_eq!((&data["sequence_number"], data["type"].as_str()), (&n.into(), kind.as_deref()));
    }
    let text: String = events[4..12].iter().map(|(_, e)| e["delta"].as_str().expect("text")).collect();
    assert_eq!(text, words);
    assert_eq!(events[15].1["response"]["usage"], whole["usage"]);
}

#[test]
fn embeddings_in_both_encodings() {
    let ask = |format: &str| {
        let body =
            json!({"model": "text-embedding-3-small", "input": ["a", "b"], "dimensions": 4, "encoding_format": format});
        json_of(&answer(&provider(), &json_post("/v1/embeddings", &body)))
    };
    let (floats, packed) = (ask("float"), ask("base64"));
    let vector: Vec<f32> = floats["data"][1]["embedding"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|f| f.as_f64().expect("a number") as f32)
        .collect();
    let coded = packed["data"][1]["embedding"].as_str().expect("text");
    let bytes = base64::engine::general_purpose::STANDARD.decode(coded).expect("base64");
    let unpacked: Vec<f32> = bytes.chunks(4).map(|b| f32::from_le_bytes(b.try_into().expect("four"))).collect();
    assert_eq!((vector.len(), &vector), (4, &unpacked));
    assert_eq!(floats["usage"], packed["usage"]);
}

#[test]
fn models() {
    let provider = provider();
    let list = json_of(&answer(&provider, &get("/v1/models", "")));
    assert!(list["data"].as_array().is_some_and(|all| all.iter().any(|m| m["id"] == "gpt-4o")));
    assert_eq!(json_of(&answer(&provider, &get("/v1/models/gpt-4o-mini", "")))["id"], "gpt-4o-mini");
    let none = answer(&provider, &get("/v1/models/gpt-4oops", ""));
    assert!(none.starts_with("HTTP/1.1 404 ") && none.contains("model_not_found"), "{none}");
}

#[test]
fn mistakes_of_the_client() {
    let provider = provider();
    let case = |path: &str, body: &str| answer(&provider, &post(path, "Content-Type: application/json\r\n", body));
    for (path, body, status) in [
        ("/v1/chat/completions", "{", "400"),
        ("/v1/chat/completions", "{\"messages\":[]}", "400"),
        ("/v1/chat/completions", "{\"model\":\"gpt-4o\"}", "400"),
        ("/v1/chat/completions", "{\"model\":\"none\",\"messages\":[]}", "404"),
        ("/v1/responses", "{\"model\":\"o3\"}", "400"),
        ("/v1/embeddings", "{\"model\":\"text-embedding-3-small\"}", "400"),
        ("/v1/nothing", "{}", "404"),
    ] {
        let text = case(path, body);
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {body}: {text}");
        assert_eq!(json_of(&text)["error"]["type"], "invalid_request_error");
    }
}

fn form(parts: &[(&str, &str)]) -> String {
    let part = |(disposition, content): &(&str, &str)| {
        format!("--b-1\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n")
    };
    parts.iter().map(part).collect::<String>() + "--b-1--\r\n"
}

#[test]
fn uploads() {
    let kind = "Content-Type: multipart/form-data; boundary=\"b-1\"\r\n";
    let content = "line\r\n--b-2\r\n".repeat(1000);
    let file = ("name=\"file\"; filename=\"a.jsonl\"", content.as_str());
    let body = form(&[("name=\"purpose\"", "batch"), file, ("name=\"empty\"", "")]);
    let request = post("/v1/files", kind, &body);
    for step in [1, 7, 1000, request.len()] {
        let provider = provider();
        let mut peer = Peer::new(&provider);
        peer.send_by(&request, step);
        let it = json_of(&peer.text());
        assert_eq!(
            (&it["bytes"], &it["filename"], &it["purpose"]),
            (&13_000.into(), &"a.jsonl".into(), &"batch".into())
        );
    }
    let provider = provider();
    let refused = answer(&provider, &post("/v1/files", kind, &form(&[file])));
    assert!(refused.starts_with("HTTP/1.1 400 ") && refused.contains("purpose"), "{refused}");
    let cut = answer(&provider, &post("/v1/files", kind, &body[..body.len() - 8]));
    assert!(cut.starts_with("HTTP/1.1 400 ") && cut.contains("multipart"), "{cut}");

    let audio = ("name=\"file\"; filename=\"a.wav\"", "riff");
    let model = ("name=\"model\"", "whisper-1");
    let it = json_of(&answer(&provider, &post("/v1/audio/transcriptions", kind, &form(&[audio, model]))));
    assert_eq!((&it["text"], &it["usage"]["seconds"]), (&"A recording of 4 bytes.".into(), &1.into()));
    let plain = form(&[audio, model, ("name=\"response_format\"", "text")]);
    let text = answer(&provider, &post("/v1/audio/transcriptions", kind, &plain));
    assert_eq!(split(&text).1, "A recording of 4 bytes.\n");
}
