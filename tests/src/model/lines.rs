//! What the log said of a request against what its client got and what its last attempt was: status, class, retries,
//! whether it was complete.

use super::evidence::Request;
use super::ledger::Ledger;
use crate::sim::client::Ending;

/// What a log line said.
#[derive(Clone, Debug)]
pub struct Line {
    /// Status.
    pub status: u16,
    /// Class of the last attempt.
    pub class: &'static str,
    /// Attempts after the first.
    pub retries: u32,
    /// Whether the answer reached its end.
    pub complete: bool,
}

/// What does not agree.
pub(super) fn judge(request: &Request<'_>, ledger: &Ledger, say: &mut impl FnMut(String)) {
    let (outcome, answer) = (request.outcome, &request.outcome.answer);
    let id = answer.text("x-keywheel-request-id");
    let Some(line) = ledger.line(id) else {
        if outcome.ending == Ending::Answered && !id.is_empty() {
            say(format!("I7 the client got a whole {}, and the log has no line of it", answer.status));
        }
        return;
    };
    if line.status != answer.status {
        say(format!("I7 the client got {}, the log says {}", answer.status, line.status));
    }
    let told: u32 = answer.text("x-keywheel-attempts").parse().unwrap_or(0);
    if told.saturating_sub(1) != line.retries {
        say(format!("I7 the answer tells of {told} attempts, the log of {} retries", line.retries));
    }
    // Of a tunnel the client knows only how its own direction ended.
    let whole = outcome.ending == Ending::Answered && answer.complete && answer.status != 101;
    if whole && !line.complete && outcome.sent {
        say("I7 the client got a whole answer, the log says that it is not complete".into());
    }
    // The class is certain where the client got the last attempt's own answer, whole.
    let Some(last) = request.attempts.last().filter(|_| request.attempts.len() as u32 == told) else { return };
    let clean = last.head_arrived && !last.doubtful && !outcome.errand.spec.contains("event_error");
    let own = super::own::error(answer.status, &answer.body).is_some() || answer.status != last.record.status;
    if whole && clean && !own && outcome.errand.method != "HEAD" && line.class != last.class {
        say(format!("I7 the last attempt was {} ({}), the log says {}", last.class, answer.status, line.class));
    }
}
