//! One simulation: a world drawn from a seed, run to its end, and judged.
//!
//! ```text
//!   faults ─ heal_at ─▶ calm: all open requests end ─▶ probes succeed ─▶ SIGTERM ─▶ nothing is left
//! ```

use super::client::{Client, Ending, Manner, Outcome};
use super::crypto;
use super::direct::Seen;
use super::engine::{Carriage, Engine, Mode};
use super::errand::{Errand, Upload};
use super::swarm::{Intervention, Swarm, TOKEN, UPSTREAM};
use super::upstream::Upstreams;
use super::workload;
use super::world::{Event, Owner, Shared, World};
use crate::model::evidence::Evidence;
use crate::model::judge;
use crate::model::ledger::Ledger;
use keywheel_runtime::fake::{Behaviour, Options, Provider};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

/// Steps beyond which a simulation is said not to end.
const MOST_STEPS: u64 = 20_000_000;
/// After healing, every open request ends within this (microseconds): a silent upstream's head (600 s), an answer's
/// silence (300 s), and the time before commit (60 s), with some room.
const LIVENESS: u64 = 1_000_000_000;
/// Ids of the errands that come after healing.
const PROBES: u32 = 1_000_000;

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The master seed.
    pub seed: u64,
    /// Which mode.
    pub mode: Mode,
    /// Keep the story.
    pub story: bool,
    /// A gentle world, in which keywheel is carried so, whatever the seed says.
    pub gentle: Option<Carriage>,
}

impl Plan {
    /// The world of this seed, as it is.
    pub fn new(seed: u64, mode: Mode) -> Self {
        Plan { seed, mode, story: false, gentle: None }
    }
}

/// What came of a simulation.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What did not hold; empty: all held.
    pub broken: Vec<String>,
    /// Hash over everything that happened.
    pub hash: u64,
    /// How many events there were.
    pub events: u64,
    /// What happened, where it was kept.
    pub story: Vec<String>,
    /// Counts of what occurred, by group and name.
    pub counts: BTreeMap<(&'static str, String), u64>,
    /// Requests of clients.
    pub requests: u64,
    /// Digests of what upstreams got: request by request, attempt by attempt, framing aside.
    pub upstream: BTreeMap<u32, Vec<u64>>,
}

/// A world under way.
struct Simulation {
    world: Shared,
    engine: Engine,
    clients: Vec<Client>,
    upstreams: Upstreams,
    swarm: Swarm,
    ledger: Rc<RefCell<Ledger>>,
    broken: Vec<String>,
    steps: u64,
    /// Requests at the provider that were told of.
    told: u64,
    healed_at: Option<u64>,
}

/// Runs a simulation.
pub fn run(plan: &Plan) -> Report {
    match Simulation::new(plan) {
        Ok(simulation) => simulation.live(),
        Err(why) => Report { broken: vec![why], ..Report::default() },
    }
}

impl Simulation {
    fn new(plan: &Plan) -> Result<Self, String> {
        let mut world = World::new(plan.seed, super::weather::Climate::calm(), plan.story);
        let mut swarm = Swarm::drawn(&mut world.dice, plan.mode);
        if let Some(carriage) = &plan.gentle {
            swarm = Swarm { carriage: carriage.clone(), ..swarm.gentle() };
        }
        world.climate = swarm.climate.clone();
        introduce(&swarm, &mut world);
        let upstreams = upstreams(&swarm, &mut world, plan.seed);
        let clients = clients(&swarm, &mut world);
        for (n, (at, _)) in swarm.interventions.iter().enumerate() {
            world.agenda.at(*at, Event::Operator(n as u32));
        }
        let world = Rc::new(RefCell::new(world));
        let ledger = Rc::new(RefCell::new(Ledger::new(&swarm.setup.keys, TOKEN)));
        let book = ledger.clone();
        let observer = Box::new(move |now: u64, seen: Seen<'_>| book.borrow_mut().enter(now, &seen));
        let engine = Engine::start(&swarm.setup, &world, swarm.carriage.clone(), observer)?;
        Ok(Simulation {
            world,
            engine,
            clients,
            upstreams,
            swarm,
            ledger,
            broken: Vec::new(),
            steps: 0,
            told: 0,
            healed_at: None,
        })
    }

    fn live(mut self) -> Report {
        for client in 0..self.clients.len() as u32 {
            self.step_client(client);
        }
        let heal_at = self.swarm.heal_at;
        self.run(|sim| sim.healed_at.is_some() && sim.clients.iter().all(Client::done), heal_at + 20 * LIVENESS);
        if self.broken.is_empty() {
            self.probe();
        }
        if self.broken.is_empty() {
            self.end();
        }
        self.report()
    }

    /// Lets time go on until `enough`, or until the time `until`.
    fn run(&mut self, enough: impl Fn(&Self) -> bool, until: u64) {
        while self.broken.is_empty() && !enough(self) {
            self.steps += 1;
            if self.steps > MOST_STEPS {
                self.broken.push("the simulation does not come to an end".into());
            }
            let stepped = self.engine.step(&self.world);
            self.write_down();
            match stepped {
                Ok(true) => continue,
                Ok(false) => {}
                Err(why) => self.broken.push(why),
            }
            if self.tell_owners() {
                continue;
            }
            let event = {
                let mut world = self.world.borrow_mut();
                if world.agenda.next_at().is_none_or(|at| at > until) {
                    return;
                }
                world.agenda.pop()
            };
            if let Some(event) = event {
                self.handle(event);
            }
        }
    }

    /// Writes down what was seen to pass.
    fn write_down(&mut self) {
        let tales = core::mem::take(&mut self.ledger.borrow_mut().tales);
        let mut world = self.world.borrow_mut();
        for (who, what) in tales {
            world.tell(format_args!("  {who}"), format_args!("{what}"));
        }
        let requests = self.upstreams.provider().requests();
        while self.told < requests {
            self.told += 1;
            let Some(record) = self.upstreams.provider().record(self.told) else { continue };
            let key = record.key.as_ref().and_then(|key| self.swarm.setup.keys.iter().position(|known| known == key));
            let id = crate::model::evidence::sim_id(&record).map_or_else(|| "?".into(), |id| id.to_string());
            world.tell(
                format_args!("    provider"),
                format_args!("#{id} arrives with key {key:?} on connection {}", record.conn),
            );
        }
    }

    /// Tells one owner that something changed; false when there is none to tell.
    fn tell_owners(&mut self) -> bool {
        let mut world = self.world.borrow_mut();
        world.pump();
        if let Some((_, end)) = world.next_accepted() {
            self.upstreams.accept(end, &mut world);
            world.pump();
            return true;
        }
        let Some((owner, _)) = world.next_told() else { return false };
        match owner {
            Owner::Client(id) => self.clients[id as usize].step(&mut world),
            Owner::Upstream(id) => self.upstreams.step(id, &mut world),
            owner => self.engine.told(owner),
        }
        world.pump();
        true
    }

    fn handle(&mut self, event: Event) {
        self.mark(event);
        match event {
            Event::Client(id) => self.step_client(id),
            Event::Upstream(id) => {
                let mut world = self.world.borrow_mut();
                self.upstreams.step(id, &mut world);
                world.pump();
            }
            Event::Operator(n) => self.intervene(n as usize),
            event => drop(self.engine.handle(event, &self.world)),
        }
    }

    fn mark(&mut self, event: Event) {
        let mut world = self.world.borrow_mut();
        let now = world.now();
        let numbers = match event {
            Event::Arrive(end) => [1, u64::from(end.conn), u64::from(end.side)],
            Event::Timer(slot, _) => [2, u64::from(slot), 0],
            Event::Dialled(id) => [3, u64::from(id), 0],
            Event::Resolved(id) => [4, u64::from(id), 0],
            Event::Client(id) => [5, u64::from(id), 0],
            Event::Upstream(id) => [6, u64::from(id), 0],
            Event::Deadline(id) => [7, u64::from(id), 0],
            Event::Operator(id) => [8, u64::from(id), 0],
        };
        world.trace.mark(now, &numbers);
    }

    fn step_client(&mut self, id: u32) {
        let mut world = self.world.borrow_mut();
        self.clients[id as usize].step(&mut world);
        world.pump();
    }

    fn intervene(&mut self, n: usize) {
        let intervention = self.swarm.interventions[n].1.clone();
        let key = |n: &usize| self.swarm.setup.keys[*n].clone();
        self.world.borrow_mut().tell(format_args!("operator"), format_args!("{}", shown(&intervention)));
        self.ledger.borrow_mut().count("intervention", name(&intervention));
        match intervention {
            Intervention::Key(n, behaviour) => self.upstreams.provider().set_key(&key(&n), behaviour),
            Intervention::Reload(order) => {
                let mut setup = self.swarm.setup.clone();
                setup.keys = order.iter().map(key).collect();
                self.ledger.borrow_mut().reloaded(self.world.borrow().now());
                self.engine.reload(&setup, &self.world);
            }
            Intervention::Jump(micros) => {
                let mut world = self.world.borrow_mut();
                world.agenda.jump(micros);
                self.ledger.borrow_mut().jumped(world.now());
            }
            Intervention::Heal => self.heal(),
            Intervention::Drain => self.engine.drain(&self.world),
        }
    }

    /// All faults end; keys are as good as new, and the operator resets them.
    fn heal(&mut self) {
        let keys = self.swarm.setup.keys.clone();
        for key in &keys {
            self.upstreams.provider().set_key(key, Behaviour::Good);
        }
        self.engine.reload(&self.swarm.setup, &self.world);
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
    fn probe(&mut self) {
        let now = self.world.borrow().now();
        let late: Vec<String> =
            self.clients.iter().flat_map(|client| late(client, self.healed_at.unwrap_or(now))).collect();
        self.broken.extend(late);
        let reset = Errand { method: "POST", framing: Upload::Length, ..Errand::get(PROBES, "/reset-keys") };
        let probes = (1..4).map(|n| Errand::get(PROBES + n, "/v1/models"));
        let stats = Errand::get(PROBES + 4, "/stats");
        let errands: Vec<Errand> = std::iter::once(reset).chain(probes).chain([stats]).collect();
        let credential = format!("Authorization: Bearer {TOKEN}");
        let manner = Manner { at: now + 1_000_000, think: 100_000, pipeline: 1, pace: None, credential };
        let id = self.clients.len() as u32;
        self.clients.push(Client::new(id, manner, errands));
        self.step_client(id);
        self.run(|sim| sim.clients.iter().all(Client::done), now + LIVENESS);
        for outcome in &self.clients[id as usize].outcomes {
            if outcome.ending != Ending::Answered || outcome.answer.status != 200 {
                let Outcome { errand, ending, answer, .. } = outcome;
                let body = String::from_utf8_lossy(&answer.body);
                self.broken.push(format!(
                    "I11 after healing {} {} ended {ending:?} with {}: {body}",
                    errand.method, errand.target, answer.status
                ));
            }
        }
    }

    /// SIGTERM: everything ends, and nothing is left.
    fn end(&mut self) {
        let now = self.world.borrow().now();
        self.engine.drain(&self.world);
        self.run(|sim| sim.engine.alive() == 0, now + 31_000_000);
        self.engine.end(&self.world);
        if self.engine.alive() != 0 {
            self.broken.push(format!("after draining {} are left", self.engine.alive()));
        }
        self.run(|_| false, now + 120_000_000);
    }

    fn report(mut self) -> Report {
        let view = self.engine.look(&self.world, |proxy, _| format!("{proxy:?}"));
        let outcomes: Vec<Outcome> = self.clients.iter().flat_map(|client| client.outcomes.clone()).collect();
        let complaints = self.clients.iter().flat_map(|client| client.complaints.clone()).collect();
        let world = self.world.borrow();
        let evidence = Evidence::gather(&self.swarm, &outcomes, complaints, &self.upstreams, &world, &view);
        self.broken.extend(judge::judge(&evidence, &self.ledger.borrow()));
        let mut counts = self.ledger.borrow().counts().clone();
        for (fault, n) in &world.climate.drawn {
            *counts.entry(("fault", (*fault).to_owned())).or_default() += n;
        }
        *counts.entry(("fault", "bytes nobody asked for".to_owned())).or_default() += self.upstreams.unsolicited;
        evidence.count(&mut counts);
        Report {
            broken: self.broken,
            hash: world.trace.hash(),
            events: world.trace.events(),
            story: world.trace.story().to_vec(),
            counts,
            requests: outcomes.len() as u64,
            upstream: evidence.upstream_digests(),
        }
    }
}

/// The first lines of the story: what kind of world it is.
fn introduce(swarm: &Swarm, world: &mut World) {
    for (name, value) in &swarm.setup.env {
        world.tell(format_args!("setting"), format_args!("{name}={value}"));
    }
    for (n, (account, behaviour)) in swarm.keys.iter().enumerate() {
        world.tell(format_args!("key {n}"), format_args!("of {account}: {}", manner_of(behaviour)));
    }
    let Carriage { mode, most_read, upstream_first, order, workers } = &swarm.carriage;
    world.tell(
        format_args!("carriage"),
        format_args!(
            "{mode:?}, {workers} workers, reads of {most_read}, upstream first: {upstream_first}, shuffled: {}",
            order.is_some()
        ),
    );
    for weather in &swarm.climate.weathers {
        world.tell(format_args!("weather"), format_args!("{weather:?}"));
    }
    world.tell(format_args!("faults up"), format_args!("{:?}", swarm.climate.up));
    world.tell(format_args!("faults down"), format_args!("{:?}", swarm.climate.down));
}

fn upstreams(swarm: &Swarm, world: &mut World, seed: u64) -> Upstreams {
    let options =
        Options { keep_records: 100_000, keep_body: 4 << 20, idle: swarm.upstream_idle, ..Options::default() };
    let provider = Provider::new(options);
    for (key, (account, behaviour)) in swarm.setup.keys.iter().zip(&swarm.keys) {
        provider.set_key(key, behaviour.clone());
        provider.set_account(key, account);
    }
    let port = if swarm.tls { 8443 } else { 8080 };
    let places: [SocketAddr; 2] = [([10, 1, 0, 1], port).into(), ([10, 1, 0, 2], port).into()];
    let count = world.dice.network.range(1, 2) as usize;
    for place in &places[..count] {
        world.places.insert(*place, 0);
    }
    world.names.insert(UPSTREAM.into(), places[..count].to_vec());
    let tls = swarm.tls.then(|| crypto::server(&crypto::provider(seed)));
    Upstreams::new(provider, tls, swarm.mischief, world.dice.upstream.child(1))
}

fn clients(swarm: &Swarm, world: &mut World) -> Vec<Client> {
    let (count, most) = swarm.clients;
    let mut first = 1;
    (0..count as u32)
        .map(|id| {
            let dice = &mut world.dice.workload;
            let (manner, errands) = workload::client(dice, &swarm.fare, most, swarm.heal_at, first);
            first += errands.len() as u32;
            Client::new(id, manner, errands)
        })
        .collect()
}

/// Errands that took longer than liveness allows, counted from healing or from their beginning.
fn late(client: &Client, healed_at: u64) -> Vec<String> {
    let mut late = Vec::new();
    for outcome in &client.outcomes {
        let from = outcome.began.unwrap_or(healed_at).max(healed_at);
        let open = outcome.ending == Ending::Open;
        if open || outcome.ended_at.saturating_sub(from) > LIVENESS {
            late.push(format!("I11 #{} did not end in time after healing: {:?}", outcome.errand.id, outcome.ending));
        }
    }
    if !client.done() && late.is_empty() {
        late.push("I11 a client cannot finish its errands".into());
    }
    late
}

/// A behaviour in few words.
fn manner_of(behaviour: &Behaviour) -> String {
    match behaviour {
        Behaviour::Every { every, spec } => {
            let error = spec.error.map(|row| format!("error={} ", row.name)).unwrap_or_default();
            let status = spec.status.map(|status| format!("status={status} ")).unwrap_or_default();
            let hang = if spec.hang { "hang " } else { "" };
            let garble = if spec.garble { "garble " } else { "" };
            let cut = spec.cut.map(|cut| format!("{cut:?} ")).unwrap_or_default();
            format!("each {every}. answer is {error}{status}{hang}{garble}{cut}after {:?}", spec.delay)
        }
        behaviour => format!("{behaviour:?}"),
    }
}

fn name(intervention: &Intervention) -> &'static str {
    match intervention {
        Intervention::Key(..) => "a key changes its behaviour",
        Intervention::Reload(_) => "reload of other keys",
        Intervention::Jump(_) => "the clock jumps",
        Intervention::Heal => "heal",
        Intervention::Drain => "drain",
    }
}

fn shown(intervention: &Intervention) -> String {
    match intervention {
        Intervention::Key(n, behaviour) => format!("key {n} from now on: {}", manner_of(behaviour)),
        Intervention::Reload(order) => format!("reload: keys {order:?}"),
        Intervention::Jump(micros) => format!("the clock jumps by {} s", micros / 1_000_000),
        Intervention::Heal => "all faults end".into(),
        Intervention::Drain => "SIGTERM".into(),
    }
}
