//! What passes between sessions and the proxy, and what the whole process does.

use super::{Direct, HOUSE, Running, Seen, lend};
use crate::sim::edge::Edge;
use crate::sim::world::{Event, Owner, World};
use keywheel_core::proxy::{Ask, Command, Job, JobId, JobOutcome, Reply};
use keywheel_core::session::{Side, Signal};
use keywheel_core::time::Instant;

impl Direct {
    pub(super) fn ask(&mut self, id: u32, run: &mut Running, ask: Ask, world: &mut World) {
        let now = Instant::from_micros(world.now());
        (self.observer)(world.now(), Seen::Ask(id, &ask));
        if let Ask::Cancel(ticket) = &ask {
            self.tickets.remove(ticket);
        }
        let reply = self.proxy.handle_ask(ask, now);
        (self.observer)(world.now(), Seen::Reply(id, &reply));
        if let Reply::Queued(ticket) = &reply {
            self.tickets.insert(*ticket, id);
        }
        run.session.handle_reply(reply, &mut self.lend(now));
        // A wake may be for this very session: it is out of the map, so it is handed over here.
        for (ticket, reply) in self.drain_proxy(world) {
            match self.tickets.remove(&ticket) {
                Some(owner) if owner == id => {
                    (self.observer)(world.now(), Seen::Reply(id, &reply));
                    run.session.handle_reply(reply, &mut self.lend(now));
                }
                owner => self.wake(owner, reply, world),
            }
        }
    }

    /// What the proxy wants done, but for the wakes.
    fn drain_proxy(&mut self, world: &mut World) -> Vec<(keywheel_core::keyring::Ticket, Reply)> {
        let mut wakes = Vec::new();
        while let Some(command) = self.proxy.poll() {
            match command {
                Command::Wake(ticket, reply) => wakes.push((ticket, reply)),
                Command::Run(job, Job::ReadConfig) => self.read_config(job, world),
                Command::Settings(settings) => self.settings = settings,
                // Its offset is asked for in every turn.
                Command::Clock(_) => {}
                Command::Notice(notice) => (self.observer)(world.now(), Seen::Notice(&notice)),
            }
        }
        self.arm_house(world);
        wakes
    }

    pub(in crate::sim) fn settle_proxy(&mut self, world: &mut World) {
        for (ticket, reply) in self.drain_proxy(world) {
            let owner = self.tickets.remove(&ticket);
            self.wake(owner, reply, world);
        }
    }

    fn wake(&mut self, owner: Option<u32>, reply: Reply, world: &mut World) {
        let now = Instant::from_micros(world.now());
        match (owner.and_then(|id| Some((id, self.sessions.get_mut(&id)?))), reply) {
            (Some((id, run)), reply) => {
                (self.observer)(world.now(), Seen::Reply(id, &reply));
                run.session.handle_reply(reply, &mut lend(&self.settings, &mut self.pool, &self.proxy, now));
                self.rouse(id);
            }
            (None, reply @ Reply::Granted(_)) => {
                (self.observer)(world.now(), Seen::Reply(0, &reply));
                let Reply::Granted(lease) = reply else { return };
                // Whoever waited has gone meanwhile.
                let settle = keywheel_core::keyring::Settle::unused(lease);
                let ask = Ask::Settle(settle);
                (self.observer)(world.now(), Seen::Ask(0, &ask));
                self.proxy.handle_ask(ask, now);
                self.settle_proxy(world);
            }
            (None, _) => {}
        }
    }

    /// The proxy's own deadline, or that of an idle connection.
    pub(super) fn house_deadline(&mut self, world: &mut World) {
        self.house_armed = None;
        let now = Instant::from_micros(world.now());
        let due = self.proxy.poll_timeout().filter(|(at, _)| *at <= now);
        if let Some((_, reason)) = due {
            (self.observer)(world.now(), Seen::HouseWoken(reason));
        }
        let again = self.habits.dice.chance(self.habits.restless);
        if due.is_some() || again {
            self.proxy.handle_timeout(now);
        }
        if again {
            self.proxy.handle_timeout(now);
        }
        if let Some((at, reason)) = self.proxy.poll_timeout().filter(|(at, _)| *at <= now) {
            self.wrong(world.now(), format!("I11 the proxy's {reason:?} of {at:?} stays due after it was handled"));
        }
        self.settle_proxy(world);
    }

    fn read_config(&mut self, job: JobId, world: &World) {
        let outcome = JobOutcome::Config(self.config.clone());
        self.proxy.handle_job(job, outcome, Instant::from_micros(world.now()));
    }

    pub(super) fn arm_house(&mut self, world: &mut World) {
        let proxy = self.proxy.poll_timeout().map(|(at, _)| at);
        if self.idle.poll_timeout().is_some_and(|at| at.as_micros() <= world.now()) {
            self.sweep(world);
        }
        if let Some(at) = proxy.into_iter().chain(self.idle.poll_timeout()).min().map(Instant::as_micros)
            && self.house_armed.is_none_or(|armed| at < armed)
        {
            self.house_armed = Some(at);
            world.agenda.at(at + self.habits.dice.range(0, self.habits.late), Event::Deadline(HOUSE));
        }
    }

    /// Reads the configuration anew.
    pub fn reload(&mut self, world: &mut World) {
        self.proxy.request_reload(Instant::from_micros(world.now()));
        self.settle_proxy(world);
    }

    /// SIGTERM.
    pub fn drain(&mut self, world: &mut World) {
        let now = Instant::from_micros(world.now());
        self.proxy.drain(now);
        self.settle_proxy(world);
        let ids: Vec<u32> = self.sessions.keys().copied().collect();
        for id in ids {
            let Some(run) = self.sessions.get_mut(&id) else { continue };
            run.session.handle_signal(Signal::Drain, &mut lend(&self.settings, &mut self.pool, &self.proxy, now));
            self.rouse(id);
        }
    }

    pub(super) fn sweep(&mut self, world: &mut World) {
        let now = world.now();
        let mut over = Vec::new();
        let net = &world.net;
        let limits = &self.settings.limits;
        self.idle.sweep(limits, Instant::from_micros(now), |end| net.readable(*end), |end| over.push(end));
        for end in over {
            self.edge(now, if world.net.readable(end) { Edge::Died } else { Edge::Expired });
            world.net.close(end, now);
        }
    }

    /// The time for draining is over: what still runs is cut.
    pub fn end(&mut self, world: &mut World) {
        for (_, mut run) in core::mem::take(&mut self.sessions) {
            if let Some(line) = run.sides[Side::Downstream as usize].take() {
                world.own(line.end, Owner::Nobody);
                let now = world.now();
                world.net.reset(line.end, now);
            }
            self.drop_session(run, world);
        }
        world.unlisten(self.listener);
        if self.replay_used() > 0 {
            self.wrong(world.now(), format!("I7 {} bytes of the replay budget never came back", self.replay_used()));
        }
    }

    pub(super) fn drop_session(&mut self, mut run: Box<Running>, world: &mut World) {
        let now = world.now();
        self.held -= run.held;
        for line in run.sides.iter_mut().filter_map(Option::take) {
            world.own(line.end, Owner::Nobody);
            world.net.close(line.end, now);
        }
        if let Some(dialing) = run.dialing.take() {
            dialing.stop(world);
        }
        if let Some(ask) = run.session.abandon(&mut self.pool) {
            (self.observer)(now, Seen::Ask(0, &ask));
            if let Ask::Cancel(ticket) = &ask {
                self.tickets.remove(ticket);
            }
            self.proxy.handle_ask(ask, Instant::from_micros(now));
        }
        self.proxy.close(0);
        self.settle_proxy(world);
    }
}
