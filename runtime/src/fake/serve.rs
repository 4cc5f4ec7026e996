//! Drives the fake provider over any runtime of this crate.

use super::{Close, Conn, Provider};
use crate::traits::{Listener, Runtime, Stream, Timer};
use keywheel_core::session::How;
use keywheel_core::time::Instant;
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice};
use std::task::{Context, Poll};
use std::time::Duration;

/// Bytes of one read.
const BLOCK: usize = 16 * 1024;
/// Turns of one wake-up.
const ROUNDS: u32 = 64;
/// How long a closed connection is still read, so that what was written is not lost by a reset.
const LINGER: Duration = Duration::from_secs(1);
/// Pause after a failed accept.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts until the listener's task is dropped; each connection is a task of its own.
pub async fn serve<R: Runtime>(rt: R, mut listener: R::Listener, provider: Provider) {
    loop {
        match poll_fn(|cx| listener.poll_accept(cx)).await {
            Ok((stream, _)) => rt.spawn(connection(rt.clone(), stream, provider.connect(rt.now()))),
            Err(_) => {
                let mut timer = rt.timer();
                timer.reset(rt.now() + PAUSE);
                poll_fn(|cx| timer.poll_expired(cx)).await;
            }
        }
    }
}

/// Serves one connection to its end.
pub async fn connection<R: Runtime>(rt: R, stream: R::Stream, conn: Conn) {
    let timer = rt.timer();
    let mut task = Task { rt, stream, conn, timer, armed: None, unreadable: false, unwritable: false, linger: None };
    poll_fn(|cx| task.poll(cx)).await;
}

struct Task<R: Runtime> {
    rt: R,
    stream: R::Stream,
    conn: Conn,
    timer: R::Timer,
    armed: Option<Instant>,
    unreadable: bool,
    unwritable: bool,
    /// Closed in order; read and discard until then.
    linger: Option<Instant>,
}

/// The connection is over.
struct Gone;

impl<R: Runtime> Task<R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.unreadable = self.unreadable && self.stream.poll_read_ready(cx).is_pending();
        self.unwritable = self.unwritable && self.stream.poll_write_ready(cx).is_pending();
        for _ in 0..ROUNDS {
            match self.turn() {
                Err(Gone) => return Poll::Ready(()),
                Ok(true) => {}
                Ok(false) if self.arm(cx) => {}
                Ok(false) => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// One write, one read; whether anything moved.
    fn turn(&mut self) -> Result<bool, Gone> {
        let now = self.rt.now();
        if self.linger.is_some_and(|end| end <= now) {
            return Err(Gone);
        }
        if self.conn.poll_timeout().is_some_and(|at| at <= now) {
            self.conn.timeout(now);
        }
        let wrote = self.write(now)?;
        match self.conn.wants_close() {
            Some(Close::Reset) => {
                self.stream.shutdown(How::Reset);
                return Err(Gone);
            }
            Some(Close::Fin) if self.linger.is_none() => {
                self.stream.shutdown(How::Fin);
                self.linger = Some(now + LINGER);
            }
            _ => {}
        }
        Ok(self.read(now)? || wrote)
    }

    fn write(&mut self, now: Instant) -> Result<bool, Gone> {
        let bytes = self.conn.transmit();
        if self.unwritable || bytes.is_empty() {
            return Ok(false);
        }
        match self.stream.try_write_vectored(&[IoSlice::new(bytes)]) {
            Ok(n) => {
                self.unwritable = n < bytes.len();
                self.conn.sent(n, now);
                Ok(true)
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                self.unwritable = true;
                Ok(false)
            }
            Err(_) => Err(Gone),
        }
    }

    fn read(&mut self, now: Instant) -> Result<bool, Gone> {
        if self.unreadable || !self.reads() {
            return Ok(false);
        }
        let mut block = [0; BLOCK];
        match self.stream.try_read(&mut block) {
            Ok(0) if self.linger.is_some() => Err(Gone),
            Ok(0) => {
                self.conn.eof(now);
                Ok(true)
            }
            Ok(n) => {
                self.unreadable = n < BLOCK;
                if self.linger.is_none() {
                    self.conn.recv(&block[..n], now);
                }
                Ok(true)
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                self.unreadable = true;
                Ok(false)
            }
            Err(_) => Err(Gone),
        }
    }

    fn reads(&self) -> bool {
        self.conn.wants_recv() || self.linger.is_some()
    }

    /// Asks to be woken; whether something is ready at once.
    fn arm(&mut self, cx: &mut Context<'_>) -> bool {
        let mut ready = false;
        if self.unreadable && self.reads() && self.stream.poll_read_ready(cx).is_ready() {
            self.unreadable = false;
            ready = true;
        }
        if self.unwritable && self.stream.poll_write_ready(cx).is_ready() {
            self.unwritable = false;
            ready = true;
        }
        if let Some(at) = self.conn.poll_timeout().into_iter().chain(self.linger).min() {
            if self.armed != Some(at) {
                self.timer.reset(at);
                self.armed = Some(at);
            }
            if self.timer.poll_expired(cx).is_ready() {
                self.armed = None;
                ready = true;
            }
        }
        ready
    }
}
