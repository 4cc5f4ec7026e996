//! The housekeeper: the proxy's deadlines and jobs, the operator's signals, the end of the process.

use crate::host;
use crate::hub::{Chore, Hub, Mail, Upstream};
use crate::tls;
use crate::traits::{Crypto, ProcessSignal, Runtime, Timer};
use keywheel_core::config::Config;
use keywheel_core::notice::Notice;
use keywheel_core::proxy::{Job, JobId, JobOutcome};
use keywheel_core::time::Instant;
use rustls::ClientConfig;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// A configuration that was read, with what follows from it.
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// TLS with its roots.
    pub tls: Arc<ClientConfig>,
}

impl Loaded {
    /// With the roots of this machine. May block.
    ///
    /// # Errors
    /// In words, what is wrong with `UPSTREAM_CA_FILE` or with TLS.
    pub fn new(config: Config, crypto: Crypto) -> Result<Self, String> {
        let roots = host::roots(config.extra_ca.as_deref()).map_err(|why| format!("UPSTREAM_CA_FILE: {why}"))?;
        let tls = tls::client_config(roots, crypto)?;
        Ok(Loaded { config, tls })
    }

    /// What workers need of it.
    pub fn upstream(&self) -> Upstream {
        Upstream { tls: self.tls.clone(), max_free_sockets: self.config.pool.max_free_sockets }
    }
}

/// Reads the configuration anew, or says in words why it cannot be taken. May block.
pub type Reread = Arc<dyn Fn() -> Result<Loaded, String> + Send + Sync>;

/// Runs beside the workers, once in a process.
pub struct Keeper<R: Runtime> {
    rt: R,
    hub: Arc<Hub>,
    reread: Reread,
    /// How long running exchanges may go on after the first signal to end.
    shutdown: Duration,
    /// Workers that still run.
    running: u32,
    /// When draining ends.
    drain_ends: Option<Instant>,
    /// When the machine is looked at next.
    look_at: Instant,
}

/// How often the machine is looked at: what its wall clock shows, how much memory is in use.
const LOOKED: Duration = Duration::from_secs(10);

/// Why the housekeeper is awake.
enum Woken {
    Chore(Chore),
    ProxyDue,
    DrainOver,
    LookDue,
}

impl<R: Runtime> Keeper<R> {
    /// For all workers of `hub`, each of which ends with [`Chore::WorkerEnded`].
    pub fn new(rt: R, hub: Arc<Hub>, reread: Reread, shutdown: Duration) -> Self {
        let running = hub.workers();
        let look_at = rt.now();
        Keeper { rt, hub, reread, shutdown, running, drain_ends: None, look_at }
    }

    /// Keeps house until the last worker has ended.
    pub async fn run(mut self) {
        let mut timers = (self.rt.timer(), self.rt.timer(), self.rt.timer());
        while 0 < self.running {
            match self.sleep(&mut timers).await {
                Woken::Chore(Chore::Rearm) => {}
                Woken::Chore(Chore::Run(id, Job::ReadConfig)) => self.read_config(id),
                Woken::Chore(Chore::Signal(ProcessSignal::Reload)) => {
                    let now = self.rt.now();
                    self.hub.call(|proxy| proxy.request_reload(now));
                }
                Woken::Chore(Chore::Signal(ProcessSignal::Terminate)) => self.terminate(),
                Woken::Chore(Chore::WorkerEnded) => self.running -= 1,
                Woken::ProxyDue => {
                    let now = self.rt.now();
                    self.hub.call(|proxy| proxy.handle_timeout(now));
                }
                Woken::LookDue => self.look(),
                Woken::DrainOver => {
                    self.drain_ends = None;
                    self.say(log::Level::Warn, "exchanges that did not end within SHUTDOWN_TIMEOUT are cut");
                    self.hub.broadcast(|| Mail::End);
                }
            }
        }
    }

    async fn sleep(&mut self, (proxy, drain, look): &mut (R::Timer, R::Timer, R::Timer)) -> Woken {
        let proxy_due = self.hub.arm();
        if let Some(due) = proxy_due {
            proxy.reset(due);
        }
        if let Some(due) = self.drain_ends {
            drain.reset(due);
        }
        look.reset(self.look_at);
        poll_fn(|cx| {
            if let Poll::Ready(chore) = self.hub.chores.poll_recv(cx) {
                return Poll::Ready(Woken::Chore(chore));
            }
            if proxy_due.is_some() && proxy.poll_expired(cx).is_ready() {
                return Poll::Ready(Woken::ProxyDue);
            }
            if self.drain_ends.is_some() && drain.poll_expired(cx).is_ready() {
                return Poll::Ready(Woken::DrainOver);
            }
            if look.poll_expired(cx).is_ready() {
                return Poll::Ready(Woken::LookDue);
            }
            Poll::Pending
        })
        .await
    }

    /// Somebody may have set the wall clock; the memory is for /stats.
    fn look(&mut self) {
        let (now, unix, memory) = (self.rt.now(), self.rt.unix_now(), self.rt.memory());
        self.hub.call(|proxy| {
            proxy.report_clock(unix, now);
            proxy.report_memory(memory);
        });
        self.look_at = now + LOOKED;
    }

    /// The first time: drain. Then: end now.
    fn terminate(&mut self) {
        let now = self.rt.now();
        if self.drain_ends.is_none() {
            self.drain_ends = Some(now + self.shutdown);
            self.hub.call(|proxy| proxy.drain(now));
            self.hub.broadcast(|| Mail::Drain);
        } else {
            self.say(log::Level::Warn, "second signal: ending now");
            self.hub.broadcast(|| Mail::End);
        }
    }

    /// Reads the configuration aside; the proxy and the workers get it when it is good.
    fn read_config(&self, id: JobId) {
        let (rt, hub, reread) = (self.rt.clone(), self.hub.clone(), self.reread.clone());
        self.rt.spawn(async move {
            let read = rt.unblock(move || catch_unwind(AssertUnwindSafe(|| reread()))).await;
            let read =
                read.unwrap_or_else(|_| Err("reading it failed for a reason of our own, see the trace".to_owned()));
            if let Ok(loaded) = &read {
                let upstream = loaded.upstream();
                hub.broadcast(|| Mail::Upstream(upstream.clone()));
            }
            let outcome = JobOutcome::Config(read.map(|loaded| Box::new(loaded.config)));
            let now = rt.now();
            hub.call(|proxy| proxy.handle_job(id, outcome, now));
        });
    }

    fn say(&self, level: log::Level, text: &str) {
        self.hub.notice(Notice::Event { level, kind: "drain", text: text.to_owned() });
    }
}
