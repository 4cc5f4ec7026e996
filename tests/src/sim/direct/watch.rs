//! What a session owes its peers and its host, whatever they do: deadlines that are kept (I11), memory that is bounded
//! (I12).
//!
//! What a session says of itself is not taken for granted: how long a peer has taken nothing, and how much was read for
//! it meanwhile, is counted here, on the network's side.

use super::{Direct, Running};
use crate::sim::world::{Event, World};
use keywheel_core::session::Side;
use keywheel_core::time::Instant;
use keywheel_core::turn::BLOCK;

/// A tick, microseconds.
const TICK: u64 = 1_000;
/// Bytes that come for each byte of a body, at most, in the chunks that clients make: of one byte, with an extension.
const FRAMED: usize = 20;

/// What is known of one direction of a session: from this side's peer to the other's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    /// Since when this side's peer has taken nothing of what is to be written to it.
    stuck: Option<u64>,
    /// Bytes that were read from this side since the other's peer took something.
    pent: usize,
}

impl Running {
    /// So many bytes came from this side.
    pub(super) fn came(&mut self, side: Side, n: usize, now: u64) {
        let at = side as usize;
        self.watches[at].pent += n;
        if side == Side::Upstream {
            self.answers(now);
        }
    }

    /// The answer is on its way, before the upstream has taken the whole request: from now on the answer's silence counts.
    pub(super) fn answers(&mut self, now: u64) {
        let upstream = &mut self.watches[Side::Upstream as usize].stuck;
        *upstream = upstream.map(|_| now);
    }

    /// Its peer takes no more: for the first time, or still.
    pub(super) fn refused(&mut self, side: Side, now: u64) {
        self.watches[side as usize].stuck.get_or_insert(now);
    }

    /// Its peer took something, or nothing is to be written to it.
    pub(super) fn flows(&mut self, side: Side) {
        self.watches[side as usize].stuck = None;
        self.watches[1 - side as usize].pent = 0;
    }

    /// Another connection to an upstream: nothing has passed on it.
    pub(super) fn links(&mut self) {
        self.flows(Side::Upstream);
        self.watches[Side::Upstream as usize].pent = 0;
    }
}

impl Direct {
    /// No deadline stays due after its turn; what the session holds is bounded, and so is what is held by all.
    pub(super) fn bounds(&mut self, id: u32, run: &mut Running, moved: bool, world: &mut World) {
        let now = world.now();
        let at = Instant::from_micros(now);
        let due = run.session.poll_timeout().filter(|(due, _)| *due <= at && !moved && !run.done);
        if let Some((due, reason)) = due {
            self.wrong(now, format!("I11 session {id}'s {reason:?} of {due:?} stays due after its turn"));
        }
        let limits = &self.settings.limits;
        let (own, replay, error) = (limits.request_head + 4 * BLOCK, limits.replay, limits.error_body);
        let held = run.session.held();
        self.held = self.held + held - core::mem::replace(&mut run.held, held);
        let most_of_all = (self.sessions.len() + 1) * (own + error) + self.replay_total;
        let [from_client, from_upstream] = run.watches.map(|watch| watch.pent);
        let [to_client, to_upstream] = run.watches.map(|watch| watch.stuck);
        for (what, is, most) in [
            ("holds", held, own + error + replay),
            ("is one of those that hold", self.held, most_of_all),
            // What is kept for a repeat, or to be judged as an error, is read on; beyond it one window.
            (
                "read for an upstream that takes nothing",
                to_upstream.map_or(0, |_| from_client),
                BLOCK + FRAMED * replay,
            ),
            ("read for a client that takes nothing", to_client.map_or(0, |_| from_upstream), BLOCK + error),
        ] {
            if is > most {
                self.wrong(now, format!("I12 session {id} {what} {is} bytes, at most {most} are allowed"));
            }
        }
        self.keep_watch(id, run, world);
    }

    /// Looks at the session again when a peer of its will have taken nothing for too long.
    fn keep_watch(&mut self, id: u32, run: &mut Running, world: &mut World) {
        let first = run.watches.iter().filter_map(|watch| watch.stuck).min();
        if let Some(since) = first.filter(|_| run.watched.is_none()) {
            let at = (since + self.patience(run)).max(world.now() + 1);
            run.watched = Some(at);
            world.agenda.at(at, Event::Watch(id));
        }
    }

    /// How long a peer may take nothing: within a tunnel, as long as that may be silent.
    fn patience(&self, run: &Running) -> u64 {
        let limits = &self.settings.limits;
        let longest = if format!("{:?}", run.session).contains("client: Tunnel") {
            limits.tunnel_idle
        } else {
            limits.stream_idle
        };
        longest.as_micros() as u64 + self.habits.late + TICK
    }

    /// The time has come to look at a session's peers: it has to have ended what one of them does not take.
    pub fn watch(&mut self, id: u32, world: &mut World) {
        // It may have been entered for a session of the process before.
        let due = |run: &Running| run.watched.filter(|at| *at <= world.now());
        let Some(at) = self.sessions.get(&id).and_then(|run| due(run)) else { return };
        let Some(mut run) = self.sessions.remove(&id) else { return };
        run.watched = None;
        // When the clock jumps, this may come before a deadline that is due later, and has passed with it:
        // what counts is the time for which it was entered.
        for side in [Side::Downstream, Side::Upstream] {
            let since = run.watches[side as usize].stuck.filter(|since| since + self.patience(&run) <= at);
            let Some(since) = since else { continue };
            run.watches[side as usize].stuck = Some(world.now());
            if run.session.has_transmit(side) && run.sides[side as usize].is_some() && !run.queued {
                self.wrong(
                    world.now(),
                    format!("I11 session {id} waits since {since} for its {side:?} to take something"),
                );
            }
        }
        self.keep_watch(id, &mut run, world);
        self.sessions.insert(id, run);
    }
}
