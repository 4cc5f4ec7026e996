//! What a request body says of itself: its model, and whether it asks for a stream.

use super::{Node, Scanner, Value};

/// Longest model name that is read. A longer one is no model that anybody knows.
const MODEL: u16 = 256;

#[derive(Clone, Copy, Debug)]
enum Field {
    Model,
    Stream,
}

static ROOT: Node<Field> =
    Node::inner("", &[Node::leaf("model", Field::Model, MODEL), Node::leaf("stream", Field::Stream, 0)]);

/// The two fields of a request body that the proxy acts on, read while the body arrives.
///
/// They are those seen so far: both may still change while [`RequestFields::is_done`] is false, by a second
/// occurrence of the key, which no ordinary client sends.
#[derive(Debug)]
pub struct RequestFields {
    scanner: Scanner<Field>,
    model: Option<Box<str>>,
    stream: bool,
}

impl Default for RequestFields {
    fn default() -> Self {
        RequestFields { scanner: Scanner::new(&ROOT), model: None, stream: false }
    }
}

impl RequestFields {
    /// The fields of a body that lies in memory.
    pub fn of(body: &[u8]) -> Self {
        let mut fields = RequestFields::default();
        fields.feed(body);
        fields
    }

    /// Takes the next piece of the body.
    pub fn feed(&mut self, bytes: &[u8]) {
        let (model, stream) = (&mut self.model, &mut self.stream);
        self.scanner.feed(bytes, |field, value| match field {
            Field::Model => *model = name(value),
            Field::Stream => *stream = value == Value::Bool(true),
        });
    }

    /// The top-level `model`, a text of 1 to 256 bytes.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The model, taken out.
    pub fn into_model(self) -> Option<Box<str>> {
        self.model
    }

    /// Whether the top-level `stream` is `true`.
    pub fn stream(&self) -> bool {
        self.stream
    }

    /// Nothing more will be found: the document is whole, or it is no JSON object.
    pub fn is_done(&self) -> bool {
        self.scanner.is_done()
    }
}

fn name(value: Value<'_>) -> Option<Box<str>> {
    match value {
        Value::Text { bytes, cut: false } if !bytes.is_empty() => core::str::from_utf8(bytes).ok().map(Into::into),
        _ => None,
    }
}
