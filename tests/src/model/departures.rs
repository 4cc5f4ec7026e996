//! Clients that leave: nothing is begun for them any more.

use super::evidence::Request;
use crate::sim::client::Ending;
use crate::sim::swarm::Swarm;

/// What does not hold.
pub(super) fn judge(swarm: &Swarm, request: &Request<'_>, say: &mut impl FnMut(String)) {
    let outcome = request.outcome;
    // A connection that waits to be accepted may have been left long before anybody looks at it.
    let Some(slack) = swarm.slack().filter(|_| swarm.setting("LIMIT_CONNECTIONS").is_none()) else { return };
    let may_half_close = swarm.setting("CLIENT_HALF_CLOSE") == Some("true");
    let left = outcome.ending == Ending::Left || outcome.ending == Ending::Reset;
    let late = |at: u64| at > outcome.ended_at + slack;
    if left && !may_half_close && request.attempts.iter().any(|attempt| late(attempt.record.at.as_micros())) {
        say("I11 an attempt was begun for a client that had left".into());
    }
}
