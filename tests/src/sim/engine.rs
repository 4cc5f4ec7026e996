//! keywheel in a simulated world, in either mode: core alone, driven directly, or all of it on the third runtime.

use super::direct::{Direct, Habits, Observer};
use super::setup::Setup;
use super::world::{Event, Owner, Shared};

/// Which mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `Session` and `Proxy`, driven directly.
    Core,
    /// Driver, dialling and TLS too.
    Full,
}

/// keywheel.
#[derive(Debug)]
pub enum Engine {
    /// Core mode.
    Core(Box<Direct>),
}

impl Engine {
    /// Starts it.
    ///
    /// # Errors
    /// What is wrong with the setup.
    pub fn start(setup: &Setup, world: &Shared, habits: Habits, observer: Observer) -> Result<Self, String> {
        let config = setup.config()?;
        let mut world = world.borrow_mut();
        let seed = world.dice.scheduler.bits();
        let direct = Direct::new(config, seed, &mut world, habits, observer);
        Ok(Engine::Core(Box::new(direct)))
    }

    /// Lets it go on a little; false when it has nothing to do.
    ///
    /// # Errors
    /// It spins.
    pub fn step(&mut self, world: &Shared) -> Result<bool, String> {
        match self {
            Engine::Core(direct) => Ok(direct.step(&mut world.borrow_mut())),
        }
    }

    /// Something happened; false when it is none of its business.
    pub fn handle(&mut self, event: Event, world: &Shared) -> bool {
        let Engine::Core(direct) = self;
        let mut world = world.borrow_mut();
        let now = world.now();
        match event {
            Event::Arrive(end) => world.net.arrive(end, now),
            Event::Dialled(id) => {
                if let Some(session) = world.dialled(id) {
                    direct.dialled(session);
                }
            }
            Event::Resolved(session) => direct.dialled(session),
            Event::Deadline(id) => direct.deadline(id, &mut world),
            _ => return false,
        }
        world.pump();
        true
    }

    /// Something changed at an end of one of its sessions.
    pub fn told(&mut self, owner: Owner) {
        let Engine::Core(direct) = self;
        if let Owner::Session(id) = owner {
            direct.rouse(id);
        }
    }

    /// The operator wrote another setup and asks to take it.
    pub fn reload(&mut self, setup: &Setup, world: &Shared) {
        let Engine::Core(direct) = self;
        direct.config = setup.config().map(Box::new);
        direct.reload(&mut world.borrow_mut());
    }

    /// SIGTERM.
    pub fn drain(&mut self, world: &Shared) {
        let Engine::Core(direct) = self;
        direct.drain(&mut world.borrow_mut());
    }

    /// How many clients' connections it holds.
    pub fn sessions(&self) -> usize {
        let Engine::Core(direct) = self;
        direct.sessions()
    }
}
