//! Plays one row on a stage, then the normal requests that must work after it.

use super::expect::{Arrival, Fate};
use super::record::{Answers, Record, answers, methods};
use super::row::Row;
use super::script::{Await, ClientAct};
use super::upstream::{FRESH, NORMAL, SAME, Upstreams, is_normal, is_plain};
use crate::parity::cast;
use crate::parity::script::{Act, Party};
use crate::parity::stage::{Seen, Stage};

/// The row's client.
const CLIENT: Party = Party::Client(1);
/// Longest wait for an answer, milliseconds: the longest deadline is within.
const ANSWER: u64 = 600_000;
/// Longest wait for an end after an answer.
const END: u64 = 5_000;
/// Shorter than any idle connection is kept.
const QUICK_END: u64 = 2_000;

/// Plays `row`; `keywheel`: what plays has keys.
///
/// # Errors
/// The stage failed.
pub fn play(row: &Row, stage: &mut dyn Stage, keywheel: bool) -> Result<Record, String> {
    let mut play = Play { row, stage, upstreams: Upstreams::new(&row.answers), record: Record::default() };
    play.sends()?;
    play.outcome();
    play.connection()?;
    play.upstream_end();
    play.afterwards(keywheel)?;
    Ok(play.finish())
}

/// Whether the normal request on the row's connection has its answer: those of the row may come before it.
fn is_probed(answers: &Answers) -> bool {
    answers.finals.last().is_some_and(|last| is_plain(last, SAME))
}

struct Play<'p> {
    row: &'p Row,
    stage: &'p mut dyn Stage,
    upstreams: Upstreams,
    record: Record,
}

impl Play<'_> {
    fn sends(&mut self) -> Result<(), String> {
        let mut sent = Vec::new();
        let (mut answers, mut requests) = (0, 0);
        self.stage.send(CLIENT, b"")?;
        for act in &self.row.client {
            match act {
                ClientAct::Send(template) => {
                    let bytes = template.render(&|name| self.stage.name(name)).map_err(|name| format!("{{{name}}}"))?;
                    sent.extend(&bytes);
                    self.record.methods = methods(&sent);
                    self.stage.send(CLIENT, &bytes)?;
                    self.upstreams.serve(self.stage);
                }
                ClientAct::Pause => self.quiet(),
                ClientAct::Await(Await::Answer) => {
                    answers += 1;
                    self.wait(ANSWER, |play| play.answered(answers));
                }
                ClientAct::Await(Await::Bytes) => {
                    self.wait(ANSWER, |play| play.answered(1) || play.answers().is_none_or(|a| !a.finals.is_empty()));
                }
                ClientAct::Await(Await::Request) => {
                    requests += 1;
                    self.wait(ANSWER, |play| play.upstreams.heads() >= requests || play.client_ended());
                }
                ClientAct::End => self.stage.hang_up(CLIENT, &Act::Finish(CLIENT)),
                ClientAct::Reset => self.stage.hang_up(CLIENT, &Act::Reset(CLIENT)),
            }
        }
        Ok(())
    }

    /// Waits for what the row expects at both sides.
    fn outcome(&mut self) {
        if self.row.client_resets() {
            self.quiet();
            return;
        }
        let requests = match self.row.expect.upstream[..] {
            [Arrival::Whole(n)] => n,
            _ => 0,
        };
        let count = self.row.expect.client.len();
        self.wait(ANSWER, |play| play.client_ended() || play.answered(count) && play.upstreams.whole() >= requests);
    }

    /// Finds out what becomes of the client's connection.
    fn connection(&mut self) -> Result<(), String> {
        let ended = self.client_ended();
        match self.row.expect.connection {
            _ if ended => {}
            Some(Fate::Stays) => {
                self.stage.send(CLIENT, &self.normal(SAME, "keep-alive"))?;
                self.record.probed = true;
                self.wait(END, |play| play.client_ended() || play.answers().is_none_or(|answers| is_probed(&answers)));
                self.stage.hang_up(CLIENT, &Act::Finish(CLIENT));
                self.wait(QUICK_END, Play::client_ended);
            }
            Some(Fate::Any) => {
                self.quiet();
                self.stage.hang_up(CLIENT, &Act::Finish(CLIENT));
                self.wait(QUICK_END, Play::client_ended);
            }
            _ => {
                self.wait(END, Play::client_ended);
            }
        }
        self.record.ended_in_time = self.client_ended();
        Ok(())
    }

    /// Waits for the end of the upstream's connection where the row expects one.
    fn upstream_end(&mut self) {
        let expect = &self.row.expect;
        if expect.upstream.contains(&Arrival::Cut) || expect.upstream_connection == Some(Fate::Closes) {
            self.quiet();
            let last = self.upstreams.requests().filter(|(_, request)| !is_normal(request)).last();
            if let Some(party) = last.map(|(number, _)| Party::Upstream(number)) {
                self.wait(END, |play| play.stage.seen(party).is_some_and(|seen| seen.end.is_some()));
            }
        }
        for number in 1.. {
            let Some(seen) = self.stage.seen(Party::Upstream(number)) else { break };
            self.record.upstream_ended.push(seen.end.is_some());
        }
    }

    /// A normal request on a connection of its own, the keys healthy.
    fn afterwards(&mut self, keywheel: bool) -> Result<(), String> {
        let mut client = 1;
        if keywheel && !self.row.answers.is_empty() {
            client += 1;
            let admin = self.setting("ADMIN_KEY").unwrap_or_else(|| self.token());
            let reset = format!(
                "POST /reset-keys HTTP/1.1\r\nHost: proxy.test\r\nAuthorization: Bearer {admin}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            );
            let party = Party::Client(client);
            self.stage.send(party, reset.as_bytes())?;
            self.wait(END, |play| play.stage.seen(party).is_none_or(|seen| seen.end.is_some()));
        }
        let party = Party::Client(client + 1);
        self.stage.send(party, &self.normal(FRESH, "close"))?;
        self.wait(END, |play| play.stage.seen(party).is_none_or(|seen| seen.end.is_some()));
        self.record.fresh = self.stage.seen(party).cloned().unwrap_or_default();
        Ok(())
    }

    fn finish(mut self) -> Record {
        self.record.client = self.stage.seen(CLIENT).cloned().unwrap_or_default();
        for number in 1.. {
            let Some(seen) = self.stage.seen(Party::Upstream(number)) else { break };
            self.record.upstreams.push(seen.clone());
        }
        self.record.sent = self.upstreams.sent;
        self.record
    }

    /// Lets everything happen that can happen now.
    fn quiet(&mut self) {
        loop {
            self.stage.settle();
            if !self.upstreams.serve(self.stage) {
                return;
            }
        }
    }

    /// Goes on until `done`, at most so many milliseconds.
    fn wait(&mut self, most: u64, done: impl Fn(&mut Self) -> bool) {
        let until = self.stage.now() + most;
        loop {
            self.upstreams.serve(self.stage);
            if done(self) || self.stage.now() > until || !self.stage.progress() {
                return;
            }
        }
    }

    fn client(&mut self) -> Seen {
        self.stage.seen(CLIENT).cloned().unwrap_or_default()
    }

    fn client_ended(&mut self) -> bool {
        self.stage.seen(CLIENT).is_some_and(|seen| seen.end.is_some())
    }

    /// What the client got so far; `None` where it cannot be read.
    fn answers(&mut self) -> Option<Answers> {
        let seen = self.client();
        answers(&seen, &self.record.methods).ok()
    }

    /// Whether so many answers have come whole, or no more will.
    fn answered(&mut self, count: usize) -> bool {
        if self.client_ended() {
            return true;
        }
        let Some(answers) = self.answers() else { return true };
        answers.finals.iter().filter(|answer| answer.complete).count() >= count
    }

    fn normal(&self, which: &str, connection: &str) -> Vec<u8> {
        let token = self.token();
        format!(
            "GET {NORMAL}{which} HTTP/1.1\r\nHost: proxy.test\r\nAuthorization: Bearer {token}\r\nConnection: {connection}\r\n\r\n"
        )
        .into_bytes()
    }

    /// A token that works under the row's settings.
    fn token(&self) -> String {
        let tokens = self.setting("AUTH_KEY").unwrap_or_else(|| cast::TOKEN.into());
        tokens.split(',').next().unwrap_or_default().to_owned()
    }

    fn setting(&self, name: &str) -> Option<String> {
        self.row.settings.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
    }
}
