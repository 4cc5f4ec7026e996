use super::*;

#[test]
fn model_and_stream_wherever_they_stand() {
    let body =
        br#"{"messages":[{"role":"user","content":"{\"model\":\"no\"}","model":"no"}],"stream":true,"model":"gpt-4o"}"#;
    for at in 0..=body.len() {
        let mut fields = RequestFields::default();
        fields.feed(&body[..at]);
        fields.feed(&body[at..]);
        assert_eq!((fields.model(), fields.stream(), fields.is_done()), (Some("gpt-4o"), true, true), "split at {at}");
    }
}

#[test]
fn escapes_in_key_and_value_are_decoded() {
    let fields = RequestFields::of(br#"{"mod\u0065l":"gpt\u002d\ud83d\ude00\n\"x\"\ud800"}"#);
    assert_eq!(fields.model(), Some("gpt-\u{1F600}\n\"x\"\u{FFFD}"));
}

#[test]
fn the_last_of_two_equal_keys_counts() {
    assert_eq!(RequestFields::of(br#"{"model":"a","model":"b"}"#).model(), Some("b"));
    assert_eq!(RequestFields::of(br#"{"model":"a","model":{"model":"c"}}"#).model(), None);
    assert!(!RequestFields::of(br#"{"stream":true,"stream":"true"}"#).stream());
}

#[test]
fn an_overlong_or_empty_model_is_none() {
    let model = |len| RequestFields::of(format!(r#"{{"model":"{}"}}"#, "m".repeat(len)).as_bytes()).into_model();
    assert_eq!(model(0), None);
    assert_eq!(model(256).map(|m| m.len()), Some(256));
    assert_eq!(model(257), None);
}

#[test]
fn what_is_no_object_holds_nothing() {
    for text in ["", "[]", "[{\"model\":\"a\"}]", "\"model\"", "1", "{]", "{\"model\" \"a\"}", "\u{feff}", "--form\r\n"]
    {
        assert_eq!(RequestFields::of(text.as_bytes()).model(), None, "{text}");
    }
    assert_eq!(RequestFields::of("\u{feff} {\"model\":\"a\"}".as_bytes()).model(), Some("a"));
}

#[test]
fn depth_costs_no_stack_and_no_time() {
    let deep = "[".repeat(200_000);
    let body = format!("{{\"x\":{deep}{},\"model\":\"m\"}}", deep.replace('[', "]"));
    assert_eq!(RequestFields::of(body.as_bytes()).model(), Some("m"));
}

#[test]
fn error_bodies_in_each_shape() {
    let read = |text: &str| ErrorBody::read(text.as_bytes());
    let text = |text: &str| Some(Box::from(text));
    let wrapped = read(r#"{"error":{"message":"m","type":"t","param":null,"code":"c"},"code":"top"}"#);
    assert_eq!(
        wrapped,
        ErrorBody { wrapped: true, code: text("c"), kind: text("t"), message: text("m"), ..Default::default() }
    );
    assert_eq!(read(r#"{"error":"words"}"#).message, text("words"));
    assert_eq!(read(r#"{"error":{"code":429}}"#).number, Some(429));
    assert_eq!(read(r#"{"object":"error","message":"m","type":"t","code":"1300"}"#).code, text("1300"));
    assert_eq!(read(r#"[{"error":{"details":[{"a":1},{"reason":"R"}]}}]"#).reason, text("R"));
    assert_eq!(read(r#"{"type":"response.failed","response":{"error":{"code":"c"}}}"#).code, text("c"));
    assert!(!read(r#"{"error":null}"#).wrapped);
    // Cut inside the message: what was read so far stands.
    assert_eq!(read(r#"{"error":{"code":"c","message":"You exc"#).message, text("You exc"));
}

#[test]
fn usage_is_the_last_object_of_that_name_that_holds_counts() {
    let find = |text: &str| {
        let mut finder = UsageFinder::default();
        finder.feed(text.as_bytes());
        let whole = finder.usage();
        for at in 0..=text.len() {
            let mut finder = UsageFinder::default();
            finder.feed(&text.as_bytes()[..at]);
            finder.feed(&text.as_bytes()[at..]);
            assert_eq!(finder.usage(), whole, "split at {at}: {text}");
        }
        whole
    };
    let usage = |input, output, total, cached| Some(Usage { input, output, total, cached });
    let chat = r#"{"choices":[],"usage" : {"prompt_tokens":5,"completion_tokens":7,"total_tokens":12,
        "prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"cached_tokens":99}}}"#;
    assert_eq!(find(chat), usage(5, 7, 12, 3));
    assert_eq!(find(r#"data: {"usage":{"input_tokens":1,"output_tokens":2}}"#), usage(1, 2, 3, 0));
    assert_eq!(find(r#"{"usage":null}"#), None);
    assert_eq!(find(r#"{"content":"\"usage\":{\"prompt_tokens\":1}"}"#), None);
    assert_eq!(
        find(r#"{"usage":{"input_tokens":1}} {"usage":{"type":"string"}} "usage":"usage":{"#),
        usage(1, 0, 1, 0)
    );
    assert_eq!(find(r#"{"usage":{"input_tokens":1"#), None);
    assert_eq!(find(r#"{"usage":{"input_tokens":-1,"output_tokens":1e3,"total_tokens":99999999999999999999}}"#), None);
}
