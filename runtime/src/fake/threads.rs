//! The fake provider on plain sockets and threads: for tests and embedders without a runtime.

use super::{Close, Conn, Provider};
use crate::host::Clock;
use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Connections at once; further ones are closed at once.
const CONNECTIONS: usize = 512;
/// How often a thread that waits looks whether it is to stop.
const TICK: Duration = Duration::from_millis(20);
/// How long a closed connection is still read.
const LINGER: Duration = Duration::from_secs(1);

/// A running server; dropping it stops it, and waits for the accepting thread.
#[derive(Debug)]
pub struct Handle {
    addr: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    open: AtomicUsize,
    clock: Clock,
}

/// Serves `provider` on an ephemeral port of 127.0.0.1.
///
/// # Errors
/// Those of `bind`.
pub fn spawn(provider: Provider) -> std::io::Result<(SocketAddr, Handle)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let addr = listener.local_addr()?;
    let shared = Arc::new(Shared { stop: AtomicBool::new(false), open: AtomicUsize::new(0), clock: Clock::start() });
    let inner = Arc::clone(&shared);
    let acceptor = Builder::new().name("fake-accept".into()).spawn(move || accept(&listener, &provider, &inner))?;
    Ok((addr, Handle { addr, shared, acceptor: Some(acceptor) }))
}

impl Handle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the accept; a failure means that it is awake already.
        let _ = TcpStream::connect_timeout(&self.addr, TICK * 50);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, provider: &Provider, shared: &Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept() {
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        if shared.open.fetch_add(1, Ordering::SeqCst) >= CONNECTIONS {
            shared.open.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let conn = provider.connect(shared.clock.now());
        let inner = Arc::clone(shared);
        let run = move || {
            // A peer that is gone ends its connection and nothing else.
            let _ = connection(stream, conn, &inner);
            inner.open.fetch_sub(1, Ordering::SeqCst);
        };
        if Builder::new().name("fake-conn".into()).spawn(run).is_err() {
            shared.open.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

fn connection(mut stream: TcpStream, mut conn: Conn, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(TICK))?;
    let mut block = vec![0; 16 * 1024];
    let mut ended = None;
    while !shared.stop.load(Ordering::SeqCst) && ended.is_none_or(|end| shared.clock.now() < end) {
        let now = shared.clock.now();
        if conn.poll_timeout().is_some_and(|at| at <= now) {
            conn.timeout(now);
        }
        if !conn.transmit().is_empty() {
            match stream.write(conn.transmit()) {
                Ok(n) => conn.sent(n, shared.clock.now()),
                Err(e) if is_timeout(&e) => {}
                Err(e) => return Err(e),
            }
        }
        match conn.wants_close() {
            Some(Close::Reset) => return SockRef::from(&stream).set_linger(Some(Duration::ZERO)),
            Some(Close::Fin) if ended.is_none() => {
                stream.shutdown(Shutdown::Write)?;
                ended = Some(now + LINGER);
            }
            _ => {}
        }
        if !conn.wants_recv() && ended.is_none() {
            std::thread::sleep(pause(&conn, shared));
            continue;
        }
        // With bytes to write left, only a look.
        let wait = if conn.transmit().is_empty() { pause(&conn, shared) } else { Duration::from_micros(50) };
        stream.set_read_timeout(Some(wait))?;
        match stream.read(&mut block) {
            Ok(0) if ended.is_some() => return Ok(()),
            Ok(0) => conn.eof(shared.clock.now()),
            Ok(n) if ended.is_none() => conn.recv(&block[..n], shared.clock.now()),
            Ok(_) => {}
            Err(e) if is_timeout(&e) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

fn pause(conn: &Conn, shared: &Shared) -> Duration {
    let due = conn.poll_timeout().map_or(TICK, |at| at.since(shared.clock.now()));
    due.clamp(Duration::from_micros(50), TICK)
}

fn is_timeout(e: &std::io::Error) -> bool {
    matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
