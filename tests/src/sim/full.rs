//! Full mode: keywheel's own driver, with workers, housekeeper, dialling and TLS, on the third runtime.

use super::crypto;
use super::runtime::{SimRuntime, handle};
use super::setup::Setup;
use super::world::{Event, Shared};
use keywheel_core::notice::Notice;
use keywheel_core::proxy::Proxy;
use keywheel_core::time::Instant;
use keywheel_runtime::hub::{Hub, Upstream};
use keywheel_runtime::keeper::{Keeper, Loaded};
use keywheel_runtime::traits::{Crypto, ProcessSignal, Runtime};
use keywheel_runtime::{tls, worker};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A process on the third runtime.
pub struct Machine {
    rt: SimRuntime,
    hub: Arc<Hub>,
    setup: Arc<Mutex<Setup>>,
    notices: Arc<Mutex<Vec<Notice>>>,
}

impl core::fmt::Debug for Machine {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Machine({} tasks)", self.rt.tasks())
    }
}

impl Machine {
    /// Starts `workers` workers and the housekeeper.
    ///
    /// # Errors
    /// What is wrong with the setup.
    pub fn start(setup: &Setup, rt: SimRuntime, workers: u32) -> Result<Self, String> {
        let crypto = rt.crypto();
        let loaded = load(setup, &crypto)?;
        let upstream = Upstream { tls: loaded.tls, max_free_sockets: loaded.config.pool.max_free_sockets };
        let (shutdown, settings) = (loaded.config.shutdown, loaded.config.settings.clone());
        let notices: Arc<Mutex<Vec<Notice>>> = Arc::default();
        let noted = notices.clone();
        let proxy = Proxy::new(loaded.config, rt.seed(), rt.now(), rt.unix_now());
        let hub = Arc::new(Hub::new(proxy, workers, Arc::new(move |notice| lock(&noted).push(notice))));
        let signals = hub.clone();
        rt.signal(move |signal| signals.chores.send(keywheel_runtime::hub::Chore::Signal(signal)))
            .map_err(|error| error.to_string())?;
        for index in 0..workers {
            let at = ([10, 0, 0, 1], 3000).into();
            let listener = rt.listen(at, true).map_err(|error| error.to_string())?;
            rt.spawn(worker::run(rt.clone(), hub.clone(), index, listener, settings.clone(), upstream.clone()));
        }
        let setup = Arc::new(Mutex::new(setup.clone()));
        let written = setup.clone();
        let reread = Arc::new(move || load(&lock(&written), &crypto));
        rt.spawn(Keeper::new(rt.clone(), hub.clone(), reread, shutdown).run());
        Ok(Machine { rt, hub, setup, notices })
    }

    /// Lets one task run; false when none is woken.
    ///
    /// # Errors
    /// Tasks spin.
    pub fn step(&self) -> Result<bool, String> {
        self.rt.step().map_err(|_| "tasks wake themselves without end while time stands still".to_owned())
    }

    /// Something happened; false when it is none of its business.
    pub fn handle(&self, event: Event, world: &Shared) -> bool {
        handle(world, event)
    }

    /// The operator wrote another setup and sends SIGHUP.
    pub fn reload(&self, setup: &Setup) {
        *lock(&self.setup) = setup.clone();
        self.rt.raise(ProcessSignal::Reload);
    }

    /// SIGTERM.
    pub fn drain(&self) {
        self.rt.raise(ProcessSignal::Terminate);
    }

    /// The process is gone, and with it the tasks that its end cut.
    pub fn end(&self) {
        self.rt.kill();
    }

    /// What was said since the last call.
    pub fn take_notices(&self) -> Vec<Notice> {
        core::mem::take(&mut *lock(&self.notices))
    }

    /// Looks at the proxy.
    pub fn look<T>(&self, look: impl FnOnce(&mut Proxy, Instant) -> T) -> T {
        let now = self.rt.now();
        self.hub.call(|proxy| look(proxy, now))
    }

    /// How many tasks live.
    pub fn tasks(&self) -> usize {
        self.rt.tasks()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.rt.kill();
    }
}

fn load(setup: &Setup, crypto: &Crypto) -> Result<Loaded, String> {
    let config = setup.config()?;
    let tls = tls::client_config(crypto::roots(), crypto.clone())?;
    Ok(Loaded { config, tls })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
