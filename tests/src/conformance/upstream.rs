//! The upstream of a row: reads requests on all its connections with the strict reader, and answers as the row says.

use super::record::status;
use super::script::{Answer, UpstreamAct};
use crate::parity::script::{Act, Party};
use crate::parity::stage::Stage;
use crate::strict::{self, Message, Start};
use std::collections::VecDeque;

/// Where the targets of normal requests begin: what is not the row's own.
pub const NORMAL: &str = "/normal/";
/// The normal request on the row's own connection.
pub const SAME: &str = "same";
/// The one on a new connection.
pub const FRESH: &str = "fresh";
/// The answer where a row gives none.
const PLAIN: &str = "ok";

/// All connections of the upstream.
#[derive(Debug, Default)]
pub struct Upstreams {
    connections: Vec<Connection>,
    answers: VecDeque<Answer>,
    /// The bytes that answered each of the row's requests.
    pub sent: Vec<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Connection {
    looked: usize,
    requests: Vec<Message>,
    answered: usize,
    acts: VecDeque<UpstreamAct>,
    /// It sends nothing more.
    mute: bool,
}

impl Upstreams {
    /// With these answers, one for each request of the row.
    pub fn new(answers: &[Answer]) -> Self {
        Upstreams { answers: answers.to_vec().into(), ..Upstreams::default() }
    }

    /// Reads and answers what is there; whether anything moved.
    pub fn serve(&mut self, stage: &mut dyn Stage) -> bool {
        let mut moved = false;
        for index in 0.. {
            let Some(seen) = stage.seen(Party::Upstream(index + 1)) else { break };
            if self.connections.len() <= index {
                self.connections.push(Connection::default());
            }
            let connection = &mut self.connections[index];
            if connection.looked != seen.bytes.len() {
                connection.looked = seen.bytes.len();
                // What deviates is not answered; the judge will find it.
                connection.requests = strict::requests(&seen.bytes).map(|(all, _)| all).unwrap_or_default();
            }
            while self.answer(index) | self.act(index, stage) {
                moved = true;
            }
        }
        moved
    }

    /// Takes the next request's answer in hand, where that request has come far enough.
    fn answer(&mut self, index: usize) -> bool {
        let connection = &mut self.connections[index];
        let Some(request) = connection.requests.get(connection.answered) else { return false };
        let normal = is_normal(request);
        let early = !normal && self.answers.front().is_some_and(|answer| answer.early);
        if connection.mute || !connection.acts.is_empty() || !(request.complete || early) {
            return false;
        }
        connection.answered += 1;
        let scripted = if normal { None } else { self.answers.pop_front() };
        connection.acts = scripted.map_or_else(|| plain(request).acts, |answer| answer.acts).into();
        if !normal {
            self.sent.push(Vec::new());
        }
        true
    }

    fn act(&mut self, index: usize, stage: &mut dyn Stage) -> bool {
        let party = Party::Upstream(index + 1);
        let connection = &mut self.connections[index];
        let Some(act) = connection.acts.pop_front().filter(|_| !connection.mute) else { return false };
        match act {
            UpstreamAct::Send(template) => {
                let bytes = template.render(&|name| stage.name(name)).unwrap_or_default();
                let last = connection.answered.checked_sub(1).and_then(|at| connection.requests.get(at));
                if let Some(sent) = self.sent.last_mut().filter(|_| last.is_some_and(|request| !is_normal(request))) {
                    sent.extend(&bytes);
                }
                // Whether the other side still takes it shows by what is seen next.
                let _ = stage.send(party, &bytes);
            }
            UpstreamAct::Pause => stage.settle(),
            UpstreamAct::End => {
                connection.mute = true;
                stage.hang_up(party, &Act::Finish(party));
            }
            UpstreamAct::Reset => {
                connection.mute = true;
                // A reset overtakes bytes that were not read yet.
                stage.settle();
                stage.hang_up(party, &Act::Reset(party));
            }
            UpstreamAct::Silent => connection.mute = true,
        }
        true
    }

    /// The row's requests so far, each with the number of its connection.
    pub fn requests(&self) -> impl Iterator<Item = (usize, &Message)> {
        let numbered = self.connections.iter().enumerate();
        numbered.flat_map(|(at, connection)| connection.requests.iter().map(move |request| (at + 1, request)))
    }

    /// How many of the row's own requests have come whole.
    pub fn whole(&self) -> usize {
        self.requests().filter(|(_, request)| request.complete && !is_normal(request)).count()
    }

    /// How many heads of the row's own requests have come.
    pub fn heads(&self) -> usize {
        self.requests().filter(|(_, request)| !is_normal(request)).count()
    }
}

/// Whether a request is not the row's, but the one that must work after it.
pub fn is_normal(request: &Message) -> bool {
    matches!(&request.start, Start::Request { target, .. } if target.starts_with(NORMAL))
}

/// Whether this is the whole answer to that normal request.
pub fn is_plain(answer: &Message, which: &str) -> bool {
    answer.complete && status(answer) == 200 && answer.body == format!("{NORMAL}{which}").as_bytes()
}

/// Answers with the target, so that an answer that belongs to another request is found.
fn plain(request: &Message) -> Answer {
    let Start::Request { method, target } = &request.start else { return Answer::default() };
    let body = if is_normal(request) { target } else { PLAIN };
    let mut bytes = crate::parity::template::Template::default();
    bytes.text(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
    if method != "HEAD" {
        bytes.text(body.as_bytes());
    }
    let mut acts = vec![UpstreamAct::Send(bytes)];
    let mut options = request.all("connection");
    if options.any(|value| value.to_ascii_lowercase().windows(5).any(|word| word == b"close")) {
        acts.push(UpstreamAct::End);
    }
    Answer { early: false, acts }
}
