//! The stage of real sockets: one of the binaries between clients and an upstream on loopback.
//!
//! Each connection has a thread that reads; what it reads, and how the connection ended, comes by one channel.

use super::cast;
use super::script::{Act, Party};
use super::stage::{End, Seen, Stage};
use crate::process::{Folder, Server, binary, settled};
use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

/// Longest wait for anything that the table expects.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest wait for a proxy to have nothing to do: one that does not read what was sent never gets there.
const SETTLING: Duration = Duration::from_secs(10);

/// What threads tell the stage.
enum Event {
    Accepted(TcpStream),
    Read(Party, Vec<u8>),
    Ended(Party, End),
}

/// A proxy, clients and an upstream.
pub struct Sockets {
    server: Server,
    folder: Folder,
    started: Instant,
    up: String,
    listener: Arc<TcpListener>,
    acceptor: Option<JoinHandle<()>>,
    clients: Vec<Port>,
    upstreams: Vec<Port>,
    tell: Sender<Event>,
    told: Receiver<Event>,
}

impl core::fmt::Debug for Sockets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Sockets({} clients, {} upstream connections)", self.clients.len(), self.upstreams.len())
    }
}

struct Port {
    stream: Option<Arc<TcpStream>>,
    reader: Option<JoinHandle<()>>,
    seen: Seen,
}

impl Sockets {
    /// Starts `flavour`.
    ///
    /// # Errors
    /// The loopback is not to be had.
    pub fn new(flavour: &str, env: &[(String, String)], keys: usize) -> Result<Self, String> {
        Sockets::between(|up, folder| {
            let setup = cast::setup(env, keys, &up.to_string());
            folder.write("keys.txt", setup.keys.join("\n"));
            let mut command = binary(flavour);
            command.current_dir(folder.path()).env("PORT", "0").envs(setup.env);
            Ok(Server::start(&mut command))
        })
    }

    /// Puts any proxy between clients and the upstream whose address it is started with; `start` returns where it
    /// listens.
    ///
    /// # Errors
    /// It does not start.
    pub fn around(
        start: impl FnOnce(SocketAddr, &Folder) -> Result<(Child, SocketAddr), String>,
    ) -> Result<Self, String> {
        Sockets::between(|up, folder| start(up, folder).map(|(child, address)| Server::adopt(child, address)))
    }

    fn between(start: impl FnOnce(SocketAddr, &Folder) -> Result<Server, String>) -> Result<Self, String> {
        let words = |error: std::io::Error| error.to_string();
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").map_err(words)?);
        let up = listener.local_addr().map_err(words)?;
        let folder = Folder::new();
        let (tell, told) = channel();
        let (accepting, accepted) = (listener.clone(), tell.clone());
        let acceptor = spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                if accepted.send(Event::Accepted(stream)).is_err() {
                    return;
                }
            }
        });
        let server = start(up, &folder)?;
        let (clients, upstreams, started) = (Vec::new(), Vec::new(), Instant::now());
        let (up, acceptor) = (up.to_string(), Some(acceptor));
        Ok(Sockets { server, folder, started, up, listener, acceptor, clients, upstreams, tell, told })
    }

    fn port(&mut self, party: Party) -> Option<&mut Port> {
        match party {
            Party::Client(n) => self.clients.get_mut(n - 1),
            Party::Upstream(n) => self.upstreams.get_mut(n - 1),
        }
    }

    /// Where proxy and upstream listen.
    fn ports(&self) -> [u16; 2] {
        [self.server.address.port(), self.listener.local_addr().map_or(0, |up| up.port())]
    }

    /// Waits for one event; false when none came.
    fn wait(&mut self, most: Duration) -> bool {
        let Ok(event) = self.told.recv_timeout(most) else { return false };
        match event {
            Event::Accepted(stream) => {
                let party = Party::Upstream(self.upstreams.len() + 1);
                self.upstreams.push(Port::new(stream, party, self.tell.clone()));
            }
            Event::Read(party, bytes) => {
                if let Some(port) = self.port(party) {
                    port.seen.bytes.extend(bytes);
                }
            }
            Event::Ended(party, end) => {
                if let Some(port) = self.port(party) {
                    port.seen.end.get_or_insert(end);
                }
            }
        }
        true
    }
}

impl Port {
    fn new(stream: TcpStream, party: Party, tell: Sender<Event>) -> Self {
        // Without it, what a scenario writes piece by piece waits for acknowledgements.
        let _ = stream.set_nodelay(true);
        let _ = stream.set_write_timeout(Some(PATIENCE));
        let stream = Arc::new(stream);
        let reading = stream.clone();
        let reader = spawn(move || read(&reading, party, &tell));
        Port { stream: Some(stream), reader: Some(reader), seen: Seen::default() }
    }

    /// Closes, in order or by a reset. Its reader lets go first, so that this is the socket's last owner.
    fn close(&mut self, reset: bool) {
        let Some(stream) = self.stream.take() else { return };
        let _ = stream.shutdown(Shutdown::Read);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        if reset {
            let _ = SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
        }
        self.seen.end.get_or_insert(if reset { End::Reset } else { End::Fin });
    }
}

/// Reads to the end.
fn read(mut stream: &TcpStream, party: Party, tell: &Sender<Event>) {
    let mut buffer = vec![0; 64 * 1024];
    let end = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break End::Fin,
            Ok(n) => {
                if tell.send(Event::Read(party, buffer[..n].to_vec())).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break End::Reset,
        }
    };
    // The stage may be gone.
    let _ = tell.send(Event::Ended(party, end));
}

impl Stage for Sockets {
    fn name(&self, name: &str) -> Option<String> {
        cast::name(name, &self.up)
    }

    fn send(&mut self, party: Party, bytes: &[u8]) -> Result<(), String> {
        if let Party::Client(n) = party
            && self.clients.len() < n
        {
            let stream = TcpStream::connect(self.server.address).map_err(|error| error.to_string())?;
            self.clients.push(Port::new(stream, party, self.tell.clone()));
        }
        let port = self.port(party).ok_or_else(|| format!("{party:?} does not exist"))?;
        if let Some(stream) = &port.stream {
            // A peer that does not read on, or is gone, shows by what is seen next.
            let _ = (&**stream).write_all(bytes);
        }
        Ok(())
    }

    fn hang_up(&mut self, party: Party, act: &Act) {
        let Some(port) = self.port(party) else { return };
        match act {
            Act::Finish(_) => {
                if let Some(stream) = &port.stream {
                    let _ = stream.shutdown(Shutdown::Write);
                }
            }
            act => port.close(matches!(act, Act::Reset(_))),
        }
    }

    fn seen(&mut self, party: Party) -> Option<&Seen> {
        self.port(party).map(|port| &port.seen)
    }

    fn progress(&mut self) -> bool {
        self.wait(PATIENCE)
    }

    fn pause(&mut self, millis: u64) {
        let until = Instant::now() + Duration::from_millis(millis);
        while self.wait(until.saturating_duration_since(Instant::now())) {}
    }

    fn settle(&mut self) {
        let until = Instant::now() + SETTLING;
        let mut calm = 0;
        while calm < 2 && Instant::now() < until {
            let moved = self.wait(Duration::ZERO);
            calm = if !moved && settled(self.server.id(), &self.ports()) { calm + 1 } else { 0 };
        }
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn reload(&mut self, keys: usize) -> Result<(), String> {
        self.folder.write("keys.txt", (1..=keys).map(cast::key).collect::<Vec<_>>().join("\n"));
        let token = cast::TOKEN;
        let ask = format!(
            "POST /reload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        let answer = self.server.ask(ask.as_bytes());
        if answer.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(answer) }
    }

    fn unreachable(&mut self) {
        // Nobody listens from here on; its thread's accept ends.
        let _ = SockRef::from(&*self.listener).shutdown(Shutdown::Both);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        self.unreachable();
        self.clients.iter_mut().chain(&mut self.upstreams).for_each(|port| port.close(true));
    }
}
