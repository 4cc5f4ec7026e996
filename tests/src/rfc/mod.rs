//! What RFC 9112 and RFC 9110 say of any bytes a peer may send: a judge of what comes in.
//!
//! `strict` judges what keywheel sends and takes one spelling of everything. This reader judges what is sent to
//! keywheel, where a recipient has a choice in many places: it says what has to be refused, what has to be taken, and
//! where the RFCs leave it open ([`Message::doubt`]) what whoever takes it has to read. It shares no code with keywheel.
//!
//! Where an RFC lets a recipient repair a message instead of refusing it, and the repair is one that published
//! smuggling attacks rely on (a bare CR, NUL, white space before the first field), it is refused here.

mod chunked;
mod framing;
mod head;
mod target;

use crate::strict::{Fields, Framing, Start};
use head::{Lines, trim};

/// What is to be made of the message at the beginning of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Its head is not whole, and nothing that is there breaks a rule.
    Part,
    /// Its head breaks this rule: nothing of it may be acted on, and nothing behind it is a message.
    Refuse(&'static str),
    /// A message whose head is whole.
    Take(Message),
}

/// A message whose head is whole, and its body as far as it is there and good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The first line.
    pub start: Start,
    /// The digit behind `HTTP/1.`.
    pub minor: u8,
    /// The fields, in order.
    pub fields: Fields,
    /// How the body's end is marked.
    pub framing: Framing,
    /// The body, its framing taken off.
    pub body: Vec<u8>,
    /// Trailer fields.
    pub trailers: Fields,
    /// Why it may be refused all the same.
    pub doubt: Option<&'static str>,
    /// Whether the connection may carry another message behind it (RFC 9112 section 9.3).
    pub persists: bool,
    /// Its end.
    pub end: End,
}

/// The end of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is whole, and this many bytes were its.
    At(usize),
    /// The bytes end before it does.
    Cut,
    /// Its body breaks this rule: it must never be taken for whole, and nothing behind it is a message.
    Broken(&'static str),
}

/// The request at the beginning of what a client sent.
pub fn request(bytes: &[u8]) -> Ruling {
    let mut lines = Lines::new(bytes);
    rule(head::request(&mut lines), &mut lines, |head| {
        let framing = framing::of_request(head)?;
        Ok(framing.unwrap_or(Framing::Empty))
    })
}

/// The response to `method` at the beginning of what an upstream sent; `closed`: the connection ended, in order, behind
/// them. Whether a 101 was asked for is for the caller to know.
pub fn response(bytes: &[u8], method: &str, closed: bool) -> Ruling {
    let mut lines = Lines::new(bytes);
    let ruling = rule(head::response(&mut lines), &mut lines, |head| framing::of_response(head, method));
    match ruling {
        Ruling::Take(mut message) if matches!(message.framing, Framing::Close | Framing::Tunnel) => {
            message.persists = false;
            message.end = if closed { End::At(bytes.len()) } else { End::Cut };
            Ruling::Take(message)
        }
        ruling => ruling,
    }
}

/// Every message that a client sent: those that are whole, and last the one that is not, where there is one.
pub fn requests(bytes: &[u8]) -> Vec<Ruling> {
    let (mut rulings, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let ruling = request(&bytes[at..]);
        let size = match &ruling {
            Ruling::Take(Message { end: End::At(size), persists: true, .. }) => Some(*size),
            _ => None,
        };
        rulings.push(ruling);
        match size {
            Some(size) => at += size,
            None => break,
        }
    }
    rulings
}

/// The rule that a message breaks.
type Broken = &'static str;

/// A head that was read; `doubt` and `persists` grow while its framing is judged.
struct Head {
    start: Start,
    minor: u8,
    fields: Fields,
    doubt: Option<&'static str>,
    persists: bool,
}

impl Head {
    fn doubts(&mut self, why: &'static str) {
        self.doubt.get_or_insert(why);
    }

    /// All values of a field (lower case) as one list, as RFC 9110 section 5.3 has it; None where there is none.
    fn list(&self, name: &str) -> Option<Vec<&[u8]>> {
        let mut values = self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v).peekable();
        values.peek()?;
        Some(values.flat_map(|v| v.split(|b| *b == b',')).map(trim).collect())
    }
}

fn rule(
    head: Result<Option<Head>, Broken>,
    lines: &mut Lines<'_>,
    framing: impl Fn(&mut Head) -> Result<Framing, Broken>,
) -> Ruling {
    let mut head = match head {
        Err(rule) => return Ruling::Refuse(rule),
        Ok(None) => return Ruling::Part,
        Ok(Some(head)) => head,
    };
    let framing = match framing(&mut head) {
        Err(rule) => return Ruling::Refuse(rule),
        Ok(framing) => framing,
    };
    let Head { start, minor, fields, doubt, persists } = head;
    let (body, trailers, end) = (Vec::new(), Fields::new(), End::Cut);
    let mut message = Message { start, minor, fields, framing, body, trailers, doubt, persists, end };
    message.end = match framing {
        Framing::Empty => End::At(lines.at),
        Framing::Length(n) if lines.take(n, &mut message.body) => End::At(lines.at),
        Framing::Length(_) => End::Cut,
        Framing::Close | Framing::Tunnel => {
            lines.take(u64::MAX, &mut message.body);
            End::Cut
        }
        Framing::Chunked => match chunked::read(lines, &mut message) {
            Err(rule) => End::Broken(rule),
            Ok(false) => End::Cut,
            Ok(true) => End::At(lines.at),
        },
    };
    if message.doubt.is_none() {
        message.doubt = lines.doubt;
    }
    Ruling::Take(message)
}

#[cfg(test)]
mod tests;
