use super::*;

/// The suspects in a stream that is fed in these pieces, and whether it ends on a boundary.
fn watch<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, bool) {
    let (mut watcher, mut seen) = (Watcher::default(), Vec::new());
    for piece in pieces {
        watcher.feed(piece, |event| {
            seen.push(String::from_utf8_lossy(event.name).into_owned() + "|" + &String::from_utf8_lossy(&event.data));
        });
    }
    (seen, watcher.on_boundary())
}

/// The same whole, cut in two anywhere, and byte by byte.
fn all_ways(stream: &str) -> (Vec<String>, bool) {
    let bytes = stream.as_bytes();
    let whole = watch([bytes]);
    for at in 0..=bytes.len() {
        assert_eq!(watch([&bytes[..at], &bytes[at..]]), whole, "split at {at}: {stream:?}");
    }
    assert_eq!(watch(bytes.chunks(1)), whole, "{stream:?}");
    whole
}

#[test]
fn boundaries_with_every_line_end() {
    let rows = [
        ("", true),
        ("data: x", false),
        ("data: x\n", false),
        ("data: x\n\n", true),
        ("data: x\r\r", true),
        ("data: x\r\n", false),
        ("data: x\r\n\r", true),
        ("data: x\r\n\r\n", true),
        ("data: x\n\r\n", true),
        ("data: x\r\n\n", true),
        ("data: x\r\r\n", true),
        ("\n", true),
        (": keep-alive\n\n", true),
        (": keep-alive\n", false),
        ("\u{feff}", true),
        ("\u{feff}data: x\n\n", true),
        ("data: [DONE]\n\n", true),
        ("data: x\n\ndata: y", false),
    ];
    for (stream, expected) in rows {
        assert_eq!(all_ways(stream).1, expected, "{stream:?}");
    }
}

#[test]
fn errors_are_suspected_in_every_shape_and_text_is_not() {
    for end in ["\n", "\r", "\r\n"] {
        let stream = [
            "data: {\"choices\":[{\"delta\":{\"content\":\"an error, \\\"error\\\": 1\"}}]}\n\n",
            "data: {\"type\":\"response.created\",\"response\":{\"error\":null}}\n\n",
            "event: error\nid: 7\ndata: plain words\n\n",
            "data: {\"error\":{\"code\":\"c\"}}\n\n: error\n\n",
            "data: {\"type\":\n",
            "data: \"error\"}\n\n",
            "event:error\n\n",
            "data: [DONE]\n\ndata: {\"error\":",
        ]
        .concat()
        .replace('\n', end);
        let expected = ["error|plain words", "|{\"error\":{\"code\":\"c\"}}", "|{\"type\":\n\"error\"}", "error|"];
        assert_eq!(all_ways(&stream), (expected.map(str::to_owned).to_vec(), false), "{end:?}");
    }
}

#[test]
fn one_event_is_shown_once() {
    let stream = "data: {\"error\":{\"type\":\"error\"},\"type\":\"error\"}\n\ndata: {\"error\":1}\n\n";
    assert_eq!(all_ways(stream).0.len(), 2);
}

#[test]
fn an_event_over_the_bound_is_not_looked_at_however_it_comes() {
    for (fill, expected) in [(EVENT - 30, 1), (EVENT + 30, 0)] {
        let stream = format!("\n\r\ndata: {{\"error\":\"{}\"}}\n\ndata: y\n\n", "x".repeat(fill));
        for piece in [1, 7, 1000, 8192, stream.len()] {
            let (seen, boundary) = watch(stream.as_bytes().chunks(piece));
            assert_eq!((seen.len(), boundary), (expected, true), "{fill} in pieces of {piece}");
        }
    }
}

#[test]
fn memory_is_bounded_and_given_back() {
    let mut watcher = Watcher::default();
    for _ in 0..100 {
        watcher.feed(&[b'x'; 1000], |_| ());
        assert!(watcher.event.capacity() <= 2 * EVENT);
    }
    watcher.feed(b"\n\n", |_| ());
    assert_eq!((watcher.event.capacity(), watcher.long), (0, false));
}
