//! I10: with round robin no key starves. One that may serve is used within as many requests as there are keys, however it
//! rested before, and a rest whose end was told is over when that has come.
//!
//! Core mode shows each lease, and the log each change of a key. What rests for one model, or by account, is of more than
//! one key or of not all requests: while any such thing is out, turns are not counted.

use crate::sim::direct::Seen;
use crate::sim::runtime::EPOCH;
use keywheel_core::notice::Notice;
use keywheel_core::proxy::{Ask, Reply};
use std::collections::{BTreeMap, BTreeSet};

/// Of a rest that is over by now, the log may tell so much later, microseconds: a tick, and what timers are late.
const LATE: u64 = 50_000;

/// How often each key was passed over. Keys are known by their previews.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Round robin is what was asked for.
    fair: bool,
    clocked: bool,
    /// Keys in the file.
    keys: Vec<Box<str>>,
    /// Those that do not serve, or for a trial only.
    out: BTreeMap<Box<str>, State>,
    /// What is out of more than one key, or not for all requests, by name.
    partly: BTreeSet<Box<str>>,
    /// Requests since each key may serve.
    passed: BTreeMap<Box<str>, usize>,
    /// Sessions whose next lease is for a request that passes over no key.
    plain: BTreeSet<u32>,
    /// The key that each session was given last.
    held: BTreeMap<u32, Box<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Until then, in microseconds, where that was said.
    Resting(Option<u64>),
    /// It is tried by the next request, or by one that is under way.
    Due,
}

impl Turns {
    /// Of a process with these keys, which take turns; `clocked`: what the log says of time holds.
    pub(super) fn new(keys: Vec<Box<str>>, clocked: bool) -> Self {
        let known: BTreeSet<&str> = keys.iter().map(|key| &**key).collect();
        let fair = known.len() == keys.len();
        Turns { fair, clocked, keys, ..Turns::default() }
    }

    /// All keys are as new.
    pub(super) fn renew(&mut self) {
        (self.out, self.partly, self.passed) = Default::default();
    }

    /// Only these keys are in the file from now on; one that came again is new.
    pub(super) fn reload(&mut self, keys: Vec<Box<str>>) {
        self.out.retain(|key, _| keys.contains(key));
        self.passed.clear();
        self.keys = keys;
    }

    /// Something passed; what is wrong with it.
    pub(super) fn enter(&mut self, now: u64, seen: &Seen<'_>) -> Option<String> {
        if !self.fair {
            return None;
        }
        if let Seen::Ask(session, Ask::Verdict(_) | Ask::Settle(_) | Ask::Swap(_) | Ask::PassOver(_)) = seen {
            self.learns(*session);
        }
        match seen {
            Seen::Ask(session, Ask::Lease(want)) if want.tried.is_empty() && want.unreachable.is_empty() => {
                self.plain.insert(*session);
            }
            Seen::Ask(session, Ask::Lease(_) | Ask::Settle(_) | Ask::Swap(_) | Ask::PassOver(_)) => {
                self.plain.remove(session);
            }
            Seen::Reply(session, Reply::Granted(lease)) => {
                let plain = self.plain.contains(session);
                self.held.insert(*session, lease.entry().preview.as_ref().into());
                return self.serves(now, &lease.entry().preview, plain);
            }
            Seen::Notice(Notice::Event { kind: "key_state", text, .. }) => self.changes(text),
            Seen::Notice(Notice::Event { kind: "reset", .. }) => self.renew(),
            // Some of them are in again: it is not told which.
            Seen::Notice(Notice::Event { kind: "origin", .. }) => {
                self.out.values_mut().for_each(|state| *state = State::Resting(None));
            }
            _ => {}
        }
        None
    }

    /// `Key[3] sk-…abcd, model gpt-4o: ready -> cooling, rate (429), until …`
    fn changes(&mut self, text: &str) {
        let Some((who, to)) = text.split_once(" -> ") else { return };
        let (who, _) = who.rsplit_once(": ").unwrap_or((who, ""));
        let key = who.strip_prefix("Key[").and_then(|rest| rest.split_once("] "));
        let state = match to.split(',').next().unwrap_or_default() {
            "ready" => None,
            "probing" => Some(State::Due),
            // Of dead keys one is tried at a time.
            "blacklisted" => Some(State::Resting(None)),
            _ => Some(State::Resting(
                to.split_once(", until ").and_then(|(_, until)| micros(until)).filter(|_| self.clocked),
            )),
        };
        match (key.filter(|_| !who.contains(", model ")), state) {
            (Some((_, key)), state) => {
                self.passed.remove(key);
                self.out.remove(key);
                self.out.extend(state.map(|state| (key.into(), state)));
            }
            (None, None) => drop(self.partly.remove(who)),
            (None, Some(_)) => drop(self.partly.insert(who.into())),
        }
        if !self.partly.is_empty() {
            self.passed.clear();
        }
    }

    /// What an attempt with a key that rests by now came to may put that off, of which the log does not tell.
    fn learns(&mut self, session: u32) {
        let state = self.held.get(&session).and_then(|key| self.out.get_mut(key));
        if let Some(State::Resting(until)) = state {
            *until = None;
        }
    }

    /// A request is given a key.
    fn serves(&mut self, now: u64, key: &str, plain: bool) -> Option<String> {
        self.passed.remove(key);
        if !plain || !self.partly.is_empty() {
            return None;
        }
        let mut wrong = None;
        for other in self.keys.iter().filter(|other| &***other != key) {
            match self.out.get(other) {
                Some(State::Resting(Some(until))) if until + LATE < now => {
                    wrong = Some(format!("I10 at {now}: {other} still rests, though that was to end at {until}"));
                }
                Some(_) => {}
                None => {
                    let passed = self.passed.entry(other.clone()).or_default();
                    *passed += 1;
                    if *passed > self.keys.len() {
                        wrong = Some(format!("I10 at {now}: {passed} requests passed over {other}, which may serve"));
                    }
                }
            }
        }
        wrong
    }
}

/// What a time on the wall's clock is in the world's.
fn micros(at: &str) -> Option<u64> {
    let wall = humantime::parse_rfc3339(at.trim()).ok()?;
    let since = wall.duration_since(std::time::UNIX_EPOCH).ok()?.as_micros() as u64;
    since.checked_sub(EPOCH.0 * 1_000)
}
