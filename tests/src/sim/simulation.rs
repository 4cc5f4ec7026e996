//! One simulation: a world drawn from a seed, run to its end, and judged.
//!
//! ```text
//!   faults ─ heal_at ─▶ calm: all open requests end ─▶ probes succeed ─▶ SIGTERM ─▶ nothing is left
//! ```

mod closing;
mod opening;

use super::client::{Client, Outcome};
use super::counts::Counts;
use super::direct::Seen;
use super::engine::{Engine, Mode};
use super::intervention::{Intervention, name, shown};
use super::scenario::Scenario;
use super::setup::Setup;
use super::swarm::TOKEN;
use super::trace::Record;
use super::upstream::Upstreams;
use super::world::{Event, Owner, Shared, World};
use crate::model::evidence::Evidence;
use crate::model::judge;
use crate::model::ledger::Ledger;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// Steps beyond which a simulation is said not to end.
const MOST_STEPS: u64 = 20_000_000;
/// Until SIGTERM has ended a process, and until another one is up (microseconds).
const SHUTDOWN: u64 = 30_500_000;
/// The operator's own event by which the next process starts.
const RESTART: u32 = u32::MAX;
/// Ids of the errands that come after healing.
const PROBES: u32 = 1_000_000;

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The world.
    pub scenario: Scenario,
    /// What is written down of what happens.
    pub record: Record,
}

impl Plan {
    /// The world of this seed, as it is.
    pub fn new(seed: u64, mode: Mode) -> Self {
        Plan::of(Scenario::drawn(seed, mode))
    }

    /// This world.
    pub fn of(scenario: Scenario) -> Self {
        Plan { scenario, record: Record::Nothing }
    }
}

/// What came of a simulation.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What did not hold; empty: all held.
    pub broken: Vec<String>,
    /// Hash over everything that happened, where it was recorded.
    pub hash: u64,
    /// How many events there were.
    pub events: u64,
    /// What happened, where it was kept.
    pub story: Vec<String>,
    /// Counts of what occurred, by group and name.
    pub counts: Counts,
    /// Requests of clients.
    pub requests: u64,
    /// Digests of what upstreams got: request by request, attempt by attempt, framing aside.
    pub upstream: BTreeMap<u32, Vec<u64>>,
}

impl Report {
    /// The invariant that broke first: the first word of what is said of it.
    pub fn tag(&self) -> Option<String> {
        let first = self.broken.first()?;
        Some(first.split_whitespace().next().unwrap_or_default().trim_end_matches(':').to_owned())
    }
}

/// A world under way.
struct Simulation {
    world: Shared,
    engine: Engine,
    clients: Vec<Client>,
    upstreams: Upstreams,
    scenario: Scenario,
    /// What the operator has written by now.
    setup: Setup,
    ledger: Rc<RefCell<Ledger>>,
    broken: Vec<String>,
    steps: u64,
    /// Requests at the provider that were told of.
    told: u64,
    healed_at: Option<u64>,
    /// SIGTERM was sent, and the next process is not up yet.
    ending: bool,
}

/// Runs a simulation. A panic in it is a failure like others.
pub fn run(plan: &Plan) -> Report {
    let run = || Simulation::new(plan).map(Simulation::live);
    let ended = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        Err(format!("panic: {}", text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("without words")))
    });
    ended.unwrap_or_else(|why| Report { broken: vec![why], ..Report::default() })
}

impl Simulation {
    fn new(plan: &Plan) -> Result<Self, String> {
        let scenario = plan.scenario.clone();
        let mut world = World::new(scenario.seed, scenario.swarm.climate.clone(), plan.record);
        opening::introduce(&scenario.swarm, &mut world);
        let upstreams = opening::upstreams(&scenario, &mut world);
        let clients = opening::clients(&scenario);
        for (n, (at, _)) in scenario.swarm.interventions.iter().enumerate() {
            world.agenda.at(*at, Event::Operator(n as u32));
        }
        let world = Rc::new(RefCell::new(world));
        let setup = scenario.swarm.setup.clone();
        let ledger = Ledger::new(&setup.keys, TOKEN, plan.record != Record::Nothing);
        let round = scenario.swarm.setting("LOAD_BALANCE_STRATEGY").is_none_or(|strategy| strategy == "round_robin");
        // Weights, priorities and models of keys make turns that are not alike.
        let fair = round && setup.options.is_empty();
        let ledger = Rc::new(RefCell::new(if fair {
            ledger.in_turns(&setup.keys, !scenario.swarm.sets_the_clock())
        } else {
            ledger
        }));
        let engine = start(&setup, &scenario, &world, &ledger)?;
        Ok(Simulation {
            world,
            engine,
            clients,
            upstreams,
            scenario,
            setup,
            ledger,
            broken: Vec::new(),
            steps: 0,
            told: 0,
            healed_at: None,
            ending: false,
        })
    }

    fn live(mut self) -> Report {
        for client in 0..self.clients.len() as u32 {
            self.step_client(client);
        }
        let healed = |sim: &Self| sim.healed_at.is_some() && !sim.ending && sim.clients.iter().all(Client::done);
        self.run(|sim| sim.healed_at.is_some(), u64::MAX);
        let until = self.world.borrow().now() + 20 * self.liveness();
        self.run(healed, until);
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
        if !world.trace.records() {
            return;
        }
        let requests = self.upstreams.provider().requests();
        while self.told < requests {
            self.told += 1;
            let Some(record) = self.upstreams.provider().record(self.told) else { continue };
            let key = record
                .key
                .as_ref()
                .and_then(|key| self.scenario.swarm.setup.keys.iter().position(|known| known == key));
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
            Event::Operator(n) => self.intervene(n),
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
            Event::Watch(id) => [9, u64::from(id), 0],
        };
        world.trace.mark(now, &numbers);
    }

    fn step_client(&mut self, id: u32) {
        let mut world = self.world.borrow_mut();
        self.clients[id as usize].step(&mut world);
        world.pump();
    }

    fn intervene(&mut self, n: u32) {
        if n == RESTART {
            return self.restart();
        }
        let intervention = self.scenario.swarm.interventions[n as usize].1.clone();
        let key = |n: &usize| self.scenario.swarm.setup.keys[*n].clone();
        self.world.borrow_mut().tell(format_args!("operator"), format_args!("{}", shown(&intervention)));
        self.ledger.borrow_mut().count("intervention", name(&intervention));
        let now = self.world.borrow().now();
        match intervention {
            Intervention::Key(n, behaviour) => self.upstreams.provider().set_key(&key(&n), behaviour),
            Intervention::Reload(order) => {
                self.setup.keys = order.iter().map(key).collect();
                self.ledger.borrow_mut().reloaded(now, &self.setup.keys);
                self.engine.reload(&self.setup, &self.world);
            }
            Intervention::Misread => self.engine.reload(&Setup { keys: Vec::new(), ..self.setup.clone() }, &self.world),
            Intervention::Wall(millis) => {
                self.world.borrow_mut().wall += millis;
                self.engine.look_at_the_clock(&self.world);
            }
            Intervention::Jump(micros) => {
                let mut world = self.world.borrow_mut();
                world.agenda.jump(micros);
                self.ledger.borrow_mut().jumped(now, world.now());
            }
            Intervention::Reset => {
                self.ledger.borrow_mut().reset(now);
                self.engine.reset(&self.world);
            }
            Intervention::Heal => self.heal(),
            Intervention::Drain if self.ending => {}
            Intervention::Drain => {
                self.ending = true;
                self.engine.drain(&self.world);
                self.world.borrow_mut().agenda.after(SHUTDOWN, Event::Operator(RESTART));
            }
        }
    }

    /// The process that was told to end has ended by now; another one starts.
    fn restart(&mut self) {
        self.engine.end(&self.world);
        self.write_down();
        if self.engine.alive() != 0 {
            let waits = self.waits();
            self.broken.push(format!("I11 after SIGTERM {} are left", self.engine.alive()));
            return self.broken.extend(waits);
        }
        let now = self.world.borrow().now();
        self.world.borrow_mut().tell(format_args!("operator"), format_args!("another process starts"));
        self.ledger.borrow_mut().restarted(now);
        match start(&self.setup, &self.scenario, &self.world, &self.ledger) {
            Ok(engine) => self.engine = engine,
            Err(why) => self.broken.push(why),
        }
        self.ending = false;
    }

    fn report(mut self) -> Report {
        let view = self.engine.look(&self.world, |proxy, _| format!("{proxy:?}"));
        let outcomes: Vec<Outcome> = self.clients.iter().flat_map(|client| client.outcomes.clone()).collect();
        let complaints = self.clients.iter().flat_map(|client| client.complaints.clone()).collect();
        let world = self.world.borrow();
        let evidence = Evidence::gather(&self.scenario.swarm, &outcomes, complaints, &self.upstreams, &world, &view);
        self.broken.extend(world.wrongs.iter().cloned());
        self.broken.extend(judge::judge(&evidence, &self.ledger.borrow()));
        let mut counts = self.ledger.borrow().counts().clone();
        for (fault, n) in &world.climate.drawn {
            counts.add("fault", fault, *n);
        }
        counts.add("fault", "bytes nobody asked for", self.upstreams.unsolicited);
        evidence.count(&mut counts);
        for switch in super::switch::SWITCHES.iter().filter(|switch| (switch.is_on)(&self.scenario)) {
            counts.add("switch", switch.name, 1);
        }
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

/// A process of keywheel's whose doings are entered in the ledger.
fn start(setup: &Setup, scenario: &Scenario, world: &Shared, ledger: &Rc<RefCell<Ledger>>) -> Result<Engine, String> {
    let book = ledger.clone();
    let observer = Box::new(move |now: u64, seen: Seen<'_>| book.borrow_mut().enter(now, &seen));
    Engine::start(setup, world, scenario.swarm.carriage.clone(), observer)
}
