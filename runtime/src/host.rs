//! What both real runtimes share of the machine they run on: clock, entropy, socket options, name lookup.
//!
//! Nothing in this crate but a real runtime calls it: the simulator has its own world.

use keywheel_core::session::How;
use keywheel_core::time::{Instant, UnixMillis};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::backtrace::Backtrace;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::panic;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Connections that the kernel completes ahead of `accept`.
const BACKLOG: i32 = 1024;
/// Silence after which the kernel asks whether the peer is still there, and how often it asks then.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
/// A peer that acknowledges nothing, answers no probe, or keeps its window shut for so long is gone. Not shorter
/// than `Limits::stream_idle`: a reader that pauses is not half-open.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(300);

/// The process's monotonic clock. Copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock(std::time::Instant);

impl Clock {
    /// Starts at this moment, with [`Instant::ZERO`].
    pub fn start() -> Self {
        Clock(std::time::Instant::now())
    }

    /// Time since the start.
    pub fn now(&self) -> Instant {
        Instant::ZERO + self.0.elapsed()
    }

    /// The machine's own notion of `at`.
    pub fn at(&self, at: Instant) -> std::time::Instant {
        // A point beyond what the machine can say is as good as never: a year.
        const YEAR: Duration = Duration::from_secs(365 * 86_400);
        self.0 + at.since(Instant::ZERO).min(self.0.elapsed() + YEAR)
    }

    /// The wall clock.
    pub fn unix_now(&self) -> UnixMillis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMillis(since.as_millis() as u64)
    }
}

/// 64 bits from the operating system.
pub fn seed() -> u64 {
    let mut bytes = [0; 8];
    match rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes) {
        Ok(()) => u64::from_ne_bytes(bytes),
        // Only a machine without entropy gets here; ids and jitter then vary by time alone.
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64,
    }
}

/// Bytes of memory that are resident, as proc(5) has it.
pub fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// A listening, non-blocking socket. Connections accepted from it inherit what [`tune`] sets, at no further calls.
///
/// # Errors
/// Those of `socket`, `bind` and `listen`.
pub fn listen(at: SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    tune(&socket);
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sets what every connection has, accepted or made: no Nagle, keep-alive, a bound on unacknowledged data.
///
/// A socket whose peer is already gone refuses options; its first read says so better than we could here.
pub fn tune<'s>(socket: impl Into<SockRef<'s>>) {
    let socket = socket.into();
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_EVERY);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&keepalive);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(USER_TIMEOUT));
}

/// Ends the writing half, or sees to it that dropping the socket resets the connection.
pub fn shutdown<'s>(socket: impl Into<SockRef<'s>>, how: How) {
    // Either can only fail on a connection that is gone already.
    let _ = match how {
        How::Fin => socket.into().shutdown(Shutdown::Write),
        How::Reset => socket.into().set_linger(Some(Duration::ZERO)),
    };
}

/// Looks a name up, blocking: run it by `unblock`.
///
/// # Errors
/// Those of `getaddrinfo`.
pub fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

/// The certificates that upstreams are checked against: the system's (which honours `SSL_CERT_FILE`), bundled ones
/// where the system has none, and those of `extra`, PEM text.
///
/// # Errors
/// `extra` holds no certificate, or a bad one.
pub fn roots(extra: Option<&[u8]>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let Some(extra) = extra else { return Ok(roots) };
    let mut added = 0;
    for certificate in CertificateDer::pem_slice_iter(extra) {
        added += 1;
        let certificate = certificate.map_err(|error| format!("certificate {added} cannot be read: {error}"))?;
        roots.add(certificate).map_err(|error| format!("certificate {added} cannot be trusted: {error}"))?;
    }
    if added == 0 { Err("there is no certificate in it (PEM is expected)".into()) } else { Ok(roots) }
}

/// From now on a panic is told with its trace, whatever `RUST_BACKTRACE` says: it is a mistake of ours.
pub fn trace_panics() {
    panic::set_hook(Box::new(|info| {
        // If even standard error is gone, there is nobody to tell.
        let _ = writeln!(io::stderr(), "{info}\n{}", Backtrace::force_capture());
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    #[test]
    fn accepted_connections_inherit_the_options() {
        let listener = listen("127.0.0.1:0".parse().unwrap(), false).unwrap();
        listener.set_nonblocking(false).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let socket = SockRef::from(&accepted);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
    }

    #[test]
    fn clocks_go_on_and_reach_the_machines_own() {
        let clock = Clock::start();
        let now = clock.now();
        assert!(now <= clock.now());
        let later = clock.at(now + Duration::from_secs(10));
        assert!(later.duration_since(clock.at(now)) == Duration::from_secs(10));
        // Farther than the machine can say: does not overflow.
        clock.at(Instant::from_micros(u64::MAX));
    }

    #[test]
    fn roots_are_the_systems_and_the_operators() {
        let system = roots(None).unwrap().len();
        assert!(0 < system);
        let ca = rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap().cert.pem();
        assert_eq!(roots(Some(ca.as_bytes())).unwrap().len(), system + 1);
        assert!(roots(Some(b"")).unwrap_err().contains("no certificate"));
        let broken = ca.replace("MI", "??");
        assert!(roots(Some(broken.as_bytes())).unwrap_err().contains("certificate 1 cannot be read"));
    }
}
