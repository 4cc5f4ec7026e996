//! How many tokens an answer says it cost, found while the answer passes.
//!
//! An answer may be a whole JSON document or a stream of events, and long; the counts lie at its end. So the finder
//! does not parse the answer: it looks for the raw text `"usage"` followed by a colon and a brace, which cannot occur
//! inside a JSON string (its quotes would be escaped), and reads the one object there. The last such object that
//! holds counts is the answer's.

use super::{Node, Scanner, Value};
use memchr::memmem::Finder;
use std::sync::LazyLock;

const KEY: &[u8] = b"\"usage\"";
static SEARCH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(KEY));

/// Token counts; 0 where the answer said nothing of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the request (`prompt_tokens`, `input_tokens`).
    pub input: u64,
    /// Tokens of the answer (`completion_tokens`, `output_tokens`).
    pub output: u64,
    /// Both, as stated, else their sum.
    pub total: u64,
    /// Those of the request that came from a cache (`cached_tokens`).
    pub cached: u64,
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Input,
    Output,
    Total,
    Cached,
}

const CACHED: &[Node<Field>] = &[Node::leaf("cached_tokens", Field::Cached, 0)];

static ROOT: Node<Field> = Node::inner(
    "",
    &[
        Node::leaf("prompt_tokens", Field::Input, 0),
        Node::leaf("input_tokens", Field::Input, 0),
        Node::leaf("completion_tokens", Field::Output, 0),
        Node::leaf("output_tokens", Field::Output, 0),
        Node::leaf("total_tokens", Field::Total, 0),
        Node::inner("prompt_tokens_details", CACHED),
        Node::inner("input_tokens_details", CACHED),
    ],
);

#[derive(Debug)]
enum At {
    /// So many bytes of the key were the end of the last piece.
    Key(usize),
    Colon,
    Brace,
    /// Reading the object; what it said so far.
    Object(Usage),
}

/// Looks for the usage object in an answer's body. Linear, constant memory, allocates nothing.
#[derive(Debug)]
pub struct UsageFinder {
    at: At,
    scanner: Scanner<Field>,
    usage: Option<Usage>,
}

impl Default for UsageFinder {
    fn default() -> Self {
        UsageFinder { at: At::Key(0), scanner: Scanner::new(&ROOT), usage: None }
    }
}

impl UsageFinder {
    /// Takes the next piece of the body.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = match self.at {
                At::Key(have) => self.key(have, bytes),
                At::Colon | At::Brace => self.mark(bytes[0]),
                At::Object(usage) => self.object(usage, bytes),
            };
            bytes = &bytes[taken.min(bytes.len())..];
        }
    }

    /// The counts of the last usage object that is complete.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    fn key(&mut self, have: usize, bytes: &[u8]) -> usize {
        if have > 0 {
            let wanted = &KEY[have..];
            let n = wanted.len().min(bytes.len());
            if wanted[..n] == bytes[..n] {
                self.at = if n == wanted.len() { At::Colon } else { At::Key(have + n) };
                return n;
            }
            // The key's quotes stand only at its ends, so what failed holds no other beginning of it.
            self.at = At::Key(0);
            return 0;
        }
        match SEARCH.find(bytes) {
            Some(start) => {
                self.at = At::Colon;
                start + KEY.len()
            }
            None => {
                let tail = &bytes[bytes.len().saturating_sub(KEY.len() - 1)..];
                let begun = memchr::memrchr(b'"', tail).map(|quote| &tail[quote..]);
                self.at = At::Key(begun.filter(|begun| KEY.starts_with(begun)).map_or(0, <[u8]>::len));
                bytes.len()
            }
        }
    }

    /// One byte between the key and its object. Another one than expected is looked at again: it may begin the key.
    fn mark(&mut self, byte: u8) -> usize {
        match (&self.at, byte) {
            (_, b' ' | b'\t' | b'\r' | b'\n') => return 1,
            (At::Colon, b':') => self.at = At::Brace,
            (At::Brace, b'{') => {
                self.scanner.reset();
                self.scanner.feed(b"{", |_, _| ());
                self.at = At::Object(Usage::default());
            }
            _ => {
                self.at = At::Key(0);
                return 0;
            }
        }
        1
    }

    fn object(&mut self, mut usage: Usage, bytes: &[u8]) -> usize {
        let taken = self.scanner.feed(bytes, |field, value| {
            let count = if let Value::Number(count) = value { count } else { 0 };
            match field {
                Field::Input => usage.input = count,
                Field::Output => usage.output = count,
                Field::Total => usage.total = count,
                Field::Cached => usage.cached = count,
            }
        });
        self.at = At::Object(usage);
        if self.scanner.is_done() {
            if usage != Usage::default() {
                let total = if usage.total > 0 { usage.total } else { usage.input.saturating_add(usage.output) };
                self.usage = Some(Usage { total, ..usage });
            }
            self.at = At::Key(0);
        }
        taken
    }
}
