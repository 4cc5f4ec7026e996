//! Which fields of a document are wanted, and what one holds.

/// One wanted field, or a step on the way to one.
#[derive(Debug)]
pub struct Node<F: 'static> {
    pub(super) key: &'static str,
    pub(super) field: Option<F>,
    pub(super) text_cap: u16,
    pub(super) kids: &'static [Node<F>],
}

impl<F> Node<F> {
    /// A field whose value is reported, a text up to `text_cap` bytes of it.
    pub const fn leaf(key: &'static str, field: F, text_cap: u16) -> Self {
        Node { key, field: Some(field), text_cap, kids: &[] }
    }

    /// An object (or a list, whose one child is [`Node::items`]) in which fields are wanted.
    pub const fn inner(key: &'static str, kids: &'static [Node<F>]) -> Self {
        Node { key, field: None, text_cap: 0, kids }
    }

    /// The elements of the list that this is the child of.
    pub const fn items(kids: &'static [Node<F>]) -> Self {
        Node { key: "[]", field: None, text_cap: 0, kids }
    }

    /// This node with its fields, itself reported as well: its text up to `text_cap` bytes, or that it begins.
    pub const fn reported(mut self, field: F, text_cap: u16) -> Self
    where
        F: Copy,
    {
        self.field = Some(field);
        self.text_cap = text_cap;
        self
    }
}

/// What a wanted field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string, its escapes decoded. `cut`: it is longer than what was kept of it, or its end is missing.
    Text {
        /// The bytes; not necessarily UTF-8.
        bytes: &'a [u8],
        /// Whether there is more of it.
        cut: bool,
    },
    /// A whole number that fits.
    Number(u64),
    /// `true` or `false`.
    Bool(bool),
    /// An object or a list begins here; its own fields follow.
    Nested,
    /// `null`, another number, or something that is no value.
    Other,
}

impl Value<'_> {
    /// A number or one of the three words.
    pub(super) fn literal(word: &[u8]) -> Self {
        match word {
            b"true" => Value::Bool(true),
            b"false" => Value::Bool(false),
            _ => core::str::from_utf8(word)
                .ok()
                .filter(|word| word.bytes().all(|b| b.is_ascii_digit()))
                .and_then(|word| word.parse().ok())
                .map_or(Value::Other, Value::Number),
        }
    }
}
