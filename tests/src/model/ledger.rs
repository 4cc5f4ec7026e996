//! What was seen to pass while a world ran: leases, settlements, notices, and what was counted.

use super::holding::Holding;
use super::identity::Accounts;
use super::lines::Line;
use super::secrets::Secrets;
use super::turns::Turns;
use crate::sim::counts::Counts;
use crate::sim::direct::Seen;
use keywheel_core::notice::Notice;
use keywheel_core::proxy::{Ask, Reply};
use keywheel_core::session::Action;
use std::collections::BTreeMap;

/// Kept by the observer of a simulation.
#[derive(Debug)]
pub struct Ledger {
    secrets: Secrets,
    counts: Counts,
    /// Lines for the story are wanted.
    tells: bool,
    holding: Holding,
    turns: Turns,
    /// Leases given and settled, where they can be seen (core mode).
    pub leases: (u64, u64),
    /// Settlements with an outcome, where they can be seen.
    pub judged: u64,
    /// Lines for the story, not told yet: who, what.
    pub tales: Vec<(String, String)>,
    /// What was wrong at the time.
    pub broken: Vec<String>,
    /// Request lines, by request id.
    lines: BTreeMap<Box<str>, Line>,
    /// Settlements by key.
    pub(super) accounts: Accounts,
    jumps: Vec<(u64, u64)>,
    resets: Vec<u64>,
    restarts: Vec<u64>,
    reloads: Vec<u64>,
    /// When keys were cleared of what several of them seemed to have done alike.
    undoings: Vec<u64>,
    healed: Option<u64>,
}

impl Ledger {
    /// An empty one that knows what is secret, and writes lines for the story where it `tells`.
    pub fn new(keys: &[String], token: &str, tells: bool) -> Self {
        Ledger {
            secrets: Secrets::new(keys.iter().map(String::as_str).chain([token])),
            counts: Counts::default(),
            tells,
            holding: Holding::default(),
            turns: Turns::default(),
            leases: (0, 0),
            judged: 0,
            tales: Vec::new(),
            broken: Vec::new(),
            lines: BTreeMap::new(),
            accounts: Accounts::default(),
            jumps: Vec::new(),
            resets: Vec::new(),
            restarts: Vec::new(),
            reloads: Vec::new(),
            undoings: Vec::new(),
            healed: None,
        }
    }

    /// Keys take turns; `clocked`: the wall's clock is never set, so that the log tells when a rest ends.
    pub fn in_turns(mut self, keys: &[String], clocked: bool) -> Self {
        self.turns = Turns::new(previews(keys), clocked);
        self
    }

    /// Something passed.
    pub fn enter(&mut self, now: u64, seen: &Seen<'_>) {
        self.broken.extend(self.holding.enter(now, seen));
        self.broken.extend(self.turns.enter(now, seen));
        match seen {
            Seen::Ask(session, ask) => self.ask(*session, ask, now),
            Seen::Reply(session, reply) => self.reply(*session, reply),
            Seen::Notice(notice) => self.notice(notice, now),
            Seen::Woken(session, reason) => {
                self.tell(*session, format_args!("wakes for {reason:?}"));
                self.count("deadline", &format!("{reason:?}"));
            }
            Seen::HouseWoken(reason) => self.count("deadline", &format!("{reason:?}")),
            Seen::Edge(edge) => self.count("edge", &format!("{edge:?}")),
            Seen::Wrong(what) => {
                self.log(format_args!("{what}"));
                self.broken.push(what.clone());
            }
            Seen::Act(session, action) => self.act(*session, action),
        }
    }

    fn act(&mut self, session: u32, action: &Action) {
        let name = action_name(action);
        if !matches!(action, Action::Ask(_) | Action::Notice(_)) {
            self.tell(session, format_args!("{name}"));
        }
        self.count("action", name);
    }

    fn ask(&mut self, session: u32, ask: &Ask, now: u64) {
        if let Some(leak) = self.secrets.find_in(format!("{ask:?}").as_bytes()) {
            self.broken.push(format!("I14 at {now}: {leak} in the Debug output of an ask"));
        }
        let name = match ask {
            Ask::Lease(_) => "lease",
            Ask::Verdict(_) => "verdict",
            Ask::Settle(_) => "settle",
            Ask::Swap(_) => "swap",
            Ask::PassOver(_) => "pass over",
            Ask::Cancel(_) => "cancel",
            Ask::Admin(_) => "admin",
        };
        self.count("ask", name);
        let settled = match ask {
            Ask::Settle(settle) => Some(settle),
            Ask::PassOver(settle) | Ask::Swap(settle) => Some(&**settle),
            _ => None,
        };
        if let Some(settle) = settled {
            self.leases.1 += 1;
            self.judged += u64::from(settle.outcome.is_some());
            let class = settle.outcome.as_ref().map_or("nothing known", |outcome| outcome.class.as_str());
            let key = settle.lease.entry().index;
            self.accounts.settled(session, &settle.lease.entry().preview, settle.outcome.is_some());
            self.tell(session, format_args!("settles key {key}: {class}, wants another: {}", settle.then.is_some()));
            self.count("settled", class);
        }
    }

    fn reply(&mut self, session: u32, reply: &Reply) {
        let name = match reply {
            Reply::Granted(_) => "granted",
            Reply::Queued(_) => "queued",
            Reply::Refused(_) => "refused",
            Reply::Kept(..) => "kept",
            Reply::NeedModel => "need model",
            Reply::Page(_) => "page",
            Reply::Done => "done",
        };
        self.count("reply", name);
        match reply {
            Reply::Granted(lease) => {
                self.accounts.granted(session, &lease.entry().preview);
                self.tell(session, format_args!("is granted key {}", lease.entry().index));
            }
            Reply::Refused(refusal) => self.tell(session, format_args!("is refused: {refusal:?}")),
            Reply::Kept(_, refusal) => {
                self.tell(session, format_args!("keeps its lease, another is refused: {refusal:?}"))
            }
            Reply::Queued(_) | Reply::NeedModel => self.tell(session, format_args!("{name}")),
            Reply::Page(_) | Reply::Done => {}
        }
        if let Reply::Granted(_) | Reply::Kept(..) = reply {
            self.leases.0 += 1;
        }
    }

    fn notice(&mut self, notice: &Notice, now: u64) {
        let text = format!("{notice:?}");
        if let Some(leak) = self.secrets.find_in(text.as_bytes()) {
            self.broken.push(format!("I14 at {now}: {leak} in a notice: {text}"));
        }
        match notice {
            Notice::Request(line) => {
                let (status, class, retries) = (line.status, line.class.as_str(), line.retries);
                self.lines.insert(line.id.clone(), Line { status, class, retries, complete: line.complete });
                let key = line.key.as_ref().map_or_else(|| "none".to_owned(), |(index, _)| index.to_string());
                self.log(format_args!(
                    "{} {} - {status} - key {key} - {class} - retries {retries} - complete: {}",
                    line.method, line.path, line.complete
                ));
                self.count("class", line.class.as_str());
                self.count("status to clients", &line.status.to_string());
            }
            Notice::Event { kind, text, .. } => {
                if *kind == "panic" {
                    self.broken.push(format!("at {now}: {text}"));
                }
                if let Some(class) = blamed_for(kind, text) {
                    self.broken.push(format!("I8 at {now}: {class} changed a key: {text}"));
                }
                if *kind == "origin" && text.contains("failed alike") {
                    self.undoings.push(now);
                }
                self.log(format_args!("{kind}: {text}"));
                self.count("notice", kind);
                if let Some(transition) = transition(kind, text) {
                    self.count("key transition", &transition);
                }
            }
        }
    }

    fn tell(&mut self, session: u32, what: core::fmt::Arguments<'_>) {
        if self.tells {
            self.tales.push((format!("session {session}"), what.to_string()));
        }
    }

    fn log(&mut self, what: core::fmt::Arguments<'_>) {
        if self.tells {
            self.tales.push(("log".into(), what.to_string()));
        }
    }

    /// Counts something.
    pub fn count(&mut self, group: &'static str, name: &str) {
        self.counts.add(group, name, 1);
    }

    /// What was counted.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The keys file was reloaded, and has these keys now.
    pub fn reloaded(&mut self, now: u64, keys: &[String]) {
        self.reloads.push(now);
        self.turns.reload(previews(keys));
        self.accounts.reloaded(&keys.iter().map(|key| preview(key)).collect::<Vec<_>>());
    }

    /// What the log said of the request with this id.
    pub(super) fn line(&self, id: &str) -> Option<&Line> {
        self.lines.get(id)
    }

    /// The clock jumped.
    pub fn jumped(&mut self, from: u64, to: u64) {
        self.jumps.push((from, to));
    }

    /// All keys were reset.
    pub fn reset(&mut self, now: u64) {
        self.resets.push(now);
        self.turns.renew();
    }

    /// One process ended, another began: what was known is forgotten, and the books begin anew.
    pub fn restarted(&mut self, now: u64) {
        let (given, settled) = self.leases;
        if given != settled {
            self.broken.push(format!("I7 at {now}: {given} leases were given and {settled} settled when it ended"));
        }
        self.holding = Holding::default();
        self.accounts.restarted();
        self.turns.renew();
        self.judged = 0;
        self.restarts.push(now);
    }

    /// When the process that runs now began.
    pub fn process_began(&self) -> u64 {
        self.restarts.last().copied().unwrap_or(0)
    }

    /// All faults ended.
    pub fn healed(&mut self, now: u64) {
        self.healed = Some(now);
    }

    /// Whether between these times nothing but time itself acted on keys from outside.
    pub fn undisturbed(&self, from: u64, to: u64) -> bool {
        let within = |at: &u64| (from..=to).contains(at);
        let acts = [&self.reloads, &self.resets, &self.restarts, &self.undoings];
        !acts.into_iter().flatten().chain(&self.healed).any(within)
    }

    /// Whether leases can be seen (core mode).
    pub fn sees_leases(&self) -> bool {
        self.leases.0 > 0
    }

    /// What is secret.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }
}

fn previews(keys: &[String]) -> Vec<Box<str>> {
    keys.iter().map(|key| preview(key).into()).collect()
}

/// A key as pages and logs show it.
fn preview(key: &str) -> String {
    let prefix = if key.starts_with("sk-proj-") { "sk-proj-" } else { "sk-" };
    format!("{prefix}…{}", &key[key.len() - 4..])
}

/// From which state to which a key went: `ready -> cooling`.
fn transition(kind: &str, text: &str) -> Option<String> {
    let (from, to) = text.split_once(" -> ").filter(|_| kind == "key_state")?;
    Some(format!("{} -> {}", from.rsplit(' ').next()?, to.split([',', ' ']).next()?))
}

/// The class for which a key was put out, where that class may never do so.
fn blamed_for(kind: &str, text: &str) -> Option<&'static str> {
    let (_, to) = text.split_once(" -> ").filter(|_| kind == "key_state")?;
    let out = to.starts_with("cooling") || to.starts_with("blacklisted");
    let class = to.split([',', ' ']).filter(|word| !word.is_empty()).nth(1)?;
    ["ok", "client", "config", "overload", "ours"].into_iter().find(|innocent| out && class == *innocent)
}

fn action_name(action: &Action) -> &'static str {
    match action {
        Action::Ask(_) => "ask",
        Action::Dial(_) => "dial",
        Action::Park { .. } => "park",
        Action::Hangup(keywheel_core::session::Side::Downstream, keywheel_core::session::How::Fin) => "hang up client",
        Action::Hangup(keywheel_core::session::Side::Downstream, keywheel_core::session::How::Reset) => "reset client",
        Action::Hangup(keywheel_core::session::Side::Upstream, keywheel_core::session::How::Fin) => "hang up upstream",
        Action::Hangup(keywheel_core::session::Side::Upstream, keywheel_core::session::How::Reset) => "reset upstream",
        Action::EndWriting(_) => "end writing",
        Action::StopDial => "stop dial",
        Action::Notice(_) => "notice",
        Action::Done => "done",
    }
}
