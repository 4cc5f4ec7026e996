//! Bytes as a request target: what goes upstream stays below the base URL, carries no credential, and is otherwise what
//! the client sent.

use keywheel_core::target::{self, Route};

const RESOURCES: &[&str] = &["chat", "models"];

/// Runs it.
pub fn run(data: &[u8]) {
    let Ok(route) = target::route(data, RESOURCES) else { return };
    let Route::Proxied(target) = route else {
        assert!(target::logged_path(data).is_ascii(), "an admin path is one of ours");
        return;
    };
    for prefix in ["", "/v1", "/openai/v1", "/apiv1"] {
        let mut out = b"GET ".to_vec();
        target.write(data, prefix, &mut out);
        let out = &out[4..];
        if out == b"*" {
            assert_eq!(data.split(|b| *b == b'?').next(), Some(&b"*"[..]));
            continue;
        }
        let (path, query) = split(out);
        assert!(path.starts_with(b"/") && path.starts_with(prefix.as_bytes()));
        assert!(!has_dots(path), "{}", path.escape_ascii());
        assert!(data.ends_with(split(data).1.unwrap_or_default()));
        assert!(count(path, b"/v1/v1/") <= count(split(data).0, b"/v1/v1/"), "no version is doubled");
        let kept: Vec<&[u8]> = query.map(|q| q.split(|b| *b == b'&').collect()).unwrap_or_default();
        let sent: Vec<&[u8]> = split(data).1.map(|q| q.split(|b| *b == b'&').collect()).unwrap_or_default();
        let expected: Vec<&[u8]> = sent.into_iter().filter(|parameter| !is_credential(parameter)).collect();
        assert_eq!(kept, expected, "the rest of the query in order");
    }
}

fn split(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = target.splitn(2, |b| *b == b'?');
    (parts.next().unwrap_or_default(), parts.next())
}

fn count(text: &[u8], part: &[u8]) -> usize {
    text.windows(part.len()).filter(|window| *window == part).count()
}

fn is_credential(parameter: &[u8]) -> bool {
    let name = decoded(parameter.split(|b| *b == b'=').next().unwrap_or_default());
    name == b"key" || name == b"api-key"
}

/// Whether some server could read a dot segment: one that decodes escaped percent signs first, and takes `\` for `/`.
fn has_dots(path: &[u8]) -> bool {
    let mut path = path.to_vec();
    while let Some(at) = path.windows(3).position(|window| window == b"%25") {
        path.drain(at + 1..at + 3);
    }
    let path = decoded(&path);
    path.split(|b| *b == b'/' || *b == b'\\').any(|segment| {
        let name = segment.split(|b| *b == b';').next().unwrap_or_default();
        name == b"." || name == b".."
    })
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let digits = text.get(at + 1..at + 3).and_then(|d| std::str::from_utf8(d).ok());
        let digits = digits.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|d| u8::from_str_radix(d, 16).ok()).filter(|_| text[at] == b'%') {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    out
}
