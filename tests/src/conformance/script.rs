//! What the parties of a row do.

use crate::parity::template::Template;

/// What the client does.
#[derive(Clone, Debug)]
pub enum ClientAct {
    /// Sends bytes.
    Send(Template),
    /// Waits until all that was sent is taken in.
    Pause,
    /// Waits for something.
    Await(Await),
    /// Ends its direction.
    End,
    /// Breaks the connection.
    Reset,
}

/// What a client can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Await {
    /// One more final answer, whole.
    Answer,
    /// Bytes of an answer that is not whole yet.
    Bytes,
    /// The head of one more request at the upstream.
    Request,
}

/// What the upstream does when it has read a request.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Once its head is there.
    pub early: bool,
    /// One after the other.
    pub acts: Vec<UpstreamAct>,
}

/// What an upstream does.
#[derive(Clone, Debug)]
pub enum UpstreamAct {
    /// Sends bytes.
    Send(Template),
    /// Waits until all that was sent is taken in.
    Pause,
    /// Ends its direction.
    End,
    /// Breaks the connection.
    Reset,
    /// Sends nothing more, and does not end either.
    Silent,
}

impl ClientAct {
    /// About how many bytes it sends.
    pub fn len(&self) -> usize {
        if let ClientAct::Send(template) = self { template.len() } else { 0 }
    }

    /// Whether it sends nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Answer {
    /// About how many bytes it is.
    pub fn len(&self) -> usize {
        self.acts.iter().map(|act| if let UpstreamAct::Send(template) = act { template.len() } else { 0 }).sum()
    }

    /// Whether it is no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What both parties do.
#[derive(Debug, Default)]
pub struct Script {
    /// What the client does.
    pub client: Vec<ClientAct>,
    /// What the upstream does, request by request.
    pub answers: Vec<Answer>,
}

impl Script {
    /// Reads a line of the script; false when it is another.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(&mut self, line: &str) -> Result<bool, String> {
        if let Some(text) = line.strip_prefix("c>") {
            if !matches!(self.client.last(), Some(ClientAct::Send(_))) {
                self.client.push(ClientAct::Send(Template::default()));
            }
            let Some(ClientAct::Send(template)) = self.client.last_mut() else { return Ok(false) };
            add(template, text)?;
        } else if let Some(text) = line.strip_prefix("u>") {
            let acts = &mut self.answer().acts;
            if !matches!(acts.last(), Some(UpstreamAct::Send(_))) {
                acts.push(UpstreamAct::Send(Template::default()));
            }
            let Some(UpstreamAct::Send(template)) = acts.last_mut() else { return Ok(false) };
            add(template, text)?;
        } else if let Some(act) = line.strip_prefix("c ") {
            self.client.push(client_act(act.trim())?);
        } else if let Some(act) = line.strip_prefix("u ") {
            self.upstream_act(act.trim())?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn answer(&mut self) -> &mut Answer {
        if self.answers.is_empty() {
            self.answers.push(Answer::default());
        }
        let last = self.answers.len() - 1;
        &mut self.answers[last]
    }

    fn upstream_act(&mut self, act: &str) -> Result<(), String> {
        let act = match act {
            "answer" | "answer early" => {
                self.answers.push(Answer { early: act.ends_with("early"), acts: Vec::new() });
                return Ok(());
            }
            "pause" => UpstreamAct::Pause,
            "end" => UpstreamAct::End,
            "reset" => UpstreamAct::Reset,
            "silent" => UpstreamAct::Silent,
            _ => return Err("an upstream's act is answer, answer early, pause, end, reset or silent".into()),
        };
        self.answer().acts.push(act);
        Ok(())
    }
}

fn client_act(act: &str) -> Result<ClientAct, String> {
    Ok(match act {
        "pause" => ClientAct::Pause,
        "await answer" => ClientAct::Await(Await::Answer),
        "await bytes" => ClientAct::Await(Await::Bytes),
        "await request" => ClientAct::Await(Await::Request),
        "end" => ClientAct::End,
        "reset" => ClientAct::Reset,
        _ => return Err("a client's act is pause, await answer, await bytes, await request, end or reset".into()),
    })
}

/// Adds a line: with CRLF, or without where it begins with `|`. One space behind the mark is part of the mark.
fn add(template: &mut Template, text: &str) -> Result<(), String> {
    let plain = |text: &str| text.strip_prefix(' ').unwrap_or(text).to_owned();
    match text.strip_prefix('|') {
        Some(text) => template.add(&plain(text)),
        None => {
            template.add(&plain(text))?;
            template.text(b"\r\n");
            Ok(())
        }
    }
}
