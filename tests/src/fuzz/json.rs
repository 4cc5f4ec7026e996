//! JSON: any cut gives the same fields, and where the text is valid they are those of a parser that builds the tree.

use super::{cuts, pieces};
use keywheel_core::json::{ErrorBody, RequestFields, Usage, UsageFinder};
use serde_json::{Deserializer, Value};

/// Takes a text.
pub fn run(text: &[u8]) {
    let (whole, mut usage) = (RequestFields::of(text), UsageFinder::default());
    usage.feed(text);
    for lengths in cuts(text) {
        let (mut cut, mut usage_cut) = (RequestFields::default(), UsageFinder::default());
        for piece in pieces(text, &lengths) {
            cut.feed(piece);
            usage_cut.feed(piece);
        }
        assert_eq!((whole.model(), whole.stream()), (cut.model(), cut.stream()));
        assert_eq!(whole.is_done(), cut.is_done());
        assert_eq!(usage.usage(), usage_cut.usage());
    }
    let error = ErrorBody::read(text);
    let Ok(value) = serde_json::from_slice::<Value>(text) else { return };
    assert_eq!(whole.model(), value["model"].as_str().filter(|model| (1..=256).contains(&model.len())));
    assert_eq!(whole.stream(), value["stream"] == true);
    if let Some(expected) = naive_error(&value) {
        assert_eq!(error, expected);
    }
    if !text.windows(8).any(|w| w == b"_details")
        && let Some(expected) = naive_usage(text)
    {
        assert_eq!(usage.usage(), expected);
    }
}

/// `None` where it depends on the order of different keys, which the tree has lost.
fn naive_error(value: &Value) -> Option<ErrorBody> {
    let none = Value::Null;
    let list: Vec<&Value> =
        value.as_array().map_or_else(Vec::new, |list| list.iter().filter_map(|v| v.get("error")).collect());
    let inner = value.get("response").and_then(|response| response.get("error"));
    let error = match (value.get("error"), inner) {
        (Some(_), Some(_)) => return None,
        (Some(error), None) | (None, Some(error)) => error,
        (None, None) => list.last().copied().unwrap_or(&none),
    };
    // `response` twice leaves an error of the first behind, which the tree has lost.
    let wrapped = error.is_object() || error.is_string() || error.is_array();
    if !wrapped && value.get("response").is_some() {
        return None;
    }
    let source = if wrapped { error } else { value };
    let mut expected = ErrorBody {
        wrapped,
        code: word(&source["code"]),
        number: source["code"].as_u64().and_then(|n| u16::try_from(n).ok()),
        kind: word(&source["type"]),
        message: message(&source["message"]),
        reason: None,
    };
    if wrapped {
        expected.message = expected.message.or_else(|| message(error));
        let details = error["details"].as_array().map_or(&[][..], Vec::as_slice);
        expected.reason = details.iter().filter_map(|detail| detail.get("reason")).next_back().and_then(word);
    }
    Some(expected)
}

fn word(value: &Value) -> Option<Box<str>> {
    value.as_str().filter(|word| word.len() <= 128).map(Into::into)
}

fn message(value: &Value) -> Option<Box<str>> {
    let bytes = value.as_str()?.as_bytes();
    Some(String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).into())
}

/// Looks at each `"usage"` with a parser for the object behind it. `None` where one names a count twice.
fn naive_usage(text: &[u8]) -> Option<Option<Usage>> {
    const KEY: &[u8] = b"\"usage\"";
    let (mut at, mut found) = (0, None);
    while at < text.len() {
        let rest = &text[at..];
        let Some(behind) = rest.strip_prefix(KEY) else {
            at += 1;
            continue;
        };
        at += KEY.len();
        let Some(object) = behind.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start) else { continue };
        if !object.starts_with(b"{") {
            continue;
        }
        let mut stream = Deserializer::from_slice(object).into_iter::<Value>();
        let Some(Ok(usage)) = stream.next() else { continue };
        at = text.len() - object.len() + stream.byte_offset();
        let count = |a: &str, b: &str| usage.get(a).or(usage.get(b)).and_then(Value::as_u64).unwrap_or(0);
        if usage.get("prompt_tokens").and(usage.get("input_tokens")).is_some()
            || usage.get("completion_tokens").and(usage.get("output_tokens")).is_some()
        {
            return None;
        }
        let (input, output) = (count("prompt_tokens", "input_tokens"), count("completion_tokens", "output_tokens"));
        let total = count("total_tokens", "total_tokens");
        if (input, output, total) != (0, 0, 0) {
            let total = if total > 0 { total } else { input.saturating_add(output) };
            found = Some(Usage { input, output, total, cached: 0 });
        }
    }
    Some(found)
}
