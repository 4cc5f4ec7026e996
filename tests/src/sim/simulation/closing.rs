//! The end: all faults are healed, what is open ends, probes succeed, SIGTERM leaves nothing.

use super::super::client::{Client, Ending, Manner, Outcome};
use super::super::engine::Mode;
use super::super::errand::{Errand, Leaving, Upload};
use super::super::swarm::TOKEN;
use super::{PROBES, Simulation};
use crate::model::own;
use keywheel_runtime::fake::Behaviour;

/// Longest wait for a key or for a connection, milliseconds.
const WAIT: u64 = 10_000;
/// What a client has left behind in a slow network has arrived after so long, microseconds.
const BACKLOG: u64 = 30_000_000;
/// When so many keys fail alike it is not the keys: no further one is tried.
const ALIKE: u64 = 3;
/// The longest silence in a tunnel, microseconds.
const TUNNEL: u64 = 300_000_000;
/// For so long an idle connection is kept, and then read on, microseconds.
const KEPT: u64 = 77_000_000;

impl Simulation {
    /// All faults end; keys are as good as new, and the operator resets them.
    pub(super) fn heal(&mut self) {
        self.setup = self.scenario.swarm.setup.clone();
        for key in &self.setup.keys {
            self.upstreams.provider().set_key(key, Behaviour::Good);
        }
        let now = self.world.borrow().now();
        self.ledger.borrow_mut().reloaded(now, &self.setup.keys);
        self.engine.reload(&self.setup, &self.world);
        let now = {
            let mut world = self.world.borrow_mut();
            let now = world.now();
            world.net.heal(now);
            world.pump();
            now
        };
        self.healed_at = Some(now);
        self.ledger.borrow_mut().healed(now);
        for id in 0..self.clients.len() {
            self.clients[id].hurry();
            self.step_client(id as u32);
        }
    }

    /// After healing and a reset, requests succeed, and the books balance.
    pub(super) fn probe(&mut self) {
        let now = self.world.borrow().now();
        let late = self.late();
        if !late.is_empty() {
            self.broken.extend(late);
            let waits = self.waits();
            return self.broken.extend(waits);
        }
        if self.world.borrow().trace.records() {
            for wait in self.engine.waits() {
                self.world.borrow_mut().tell(format_args!("open"), format_args!("{wait}"));
            }
        }
        let reset = Errand { method: "POST", framing: Upload::Length, ..Errand::get(PROBES, "/reset-keys") };
        let probes = (1..4).map(|n| Errand::get(PROBES + n, "/v1/models"));
        let stats = Errand::get(PROBES + 4, "/stats");
        let errands: Vec<Errand> = std::iter::once(reset).chain(probes).chain([stats]).collect();
        let credential = format!("Authorization: Bearer {TOKEN}");
        let left = |outcome: &Outcome| outcome.ending == Ending::Left && Some(outcome.ended_at) > self.healed_at;
        let late = self.clients.iter().flat_map(|client| &client.outcomes).any(left);
        let at = now + if late { BACKLOG } else { 1_000_000 };
        let manner = Manner { at, think: 100_000, pipeline: 1, pace: None, credential };
        let id = self.clients.len() as u32;
        self.clients.push(Client::new(id, manner, errands));
        self.step_client(id);
        self.run(|sim| sim.clients.iter().all(Client::done), at + self.liveness());
        // Attempts of probes that came to nothing: their keys rest.
        let mut lost = 0;
        for outcome in &self.clients[id as usize].outcomes {
            // Upstreams that close idle connections go on doing so, each time that there is another attempt.
            let swarm = &self.scenario.swarm;
            let told: u64 = outcome.answer.text("x-keywheel-attempts").parse().unwrap_or(0);
            let most = (1 + swarm.number("MAX_RETRIES", 3)).min(swarm.setup.keys.len() as u64).min(ALIKE);
            lost += if outcome.answer.status == 200 { told.saturating_sub(1) } else { told };
            let all_tried = lost >= most;
            let error = own::error(outcome.answer.status, &outcome.answer.body);
            let closed = error == Some("upstream_unreachable") || error == Some("upstream_lost") && all_tried;
            let raced = closed && swarm.upstream_idle.is_some();
            let raced = raced || error == Some("no_free_connection") && self.may_be_held();
            if outcome.ending != Ending::Answered || outcome.answer.status != 200 && !raced {
                let Outcome { errand, ending, answer, .. } = outcome;
                let body = String::from_utf8_lossy(&answer.body);
                self.broken.push(format!(
                    "I11 after healing {} {} ended {ending:?} with {}: {body}",
                    errand.method, errand.target, answer.status
                ));
            }
        }
    }

    /// Whether connections may be in use still when all clients have ended: where they may half-close, one that left
    /// unanswered holds its own until its upstream's silence is over.
    fn may_be_held(&self) -> bool {
        let swarm = &self.scenario.swarm;
        let may = swarm.setting("CLIENT_HALF_CLOSE") == Some("true") && swarm.setting("MAX_SOCKETS").is_some();
        let unanswered = |outcome: &Outcome| outcome.ending != Ending::Answered;
        may && self.clients.iter().flat_map(|client| &client.outcomes).any(unanswered)
    }

    /// SIGTERM: everything ends, and nothing is left.
    pub(super) fn end(&mut self) {
        let now = self.world.borrow().now();
        self.engine.drain(&self.world);
        self.run(|sim| sim.engine.alive() == 0, now + 31_000_000);
        if self.scenario.swarm.carriage.mode == Mode::Core {
            // In core mode nobody else cuts what still runs.
            self.engine.end(&self.world);
        }
        if self.engine.alive() != 0 {
            let waits = self.waits();
            self.broken.push(format!("I11 after draining {} are left", self.engine.alive()));
            self.broken.extend(waits);
        }
        self.run(|_| false, now + 120_000_000);
    }

    /// After healing, an open request ends within this (microseconds): the time for a key or a connection to be free,
    /// that until an answer's head, and that of silence within it. Where few connections are taken, clients wait for each other.
    pub(super) fn liveness(&self) -> u64 {
        let swarm = &self.scenario.swarm;
        let head = swarm.number("REQUEST_TIMEOUT", 600_000).max(swarm.number("STREAM_HEADER_TIMEOUT", 30_000));
        let bound = 1_000 * (head + WAIT + swarm.number("STREAM_IDLE_TIMEOUT", 300_000));
        if swarm.setting("LIMIT_CONNECTIONS").is_some() { 20 * bound + 2_000_000_000 } else { bound }
    }

    /// The longest that a byte of many takes in this world, nanoseconds: a window of them there, and its room back.
    fn slowest_byte(&self) -> u64 {
        let weathers = &self.scenario.swarm.climate.weathers;
        weathers.iter().map(|weather| 2_000 * weather.delay.1 / weather.window as u64).max().unwrap_or_default()
    }

    /// What is being waited for, in words.
    pub(super) fn waits(&mut self) -> Vec<String> {
        let pool = self.engine.look(&self.world, |proxy, now| format!("{:?}", proxy.pool(now)));
        let mut waits = self.engine.waits();
        waits.push(pool);
        waits.iter().map(|what| format!("  waiting: {what}")).collect()
    }

    /// Errands that took longer than liveness allows, counted from healing, from their beginning, or from the answer
    /// before them on their connection.
    fn late(&self) -> Vec<String> {
        let (bound, healed_at) = (self.liveness(), self.healed_at.unwrap_or_default());
        let mut late = Vec::new();
        for client in &self.clients {
            let mut before = 0;
            for outcome in &client.outcomes {
                let from = outcome.began.unwrap_or(healed_at).max(healed_at).max(before);
                // A client that pauses within its body is waited for, and what comes takes its time on a narrow way. One
                // that is deaf does not see its answers, of which each takes its time; behind them its connection is idle.
                let came = outcome.answer.body.len() as u64;
                let deaf = outcome.ending == Ending::Deaf || outcome.errand.leaves(Leaving::Deaf);
                let tunnel = if outcome.errand.frames.is_empty() { 0 } else { TUNNEL };
                let bound = if deaf { bound * client.pipeline() + KEPT + tunnel } else { bound }
                    + outcome.errand.pause.map_or(0, |(_, span)| span)
                    + came * self.slowest_byte() / 1_000;
                if outcome.ending == Ending::Open || outcome.ended_at.saturating_sub(from) > bound {
                    let (id, ending) = (outcome.errand.id, outcome.ending);
                    late.push(format!(
                        "I11 #{id} did not end within {} s after healing: {ending:?}",
                        bound / 1_000_000
                    ));
                }
                before = if outcome.ending == Ending::Open { u64::MAX } else { outcome.ended_at };
            }
            if !client.done() && late.is_empty() {
                late.push("I11 a client cannot finish its errands".into());
            }
        }
        late
    }
}
