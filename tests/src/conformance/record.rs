//! What was seen while a row was played.

use crate::parity::stage::Seen;
use crate::strict::{self, Deviation, Message, Start};

/// What both sides saw, and what the player noticed.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The row's client connection.
    pub client: Seen,
    /// The connection of the normal request afterwards.
    pub fresh: Seen,
    /// The upstream's connections, in the order of their acceptance.
    pub upstreams: Vec<Seen>,
    /// Methods of the requests on the row's connection.
    pub methods: Vec<String>,
    /// A normal request was sent on the row's connection.
    pub probed: bool,
    /// The row's connection ended, and in time.
    pub ended_in_time: bool,
    /// Which upstream connections had ended before the normal request.
    pub upstream_ended: Vec<bool>,
    /// What the upstream sent for each of the row's requests.
    pub sent: Vec<Vec<u8>>,
}

/// Answers on one connection.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Statuses of interim answers before the first final one.
    pub interim: Vec<u16>,
    /// Final answers; the last may be incomplete.
    pub finals: Vec<Message>,
    /// Bytes of a head that is not whole.
    pub rest: Vec<u8>,
}

/// The status of an answer; 0 for a request.
pub fn status(message: &Message) -> u16 {
    match message.start {
        Start::Response { status, .. } => status,
        Start::Request { .. } => 0,
    }
}

/// Reads the answers to requests of these methods. Whether there are too many is for the judge.
///
/// # Errors
/// What a careful server would not have sent.
pub fn answers(seen: &Seen, methods: &[String]) -> Result<Answers, Deviation> {
    /// More than any row asks for.
    const MOST: usize = 64;
    let further = std::iter::repeat_n("GET", MOST);
    let methods: Vec<&str> = methods.iter().map(String::as_str).chain(further).collect();
    let closed = seen.end == Some(crate::parity::stage::End::Fin);
    let (messages, rest) = strict::responses(&seen.bytes, &methods, closed)?;
    let mut answers = Answers { rest: rest.to_vec(), ..Answers::default() };
    for message in messages {
        match status(&message) {
            interim @ (100 | 102..=199) if answers.finals.is_empty() => answers.interim.push(interim),
            100 | 102..=199 => {}
            _ => answers.finals.push(message),
        }
    }
    Ok(answers)
}

/// Methods of the requests in what a client sends, as far as they look like any.
pub fn methods(bytes: &[u8]) -> Vec<String> {
    let start = bytes.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(0);
    let first = bytes[start..].split(|byte| b" \t\r\n".contains(byte)).next().unwrap_or_default();
    let lines = bytes[start..].split(|byte| *byte == b'\n').skip(1);
    let further = lines.filter(|line| line.trim_ascii_end().ends_with(b" HTTP/1.1"));
    let further = further.filter_map(|line| line.split(|byte| *byte == b' ').next());
    [first].into_iter().chain(further).map(|method| String::from_utf8_lossy(method).into_owned()).collect()
}
