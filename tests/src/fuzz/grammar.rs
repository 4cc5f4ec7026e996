//! Requests and answers that bytes choose: every choice has a plain first alternative, so that most are good HTTP/1 and
//! some have a deliberate defect.

use crate::mutation::mutator::mutate;
use fastrand::Rng;

/// Bytes that choose; once there are no more, the plainest.
pub(super) struct Source<'d>(&'d [u8]);

impl<'d> Source<'d> {
    pub(super) fn new(data: &'d [u8]) -> Self {
        Source(data)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    fn one_of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.below(all.len())]
    }

    /// A length: mostly small, sometimes one that fills buffers.
    fn length(&mut self) -> usize {
        match self.byte() {
            n @ 0..=191 => n.into(),
            n => usize::from(n - 191) * 257,
        }
    }

    /// Damage with a chance of a few in 256.
    fn defect(&mut self, bytes: &mut Vec<u8>, few: u8) {
        if self.byte() > u8::MAX - few {
            let seed = u64::from(self.byte()) << 8 | u64::from(self.byte());
            mutate(bytes, &mut Rng::with_seed(seed));
        }
    }
}

const METHODS: &[&str] = &["POST", "GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"];
const TARGETS: &[&str] = &["/v1/chat/completions", "/v1/models/x", "http://a/v1/files?n=1", "/v1/files?key=sk-x&n=2"];
const VERSIONS: &[&str] = &["1.1", "1.1", "1.1", "1.1", "1.1", "1.1", "1.0\r\nConnection: keep-alive", "1.0"];
const REQUEST_FIELDS: &[&str] = &[
    "Content-Type: application/json\r\n",
    "Accept: text/event-stream\r\n",
    "Authorization: Bearer of-the-client\r\n",
    "Connection: keep-alive, X-A\r\nX-A: 1\r\n",
    "Connection: close\r\n",
    "Expect: 100-continue\r\n",
    "TE: trailers\r\n",
    "Idempotency-Key: 1\r\n",
    "Cookie: a=b\r\n",
    "X-B: a, b,\r\nx-b: \r\n",
];
const BODIES: &[&str] = &["", "{\"model\":\"gpt-x\"}", "{\"stream\":true,\"model\":\"gpt-x\",\"messages\":[]}", "{"];

/// The `n`-th request of a client, which says so in the field [`super::conversation::NUMBER`].
pub(super) fn request(source: &mut Source<'_>, number: &str, n: usize) -> Vec<u8> {
    let (method, target, version) = (source.one_of(METHODS), source.one_of(TARGETS), source.one_of(VERSIONS));
    let mut bytes = format!("{method} {target} HTTP/{version}\r\nHost: a\r\n{number}: {n}\r\n").into_bytes();
    fields(source, REQUEST_FIELDS, &mut bytes);
    let body = body(source, BODIES);
    match source.byte() {
        0..=95 if body.is_empty() && method != "POST" => bytes.extend(b"\r\n"),
        0..=159 => bytes.extend([format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat()),
        _ => chunked(source, &body, &mut bytes),
    }
    source.defect(&mut bytes, 40);
    bytes
}

const STATUSES: &[&str] = &[
    "200 OK",
    "200",
    "429 Slow",
    "500 Oops",
    "401 No",
    "403 No",
    "400 Bad",
    "404 No",
    "503 Busy",
    "529 Full",
    "408 Late",
    "201 Made",
    "204 Empty",
    "304 Same",
];
const INTERIM: &[&str] = &["HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"];
const ANSWER_FIELDS: &[&str] = &[
    "Content-Type: application/json\r\n",
    "Content-Type: text/event-stream\r\n",
    "Retry-After: 1\r\n",
    "Connection: close\r\n",
    "Keep-Alive: timeout=5\r\n",
    "x-should-retry: false\r\n",
    "Connection: X-C\r\nX-C: 1\r\n",
    "x-ratelimit-reset-requests: 6m0s\r\n",
];
const ANSWERS: &[&str] = &[
    "{}",
    "data: {\"a\":1}\n\ndata: [DONE]\n\n",
    "{\"error\":{\"code\":\"invalid_api_key\",\"message\":\"no\"}}",
    "{\"error\":{\"code\":\"insufficient_quota\"}}",
    "{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"try again in 2s\"}}",
    "data: {\"error\":{\"type\":\"server_error\"}}\n\n",
    "{\"error\":{\"code\":\"model_not_found\"}}",
    "",
];

/// The `k`-th answer that upstreams give, to `method`, which says so in a field `mark`.
pub(super) fn answer(source: &mut Source<'_>, mark: &str, k: usize, method: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..source.byte().saturating_sub(200) / 20 {
        bytes.extend(source.one_of(INTERIM).as_bytes());
    }
    let (status, old) = (source.one_of(STATUSES), source.byte() > 240);
    bytes.extend(format!("HTTP/1.{} {status} \r\n{mark}: {k}\r\n", u8::from(!old)).as_bytes());
    fields(source, ANSWER_FIELDS, &mut bytes);
    let body = body(source, ANSWERS);
    let bodiless = method == "HEAD" || matches!(&status[..3], "204" | "304");
    match source.byte() {
        _ if bodiless => bytes.extend(b"\r\n"),
        0..=119 => bytes.extend([format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat()),
        120..=199 => chunked(source, &body, &mut bytes),
        200..=229 => bytes.extend([b"\r\n", &body[..]].concat()),
        n => bytes.extend([format!("Content-Length: {}\r\n\r\n", n - 230).as_bytes(), &body].concat()),
    }
    source.defect(&mut bytes, 30);
    bytes
}

fn fields(source: &mut Source<'_>, all: &[&str], bytes: &mut Vec<u8>) {
    for _ in 0..source.below(4) {
        bytes.extend(source.one_of(all).as_bytes());
    }
}

fn body(source: &mut Source<'_>, known: &[&str]) -> Vec<u8> {
    match source.byte() {
        n @ 0..=199 => known[usize::from(n) % known.len()].as_bytes().to_vec(),
        _ => vec![b'a'; source.length()],
    }
}

/// The chunked coding of a body, its Transfer-Encoding first.
fn chunked(source: &mut Source<'_>, mut body: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
    while !body.is_empty() {
        let (chunk, rest) = body.split_at(body.len().min(1 + source.length()));
        let extension = source.one_of(&["", "", "", ";a", " ; a = \"b\\\"\""]);
        bytes.extend([format!("{:x}{extension}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
        body = rest;
    }
    bytes.extend(format!("0\r\n{}\r\n", source.one_of(&["", "", "X-Sum: 1\r\n"])).as_bytes());
}
