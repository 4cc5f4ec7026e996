//! Where scenarios are played, and the play itself: the same on every stage.

use super::script::{Act, Party, Scenario, Step};
use super::template::{Match, Template};
use super::unframe::{Kind, Unframe};
use std::collections::BTreeMap;

/// How a connection ended, as a party sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order.
    Fin,
    /// By a reset.
    Reset,
}

/// What a party has seen on its connection.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// All bytes.
    pub bytes: Vec<u8>,
    /// The end, once it came.
    pub end: Option<End>,
}

/// A place with clients on one side of keywheel and upstream connections on the other.
pub trait Stage {
    /// What this name stands for here.
    fn name(&self, name: &str) -> Option<String>;

    /// Sends; a client that is not there yet connects first.
    ///
    /// # Errors
    /// The party does not exist.
    fn send(&mut self, party: Party, bytes: &[u8]) -> Result<(), String>;

    /// Ends the sending half of a connection, all of it, or breaks it.
    fn hang_up(&mut self, party: Party, act: &Act);

    /// What a party has seen; `None` when it does not exist (yet).
    fn seen(&mut self, party: Party) -> Option<&Seen>;

    /// Lets the stage go on a little; false when nothing more is going to happen.
    fn progress(&mut self) -> bool;

    /// Lets so many milliseconds pass.
    fn pause(&mut self, millis: u64);

    /// Lets everything happen that can happen now, without waiting for a deadline.
    fn settle(&mut self);

    /// Milliseconds since the stage was set up.
    fn now(&self) -> u64;

    /// From here on there are so many keys.
    ///
    /// # Errors
    /// The reload failed.
    fn reload(&mut self, keys: usize) -> Result<(), String>;

    /// The upstream refuses connections from here on.
    fn unreachable(&mut self);
}

/// One party's stream, as far as it was checked.
#[derive(Debug)]
struct Track {
    unframe: Unframe,
    fed: usize,
    taken: usize,
    ended: bool,
}

/// Plays a scenario.
///
/// # Errors
/// The line of the table that did not come true, and what came instead.
pub fn play(scenario: &Scenario, stage: &mut dyn Stage) -> Result<(), String> {
    let mut play = Play { stage, tracks: BTreeMap::new() };
    for step in &scenario.steps {
        play.step(step).map_err(|why| format!("{} (line {}): {why}", scenario.name, step.line))?;
    }
    play.stage.pause(20);
    let parties: Vec<Party> = play.tracks.keys().copied().collect();
    for party in parties {
        play.feed(party);
        let track = &play.tracks[&party];
        let rest = &track.unframe.out()[track.taken..];
        if !rest.is_empty() {
            return Err(format!("{}: {party:?} saw more at the end: {}", scenario.name, shown(rest)));
        }
    }
    Ok(())
}

struct Play<'s> {
    stage: &'s mut dyn Stage,
    tracks: BTreeMap<Party, Track>,
}

impl Play<'_> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        match &step.act {
            Act::Send(party, template) => self.send(*party, template),
            Act::Expect(party, template) => self.expect(*party, template),
            Act::Finish(party) | Act::Close(party) | Act::Reset(party) => {
                self.stage.hang_up(*party, &step.act);
                Ok(())
            }
            Act::Ends(party) => self.ends(*party, false),
            Act::Breaks(party) => self.ends(*party, true),
            Act::Pause(millis) => {
                self.stage.pause(*millis);
                Ok(())
            }
            Act::Reload(keys) => self.stage.reload(*keys),
            Act::Unreachable => {
                self.stage.unreachable();
                Ok(())
            }
        }
    }

    fn send(&mut self, party: Party, template: &Template) -> Result<(), String> {
        let bytes =
            template.render(&|name| self.stage.name(name)).map_err(|name| format!("`{{{name}}}` is unknown"))?;
        let track = track(&mut self.tracks, party);
        if let Party::Client(_) = party {
            methods(&bytes).for_each(|method| track.unframe.expect(method));
        } else if bytes.starts_with(b"HTTP/1.1 101") {
            track.unframe.tunnel();
        }
        self.stage.send(party, &bytes)
    }

    fn expect(&mut self, party: Party, template: &Template) -> Result<(), String> {
        loop {
            self.feed(party);
            let track = track(&mut self.tracks, party);
            let out = &track.unframe.out()[track.taken..];
            let stage = &*self.stage;
            let names = |name: &str| stage.name(name);
            match template.compare(out, &names) {
                Match::Whole(n) => {
                    track.taken += n;
                    return Ok(());
                }
                Match::Never(at) => return Err(format!("at byte {at}: {party:?} saw {}", shown(out))),
                Match::Partly if self.stage.progress() => {}
                Match::Partly => {
                    let out = &self.tracks[&party].unframe.out()[self.tracks[&party].taken..];
                    return Err(format!("{party:?} saw only {}", shown(out)));
                }
            }
        }
    }

    fn ends(&mut self, party: Party, broken: bool) -> Result<(), String> {
        loop {
            let end = self.feed(party);
            let track = track(&mut self.tracks, party);
            let rest = &track.unframe.out()[track.taken..];
            match end {
                Some(_) if !rest.is_empty() => return Err(format!("before the end came {}", shown(rest))),
                Some(End::Fin) if broken != track.unframe.whole() => return Ok(()),
                Some(End::Reset) if broken => return Ok(()),
                Some(end) => return Err(format!("the end was {end:?}")),
                None if self.stage.progress() => {}
                None => return Err("no end came".into()),
            }
        }
    }

    /// Takes what came since the last time; returns the end once it came.
    fn feed(&mut self, party: Party) -> Option<End> {
        let track = track(&mut self.tracks, party);
        let seen = self.stage.seen(party)?;
        track.unframe.feed(&seen.bytes[track.fed..]);
        track.fed = seen.bytes.len();
        if seen.end.is_some() && !core::mem::replace(&mut track.ended, true) {
            track.unframe.end();
        }
        seen.end
    }
}

fn track(tracks: &mut BTreeMap<Party, Track>, party: Party) -> &mut Track {
    tracks.entry(party).or_insert_with(|| {
        let kind = if let Party::Client(_) = party { Kind::Answers } else { Kind::Requests };
        Track { unframe: Unframe::new(kind), fed: 0, taken: 0, ended: false }
    })
}

/// Methods of the request lines in these bytes.
fn methods(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    lines
        .filter(|line| line.trim_end().ends_with(" HTTP/1.1") || line.trim_end().ends_with(" HTTP/1.0"))
        .filter_map(|line| line.split(' ').next())
}

fn shown(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(2000)];
    format!("{} bytes:\n{}", bytes.len(), String::from_utf8_lossy(start))
}
