//! Judges a world that has ended: the invariants, from outside. Each is told by its number.

use super::evidence::{Attempt, Evidence, Request};
use super::ledger::Ledger;
use super::{books, departures, identity, lines, own, rests, tunnel};
use crate::sim::client::Ending;
use crate::sim::errand::Upload;
use crate::sim::swarm::Swarm;
use keywheel_runtime::fake::Ended;
use std::collections::BTreeMap;

/// What did not hold.
pub fn judge(evidence: &Evidence<'_>, ledger: &Ledger) -> Vec<String> {
    let mut broken = ledger.broken.clone();
    broken.extend(evidence.complaints.iter().map(|complaint| format!("HTTP: {complaint}")));
    broken.extend(evidence.violations.iter().map(|violation| format!("HTTP upstream: {violation}")));
    for request in &evidence.requests {
        let id = request.outcome.errand.id;
        let mut say = |what: String| broken.push(format!("{what} (#{id})"));
        attempts(evidence.swarm, request, ledger, &mut say);
        walk(evidence.swarm, request, &mut say);
        uploads(request, &mut say);
        secrets(request, ledger, &mut say);
        hops(request, &mut say);
        options(evidence.swarm, request, &mut say);
        lines::judge(request, ledger, &mut say);
        departures::judge(evidence.swarm, request, &mut say);
        departures::half_closed(evidence.swarm, request, &mut say);
        if evidence.swarm.calm {
            calm(evidence.swarm, request, &mut say);
        }
    }
    broken.extend(strays(evidence));
    broken.extend(reuse(evidence));
    broken
        .extend(ledger.secrets().find_in(evidence.view.as_bytes()).map(|leak| format!("I14 {leak} in Debug of Proxy")));
    broken.extend(books::audit(evidence, ledger));
    broken.extend(rests::judge(evidence, ledger));
    broken.extend(identity::judge(evidence, ledger));
    broken
}

/// I2: how many attempts, and with which keys.
fn attempts(swarm: &Swarm, request: &Request<'_>, ledger: &Ledger, say: &mut impl FnMut(String)) {
    let retries: usize = swarm.setting("MAX_RETRIES").and_then(|n| n.parse().ok()).unwrap_or(3);
    let is_free = |attempt: &&Attempt| attempt.head_arrived && attempt.may_mean(&["key_dead", "quota"]);
    let free = request.attempts.iter().filter(is_free).count();
    let n = request.attempts.len();
    if n > (1 + retries + free).min(32) {
        say(format!("I2 {n} attempts, though MAX_RETRIES is {retries} and {free} were free"));
    }
    let mut keys: Vec<_> = request.attempts.iter().map(|attempt| attempt.record.key.as_deref()).collect();
    keys.sort_unstable();
    // A key that was taken out and put in again meanwhile is another key. A client that may only have ended its own
    // direction is served on when it has left.
    let last = request.attempts.iter().map(|attempt| attempt.record.at.as_micros()).max();
    let until = request.outcome.ended_at.max(last.unwrap_or_default());
    let steady = ledger.undisturbed(request.outcome.began.unwrap_or_default(), until);
    if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1] && pair[0].is_some()).filter(|_| steady) {
        say(format!("I2 key {:?} was tried twice", pair[0].map(|key| &key[..6])));
    }
    for class in ["overload", "access"] {
        let again = request.attempts.iter().filter(|attempt| attempt.class == class && !attempt.doubtful).count();
        if again > 2 {
            say(format!("I2 {again} attempts ended in {class}, which allows one repeat"));
        }
    }
    if request.outcome.errand.mangled.is_some() && n > 0 {
        say(format!("a mangled request was sent upstream{}", request.outcome.errand.mangled.unwrap_or_default()));
    }
}

/// I3 to I6, in one of the orders in which the attempts may have been made.
fn walk(swarm: &Swarm, request: &Request<'_>, say: &mut impl FnMut(String)) {
    let judged = request.orders().into_iter().map(|order| {
        let mut broken = Vec::new();
        repeats(swarm, request, &order, &mut |what| broken.push(what));
        answers(swarm, request, order.last().copied(), &mut |what| broken.push(what));
        broken
    });
    judged.min_by_key(Vec::len).unwrap_or_default().into_iter().for_each(say);
}

/// Classes of answers by which nothing was carried out.
const REPEATED: [&str; 5] = ["key_dead", "quota", "rate", "access", "overload"];

/// I3 and I4: what may be followed by another attempt.
fn repeats(swarm: &Swarm, request: &Request<'_>, order: &[&Attempt], say: &mut impl FnMut(String)) {
    let errand = &request.outcome.errand;
    let ambiguous_allowed = errand.idempotent() || swarm.setting("RETRY_AMBIGUOUS") == Some("true");
    for (attempt, _) in order.iter().zip(order.iter().skip(1)) {
        let arrived = attempt.head_arrived;
        if attempt.doubtful && (ambiguous_allowed || attempt.may_mean(&REPEATED)) {
            continue;
        }
        match attempt.class {
            class if arrived && REPEATED.contains(&class) => {}
            "" if ambiguous_allowed => {}
            _ if !arrived && ambiguous_allowed => {}
            "" => say("I4 started again although an attempt may have been carried out".into()),
            class => say(format!("I4 started again after {class} ({})", attempt.record.status)),
        }
    }
    let told: usize = request.outcome.answer.text("x-keywheel-attempts").parse().unwrap_or(0);
    if request.outcome.answer.status != 0 && request.attempts.len() > told {
        say(format!("I3 {} attempts arrived, the committed answer told of {told}", request.attempts.len()));
    }
}

/// I6: what upstreams got is what the client sent.
fn uploads(request: &Request<'_>, say: &mut impl FnMut(String)) {
    let errand = &request.outcome.errand;
    for Attempt { record, .. } in &request.attempts {
        if record.received && (record.body.len != errand.body.len() as u64 || record.body.start != errand.body) {
            say(format!(
                "I6 the upstream got {} bytes of body that are not the client's {}",
                record.body.len,
                errand.body.len()
            ));
        }
        if !record.received && !errand.body.starts_with(&record.body.start) {
            say("I6 the upstream got bytes that the client did not send".into());
        }
        if record.received
            && errand.framing != Upload::None
            && !request.outcome.sent
            && record.body.len as usize > errand.body.len()
        {
            say("I5 a request that was cut arrived as a whole one".into());
        }
    }
}

/// I5 and I6: what the client got is the last attempt's answer, or an error of keywheel's own.
fn answers(swarm: &Swarm, request: &Request<'_>, last: Option<&Attempt>, say: &mut impl FnMut(String)) {
    let (outcome, answer) = (request.outcome, &request.outcome.answer);
    if answer.status == 0 || outcome.errand.target.starts_with("/v1") == outcome.errand.mangled.is_some() {
        return;
    }
    if !outcome.errand.target.starts_with("/v1") {
        return;
    }
    if outcome.errand.method == "HEAD" && own::OWN.iter().any(|(_, own)| *own == answer.status || answer.status == 429)
    {
        // Without its body there is no telling whose error it is.
        return;
    }
    if let Some(own) = own::error(answer.status, &answer.body) {
        if !own::fits(own, swarm, request, last) {
            let class = last.map_or("none", |attempt| attempt.class);
            say(format!("I5 {own} after an attempt that ended in {class:?}, in a world where that cannot be"));
        }
        return;
    }
    let whole = outcome.ending == Ending::Answered && answer.complete;
    let own_began = !whole && b"{\"error\":{\"message\":\"".starts_with(&answer.body[..answer.body.len().min(21)]);
    // What an upstream says unasked while a request is on its way cannot be told from its answer.
    let unasked = swarm.mischief.unsolicited > 0 && answer.status == 408 && answer.body.is_empty();
    if request.attempts.iter().any(|attempt| attempt.spoiled) || own_began || unasked {
        return;
    }
    let Some(last) = last else {
        let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]).into_owned();
        return say(format!("I5 {} without an attempt, and not an error of keywheel's own: {body}", answer.status));
    };
    if answer.status == 101 && last.record.status == 101 {
        return tunnel::judge(request, say);
    }
    if last.record.status != answer.status {
        return say(format!("I5 the client got {}, the last attempt {}", answer.status, last.record.status));
    }
    let upstream = &last.record.answer.start;
    // What ends with its connection and is cut in order cannot be told from what is whole.
    let unframed = ["until_close", "http10"].iter().any(|wish| outcome.errand.spec.contains(wish));
    let by_close = unframed || answer.framing == super::answer::Framing::Close;
    let same = &answer.body == upstream || masked(&answer.body, upstream);
    if whole && !same && outcome.errand.method != "HEAD" && !(by_close && prefix(&answer.body, upstream)) {
        say(format!(
            "I6 the client got a whole answer of {} bytes that is not the upstream's {}",
            answer.body.len(),
            upstream.len()
        ));
    }
    if whole && !by_close && last.record.ended == Ended::Cut && !last.record.answer.start.is_empty() && !same {
        say("I5 a cut answer was ended cleanly".into());
    }
    if !whole && !prefix(&answer.body, upstream) {
        let same = answer.body.iter().zip(upstream).take_while(|(got, sent)| got == sent).count();
        let odd = String::from_utf8_lossy(&answer.body[same..answer.body.len().min(same + 60)]);
        let (got, sent) = (answer.body.len(), upstream.len());
        say(format!(
            "I6 the client got bytes that the upstream did not send: {got} of {sent}, the same until {same}, then {odd:?}"
        ));
    }
}

/// How an event of keywheel's own begins.
const OWN_EVENT: &[u8] = b"data: {\"error\":{\"message\":\"The upstream broke off";

/// Whether `got` begins as `sent` does, but for one event of keywheel's own at its end, and for a masked key.
fn prefix(got: &[u8], sent: &[u8]) -> bool {
    let event = memchr::memmem::rfind(got, OWN_EVENT);
    // It may be cut as well, by whoever carries it.
    let begun = || (0..=OWN_EVENT.len().min(got.len())).rev().find(|n| got.ends_with(&OWN_EVENT[..*n])).unwrap_or(0);
    let own = &got[..event.unwrap_or_else(|| got.len() - begun())];
    sent.starts_with(own) || sent.get(..own.len()).is_some_and(|sent| masked(own, sent))
}

/// Whether the two differ only where `got` has `*`, which stands for a key that was echoed.
fn masked(got: &[u8], sent: &[u8]) -> bool {
    got.len() == sent.len() && got.iter().zip(sent).all(|(got, sent)| got == sent || *got == b'*')
}

/// How long an idle connection is kept where LIMIT_KEEP_ALIVE does not say otherwise, microseconds.
const KEEP_ALIVE: u64 = 75_000_000;

/// Where nothing goes wrong, every request is answered, by one attempt.
fn calm(swarm: &Swarm, request: &Request<'_>, say: &mut impl FnMut(String)) {
    let errand = &request.outcome.errand;
    // An idle connection may end while a request is on its way; what follows a bad request is not served.
    let raced = swarm.setting("LIMIT_KEEP_ALIVE").is_some() || swarm.fare.mangling > 0 && request.outcome.pipelined;
    // So may one whose client took longer to read an answer than an idle connection is kept, or a whole answer waits.
    let hurried = swarm.setting("STREAM_IDLE_TIMEOUT").is_some();
    // What comes to a connection that was ended as idle is answered by a reset (RFC 9112 section 9.6).
    let slack = swarm.slack().unwrap_or_default();
    let closed = request.outcome.silence + slack >= KEEP_ALIVE && request.outcome.answer.status == 0;
    let outwaited = match request.outcome.ending {
        Ending::Eof => swarm.fare.slow > 0 && closed,
        Ending::Reset => swarm.fare.slow > 0 && (hurried || closed),
        _ => false,
    };
    let raced = raced || outwaited;
    if request.outcome.ending != Ending::Answered && errand.mangled.is_none() && !raced {
        return say(format!("I5 {:?} although nothing went wrong", request.outcome.ending));
    }
    let proxied = errand.target.starts_with("/v1/") && errand.mangled.is_none() && !raced;
    let capped = swarm.setting("MAX_SOCKETS").or(swarm.setting("LIMIT_CONNECTIONS")).is_some();
    if proxied && request.attempts.len() != 1 && !(capped && request.outcome.answer.status == 503) {
        say(format!("I2 {} attempts although nothing went wrong", request.attempts.len()));
    }
}

/// I14: nothing secret reaches a client in a head or an error, nothing of the client's credential reaches an upstream.
fn secrets(request: &Request<'_>, ledger: &Ledger, say: &mut impl FnMut(String)) {
    let answer = &request.outcome.answer;
    let spoiled = request.attempts.iter().any(|attempt| attempt.spoiled);
    let body = if answer.status >= 400 && !spoiled { &answer.body[..answer.body.len().min(65_536)] } else { &[] };
    for (place, bytes) in [("a head", &answer.head[..]), ("an error's body", body)] {
        if let Some(leak) = ledger.secrets().find_in(bytes) {
            say(format!("I14 {leak} in {place} towards the client"));
        }
    }
    for Attempt { record, .. } in &request.attempts {
        if memchr::memmem::find(&record.head, &crate::sim::swarm::TOKEN.as_bytes()[..12]).is_some() {
            say("I14 the client's credential reached the upstream".into());
        }
    }
}

/// What the operator wrote behind a key goes out with it, and nothing of the kind that a client sent (keywheel: README, keys).
fn options(swarm: &Swarm, request: &Request<'_>, say: &mut impl FnMut(String)) {
    for Attempt { record, .. } in &request.attempts {
        let Some(key) = record.key.as_deref() else { continue };
        let head = String::from_utf8_lossy(&record.head);
        for (field, option) in [("openai-organization: ", "org"), ("openai-project: ", "project")] {
            let is = |line: &&str| line.get(..field.len()).is_some_and(|name| name.eq_ignore_ascii_case(field));
            let sent: Vec<_> = head.split("\r\n").filter(is).map(|line| &line[field.len()..]).collect();
            if sent != Vec::from_iter(swarm.setup.option(key, option)) {
                say(format!("I6 {field}{sent:?} went out with a key that says {:?}", swarm.setup.option(key, option)));
            }
        }
    }
}

/// I6: what ends at this hop does not reach the upstream (RFC 9110 section 7.6.1).
fn hops(request: &Request<'_>, say: &mut impl FnMut(String)) {
    for Attempt { record, .. } in &request.attempts {
        let head = String::from_utf8_lossy(&record.head).to_ascii_lowercase();
        for name in ["keep-alive:", "te:", "x-hop:", "x-last-hop:", "proxy-connection:"] {
            if head.split("\r\n").any(|line| line.starts_with(name)) {
                say(format!("I6 the field {name} went beyond its hop"));
            }
        }
    }
}

/// Requests upstream that no client made.
fn strays(evidence: &Evidence<'_>) -> Vec<String> {
    let stray = |record: &keywheel_runtime::fake::Record| {
        let head = String::from_utf8_lossy(&record.head[..record.head.len().min(300)]).into_owned();
        format!("I6 a request that no client made: {head:?}")
    };
    evidence.strays.iter().map(stray).collect()
}

/// I13: a connection is used again only after an exchange that ended exactly.
fn reuse(evidence: &Evidence<'_>) -> Vec<String> {
    let by_serial: BTreeMap<u64, &Attempt> = evidence
        .requests
        .iter()
        .flat_map(|request| &request.attempts)
        .map(|attempt| (attempt.record.serial, attempt))
        .collect();
    let mut broken = Vec::new();
    for (conn, serials) in &evidence.connections {
        for pair in serials.windows(2) {
            let Some(before) = by_serial.get(&pair[0]) else { continue };
            if leftover(evidence, before, by_serial.get(&pair[1]).copied()) {
                broken.push(format!("I13 connection {conn} was used again with bytes left over from its last answer"));
            }
            if before.record.ended != Ended::Complete || !before.record.received {
                broken.push(format!(
                    "I13 connection {conn} was used again after an exchange that ended {:?}, request whole: {}",
                    before.record.ended, before.record.received
                ));
            }
        }
    }
    broken
}

/// Whether bytes behind an answer must have been there when its connection was used again.
fn leftover(evidence: &Evidence<'_>, before: &Attempt, after: Option<&Attempt>) -> bool {
    let errands = evidence
        .requests
        .iter()
        .filter(|request| request.attempts.iter().any(|attempt| attempt.record.serial == before.record.serial));
    let noisy = errands.into_iter().any(|request| request.outcome.errand.spec.contains("noise="));
    // A bad key's answer has no noise; nor has one to HEAD, or of another row, or where keys have wishes of their own.
    let plain = before.class == "ok" && before.record.method != "HEAD" && !evidence.swarm.keys_wish();
    let Some((after, slack)) = after.zip(evidence.swarm.slack()) else { return false };
    noisy && plain && after.record.at.as_micros() > before.record.at.as_micros() + 1_000_000 + slack
}
