//! What all workers share: the one [`Proxy`] behind its lock, and the ways its commands take.

use crate::mailbox::Mailbox;
use crate::traits::ProcessSignal;
use keywheel_core::config::Settings;
use keywheel_core::keyring::{Settle, Ticket};
use keywheel_core::notice::Notice;
use keywheel_core::proxy::{Ask, Command, Job, JobId, Proxy, Reply};
use keywheel_core::time::{Instant, Wall};
use rustls::ClientConfig;
use std::fmt;
use std::process::abort;
use std::sync::{Arc, Mutex, PoisonError};

/// What a worker is told.
#[derive(Debug)]
pub enum Mail {
    /// The answer that a waiting session waits for.
    Wake(Ticket, Reply),
    /// Settings for heads that arrive from now on.
    Settings(Arc<Settings>),
    /// The wall clock was set.
    Clock(Wall),
    /// What new connections to upstreams are made and kept by.
    Upstream(Upstream),
    /// Accept no more, and end when the last session has.
    Drain,
    /// End now.
    End,
}

/// How connections to upstreams are made and kept; changes with a reload.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// TLS: roots and the rest.
    pub tls: Arc<ClientConfig>,
    /// Idle connections per origin, over all workers.
    pub max_free_sockets: u32,
}

/// What the housekeeper is told.
#[derive(Debug)]
pub enum Chore {
    /// The proxy's deadline moved earlier.
    Rearm,
    /// The proxy wants this done.
    Run(JobId, Job),
    /// The operator wants something.
    Signal(ProcessSignal),
    /// A worker has ended.
    WorkerEnded,
}

/// Where log lines go. Must not block.
pub type Notices = Arc<dyn Fn(Notice) + Send + Sync>;

/// Shared by all workers and the housekeeper.
pub struct Hub {
    locked: Mutex<Locked>,
    mail: Vec<Mailbox<Mail>>,
    /// What the housekeeper has to do.
    pub chores: Mailbox<Chore>,
    notices: Notices,
    wall: Wall,
}

struct Locked {
    proxy: Proxy,
    /// The earliest deadline that the housekeeper knows of.
    armed: Option<Instant>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("workers", &self.mail.len()).finish_non_exhaustive()
    }
}

impl Hub {
    /// For so many workers.
    pub fn new(proxy: Proxy, workers: u32, notices: Notices) -> Self {
        let wall = proxy.wall();
        let mail = (0..workers).map(|_| Mailbox::default()).collect();
        Hub { locked: Mutex::new(Locked { proxy, armed: None }), mail, chores: Mailbox::default(), notices, wall }
    }

    /// How many workers there are.
    pub fn workers(&self) -> u32 {
        self.mail.len() as u32
    }

    /// The letters for a worker.
    ///
    /// # Panics
    /// There is no such worker.
    pub fn mail(&self, worker: u32) -> &Mailbox<Mail> {
        &self.mail[worker as usize]
    }

    /// The wall clock's offset at the start; later ones come by mail.
    pub fn wall(&self) -> Wall {
        self.wall
    }

    /// Logs.
    pub fn notice(&self, notice: Notice) {
        (self.notices)(notice);
    }

    /// Calls the proxy, under its lock, and sends its commands on their ways, after it.
    ///
    /// A panic in here leaves nothing that any worker could rely on: it ends the process, after the panic hook
    /// has told where it was.
    pub fn call<T>(&self, call: impl FnOnce(&mut Proxy) -> T) -> T {
        let mut commands = Vec::new();
        let (result, rearm) = {
            let fatal = Fatal;
            let mut locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
            let result = call(&mut locked.proxy);
            commands.extend(std::iter::from_fn(|| locked.proxy.poll()));
            let due = locked.proxy.poll_timeout().map(|(at, _)| at);
            let rearm = due.is_some_and(|due| locked.armed.is_none_or(|armed| due < armed));
            if rearm {
                locked.armed = due;
            }
            std::mem::forget(fatal);
            (result, rearm)
        };
        if rearm {
            self.chores.send(Chore::Rearm);
        }
        for command in commands {
            self.route(command);
        }
        result
    }

    /// When the housekeeper has to call `handle_timeout`; it sleeps until then from now on.
    pub fn arm(&self) -> Option<Instant> {
        let mut locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        locked.armed = locked.proxy.poll_timeout().map(|(at, _)| at);
        locked.armed
    }

    /// Gives back what a reply holds that nobody waits for any more.
    pub fn give_back(&self, reply: Reply, now: Instant) {
        if let Reply::Granted(lease) = reply {
            let unused = Settle::unused(lease);
            self.call(|proxy| proxy.handle_ask(Ask::Settle(unused), now));
        }
    }

    /// Tells every worker.
    pub fn broadcast(&self, letter: impl Fn() -> Mail) {
        for mail in &self.mail {
            mail.send(letter());
        }
    }

    fn route(&self, command: Command) {
        match command {
            Command::Wake(ticket, reply) => self.mail(ticket.worker).send(Mail::Wake(ticket, reply)),
            Command::Run(id, job) => self.chores.send(Chore::Run(id, job)),
            Command::Settings(settings) => self.broadcast(|| Mail::Settings(settings.clone())),
            Command::Clock(wall) => self.broadcast(|| Mail::Clock(wall)),
            Command::Notice(notice) => self.notice(notice),
        }
    }
}

/// Ends the process when it is dropped, that is when a panic passes by.
struct Fatal;

impl Drop for Fatal {
    fn drop(&mut self) {
        abort();
    }
}

#[cfg(test)]
mod tests;
