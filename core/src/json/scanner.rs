//! The scanner: JSON text in pieces, a table of wanted fields, bounded state.
//!
//! ```text
//!   Value ──{──▶ FirstKey ──"──▶ InKey ──"──▶ Colon ──:──▶ Value
//!     │  └──[──▶ FirstItem ─────────────────────────────────┘
//!     ├──"──▶ InText ──"──▶ After ──,──▶ Key or Value     After ──} ]──▶ After of the container around, or Done
//!     ├──1,t,f,n──▶ InScalar ──, } ] space──▶ After
//!     └──a container nobody wants──▶ Skip ──its end──▶ After
//!   anything else ──▶ Broken (nothing more is found)
//! ```
//!
//! Only containers on the way to a wanted field are kept on the stack, so its depth is that of the table and not of
//! the text; all others are one counter.

use super::shape::{Node, Value};
use super::text::Unescape;

/// Deepest table of wanted fields, lists included.
const DEPTH: usize = 8;
/// Longest key that can be wanted, and longest number or literal that is read.
const WORD: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Value,
    FirstKey,
    FirstItem,
    Key,
    InKey,
    Colon,
    InText,
    InScalar,
    After,
    Skip,
    SkipText,
    Done,
    Broken,
}

#[derive(Clone, Copy, Debug)]
struct Frame<F: 'static> {
    kids: &'static [Node<F>],
    list: bool,
}

/// Walks one JSON document in pieces. Linear in the text, constant in memory but for the one text under way
/// (at most its `text_cap`).
#[derive(Debug)]
pub struct Scanner<F: 'static> {
    at: At,
    stack: [Frame<F>; DEPTH],
    depth: usize,
    /// Whose value comes next or is under way.
    node: Option<&'static Node<F>>,
    root: &'static Node<F>,
    /// Containers open in the value that is skipped.
    skipped: u32,
    unescape: Unescape,
    word: [u8; WORD],
    /// More than `WORD`: too long to be wanted.
    word_len: usize,
    text: Vec<u8>,
    cut: bool,
}

impl<F: Copy> Scanner<F> {
    /// A scanner at the start of a document that looks for the fields below `root`.
    pub fn new(root: &'static Node<F>) -> Self {
        Scanner {
            at: At::Value,
            stack: [Frame { kids: &[], list: false }; DEPTH],
            depth: 0,
            node: Some(root),
            root,
            skipped: 0,
            unescape: Unescape::default(),
            word: [0; WORD],
            word_len: 0,
            text: Vec::new(),
            cut: false,
        }
    }

    /// Back to the start of a document; keeps its memory.
    pub fn reset(&mut self) {
        let text = core::mem::take(&mut self.text);
        *self = Scanner { text, ..Scanner::new(self.root) };
    }

    /// Nothing more will be found: the document is whole, or it is none.
    pub fn is_done(&self) -> bool {
        matches!(self.at, At::Done | At::Broken)
    }

    /// Takes the next piece and reports the wanted fields whose values end (or, nested, begin) in it.
    /// Returns how many bytes belong to the document: fewer than given only when it is done.
    pub fn feed(&mut self, bytes: &[u8], mut found: impl FnMut(F, Value<'_>)) -> usize {
        let mut at = 0;
        while at < bytes.len() && !self.is_done() {
            at += self.step(&bytes[at..], &mut found);
        }
        at
    }

    /// The text ends here: reports what there is of a string whose end is missing.
    pub fn finish(&mut self, mut found: impl FnMut(F, Value<'_>)) {
        if self.at == At::InText {
            self.cut = true;
            self.report_text(&mut found);
        }
        self.at = At::Done;
    }

    /// Takes at least one of `bytes` (not empty), or changes state.
    fn step(&mut self, bytes: &[u8], found: &mut impl FnMut(F, Value<'_>)) -> usize {
        match self.at {
            At::InKey => self.key(bytes),
            At::InText => self.in_text(bytes, found),
            At::InScalar => self.scalar(bytes, found),
            At::Skip => self.skip(bytes),
            At::SkipText => {
                let (taken, ended) = self.unescape.feed(bytes, |_| ());
                if ended {
                    self.at = if self.skipped > 0 { At::Skip } else { At::After };
                }
                taken
            }
            _ => {
                self.mark(bytes[0], found);
                1
            }
        }
    }

    /// One byte between the words.
    fn mark(&mut self, byte: u8, found: &mut impl FnMut(F, Value<'_>)) {
        match (self.at, byte) {
            (_, b' ' | b'\t' | b'\r' | b'\n') => {}
            // A byte order mark ahead of the document, which Python's parser takes too.
            (At::Value, 0xEF | 0xBB | 0xBF) if self.depth == 0 => {}
            (At::FirstKey, b'}') | (At::FirstItem, b']') => self.close(),
            (At::FirstKey | At::Key, b'"') => {
                self.unescape = Unescape::default();
                self.word_len = 0;
                self.at = At::InKey;
            }
            (At::Colon, b':') => self.at = At::Value,
            (At::Value | At::FirstItem, _) => self.value(byte, found),
            (At::After, b',') => self.next(),
            (At::After, b'}') if !self.in_list() => self.close(),
            (At::After, b']') if self.in_list() => self.close(),
            _ => self.at = At::Broken,
        }
    }

    /// The first byte of a value.
    fn value(&mut self, byte: u8, found: &mut impl FnMut(F, Value<'_>)) {
        match byte {
            b'{' | b'[' => self.open(byte == b'[', found),
            b'"' => {
                self.unescape = Unescape::default();
                self.text.clear();
                self.cut = false;
                self.at = if self.wanted() { At::InText } else { At::SkipText };
            }
            b'}' | b']' | b',' | b':' => self.at = At::Broken,
            _ => {
                self.word_len = 0;
                self.keep(&[byte]);
                self.at = At::InScalar;
            }
        }
    }

    fn open(&mut self, list: bool, found: &mut impl FnMut(F, Value<'_>)) {
        if let Some(Node { field: Some(field), .. }) = self.node {
            found(*field, Value::Nested);
        }
        let kids = self.node.map_or(&[][..], |node| node.kids);
        let fits = self.depth < DEPTH && kids.iter().any(|kid| (kid.key == "[]") == list);
        if !fits {
            self.skipped = 1;
            self.at = At::Skip;
            return;
        }
        self.stack[self.depth] = Frame { kids, list };
        self.depth += 1;
        self.at = if list { At::FirstItem } else { At::FirstKey };
        self.node = if list { kids.iter().find(|kid| kid.key == "[]") } else { None };
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.at = if self.depth == 0 { At::Done } else { At::After };
    }

    /// Behind a comma.
    fn next(&mut self) {
        let Some(frame) = self.frame() else { return self.at = At::Broken };
        self.at = if frame.list { At::Value } else { At::Key };
        self.node = if frame.list { frame.kids.iter().find(|kid| kid.key == "[]") } else { None };
    }

    fn key(&mut self, bytes: &[u8]) -> usize {
        let mut unescape = self.unescape;
        let (taken, ended) = unescape.feed(bytes, |run| self.keep(run));
        self.unescape = unescape;
        if ended {
            let key = self.word.get(..self.word_len).unwrap_or_default();
            let kids = self.frame().map_or(&[][..], |frame| frame.kids);
            // "[]" names a list's elements and no key; an overlong key reads as empty, which none is called.
            self.node = kids.iter().find(|kid| kid.key.as_bytes() == key && kid.key != "[]");
            self.at = At::Colon;
        }
        taken
    }

    fn in_text(&mut self, bytes: &[u8], found: &mut impl FnMut(F, Value<'_>)) -> usize {
        let cap = self.node.map_or(0, |node| node.text_cap as usize);
        let (text, cut) = (&mut self.text, &mut self.cut);
        let (taken, ended) = self.unescape.feed(bytes, |run| {
            let room = cap - text.len().min(cap);
            *cut |= run.len() > room;
            text.extend_from_slice(&run[..run.len().min(room)]);
        });
        if ended {
            self.report_text(found);
            self.end_value();
        }
        taken
    }

    fn report_text(&mut self, found: &mut impl FnMut(F, Value<'_>)) {
        if let Some(Node { field: Some(field), .. }) = self.node {
            found(*field, Value::Text { bytes: &self.text, cut: self.cut });
        }
    }

    fn scalar(&mut self, bytes: &[u8], found: &mut impl FnMut(F, Value<'_>)) -> usize {
        let ends = |b: &u8| matches!(b, b',' | b'}' | b']' | b'"' | b':' | b'[' | b'{' | b' ' | b'\t' | b'\r' | b'\n');
        let end = bytes.iter().position(ends);
        let run = end.unwrap_or(bytes.len());
        if self.wanted() {
            self.keep(&bytes[..run]);
        }
        if end.is_some() {
            if let Some(Node { field: Some(field), .. }) = self.node {
                found(*field, Value::literal(self.word.get(..self.word_len).unwrap_or_default()));
            }
            self.end_value();
        }
        run
    }

    /// Inside a container that nobody wants: only quotes and brackets matter.
    fn skip(&mut self, bytes: &[u8]) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'{' | b'[' => self.skipped = self.skipped.saturating_add(1),
                b'}' | b']' => {
                    self.skipped -= 1;
                    if self.skipped == 0 {
                        self.end_value();
                        return at + 1;
                    }
                }
                b'"' => {
                    self.unescape = Unescape::default();
                    self.at = At::SkipText;
                    return at + 1;
                }
                _ => {}
            }
        }
        bytes.len()
    }

    fn end_value(&mut self) {
        self.at = if self.depth == 0 { At::Done } else { At::After };
    }

    /// Adds to the word under way; one that grows beyond [`WORD`] is marked as overlong.
    fn keep(&mut self, run: &[u8]) {
        match self.word.get_mut(self.word_len..self.word_len.saturating_add(run.len())) {
            Some(room) => {
                room.copy_from_slice(run);
                self.word_len += run.len();
            }
            None => self.word_len = WORD + 1,
        }
    }

    fn wanted(&self) -> bool {
        self.node.is_some_and(|node| node.field.is_some())
    }

    fn frame(&self) -> Option<Frame<F>> {
        self.stack.get(self.depth.checked_sub(1)?).copied()
    }

    fn in_list(&self) -> bool {
        self.frame().is_some_and(|frame| frame.list)
    }
}
