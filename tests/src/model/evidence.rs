//! What is known of a world after it ended: what each client request came to, and the attempts that the provider saw.

use crate::sim::client::Outcome;
use crate::sim::counts::Counts;
use crate::sim::net::End;
use crate::sim::swarm::Swarm;
use crate::sim::trace::Fnv;
use crate::sim::upstream::Upstreams;
use crate::sim::world::World;
use keywheel_runtime::fake::{ROWS, Record, Row};
use std::collections::BTreeMap;

/// One attempt as the provider saw it.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The provider's record.
    pub record: Record,
    /// Whether the whole head of its answer reached keywheel.
    pub head_arrived: bool,
    /// What its answer means, in the words of the classes; empty when it had no whole answer.
    pub class: &'static str,
    /// The provider's row that it is of; empty: none.
    pub row: &'static str,
    /// Whether a code names the key, or its account, beyond doubt.
    pub structured: bool,
    /// Bytes came unasked on its connection, which keywheel may have taken for an answer.
    pub spoiled: bool,
    /// What it meant to keywheel is not certain: it was spoiled, or an error whose body did not arrive whole.
    pub doubtful: bool,
}

impl Attempt {
    /// Whether keywheel may have taken it for one of these classes: by what it is, or, where that is not certain, by what
    /// any error of its status means, in part or by the status alone; or for the 408 that came unasked.
    pub(super) fn may_mean(&self, classes: &[&str]) -> bool {
        let of_status = ROWS.iter().filter(|row| row.status == self.record.status).map(|row| row.class);
        let in_part = self.record.status >= 400
            && of_status.chain([by_status(self.record.status)]).any(|class| classes.contains(&class));
        classes.contains(&self.class) || self.doubtful && in_part || self.spoiled && classes.contains(&by_status(408))
    }
}

/// One client request.
#[derive(Clone, Debug)]
pub struct Request<'e> {
    /// What the client knows.
    pub outcome: &'e Outcome,
    /// Its attempts, in the order of their arrival.
    pub attempts: Vec<Attempt>,
}

/// Everything known.
#[derive(Debug)]
pub struct Evidence<'e> {
    /// The world as drawn.
    pub swarm: &'e Swarm,
    /// All client requests.
    pub requests: Vec<Request<'e>>,
    /// Attempts whose request no client made.
    pub strays: Vec<Record>,
    /// What clients complained of.
    pub complaints: Vec<String>,
    /// What the provider complained of.
    pub violations: Vec<String>,
    /// Connections, in order of making, with their requests in order.
    pub connections: BTreeMap<u64, Vec<u64>>,
    /// Connections to the provider that are open.
    pub open: u64,
    /// `Debug` of the proxy.
    pub view: &'e str,
}

/// An error is judged by what has come of its body by then, microseconds; less what its way takes.
const HELD: u64 = 1_800_000;

impl Request<'_> {
    /// Errors that were not there whole when keywheel went on, for all that can be seen.
    fn doubt_the_late(&mut self) {
        let mut until = self.outcome.ended_at;
        for attempt in self.attempts.iter_mut().rev() {
            let at = attempt.record.at.as_micros();
            attempt.doubtful |= attempt.record.status >= 400 && until.saturating_sub(at) > HELD;
            until = at;
        }
    }

    /// The orders in which its attempts may have been made: as they arrived, or, where the network changed that, with
    /// the one last whose answer the client got, of which nobody got an answer, or of which somebody did; or as their
    /// connections were made, where each had its own.
    pub fn orders(&self) -> Vec<Vec<&Attempt>> {
        let arrived: Vec<&Attempt> = self.attempts.iter().collect();
        let status = self.outcome.answer.status;
        let answered = arrived.iter().rposition(|attempt| attempt.head_arrived && attempt.record.status == status);
        let lost = arrived.iter().rposition(|attempt| !attempt.head_arrived);
        let with_last = |last: usize| {
            let mut order = arrived.clone();
            let attempt = order.remove(last);
            order.push(attempt);
            order
        };
        let heard = arrived.iter().rposition(|attempt| attempt.head_arrived);
        let others = [answered, lost, heard].into_iter().flatten().filter(|last| last + 1 < arrived.len());
        let mut dialled = arrived.clone();
        dialled.sort_by_key(|attempt| attempt.record.conn);
        let apart = dialled.windows(2).all(|pair| pair[0].record.conn < pair[1].record.conn);
        core::iter::once(arrived.clone()).chain(others.map(with_last)).chain(apart.then_some(dialled)).collect()
    }
}

impl<'e> Evidence<'e> {
    /// Puts together what clients and provider know.
    pub fn gather(
        swarm: &'e Swarm,
        outcomes: &'e [Outcome],
        complaints: Vec<String>,
        upstreams: &Upstreams,
        world: &World,
        view: &'e str,
    ) -> Self {
        let mut requests: BTreeMap<u32, Request<'e>> =
            outcomes.iter().map(|outcome| (outcome.errand.id, Request { outcome, attempts: Vec::new() })).collect();
        let provider = upstreams.provider();
        let mut strays = Vec::new();
        let known = swarm.setting("LIMIT_ERROR_BODY").map_or(usize::MAX, |size| size.parse().expect("a size"));
        let mut connections: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for record in provider.log() {
            let on_this = connections.entry(record.conn).or_default();
            on_this.push(record.serial);
            let nth = on_this.len() - 1;
            match sim_id(&record).and_then(|id| requests.get_mut(&id)) {
                Some(request) => request.attempts.push(attempt(record, nth, upstreams, world, known)),
                None => strays.push(record),
            }
        }
        requests.values_mut().for_each(Request::doubt_the_late);
        let violations =
            provider.violations().iter().map(|(conn, what)| format!("connection {conn}: {what}")).collect();
        Evidence {
            swarm,
            requests: requests.into_values().collect(),
            strays,
            complaints,
            violations,
            connections,
            open: provider.connections().1,
            view,
        }
    }

    /// Adds what occurred to `counts`.
    pub fn count(&self, counts: &mut Counts) {
        let mut add = |group, name: &str| counts.add(group, name, 1);
        for request in &self.requests {
            let errand = &request.outcome.errand;
            add("client's end", &format!("{:?}", request.outcome.ending));
            if let Some(mangled) = errand.mangled {
                add("mangled", mangled.trim());
            }
            if errand.leave.is_some() {
                add("client", "means to leave early");
            }
            if request.outcome.pipelined {
                add("client", "pipelines");
            }
            if !errand.spec.is_empty() {
                add("asked of the provider", errand.spec.split(['=', ',']).next().unwrap_or_default());
            }
            add("attempts of a request", &request.attempts.len().to_string());
            for attempt in &request.attempts {
                let asked = errand.spec.strip_prefix("error=").and_then(|wish| wish.split(',').next());
                let asked = asked.and_then(Row::named).filter(|row| row.status == attempt.record.status);
                if let Some(row) = asked.map(|row| row.name).or(Some(attempt.row)).filter(|row| !row.is_empty())
                    && !attempt.doubtful
                {
                    add("row", row);
                }
                add("attempt's class", if attempt.class.is_empty() { "no whole answer" } else { attempt.class });
            }
        }
    }

    /// What upstreams got of each client request: a digest of each attempt, its framing aside.
    pub fn upstream_digests(&self) -> BTreeMap<u32, Vec<u64>> {
        let digest = |attempt: &Attempt| {
            let mut hash = Fnv::of(&attempt.record.head);
            hash ^= Fnv::of(attempt.record.body.sha256.as_bytes()).rotate_left(1);
            hash
        };
        let digests = |request: &Request<'_>| request.attempts.iter().map(digest).collect();
        self.requests.iter().map(|request| (request.outcome.errand.id, digests(request))).collect()
    }
}

/// Which client request a record is of.
pub fn sim_id(record: &Record) -> Option<u32> {
    let head = String::from_utf8_lossy(&record.head);
    let line = head.split("\r\n").find_map(|line| line.strip_prefix("x-sim-id: "))?;
    line.trim().parse().ok()
}

/// `known`: most of an error's body that keywheel reads before it judges.
fn attempt(record: Record, nth: usize, upstreams: &Upstreams, world: &World, known: usize) -> Attempt {
    // How much of what keywheel read of its connection lies behind its answer's head.
    let behind = upstreams.heads(record.conn).and_then(|(end, heads)| {
        let keywheels: End = end.peer();
        world.net.traffic(keywheels).1.checked_sub(heads.get(nth)?.at)
    });
    let head_arrived = behind.is_some();
    // Records of TLS, and chunks, add a little to it.
    let dressed = record.answer.len + if upstreams.encrypted() { record.answer.len / 16 + 64 } else { 0 };
    let spoiled = upstreams.spoiled(record.conn);
    let in_part = record.answer.len as usize >= known || behind.is_some_and(|behind| behind < dressed);
    let doubtful = spoiled || record.status >= 400 && in_part;
    let (row, class, structured) = if head_arrived { class_of(&record) } else { ("", "", false) };
    Attempt { record, head_arrived, class, row, structured, spoiled, doubtful }
}

/// Codes that name the key, or its account, beyond doubt.
const NAMING: [&str; 8] = [
    "invalid_api_key",
    "account_deactivated",
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_hard_limit_reached",
];

/// Its row, and what an answer means, by the provider's own table; the body as answered, not as it arrived.
fn class_of(record: &Record) -> (&'static str, &'static str, bool) {
    let status = record.status;
    if status == 0 {
        return ("", "", false);
    }
    if status < 400 {
        return ("", "ok", false);
    }
    if record.method == "HEAD" {
        return ("", by_status(status), false);
    }
    let body = String::from_utf8_lossy(&record.answer.start);
    let fits = |row: &&keywheel_runtime::fake::Row| {
        row.status == status
            && (row.code.is_empty() || body.contains(&format!("\"{}\"", row.code)))
            && (body.is_empty() || body.contains(row.message))
    };
    let row = ROWS.iter().filter(fits).max_by_key(|row| (row.code.len(), row.message.len()));
    match row {
        Some(row) => (row.name, row.class, NAMING.contains(&row.code)),
        None => ("", by_status(status), false),
    }
}

/// What a status alone means.
pub(super) fn by_status(status: u16) -> &'static str {
    match status {
        401 => "key_dead",
        402 => "quota",
        403 => "unknown",
        429 => "rate",
        408 | 500.. => "overload",
        _ => "client",
    }
}
