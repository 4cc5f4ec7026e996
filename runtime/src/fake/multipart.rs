//! `multipart/form-data` (RFC 7578), read as it streams by: the parts' names, sizes and short values.

/// Longest value that is kept, and longest part head.
const KEEP: usize = 4096;
/// Most parts.
const PARTS_MAX: usize = 64;

/// One part.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) filename: Option<String>,
    pub(super) len: u64,
    /// The beginning of the content.
    pub(super) value: Vec<u8>,
}

/// The boundary in a Content-Type, if it is a form's.
pub(super) fn boundary(kind: &str) -> Option<String> {
    let rest = kind.strip_prefix("multipart/form-data")?;
    rest.split(';').find_map(|p| p.trim().strip_prefix("boundary=")).map(|b| b.trim_matches('"').to_owned())
}

#[derive(Debug, PartialEq)]
enum At {
    /// Within a part, or before the first.
    Content,
    /// Behind a boundary: its line's rest and the part's head.
    Head,
    Done,
}

/// The reader.
#[derive(Debug)]
pub(super) struct Multipart {
    at: At,
    /// CRLF, two dashes and the boundary.
    delimiter: Vec<u8>,
    pending: Vec<u8>,
    pub(super) parts: Vec<Part>,
    /// The form was malformed.
    pub(super) broken: bool,
}

impl Multipart {
    pub(super) fn new(boundary: &str) -> Self {
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The first boundary has no line before it: pretend one.
        Multipart { at: At::Content, delimiter, pending: b"\r\n".to_vec(), parts: Vec::new(), broken: false }
    }

    /// Whether the closing boundary was seen.
    pub(super) fn complete(&self) -> bool {
        self.at == At::Done && !self.broken
    }

    /// The part of this name.
    pub(super) fn named(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }

    pub(super) fn take(&mut self, piece: &[u8]) {
        self.pending.extend_from_slice(piece);
        loop {
            let again = match self.at {
                At::Content => self.content(),
                At::Head => self.head(),
                At::Done => {
                    self.pending.clear();
                    false
                }
            };
            if !again || self.broken {
                return;
            }
        }
    }

    fn content(&mut self) -> bool {
        let found = find(&self.pending, &self.delimiter);
        // What may be the beginning of a delimiter stays.
        let n = found.unwrap_or_else(|| self.pending.len().saturating_sub(self.delimiter.len() - 1));
        if let Some(part) = self.parts.last_mut() {
            part.len += n as u64;
            let room = KEEP.saturating_sub(part.value.len()).min(n);
            part.value.extend_from_slice(&self.pending[..room]);
        }
        self.pending.drain(..n);
        if found.is_some() {
            self.pending.drain(..self.delimiter.len());
            self.at = At::Head;
        }
        found.is_some()
    }

    fn head(&mut self) -> bool {
        if self.pending.starts_with(b"--") {
            self.at = At::Done;
            return true;
        }
        let Some(end) = find(&self.pending, b"\r\n\r\n") else {
            self.broken = self.pending.len() > KEEP;
            return false;
        };
        let text = String::from_utf8_lossy(&self.pending[..end]).into_owned();
        self.pending.drain(..end + 4);
        let part = Part {
            name: param(&text, "name").unwrap_or_default(),
            filename: param(&text, "filename"),
            ..Part::default()
        };
        self.broken = part.name.is_empty() || self.parts.len() == PARTS_MAX;
        self.parts.push(part);
        self.at = At::Content;
        true
    }
}

fn param(head: &str, name: &str) -> Option<String> {
    let disposition = head.lines().find(|l| l.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let found = disposition.split(';').find_map(|p| p.trim().strip_prefix(name)?.trim().strip_prefix('='))?;
    Some(found.trim().trim_matches('"').to_owned())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}
