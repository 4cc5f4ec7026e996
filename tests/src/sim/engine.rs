//! keywheel in a simulated world, in either mode: core alone, driven directly, or all of it on the third runtime.

use super::crypto;
use super::dice::Dice;
use super::direct::{Direct, Habits, Observer, Seen};
use super::full::Machine;
use super::runtime::{Shape, SimRuntime, unix};
use super::setup::Setup;
use super::world::{Event, Owner, Shared};
use keywheel_core::proxy::Proxy;
use keywheel_core::time::Instant;

/// Which mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `Session` and `Proxy`, driven directly.
    Core,
    /// Driver, dialling and TLS too.
    Full,
}

impl Mode {
    /// The mode of this name.
    pub fn named(name: &str) -> Option<Mode> {
        [Mode::Core, Mode::Full].into_iter().find(|mode| mode.name() == name)
    }

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Core => "core",
            Mode::Full => "full",
        }
    }
}

/// How keywheel is carried: what must make no difference.
#[derive(Clone, Debug)]
pub struct Carriage {
    /// Which mode.
    pub mode: Mode,
    /// Most bytes of one read, at least 1.
    pub most_read: usize,
    /// Core mode: which side is looked at first.
    pub upstream_first: bool,
    /// Who has something to do takes turns in an order drawn from these dice.
    pub order: Option<Dice>,
    /// Full mode: how many workers.
    pub workers: u32,
    /// Timers come late by up to so many microseconds.
    pub late: u64,
    /// Per cent of turns in which a timer fires that is not due, and of deadlines that are told twice.
    pub restless: u32,
    /// Core mode: per cent of reads for which there is no memory at first.
    pub starved: u32,
}

impl Carriage {
    /// Plain: everything at once, in order, by one worker.
    pub fn plain(mode: Mode) -> Self {
        Carriage {
            mode,
            most_read: usize::MAX,
            upstream_first: false,
            order: None,
            workers: 1,
            late: 0,
            restless: 0,
            starved: 0,
        }
    }
}

/// keywheel.
pub enum Engine {
    /// Core mode.
    Core(Box<Direct>),
    /// Full mode.
    Full(Machine, Observer),
}

impl core::fmt::Debug for Engine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Engine::Core(direct) => direct.fmt(f),
            Engine::Full(machine, _) => machine.fmt(f),
        }
    }
}

impl Engine {
    /// Starts it.
    ///
    /// # Errors
    /// What is wrong with the setup.
    pub fn start(setup: &Setup, world: &Shared, carriage: Carriage, observer: Observer) -> Result<Self, String> {
        let Carriage { mode, most_read, upstream_first, order, workers, late, restless, starved } = carriage;
        match mode {
            Mode::Core => {
                let config = setup.config()?;
                let mut world = world.borrow_mut();
                let seed = world.dice.scheduler.bits();
                let dice = world.dice.scheduler.child(9);
                let habits = Habits { most_read, upstream_first, order, late, restless, starved, dice };
                Ok(Engine::Core(Box::new(Direct::new(config, seed, &mut world, habits, observer))))
            }
            Mode::Full => {
                world.borrow_mut().timing = (late, restless);
                let crypto = crypto::provider(world.borrow_mut().dice.scheduler.bits());
                let rt = SimRuntime::new(world.clone(), crypto, Shape { most_read, order });
                Ok(Engine::Full(Machine::start(setup, rt, workers)?, observer))
            }
        }
    }

    /// Lets it go on a little; false when it has nothing to do.
    ///
    /// # Errors
    /// It spins.
    pub fn step(&mut self, world: &Shared) -> Result<bool, String> {
        match self {
            Engine::Core(direct) => Ok(direct.step(&mut world.borrow_mut())),
            Engine::Full(machine, observer) => {
                let went = machine.step()?;
                let now = world.borrow().now();
                for notice in machine.take_notices() {
                    observer(now, Seen::Notice(&notice));
                }
                Ok(went)
            }
        }
    }

    /// Something happened; false when it is none of its business.
    pub fn handle(&mut self, event: Event, world: &Shared) -> bool {
        let direct = match self {
            Engine::Core(direct) => direct,
            Engine::Full(machine, _) => return machine.handle(event, world),
        };
        let mut world = world.borrow_mut();
        let now = world.now();
        match event {
            Event::Arrive(end) => world.net.arrive(end, now),
            Event::Dialled(id) => {
                if let Some(session) = world.dialled(id) {
                    direct.rouse(session);
                }
            }
            Event::Resolved(session) => direct.rouse(session),
            Event::Deadline(id) => direct.deadline(id, &mut world),
            Event::Watch(id) => direct.watch(id, &mut world),
            _ => return false,
        }
        world.pump();
        true
    }

    /// Something changed at an end of one of its sessions.
    pub fn told(&mut self, owner: Owner) {
        if let (Engine::Core(direct), Owner::Session(id)) = (self, owner) {
            direct.rouse(id);
        }
    }

    /// The operator wrote another setup and asks to take it.
    pub fn reload(&mut self, setup: &Setup, world: &Shared) {
        match self {
            Engine::Core(direct) => {
                direct.config = setup.config().map(Box::new);
                direct.reload(&mut world.borrow_mut());
            }
            Engine::Full(machine, _) => machine.reload(setup),
        }
    }

    /// Somebody set the wall clock, which is looked at from time to time.
    pub fn look_at_the_clock(&mut self, world: &Shared) {
        let shown = unix(&world.borrow());
        self.look(world, |proxy, now| proxy.report_clock(shown, now));
        if let Engine::Core(direct) = self {
            direct.settle_proxy(&mut world.borrow_mut());
        }
    }

    /// All keys come back, in the middle of whatever is in flight.
    pub fn reset(&mut self, world: &Shared) {
        self.look(world, |proxy, now| proxy.reset(now));
        if let Engine::Core(direct) = self {
            direct.settle_proxy(&mut world.borrow_mut());
        }
    }

    /// SIGTERM.
    pub fn drain(&mut self, world: &Shared) {
        match self {
            Engine::Core(direct) => direct.drain(&mut world.borrow_mut()),
            Engine::Full(machine, _) => machine.drain(),
        }
    }

    /// The process is gone, `SHUTDOWN_TIMEOUT` after SIGTERM: what still runs is cut.
    pub fn end(&mut self, world: &Shared) {
        match self {
            Engine::Core(direct) => direct.end(&mut world.borrow_mut()),
            Engine::Full(machine, _) => machine.end(),
        }
    }

    /// What is being waited for, in words.
    pub fn waits(&self) -> Vec<String> {
        match self {
            Engine::Core(direct) => direct.waits(),
            Engine::Full(machine, _) => vec![format!("{} tasks live", machine.tasks())],
        }
    }

    /// Looks at the proxy.
    pub fn look<T>(&mut self, world: &Shared, look: impl FnOnce(&mut Proxy, Instant) -> T) -> T {
        let now = Instant::from_micros(world.borrow().now());
        match self {
            Engine::Core(direct) => look(&mut direct.proxy, now),
            Engine::Full(machine, _) => machine.look(look),
        }
    }

    /// What still runs: sessions, or tasks. 0 once it has drained.
    pub fn alive(&self) -> usize {
        match self {
            Engine::Core(direct) => direct.sessions(),
            Engine::Full(machine, _) => machine.tasks(),
        }
    }
}
