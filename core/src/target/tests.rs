use super::*;

const RESOURCES: &[&str] = &["chat", "models", "responses"];

/// What goes upstream for this target below this prefix.
fn sent(raw: &str, prefix: &str) -> String {
    match route(raw.as_bytes(), RESOURCES) {
        Ok(Route::Proxied(target)) => {
            let mut out = b"POST ".to_vec();
            target.write(raw.as_bytes(), prefix, &mut out);
            String::from_utf8(out.split_off(5)).unwrap()
        }
        other => panic!("{raw}: {other:?}"),
    }
}

#[test]
fn ordinary_targets_arrive_byte_for_byte() {
    for raw in [
        "/",
        "/v1",
        "/v1/",
        "/v1/chat/completions",
        "/v1/models/gpt-4o%2Fx?a=%20&b=1&&c",
        "/v1beta/models/gemini-pro:generateContent?alt=sse",
        "/v1//chat",
        "/v1/files/report..pdf",
        "/.well-known/x",
        "/v1/...",
        "/v1/a?x=/../y&z=\\",
        "/v2/chat/completions",
        "/chats/1",
        "/a/v1/v1/b",
        "/!$&'()*+,;=:@~\"<>^`{|}",
        "*",
    ] {
        assert_eq!(sent(raw, ""), raw);
    }
}

#[test]
fn what_is_normalised() {
    for (raw, expected) in [
        ("//v1/chat/completions", "/v1/chat/completions"),
        ("///v1/models?x=1", "/v1/models?x=1"),
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/v1", "/v1"),
        ("/v1/v1/v1/models", "/v1/models"),
        ("/v1/v1x", "/v1/v1x"),
        ("/chat/completions?x", "/v1/chat/completions?x"),
        ("/models", "/v1/models"),
        ("//responses/r_1", "/v1/responses/r_1"),
        ("", "/"),
        ("?x=1", "/?x=1"),
    ] {
        assert_eq!(sent(raw, ""), expected, "{raw}");
    }
}

#[test]
fn a_prefix_goes_before_and_v1_stands_once() {
    for (raw, prefix, expected) in [
        ("/v1/chat/completions", "/openai", "/openai/v1/chat/completions"),
        ("/v1/chat/completions", "/openai/v1", "/openai/v1/chat/completions"),
        ("/chat/completions", "/openai/v1", "/openai/v1/chat/completions"),
        ("/chat/completions", "/openai", "/openai/v1/chat/completions"),
        ("/v1", "/v1", "/v1"),
        ("/v1?a=1", "/v1", "/v1?a=1"),
        ("/v1x/y", "/v1", "/v1/v1x/y"),
        ("/other", "/v1", "/v1/other"),
        ("/v1/x", "/apiv1", "/apiv1/v1/x"),
        ("/v1/x", "/v1beta", "/v1beta/v1/x"),
        ("/", "/p", "/p/"),
        ("", "/p", "/p"),
        ("*", "/p", "*"),
    ] {
        assert_eq!(sent(raw, prefix), expected, "{raw} below {prefix}");
    }
}

#[test]
fn the_default_pool_can_be_named() {
    for (raw, expected) in [
        ("/proxy/default/v1/chat/completions", "/v1/chat/completions"),
        ("/proxy/default/chat/completions", "/v1/chat/completions"),
        ("//proxy/default//v1/v1/models?a", "/v1/models?a"),
        ("/proxy/default/stats", "/stats"),
        ("/proxy/default", "/"),
        ("/proxy/default?a=1", "/?a=1"),
        ("/proxy", "/proxy"),
        ("/proxyx/y", "/proxyx/y"),
        ("/v1/proxy/other/x", "/v1/proxy/other/x"),
    ] {
        assert_eq!(sent(raw, ""), expected, "{raw}");
    }
    for raw in ["/proxy/other/v1/x", "/proxy/", "/proxy//v1", "/proxy/Default/v1", "/proxy/defaul%74/v1", "//proxy/x"] {
        assert_eq!(route(raw.as_bytes(), RESOURCES), Err(TargetError::UnknownPool), "{raw}");
    }
}

#[test]
fn dot_segments_are_refused_however_spelled() {
    for path in [
        "/.",
        "/..",
        "/./x",
        "/v1/../x",
        "/v1/..",
        "/v1/%2e%2e/x",
        "/v1/%2E./x",
        "/v1/.%2e",
        "/v1/%2e",
        "/v1/..;/x",
        "/v1/..;a=b/x",
        "/v1/.;x",
        "/v1/%2e%2e%3bx",
        "/v1%2f../x",
        "/v1%2F..%2Fx",
        "/v1/%2f..",
        "/a%5c..%5cb",
        "/a\\b",
        "/v1/%252e%252e/x",
        "/v1/%25252e./x",
        "/v1%252f..%252fx",
        "//../x",
        "/proxy/default/../x",
        "/proxy/other/../x",
        "/health/..",
    ] {
        assert_eq!(route(path.as_bytes(), RESOURCES), Err(TargetError::DotSegment), "{path}");
    }
    for path in
        ["/a.b", "/..a", "/a..", "/a%2e%2e", "/%2", "/%", "/%zz./x", "/a%5cb", "/%25", "/%252", "/a%2fb", "/x;.."]
    {
        assert_eq!(sent(path, ""), path);
    }
}

#[test]
fn targets_that_are_no_path_are_refused() {
    for raw in ["v1/chat", "http:/x", "**", "*/x"] {
        assert_eq!(route(raw.as_bytes(), RESOURCES), Err(TargetError::Form), "{raw}");
    }
}

#[test]
fn credentials_never_stay_in_the_query() {
    assert_eq!(sent("/v1/x?key=SECRET", ""), "/v1/x");
    assert_eq!(sent("/v1/x?a=1&key=SECRET&b=2&api-key=S", ""), "/v1/x?a=1&b=2");
    assert_eq!(sent("/v1/x?k%65y=SECRET&%20", ""), "/v1/x?%20");
}

#[test]
fn admin_paths_are_exact() {
    for (raw, page) in [
        ("/health", AdminPage::Health),
        ("/livez", AdminPage::Livez),
        ("/readyz", AdminPage::Readyz),
        ("/stats", AdminPage::Stats),
        ("/blacklist", AdminPage::Blacklist),
        ("/reset-keys", AdminPage::ResetKeys),
        ("/reload", AdminPage::Reload),
    ] {
        assert_eq!(route(raw.as_bytes(), RESOURCES), Ok(Route::Admin(page)), "{raw}");
    }
    for raw in ["/stats/", "/STATS", "/healthXYZ", "/%73tats", "/stats;x", "/reset-keys/1", "/stat"] {
        assert_eq!(sent(raw, ""), raw);
    }
    assert_eq!(sent("//stats", ""), "/stats");
}

#[test]
fn an_admin_page_is_a_number_from_one() {
    for (query, page) in [("?page=2", 2), ("?a&page=17&page=3", 17), ("?", 1), ("?pages=0", 1)] {
        let raw = format!("/stats{query}");
        assert_eq!(route(raw.as_bytes(), RESOURCES), Ok(Route::Admin(AdminPage::Stats)), "{raw}");
        assert_eq!(number(super::query(raw.as_bytes())), Ok(page), "{raw}");
    }
    for query in ["?page=0", "?page=", "?page=x", "?page=-1", "?page=+1", "?page=99999999999"] {
        assert_eq!(number(super::query(query.as_bytes())), Err(TargetError::PageNumber), "{query}");
    }
}

#[test]
fn what_is_logged_holds_no_query() {
    assert_eq!(logged_path(b"/v1/x?key=SECRET"), b"/v1/x");
    assert_eq!((query(b"/v1/x?"), query(b"/v1/x")), (Some(&b""[..]), None));
}
