//! One thing a client wants: a request as a value, its bytes, and how the client behaves while it is under way.

use std::fmt::Write as _;

/// A request that a client will make.
#[derive(Clone, Debug)]
pub struct Errand {
    /// Unique in its world; sent as `x-sim-id`, by which upstream requests are matched with client requests.
    pub id: u32,
    /// Method.
    pub method: &'static str,
    /// Target.
    pub target: String,
    /// Another way to write the target, which is sent instead.
    pub said: Option<String>,
    /// The line that carries its credential, or `?` and what of the query does; `None`: as its client does.
    pub credential: Option<String>,
    /// Model that its body names; empty when none.
    pub model: &'static str,
    /// Further field lines, without CRLF.
    pub fields: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
    /// How the body is framed.
    pub framing: Upload,
    /// What is sent through the tunnel once the answer has opened one.
    pub frames: Vec<u8>,
    /// Ask for `100 Continue`, and wait for it this long (microseconds) before the body is sent anyway.
    pub expect: Option<u64>,
    /// The body stops once for so long (microseconds) after so many bytes.
    pub pause: Option<(usize, u64)>,
    /// The client leaves before the end.
    pub leave: Option<Leave>,
    /// What was done to the head so that it is no good request any more.
    pub mangled: Option<&'static str>,
    /// Raw bytes that take the place of the rendered request.
    pub raw: Option<Vec<u8>>,
    /// The credential is wrong.
    pub unauthorized: bool,
    /// The answer asked of the upstream steers how it ends, so that it may not arrive whole.
    pub spec: String,
}

/// How a request's body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upload {
    /// There is none.
    None,
    /// Content-Length.
    Length,
    /// Chunks of so many bytes; `true`: with extensions and trailers.
    Chunks(usize, bool),
}

/// When and how a client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leave {
    /// When.
    pub when: When,
    /// How.
    pub how: Leaving,
}

/// When a client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// After so many bytes of the request.
    Sent(usize),
    /// After so many bytes of the answer.
    Got(usize),
    /// So many microseconds after the request began.
    After(u64),
}

/// How a client leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// Closes.
    Fin,
    /// Resets.
    Reset,
    /// Closes its sending half and goes on reading.
    HalfClose,
    /// Is gone, and its connection stays open: it neither reads nor writes any more.
    Deaf,
}

impl Errand {
    /// A GET without anything special.
    pub fn get(id: u32, target: &str) -> Self {
        Errand {
            id,
            method: "GET",
            target: target.to_owned(),
            said: None,
            credential: None,
            model: "",
            fields: Vec::new(),
            body: Vec::new(),
            framing: Upload::None,
            frames: Vec::new(),
            expect: None,
            pause: None,
            leave: None,
            mangled: None,
            raw: None,
            unauthorized: false,
            spec: String::new(),
        }
    }

    /// Whether it may be started again after an ambiguous failure (RFC 9110 section 9.2.2).
    pub fn idempotent(&self) -> bool {
        matches!(self.method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE")
    }

    /// Whether its client leaves so.
    pub fn leaves(&self, how: Leaving) -> bool {
        self.leave.is_some_and(|leave| leave.how == how)
    }

    /// Becomes a plain GET.
    pub fn retreat(&mut self) {
        *self = Errand::get(self.id, "/v1/models");
    }

    /// How much there is to it beyond a plain request.
    pub fn dressing(&self) -> usize {
        usize::from(self.pause.is_some())
            + usize::from(self.leave.is_some())
            + usize::from(self.expect.is_some())
            + usize::from(!self.spec.is_empty())
            + self.body.len().min(100).div_ceil(10)
    }

    /// Its head, or the raw bytes in its place.
    pub fn head(&self, credential: &str) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let credential = self.credential.as_deref().filter(|_| !self.unauthorized).unwrap_or(credential);
        let mut target = self.said.clone().unwrap_or_else(|| self.target.clone());
        let (credential, query) = credential.strip_prefix('?').map_or((credential, ""), |query| ("", query));
        if !query.is_empty() {
            target.extend([if target.contains('?') { "&" } else { "?" }, query]);
        }
        let mut head = format!("{} {target} HTTP/1.1\r\nHost: proxy.test\r\n", self.method);
        let mut line = |text: &str| head.extend([text, "\r\n"]);
        if !credential.is_empty() {
            line(credential);
        }
        line(&format!("x-sim-id: {}", self.id));
        if !self.spec.is_empty() {
            line(&format!("x-fake: {}", self.spec));
        }
        self.fields.iter().for_each(|field| line(field));
        if self.expect.is_some() {
            line("Expect: 100-continue");
        }
        match self.framing {
            Upload::None => {}
            Upload::Length => line(&format!("Content-Length: {}", self.body.len())),
            Upload::Chunks(..) => line("Transfer-Encoding: chunked"),
        }
        line("");
        head.into_bytes()
    }

    /// Its body as framed.
    pub fn framed(&self) -> Vec<u8> {
        let Upload::Chunks(size, dressed) = self.framing else { return self.body.clone() };
        let mut framed = Vec::with_capacity(self.body.len() + 64);
        for (n, chunk) in self.body.chunks(size.max(1)).enumerate() {
            let mut line = String::new();
            // Writing into a String cannot fail.
            let _ = match (dressed, n % 3) {
                (true, 0) => write!(line, "{:x};note=\"a;b\"\r\n", chunk.len()),
                (true, 1) => write!(line, "000{:X}\r\n", chunk.len()),
                _ => write!(line, "{:x}\r\n", chunk.len()),
            };
            framed.extend_from_slice(line.as_bytes());
            framed.extend_from_slice(chunk);
            framed.extend_from_slice(b"\r\n");
        }
        framed.extend_from_slice(if dressed { b"0\r\nx-sum: 1\r\n\r\n" } else { b"0\r\n\r\n" });
        framed
    }
}
