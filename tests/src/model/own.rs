//! Errors of keywheel's own, and when they may stand where an answer should.

use super::evidence::{Attempt, Request, by_status};
use crate::sim::intervention::Intervention;
use crate::sim::swarm::Swarm;
use crate::sim::weather::Climate;

/// Errors of keywheel's own, by `error.code`, and the status each has.
pub(super) const OWN: [(&str, u16); 9] = [
    ("no_available_keys", 503),
    ("no_free_connection", 503),
    ("upstream_unreachable", 502),
    ("upstream_lost", 502),
    ("upstream_garbled", 502),
    ("upstream_timeout", 504),
    ("request_timeout", 408),
    ("draining", 503),
    ("too_many_connections", 503),
];

/// Which error of keywheel's own this is.
pub(crate) fn error(status: u16, body: &[u8]) -> Option<&'static str> {
    if status != 429 && OWN.iter().all(|(_, of)| *of != status) {
        return None;
    }
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let code = body["error"]["code"].as_str()?;
    let resting = status == 429 && body["error"]["message"].as_str()?.starts_with("All keys that could serve");
    if resting {
        return Some("resting");
    }
    OWN.iter().find(|(own, of)| *own == code && *of == status).map(|(own, _)| *own)
}

/// Whether an error of keywheel's own fits what the attempts came to, and a world in which such a thing can happen.
pub(super) fn fits(own: &'static str, swarm: &Swarm, request: &Request<'_>, last: Option<&Attempt>) -> bool {
    let Climate { up, down, lookups, .. } = &swarm.climate;
    let set = |name: &str| swarm.setting(name).is_some();
    let class = last.map_or("", |attempt| attempt.class);
    let by_status = last.map_or("", |last| by_status(last.record.status));
    // Connections end early: by the network, or because an upstream closes idle ones.
    let breaks = up.fin + up.reset + up.accept_reset > 0 || swarm.upstream_idle.is_some();
    // An attempt whose connection broke before the upstream had read its head is in no record.
    let told: usize = request.outcome.answer.text("x-keywheel-attempts").parse().unwrap_or(0);
    let unseen = told > request.attempts.len();
    let odd = unseen || last.is_some_and(|last| last.spoiled || !last.head_arrived || last.record.status == 0);
    match own {
        // Where the answer's body was cut its status alone speaks, or what was read of it: a 429 may have said by then that
        // its quota is used up.
        "no_available_keys" => {
            let in_part = last.is_some_and(|last| last.doubtful && last.record.status == 429);
            in_part || [class, by_status].iter().any(|class| matches!(*class, "key_dead" | "quota")) || last.is_none()
        }
        "no_free_connection" => last.is_none() && set("MAX_SOCKETS"),
        "resting" => last.is_none(),
        // A handshake that stalls is a dial that fails.
        "upstream_unreachable" => {
            breaks || up.refuse + up.blackhole + lookups.0 > 0 || swarm.tls && up.stall + up.mute > 0
        }
        "upstream_lost" => odd || last.is_none(),
        // What was held in part of an error does not pass when its connection was given up meanwhile.
        "upstream_timeout" => odd || last.is_none_or(|last| last.doubtful),
        "upstream_garbled" => odd || GARBLED.iter().any(|wish| request.outcome.errand.spec.contains(wish)),
        "request_timeout" => {
            let errand = &request.outcome.errand;
            // A jump of the clock is a pause to whoever waits.
            let jumps = swarm.interventions.iter().any(|(_, act)| matches!(act, Intervention::Jump(_)));
            jumps
                || errand.pause.is_some()
                || errand.expect.is_some()
                || down.stall + down.mute > 0
                || up.stall + up.mute > 0
        }
        "too_many_connections" => set("LIMIT_CONNECTIONS"),
        _ => true,
    }
}

/// Wishes whose answers are no HTTP, or more of it than is allowed.
const GARBLED: [&str; 5] = ["garble", "length=", "fields=", "interim=20", "http10"];
