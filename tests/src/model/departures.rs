//! Clients that leave: nothing is begun for them any more. Those that only end their own direction are answered where
//! the operator says that clients may do so.

use super::evidence::Request;
use crate::sim::client::Ending;
use crate::sim::swarm::Swarm;

/// Bytes of a connection that are read before their turn has come (I12: a window).
const READ_AHEAD: usize = 64 * 1024;

/// What does not hold.
pub(super) fn judge(swarm: &Swarm, request: &Request<'_>, say: &mut impl FnMut(String)) {
    let outcome = request.outcome;
    // A connection that waits to be accepted may have been left long before anybody looks at it.
    let Some(slack) = swarm.slack().filter(|_| swarm.setting("LIMIT_CONNECTIONS").is_none()) else { return };
    let may_half_close = swarm.setting("CLIENT_HALF_CLOSE") == Some("true");
    let left = outcome.ending == Ending::Left || outcome.ending == Ending::Reset;
    let late = |at: u64| at > outcome.ended_at + slack;
    // An end behind more than is read ahead shows when those before it have had their turn.
    let seen = !may_half_close && outcome.under_way <= READ_AHEAD;
    if left && seen && request.attempts.iter().any(|attempt| late(attempt.record.at.as_micros())) {
        say("I11 an attempt was begun for a client that had left".into());
    }
}

/// What a client that has ended its own direction is owed: an answer, if one of keywheel's own.
pub(super) fn half_closed(swarm: &Swarm, request: &Request<'_>, say: &mut impl FnMut(String)) {
    let outcome = request.outcome;
    let down = &swarm.climate.down;
    let own_way = down.fin + down.reset + down.stall + down.mute == 0 && swarm.fare.slow == 0;
    // A connection may have been given up before the request came; what follows a bad request is not served.
    let given_up = outcome.pipelined
        || swarm.drains()
        || ["LIMIT_KEEP_ALIVE", "LIMIT_CONNECTIONS"].iter().any(|name| swarm.setting(name).is_some());
    let asks = outcome.half_closed && outcome.sent && outcome.errand.mangled.is_none();
    let may = swarm.setting("CLIENT_HALF_CLOSE") == Some("true");
    if asks && may && own_way && !given_up && outcome.ending != Ending::Answered && outcome.answer.status == 0 {
        say(format!("I11 {:?} without an answer for a client that had ended its own direction only", outcome.ending));
    }
}
