//! A working proxy on `std::net` and threads: the core without any async.
//!
//! ```text
//! cargo run -p keywheel-core --example blocking -- 127.0.0.1:3000 http://127.0.0.1:9000 sk-key-one,sk-key-two
//! ```
//!
//! One thread owns a client's session and writes to both sockets; two more only read, one from each, and hand over
//! what they read. Plain TCP upstreams, no idle connections, no reload: what those take is in the crate `runtime`.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "the I/O around the core"
)]

use keywheel_core::config::{Config, KeyEntry};
use keywheel_core::keyring::Settle;
use keywheel_core::origin::{BaseUrl, Origin};
use keywheel_core::proxy::{Ask, Command, Proxy, Reply};
use keywheel_core::secret::Secret;
use keywheel_core::session::{Action, DialError, How, Linked, Loss, Session, Side};
use keywheel_core::time::{Instant, UnixMillis, Wall};
use keywheel_core::turn::{Pool, Turn};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

/// What a session's thread waits for.
enum Event {
    /// Bytes from this side's n-th socket; none at the stream's end, an error when it broke. The sender takes the
    /// go-ahead for the next read.
    Read(Side, usize, std::io::Result<Vec<u8>>, Sender<()>),
    /// The reply to a queued ask.
    Woken(Reply),
}

/// What all threads share.
struct Shared {
    proxy: Mutex<(Proxy, HashMap<u64, Sender<Event>>)>,
    start: std::time::Instant,
    wall: Wall,
}

impl Shared {
    fn now(&self) -> Instant {
        Instant::from_micros(self.start.elapsed().as_micros() as u64)
    }

    fn lock(&self) -> MutexGuard<'_, (Proxy, HashMap<u64, Sender<Event>>)> {
        self.proxy.lock().expect("a thread panicked inside the proxy")
    }

    fn ask(&self, ask: Ask, waker: &Sender<Event>) -> Reply {
        let mut guard = self.lock();
        let reply = guard.0.handle_ask(ask, self.now());
        if let Reply::Queued(ticket) = &reply {
            guard.1.insert(ticket.serial, waker.clone());
        }
        self.deliver(&mut guard);
        reply
    }

    /// Whoever calls the proxy delivers what it wants; a key for somebody who left goes back.
    fn deliver(&self, (proxy, waiting): &mut (Proxy, HashMap<u64, Sender<Event>>)) {
        while let Some(command) = proxy.poll() {
            match command {
                Command::Wake(ticket, reply) => {
                    let lost = match waiting.remove(&ticket.serial) {
                        Some(waiter) => waiter.send(Event::Woken(reply)).err().map(|unsent| unsent.0),
                        None => Some(Event::Woken(reply)),
                    };
                    if let Some(Event::Woken(Reply::Granted(lease))) = lost {
                        proxy.handle_ask(Ask::Settle(Settle::unused(lease)), self.now());
                    }
                }
                Command::Notice(notice) => eprintln!("{notice:?}"),
                Command::Run(..) | Command::Settings(_) | Command::Clock(_) => {}
            }
        }
    }

    /// The proxy's own deadlines: keys that come back, callers that waited long enough.
    fn keep_house(&self) {
        loop {
            std::thread::sleep(Duration::from_millis(10));
            let mut guard = self.lock();
            if guard.0.poll_timeout().is_some_and(|(at, _)| at <= self.now()) {
                guard.0.handle_timeout(self.now());
            }
            self.deliver(&mut guard);
        }
    }
}

/// One client: its session, its two sockets, and what was read but has no room yet.
struct Client {
    shared: Arc<Shared>,
    session: Session,
    pool: Pool,
    sockets: [Option<TcpStream>; 2],
    unheard: [(Vec<u8>, Option<Sender<()>>); 2],
    link: usize,
    events: (Sender<Event>, Receiver<Event>),
    done: bool,
}

impl Client {
    fn serve(shared: Arc<Shared>, socket: TcpStream) {
        let Ok(seed) = shared.lock().0.open(0, shared.now()) else { return };
        let settings = Arc::clone(shared.lock().0.settings());
        let mut pool = Pool::new(settings.limits.replay_total);
        let (now, wall) = (shared.now(), shared.wall);
        let session = Session::new(0, seed, &mut Turn { now, wall, settings: &settings, pool: &mut pool });
        let (sockets, unheard) = ([None, None], Default::default());
        let mut client = Client { shared, session, pool, sockets, unheard, link: 0, events: channel(), done: false };
        client.attach(Side::Downstream, socket);
        while !client.done {
            client.next_event();
        }
        if let Some(ask) = client.session.abandon(&mut client.pool) {
            client.shared.ask(ask, &client.events.0);
        }
        client.shared.lock().0.close(0);
    }

    fn turn<T>(&mut self, call: impl FnOnce(&mut Session, &mut Turn<'_>) -> T) -> T {
        let settings = Arc::clone(self.shared.lock().0.settings());
        let (now, wall) = (self.shared.now(), self.shared.wall);
        call(&mut self.session, &mut Turn { now, wall, settings: &settings, pool: &mut self.pool })
    }

    fn attach(&mut self, side: Side, socket: TcpStream) {
        self.link += 1;
        let (link, events) = (self.link, self.events.0.clone());
        let mut reader = socket.try_clone().expect("a descriptor for the reading thread");
        self.sockets[side as usize] = Some(socket);
        self.unheard[side as usize] = Default::default();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 16 * 1024];
            loop {
                let read = reader.read(&mut buffer).map(|n| buffer[..n].to_vec());
                let ended = read.as_ref().map_or(true, Vec::is_empty);
                let (go, ahead) = channel();
                if events.send(Event::Read(side, link, read, go)).is_err() || ended || ahead.recv().is_err() {
                    break;
                }
            }
        });
        if side == Side::Upstream {
            self.turn(|session, turn| session.handle_linked(Ok(Linked { reused: false }), turn));
        }
    }

    fn next_event(&mut self) {
        let wait = self.session.poll_timeout().map_or(Duration::MAX, |(at, _)| at.since(self.shared.now()));
        match self.events.1.recv_timeout(wait.min(Duration::from_secs(3600))) {
            Ok(Event::Woken(reply)) => self.turn(|session, turn| session.handle_reply(reply, turn)),
            Ok(Event::Read(side, link, read, go)) if side == Side::Downstream || link == self.link => match read {
                Ok(bytes) if bytes.is_empty() => self.turn(|session, turn| session.handle_eof(side, turn)),
                Ok(bytes) => self.unheard[side as usize] = (bytes, Some(go)),
                Err(_) => self.turn(|session, turn| session.handle_lost(side, Loss::Reset, turn)),
            },
            Ok(Event::Read(..)) => {} // of a connection that is gone
            Err(_) => self.turn(|session, turn| session.handle_timeout(turn)),
        }
        while self.act() | self.write() | self.hear() {}
        self.turn(|session, turn| session.rest(turn));
    }

    /// Hands over what was read, as far as the session has room for it.
    fn hear(&mut self) -> bool {
        let mut heard = false;
        for side in [Side::Downstream, Side::Upstream] {
            let (bytes, go) = std::mem::take(&mut self.unheard[side as usize]);
            if bytes.is_empty() {
                continue;
            }
            let taken = self.turn(|session, turn| {
                let room = session.recv_buf(side, turn);
                let n = room.len().min(bytes.len());
                room[..n].copy_from_slice(&bytes[..n]);
                session.handle_recv(side, n, turn);
                n
            });
            heard |= taken > 0;
            match go {
                Some(go) if taken == bytes.len() => drop(go.send(())),
                go => self.unheard[side as usize] = (bytes[taken..].to_vec(), go),
            }
        }
        heard
    }

    fn write(&mut self) -> bool {
        let pending = [Side::Downstream, Side::Upstream].into_iter().find(|side| self.session.has_transmit(*side));
        let Some(side) = pending.filter(|_| !self.done) else { return false };
        let transmit = self.session.poll_transmit(side);
        let socket = self.sockets[side as usize].as_mut();
        match socket.ok_or(std::io::ErrorKind::NotConnected.into()).and_then(|s| s.write_vectored(transmit.slices())) {
            Ok(n) => self.turn(|session, turn| session.handle_sent(side, n, turn)),
            Err(_) => self.turn(|session, turn| session.handle_lost(side, Loss::Reset, turn)),
        }
        true
    }

    fn act(&mut self) -> bool {
        let Some(action) = self.session.poll() else { return false };
        let shut = |socket: &Option<TcpStream>, how| socket.as_ref().map(|socket| socket.shutdown(how));
        match action {
            Action::Ask(ask) => {
                let reply = self.shared.ask(ask, &self.events.0);
                self.turn(|session, turn| session.handle_reply(reply, turn));
            }
            Action::Dial(dial) => match TcpStream::connect((dial.origin.host(), dial.origin.port())) {
                Ok(socket) => self.attach(Side::Upstream, socket),
                Err(error) => {
                    let error = DialError::Connect(error.to_string());
                    self.turn(|session, turn| session.handle_linked(Err(error), turn));
                }
            },
            Action::EndWriting(side) => drop(shut(&self.sockets[side as usize], Shutdown::Write)),
            Action::Hangup(Side::Downstream, How::Fin) => drop(shut(&self.sockets[0], Shutdown::Write)),
            Action::Hangup(Side::Upstream, _) | Action::Park { .. } => {
                drop(shut(&self.sockets[1].take(), Shutdown::Both));
            }
            Action::Hangup(Side::Downstream, How::Reset) | Action::Done => {
                self.sockets.iter().for_each(|socket| drop(shut(socket, Shutdown::Both)));
                self.done = true;
            }
            Action::Notice(notice) => eprintln!("{notice:?}"),
            Action::StopDial => {}
        }
        true
    }
}

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [listen, upstream, keys] = &args[..] else {
        eprintln!("usage: blocking LISTEN http://UPSTREAM KEY,KEY…");
        std::process::exit(2);
    };
    let authority = upstream.trim_start_matches("http://").trim_end_matches('/');
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    let origin = Origin::new(false, host, port.parse().expect("a port number"));
    let bases: Arc<[BaseUrl]> = Arc::new([BaseUrl::new(origin, "")]);
    let entry = |(n, key): (usize, &str)| {
        KeyEntry::new(Secret::new(key.as_bytes()), n as u32, Arc::clone(&bases)).map(Arc::new).expect("a usable key")
    };
    let config = Config::new(keys.split(',').enumerate().map(entry).collect());
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let unix = UnixMillis(unix.as_millis() as u64);
    let proxy = Proxy::new(config, unix.0, Instant::ZERO, unix);
    let shared = Arc::new(Shared {
        proxy: Mutex::new((proxy, HashMap::new())),
        start: std::time::Instant::now(),
        wall: Wall::new(Instant::ZERO, unix),
    });
    let house = Arc::clone(&shared);
    std::thread::spawn(move || house.keep_house());
    let listener = TcpListener::bind(listen)?;
    println!("listening on {}", listener.local_addr()?);
    for socket in listener.incoming().flatten() {
        let shared = Arc::clone(&shared);
        std::thread::spawn(move || Client::serve(shared, socket));
    }
    Ok(())
}
