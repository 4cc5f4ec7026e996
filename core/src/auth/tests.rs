use super::*;
use crate::message::Written;

fn verdict(fields: &[(&str, &str)], query: Option<&str>) -> Result<(), AuthError> {
    let tokens = Tokens::new(["tok-1", "other", "a+b/c="]);
    check(Written::of(fields).fields(), query.map(str::as_bytes), tokens.as_ref())
}

#[test]
fn every_accepted_form_lets_in() {
    for (name, value) in [
        ("Authorization", "Bearer tok-1"),
        ("authorization", "bearer tok-1"),
        ("AUTHORIZATION", "BEARER   other"),
        ("x-api-key", "tok-1"),
        ("X-Api-Key", "tok-1"),
        ("api-key", "other"),
        ("x-goog-api-key", "tok-1"),
        ("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.tok-1, openai-beta.realtime-v1"),
    ] {
        assert_eq!(verdict(&[("Host", "x"), (name, value)], None), Ok(()), "{name}: {value}");
    }
    for query in ["key=tok-1", "a=b&key=tok-1&c", "api-key=other", "key=%74ok-1", "key=a%2Bb%2fc%3D", "k%65y=tok-1"] {
        assert_eq!(verdict(&[], Some(query)), Ok(()), "{query}");
    }
}

#[test]
fn forms_that_are_not_accepted_are_invalid() {
    for (name, value) in [
        ("Authorization", "Basic dG9rLTE6"),
        ("Authorization", "tok-1"),
        ("Authorization", "Bearer"),
        ("Authorization", "Bearer "),
        ("Authorization", "Bearertok-1"),
        ("Authorization", "Bearer\ttok-1"),
        ("Authorization", "Bearer \ttok-1"),
        ("Authorization", "Bearer tok-1, Bearer other"),
        ("Authorization", "Bearer tok-1,other"),
        ("Authorization", "Bearer tok-1 x"),
        ("x-api-key", "tok-1,other"),
        ("x-api-key", "Bearer tok-1"),
        ("x-api-key", ""),
        ("Sec-WebSocket-Protocol", "openai-insecure-api-key."),
    ] {
        assert_eq!(verdict(&[(name, value)], None), Err(AuthError::Invalid), "{name}: {value}");
    }
    for query in ["key=", "key", "key=tok-2", "key=tok-1%", "api-key=tok%2d"] {
        assert_eq!(verdict(&[], Some(query)), Err(AuthError::Invalid), "{query}");
    }
}

#[test]
fn nothing_that_is_a_credential_is_missing() {
    assert_eq!(verdict(&[], None), Err(AuthError::Missing));
    let fields = [("Cookie", "tok-1"), ("x_api_key", "tok-1"), ("Sec-WebSocket-Protocol", "realtime")];
    assert_eq!(verdict(&fields, Some("Key=tok-1&token=tok-1")), Err(AuthError::Missing));
}

#[test]
fn near_misses_are_invalid() {
    for token in ["tok-", "tok-11", "Tok-1", "tok-1\u{e9}", "tok-2"] {
        assert_eq!(verdict(&[("x-api-key", token)], None), Err(AuthError::Invalid), "{token}");
    }
}

#[test]
fn of_several_places_each_must_be_valid() {
    let good = [("Authorization", "Bearer tok-1"), ("x-api-key", "other")];
    assert_eq!(verdict(&good, Some("key=tok-1")), Ok(()));
    assert_eq!(verdict(&good, Some("key=nobody")), Err(AuthError::Invalid));
    let mixed = [("Authorization", "Basic eDp5"), ("x-api-key", "other")];
    assert_eq!(verdict(&mixed, None), Err(AuthError::Invalid));
}

#[test]
fn the_same_place_twice_is_repeated() {
    let twice = [("Authorization", "Bearer tok-1"), ("authorization", "Bearer tok-1")];
    assert_eq!(verdict(&twice, None), Err(AuthError::Repeated("Authorization")));
    assert_eq!(verdict(&[("api-key", "x"), ("API-KEY", "x")], None), Err(AuthError::Repeated("api-key")));
    assert_eq!(verdict(&[], Some("key=tok-1&key=tok-1")), Err(AuthError::Repeated("?key")));
    let protocols = "openai-insecure-api-key.tok-1, openai-insecure-api-key.tok-1";
    let repeated = verdict(&[("Sec-WebSocket-Protocol", protocols)], None);
    assert!(matches!(repeated, Err(AuthError::Repeated(_))));
    // A list field may come in several lines (RFC 6455 section 11.3.4).
    let lines = [("Sec-WebSocket-Protocol", "a"), ("Sec-WebSocket-Protocol", "openai-insecure-api-key.tok-1")];
    assert_eq!(verdict(&lines, None), Ok(()));
}

#[test]
fn an_admin_call_ignores_the_query() {
    let tokens = Tokens::new(["tok-1"]);
    let given = Written::of(&[("x-api-key", "tok-1")]);
    assert_eq!(check_admin(given.fields(), tokens.as_ref()), Ok(()));
    assert_eq!(check_admin(Fields::new(&[], &[]), tokens.as_ref()), Err(AuthError::Missing));
}

#[test]
fn without_tokens_nothing_is_asked_for() {
    let given = Written::of(&[("x-api-key", "a"), ("x-api-key", "b")]);
    assert_eq!(check(given.fields(), Some(b"key=1&key=2"), None), Ok(()));
}

#[test]
fn tokens_are_a_set_without_the_empty_one() {
    assert!(Tokens::new(["", ""]).is_none());
    let set = Tokens::new(["", "a", "b"]).unwrap();
    assert_eq!((set.count(), format!("{set:?}").as_str()), (2, "Tokens(2)"));
    assert!(set.overlaps(&Tokens::new(["x", "b"]).unwrap()));
    assert!(!set.overlaps(&Tokens::new(["x"]).unwrap()));
}

#[test]
fn what_is_stripped_from_the_fields() {
    for name in [
        "Authorization",
        "X-API-KEY",
        "api-key",
        "x-goog-api-key",
        "Cookie",
        "Proxy-Authorization",
        "OpenAI-Organization",
        "openai-project",
    ] {
        assert!(strips(name.as_bytes()), "{name}");
    }
    for name in ["Accept", "OpenAI-Beta", "Set-Cookie", "Sec-WebSocket-Protocol", "x-api-version", "user-agent", ""] {
        assert!(!strips(name.as_bytes()), "{name}");
    }
}

#[test]
fn what_is_kept_of_a_query() {
    for (query, kept) in [
        ("", "?"),
        ("a=1&b=2", "?a=1&b=2"),
        ("a=1&&b=%2F+x&", "?a=1&&b=%2F+x&"),
        ("key=T", ""),
        ("key=T&api-key=U", ""),
        ("key", ""),
        ("key=T&a=1", "?a=1"),
        ("a=1&key=T", "?a=1"),
        ("a=1&key=T&b=2&%6bey=U&c", "?a=1&b=2&c"),
        ("keys=1&monkey=2&Key=3", "?keys=1&monkey=2&Key=3"),
        ("api%2Dkey=T&x", "?x"),
    ] {
        let runs: Vec<&[u8]> = kept_query(query.as_bytes()).collect();
        let joined = runs.join(&b"&"[..]);
        let text = if runs.is_empty() { String::new() } else { format!("?{}", String::from_utf8(joined).unwrap()) };
        assert_eq!(text, kept, "{query}");
    }
}

#[test]
fn a_query_without_credentials_is_one_run() {
    let query = b"a=1&b=2&c=3";
    assert!(kept_query(query).eq([&query[..]]));
}

#[test]
fn what_is_kept_of_websocket_protocols() {
    for (value, kept) in [
        ("realtime", "realtime"),
        ("realtime ,x", "realtime ,x"),
        ("realtime, openai-insecure-api-key.T, openai-beta.realtime-v1", "realtime, openai-beta.realtime-v1"),
        ("OpenAI-Insecure-Api-Key.T", ""),
        ("openai-insecure-api-key.T,b", "b"),
        ("openai-insecure-api-key", "openai-insecure-api-key"),
    ] {
        assert_eq!(&*kept_protocols(value.as_bytes()), kept.as_bytes(), "{value}");
    }
}
