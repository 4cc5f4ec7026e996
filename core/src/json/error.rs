//! What an error body says: the code, the type and the message, in the shapes that providers use.

use super::{Node, Scanner, Value};

/// Longest code, type or reason that is read; a longer one is none that anybody knows.
const WORD: u16 = 128;
/// How much of a message is kept. Longer ones quote the client's text, in which nothing is to be looked for.
const MESSAGE: u16 = 1024;

#[derive(Clone, Copy, Debug)]
enum Field {
    /// `error` itself: an object, or a bare message.
    Error,
    Code,
    Type,
    Message,
    Details,
    Reason,
    /// The top level's own: bodies without the `error` wrapper, and error events.
    TopCode,
    TopType,
    TopMessage,
}

const WRAPPED: &[Node<Field>] = &[
    Node::leaf("code", Field::Code, WORD),
    Node::leaf("type", Field::Type, WORD),
    Node::leaf("message", Field::Message, MESSAGE),
    Node::inner("details", &[Node::items(&[Node::leaf("reason", Field::Reason, WORD)])]).reported(Field::Details, 0),
];

const TOP: &[Node<Field>] = &[
    Node::inner("error", WRAPPED).reported(Field::Error, MESSAGE),
    // An event of the Responses API that ends in failure carries its error here.
    Node::inner("response", &[Node::inner("error", WRAPPED).reported(Field::Error, MESSAGE)]),
    Node::leaf("code", Field::TopCode, WORD),
    Node::leaf("type", Field::TopType, WORD),
    Node::leaf("message", Field::TopMessage, MESSAGE),
    // Some answer with a list that holds the one error.
    Node::items(&[Node::inner("error", WRAPPED).reported(Field::Error, MESSAGE)]),
];

static ROOT: Node<Field> = Node::inner("", TOP);

/// The fields of an error body by which a fault is judged. The message is cut at 1024 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorBody {
    /// There is an `error`, and it is an object or a text.
    pub wrapped: bool,
    /// `error.code`, where it is a text.
    pub code: Option<Box<str>>,
    /// `error.code`, where it is a number: some repeat the status in it.
    pub number: Option<u16>,
    /// `error.type`.
    pub kind: Option<Box<str>>,
    /// `error.message`, or `error` where that is a text.
    pub message: Option<Box<str>>,
    /// The last `error.details[].reason`; there is at most one in practice.
    pub reason: Option<Box<str>>,
}

impl ErrorBody {
    /// What `body` says; it may be cut at any byte, and need not be JSON at all.
    ///
    /// Where there is no `error`, the top level's own code, type and message stand in.
    pub fn read(body: &[u8]) -> Self {
        let (mut error, mut top) = (ErrorBody::default(), ErrorBody::default());
        let mut scanner = Scanner::new(&ROOT);
        let mut found = |field, value: Value<'_>| match field {
            Field::Error => {
                let wrapped = matches!(value, Value::Nested | Value::Text { .. });
                error = ErrorBody { wrapped, message: text(value), ..ErrorBody::default() };
            }
            Field::Code => (error.code, error.number) = (word(value), number(value)),
            Field::Type => error.kind = word(value),
            Field::Message => error.message = text(value),
            Field::Details => error.reason = None,
            Field::Reason => error.reason = word(value),
            Field::TopCode => (top.code, top.number) = (word(value), number(value)),
            Field::TopType => top.kind = word(value),
            Field::TopMessage => top.message = text(value),
        };
        scanner.feed(body, &mut found);
        scanner.finish(&mut found);
        if error.wrapped { error } else { top }
    }
}

/// A code is compared whole, so a part of one is none.
fn word(value: Value<'_>) -> Option<Box<str>> {
    if let Value::Text { cut: true, .. } = value { None } else { text(value) }
}

fn text(value: Value<'_>) -> Option<Box<str>> {
    match value {
        Value::Text { bytes, .. } => Some(String::from_utf8_lossy(bytes).into()),
        _ => None,
    }
}

fn number(value: Value<'_>) -> Option<u16> {
    match value {
        Value::Number(n) => u16::try_from(n).ok(),
        _ => None,
    }
}
