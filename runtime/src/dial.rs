//! Getting a new connection: resolve, then each address in order, with a deadline each, TLS included.

use crate::driver::MOMENT;
use crate::link::Link;
use crate::tls::{Tls, TlsContext};
use crate::traits::{Runtime, Timer};
use keywheel_core::origin::Origin;
use keywheel_core::session::{Dial, DialError};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::mem::replace;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::task::{Poll, ready};
use std::time::Duration;

/// Most addresses of a name that are tried.
const ADDRESSES: usize = 16;

/// Makes a connection.
///
/// # Errors
/// The failure of the last address tried, or of the lookup.
pub async fn connect<R: Runtime>(rt: R, tls: TlsContext, dial: Dial) -> Result<Link<R::Stream>, DialError> {
    let mut error = DialError::Resolve(format!("{} has no address", dial.origin.host()));
    for to in resolve(&rt, &dial).await?.into_iter().take(ADDRESSES) {
        let connected = Cell::new(false);
        let attempt = within(&rt, dial.per_address, attempt(&rt, &tls, &dial.origin, to, &connected)).await;
        match attempt.unwrap_or_else(|| Err(too_slow(&dial, to, connected.get()))) {
            Ok(link) => return Ok(link),
            // The next address would fail alike.
            Err(error @ DialError::Resources(_)) => return Err(error),
            Err(failed) => error = failed,
        }
    }
    Err(error)
}

/// The addresses of an origin. The lookup gets as much time as an address.
async fn resolve<R: Runtime>(rt: &R, dial: &Dial) -> Result<Vec<SocketAddr>, DialError> {
    let (host, port) = (dial.origin.host(), dial.origin.port());
    if let Ok(literal) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(literal, port)]);
    }
    match within(rt, dial.per_address, rt.resolve(host, port)).await {
        Some(Ok(addresses)) => Ok(addresses),
        Some(Err(error)) if is_scarcity(&error) => Err(DialError::Resources(format!("looking {host} up: {error}"))),
        Some(Err(error)) => Err(DialError::Resolve(format!("looking {host} up: {error}"))),
        None => Err(DialError::Resolve(format!("looking {host} up took longer than {:?}", dial.per_address))),
    }
}

async fn attempt<R: Runtime>(
    rt: &R,
    tls: &TlsContext,
    origin: &Origin,
    to: SocketAddr,
    connected: &Cell<bool>,
) -> Result<Link<R::Stream>, DialError> {
    let io = rt.connect(to).await.map_err(|error| match is_scarcity(&error) {
        true => DialError::Resources(format!("connecting to {to}: {error}")),
        false => DialError::Connect(format!("connecting to {to}: {error}")),
    })?;
    connected.set(true);
    if !origin.tls() {
        return Ok(Link::Plain(io));
    }
    let failed = |why| DialError::Tls(format!("TLS with {} at {to}: {why}", origin.host()));
    let mut tls = Box::new(Tls::new(io, origin.host(), tls).map_err(failed)?);
    poll_fn(|cx| tls.poll_handshake(cx)).await.map_err(failed)?;
    Ok(Link::Tls(tls))
}

/// Whether it was the network or the handshake tells an operator where to look.
fn too_slow(dial: &Dial, to: SocketAddr, connected: bool) -> DialError {
    let (host, limit) = (dial.origin.host(), dial.per_address);
    match connected {
        true => DialError::Tls(format!("TLS with {host} at {to}: the handshake took longer than {limit:?}")),
        false => DialError::Timeout,
    }
}

/// What `work` comes to, or `None` when it takes longer than `limit`.
///
/// It gets a moment more, as all deadlines do: what came while the process was stopped came in time.
pub async fn within<R: Runtime, T>(rt: &R, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut timer = rt.timer();
    timer.reset(rt.now() + limit);
    let mut last = false;
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            ready!(timer.poll_expired(cx));
            if replace(&mut last, true) {
                return Poll::Ready(None);
            }
            timer.reset(rt.now() + MOMENT);
        }
    })
    .await
}

/// Whether it is this machine that lacks something (descriptors, ports, memory), and not the peer.
pub(crate) fn is_scarcity(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    #[cfg(target_os = "linux")]
    const ENOBUFS: i32 = 105;
    #[cfg(not(target_os = "linux"))]
    const ENOBUFS: i32 = 55;
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory)
        || matches!(error.raw_os_error(), Some(ENFILE | EMFILE | ENOBUFS))
}
