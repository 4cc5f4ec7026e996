//! The third runtime: the four traits of the driver, over virtual time and the simulated network.

use super::appetite::Appetite;
use super::dice::Dice;
use super::executor::{Executor, Spinning};
use super::net::{End, Write};
use super::pipe::Read;
use super::world::{Event, Owner, Shared, World};
use keywheel_core::session::How;
use keywheel_core::time::{Instant, UnixMillis};
use keywheel_runtime::traits::{self, ProcessSignal};
use rustls::crypto::CryptoProvider;
use rustls::time_provider::TimeProvider;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Wall-clock time at the beginning of every simulation: 2026-11-01T00:00:00Z.
pub const EPOCH: UnixMillis = UnixMillis(1_793_491_200_000);

/// What the wall clock shows.
pub fn unix(world: &World) -> UnixMillis {
    UnixMillis(EPOCH.0.saturating_add(world.now() / 1000).saturating_add_signed(world.wall))
}

type OnSignal = Box<dyn FnMut(ProcessSignal)>;

/// A handle to the simulated machine that keywheel runs on.
#[derive(Clone)]
pub struct SimRuntime {
    world: Shared,
    executor: Rc<RefCell<Executor>>,
    newborn: Rc<RefCell<Vec<Newborn>>>,
    on_signal: Rc<RefCell<Option<OnSignal>>>,
    crypto: (Arc<CryptoProvider>, Arc<dyn TimeProvider>),
    most_read: usize,
    order: Option<Rc<RefCell<Dice>>>,
}

/// In what real machines differ, and what must make no difference to keywheel.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Most bytes that one read gives, at least 1.
    pub most_read: usize,
    /// Woken tasks run in an order drawn from these dice, and not in that of their waking.
    pub order: Option<Dice>,
}

type Newborn = std::pin::Pin<Box<dyn Future<Output = ()>>>;

impl core::fmt::Debug for SimRuntime {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SimRuntime")
    }
}

impl SimRuntime {
    /// A machine in this world.
    pub fn new(world: Shared, crypto: (Arc<CryptoProvider>, Arc<dyn TimeProvider>), shape: Shape) -> Self {
        SimRuntime {
            world,
            executor: Rc::default(),
            newborn: Rc::default(),
            on_signal: Rc::default(),
            crypto,
            most_read: shape.most_read,
            order: shape.order.map(|dice| Rc::new(RefCell::new(dice))),
        }
    }

    /// Runs one woken task; false when none is woken.
    ///
    /// # Errors
    /// [`Spinning`] when tasks wake themselves without end while time stands still.
    pub fn step(&self) -> Result<bool, Spinning> {
        let now = self.world.borrow().now();
        let mut executor = self.executor.borrow_mut();
        for task in self.newborn.borrow_mut().drain(..) {
            executor.spawn(task);
        }
        match &self.order {
            Some(dice) => executor.step(now, Some(&mut dice.borrow_mut())),
            None => executor.step(now, None),
        }
    }

    /// The process is gone: drops all tasks.
    pub fn kill(&self) {
        self.on_signal.borrow_mut().take();
        self.newborn.borrow_mut().clear();
        let tasks = core::mem::take(&mut *self.executor.borrow_mut());
        drop(tasks);
    }

    /// Sends the process a signal.
    pub fn raise(&self, signal: ProcessSignal) {
        if let Some(on) = &mut *self.on_signal.borrow_mut() {
            on(signal);
        }
    }

    /// How many tasks live.
    pub fn tasks(&self) -> usize {
        self.executor.borrow().tasks() + self.newborn.borrow().len()
    }
}

impl traits::Runtime for SimRuntime {
    type Stream = SimStream;
    type Listener = SimListener;
    type Timer = SimTimer;

    fn listen(&self, at: SocketAddr, _shared: bool) -> io::Result<SimListener> {
        let id = self.world.borrow_mut().listen(at);
        Ok(SimListener { world: self.world.clone(), id, most_read: self.most_read })
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<SimStream> {
        let id = self.world.borrow_mut().dial(to, None);
        let dialling = Dialling { world: self.world.clone(), id };
        let outcome = poll_fn(|cx| {
            let taken = dialling.world.borrow_mut().take_dialled(id, Some(cx.waker()));
            taken.map_or(Poll::Pending, Poll::Ready)
        });
        Ok(SimStream::new(&self.world, outcome.await?, true, self.most_read))
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let (after, outcome) = self.world.borrow_mut().lookup(host, port);
        let (now, mut timer) = (traits::Runtime::now(self), self.timer());
        traits::Timer::reset(&mut timer, now + Duration::from_micros(after));
        poll_fn(|cx| traits::Timer::poll_expired(&mut timer, cx)).await;
        outcome
    }

    fn timer(&self) -> SimTimer {
        SimTimer { world: self.world.clone(), id: self.world.borrow_mut().new_timer() }
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.newborn.borrow_mut().push(Box::pin(task));
    }

    async fn unblock<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        work()
    }

    fn signal(&self, on: impl FnMut(ProcessSignal) + 'static) -> io::Result<()> {
        *self.on_signal.borrow_mut() = Some(Box::new(on));
        Ok(())
    }

    fn now(&self) -> Instant {
        Instant::from_micros(self.world.borrow().now())
    }

    fn unix_now(&self) -> UnixMillis {
        unix(&self.world.borrow())
    }

    fn seed(&self) -> u64 {
        self.world.borrow_mut().dice.scheduler.bits()
    }

    fn crypto(&self) -> (Arc<CryptoProvider>, Arc<dyn TimeProvider>) {
        self.crypto.clone()
    }
}

/// A dial that is given up when its future is dropped.
struct Dialling {
    world: Shared,
    id: u32,
}

impl Drop for Dialling {
    fn drop(&mut self) {
        self.world.borrow_mut().undial(self.id);
    }
}

/// One of keywheel's ends.
#[derive(Debug)]
pub struct SimStream {
    world: Shared,
    end: End,
    /// It leads to an upstream.
    dialed: bool,
    reset: bool,
    appetite: Appetite,
}

impl SimStream {
    fn new(world: &Shared, end: End, dialed: bool, most_read: usize) -> Self {
        world.borrow_mut().own(end, Owner::Task);
        let appetite = Appetite::new(most_read);
        SimStream { world: world.clone(), end, dialed, reset: false, appetite }
    }
}

/// How requests of worlds begin.
const METHODS: [&[u8]; 5] = [b"GET /", b"HEAD /", b"POST /", b"PUT /", b"DELETE /"];

/// A request is lost that is begun where the upstream's end could be read before: whoever takes an idle connection has
/// to look. What is written under way is another matter, for an upstream may end its direction first.
fn check_that_it_lives(world: &mut World, end: End, slices: &[IoSlice<'_>]) {
    let begins = slices.first().is_some_and(|slice| METHODS.iter().any(|method| slice.starts_with(method)));
    let now = world.now();
    if let Some(since) = world.net.ended_at(end).filter(|&since| begins && since < now) {
        world.wrongs.push(format!("I4 at {now}: a request is begun on an upstream's connection that ended at {since}"));
    }
}

impl traits::Stream for SimStream {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = self.appetite.bite(buf.len());
        let mut world = self.world.borrow_mut();
        let got = world.net.read(self.end, &mut buf[..most]);
        world.pump();
        match got {
            Read::Got(n) => {
                self.appetite.took(n);
                Ok(n)
            }
            Read::Eof => Ok(0),
            Read::Empty => Err(io::ErrorKind::WouldBlock.into()),
            Read::Reset => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    fn try_write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        if self.dialed {
            check_that_it_lives(&mut world, self.end, slices);
        }
        let now = world.now();
        let wrote = world.net.write(self.end, slices, now);
        world.pump();
        match wrote {
            Write::Took(n) => {
                self.appetite.turned();
                Ok(n)
            }
            Write::Full => Err(io::ErrorKind::WouldBlock.into()),
            Write::Reset => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut world = self.world.borrow_mut();
        if world.net.readable(self.end) {
            return Poll::Ready(());
        }
        world.wait_for(self.end, false, cx.waker());
        Poll::Pending
    }

    fn poll_write_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut world = self.world.borrow_mut();
        if world.net.writable(self.end) {
            return Poll::Ready(());
        }
        world.wait_for(self.end, true, cx.waker());
        Poll::Pending
    }

    fn shutdown(&mut self, how: How) {
        let mut world = self.world.borrow_mut();
        let now = world.now();
        match how {
            How::Fin => world.net.shutdown(self.end, now),
            How::Reset => self.reset = true,
        }
        world.pump();
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        let mut world = self.world.borrow_mut();
        let now = world.now();
        if self.reset {
            world.net.reset(self.end, now);
        } else {
            world.net.close(self.end, now);
        }
        world.own(self.end, Owner::Nobody);
        world.pump();
    }
}

/// Where clients arrive.
#[derive(Debug)]
pub struct SimListener {
    world: Shared,
    id: u32,
    most_read: usize,
}

impl traits::Listener for SimListener {
    type Stream = SimStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(SimStream, SocketAddr)>> {
        let accepted = self.world.borrow_mut().accept(self.id, Some(cx.waker()));
        match accepted {
            Some((end, from)) => Poll::Ready(Ok((SimStream::new(&self.world, end, false, self.most_read), from))),
            None => Poll::Pending,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.world.borrow().listens_at(self.id))
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        let mut world = self.world.borrow_mut();
        world.unlisten(self.id);
        world.pump();
    }
}

/// A timer on virtual time.
#[derive(Debug)]
pub struct SimTimer {
    world: Shared,
    id: u32,
}

impl traits::Timer for SimTimer {
    fn reset(&mut self, at: Instant) {
        self.world.borrow_mut().set_timer(self.id, at.as_micros());
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.world.borrow_mut().expired(self.id, cx.waker()) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for SimTimer {
    fn drop(&mut self) {
        self.world.borrow_mut().drop_timer(self.id);
    }
}

/// What the world does for the runtime when an event of its own comes due.
pub fn handle(world: &Shared, event: Event) -> bool {
    let mut world = world.borrow_mut();
    let now = world.now();
    match event {
        Event::Arrive(end) => world.net.arrive(end, now),
        Event::Timer(timer, setting) => world.expire(timer, setting),
        Event::Dialled(id) => drop(world.dialled(id)),
        _ => return false,
    }
    world.pump();
    true
}

#[cfg(test)]
mod tests;
