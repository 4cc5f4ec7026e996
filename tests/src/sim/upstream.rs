//! The upstream servers of a world: the fake provider's connections, over the simulated network, plain or TLS.

use super::dice::Dice;
use super::net::{End, Write};
use super::pipe::Read;
use super::world::{Event, Owner, World};
use keywheel_core::time::Instant;
use keywheel_runtime::fake::{Close, Conn, Provider};
use rustls::{ServerConfig, ServerConnection};
use std::io::{IoSlice, Read as _, Write as _};
use std::sync::Arc;

/// What an upstream does that no answer of the provider's shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mischief {
    /// Per cent of connections to which bytes come that nobody asked for, while they are idle.
    pub unsolicited: u32,
}

/// All upstream servers of a world. They share one provider, as the regions of a real one do.
pub struct Upstreams {
    provider: Provider,
    tls: Option<Arc<ServerConfig>>,
    links: Vec<Link>,
    mischief: Mischief,
    dice: Dice,
    /// How often bytes came unasked.
    pub unsolicited: u64,
}

impl core::fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Upstreams({} connections)", self.links.len())
    }
}

struct Link {
    end: End,
    conn: Conn,
    tls: Option<Box<ServerConnection>>,
    /// When bytes come unasked, if the connection is idle then.
    outburst: Option<u64>,
    armed: Option<u64>,
    /// Bytes came unasked.
    spoiled: bool,
    over: bool,
    /// Requests entered in the provider's log by this connection, with where their answers' heads end in its bytes.
    heads: Vec<HeadEnd>,
    sent: u64,
    scan: Vec<u8>,
}

/// Where the head of an answer ends in the bytes that a connection's accepting end sent.
#[derive(Clone, Copy, Debug)]
pub struct HeadEnd {
    /// Offset one past the final head.
    pub at: u64,
}

impl Upstreams {
    /// Servers of this provider.
    pub fn new(provider: Provider, tls: Option<Arc<ServerConfig>>, mischief: Mischief, dice: Dice) -> Self {
        Upstreams { provider, tls, links: Vec::new(), mischief, dice, unsolicited: 0 }
    }

    /// A connection arrived.
    pub fn accept(&mut self, end: End, world: &mut World) {
        let id = self.links.len() as u32;
        let tls = self.tls.as_ref().map(|config| {
            Box::new(ServerConnection::new(config.clone()).expect("a server configuration that was built whole"))
        });
        let outburst =
            self.dice.chance(self.mischief.unsolicited).then(|| world.now() + self.dice.range(1_000, 20_000_000));
        let conn = self.provider.connect(Instant::from_micros(world.now()));
        self.links.push(Link {
            end,
            conn,
            tls,
            outburst,
            armed: None,
            spoiled: false,
            over: false,
            heads: Vec::new(),
            sent: 0,
            scan: Vec::new(),
        });
        world.own(end, Owner::Upstream(id));
        self.step(id, world);
    }

    /// Goes on with one connection: something changed, or its time has come.
    pub fn step(&mut self, id: u32, world: &mut World) {
        let now = world.now();
        let link = &mut self.links[id as usize];
        if link.over {
            return;
        }
        link.armed = link.armed.filter(|at| *at > now);
        if link.conn.poll_timeout().is_some_and(|at| at.as_micros() <= now) {
            link.conn.timeout(Instant::from_micros(now));
        }
        if link.outburst.is_some_and(|at| at <= now) {
            link.outburst = None;
            if link.idle() && !world.net.healed() {
                self.unsolicited += 1;
                link.spoiled = true;
                world.net.write(link.end, &[IoSlice::new(b"HTTP/1.1 408 Request Timeout\r\n\r\n")], now);
            }
        }
        while !link.over && (link.read(world, now) | link.write(world, now)) {}
        link.close(world, now);
        link.arm(id, world, now);
    }

    /// The provider behind all of them.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Whether they speak TLS.
    pub fn encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether bytes came unasked on the connection of this serial number.
    pub fn spoiled(&self, conn: u64) -> bool {
        self.links.get(conn as usize - 1).is_some_and(|link| link.spoiled)
    }

    /// The connection of this serial number (from 1), and where the heads of its answers end.
    pub fn heads(&self, conn: u64) -> Option<(End, &[HeadEnd])> {
        let link = self.links.get(usize::try_from(conn.checked_sub(1)?).ok()?)?;
        Some((link.end, &link.heads))
    }
}

impl Link {
    fn idle(&self) -> bool {
        self.tls.is_none() && self.conn.transmit().is_empty() && self.conn.wants_close().is_none()
    }

    fn read(&mut self, world: &mut World, now: u64) -> bool {
        if !self.conn.wants_recv() {
            return false;
        }
        let at = Instant::from_micros(now);
        let mut buffer = [0; 16 * 1024];
        match world.net.read(self.end, &mut buffer) {
            Read::Got(n) => match &mut self.tls {
                None => self.conn.recv(&buffer[..n], at),
                Some(_) => self.decrypt(&buffer[..n], at),
            },
            Read::Empty => return false,
            Read::Eof => self.conn.eof(at),
            Read::Reset => {
                self.conn.eof(at);
                self.over = true;
                world.net.close(self.end, now);
            }
        }
        true
    }

    fn decrypt(&mut self, mut bytes: &[u8], at: Instant) {
        let Some(tls) = &mut self.tls else { return };
        let mut plain = [0; 16 * 1024];
        while !bytes.is_empty() && matches!(tls.read_tls(&mut bytes), Ok(1..)) {
            if tls.process_new_packets().is_err() {
                self.over = true;
                return;
            }
            while let Ok(n @ 1..) = tls.reader().read(&mut plain) {
                self.conn.recv(&plain[..n], at);
            }
        }
    }

    fn write(&mut self, world: &mut World, now: u64) -> bool {
        let at = Instant::from_micros(now);
        let out = self.conn.transmit();
        let Some(tls) = &mut self.tls else {
            if out.is_empty() {
                return false;
            }
            let Write::Took(n) = world.net.write(self.end, &[IoSlice::new(out)], now) else { return false };
            note_heads(&mut self.scan, &mut self.heads, self.sent, &out[..n]);
            self.sent += n as u64;
            self.conn.sent(n, at);
            return true;
        };
        let taken = if out.is_empty() { 0 } else { tls.writer().write(out).unwrap_or_default() };
        if taken > 0 {
            self.conn.sent(taken, at);
        }
        let mut wire = Wire { world, end: self.end, now };
        let mut wrote = false;
        while tls.wants_write() && matches!(tls.write_tls(&mut wire), Ok(1..)) {
            wrote = true;
        }
        taken > 0 || wrote
    }

    fn close(&mut self, world: &mut World, now: u64) {
        let Some(how) = self.conn.wants_close().filter(|_| !self.over) else { return };
        if let Some(tls) = &mut self.tls {
            if how == Close::Fin {
                tls.send_close_notify();
                while tls.wants_write() && matches!(tls.write_tls(&mut Wire { world, end: self.end, now }), Ok(1..)) {}
            }
            if tls.wants_write() {
                return;
            }
        }
        self.over = true;
        match how {
            Close::Fin => world.net.close(self.end, now),
            Close::Reset => world.net.reset(self.end, now),
        }
    }

    fn arm(&mut self, id: u32, world: &mut World, now: u64) {
        if self.over {
            return;
        }
        let timeout = self.conn.poll_timeout().map(Instant::as_micros);
        let next = [timeout, self.outburst].into_iter().flatten().min();
        if let Some(at) = next.map(|at| at.max(now + 1))
            && self.armed.is_none_or(|armed| at < armed)
        {
            self.armed = Some(at);
            world.agenda.at(at, Event::Upstream(id));
        }
    }
}

/// Notes where final heads end in what is sent. Heads are told from bodies by their status line alone, which no body
/// of the provider's contains.
fn note_heads(scan: &mut Vec<u8>, heads: &mut Vec<HeadEnd>, sent: u64, out: &[u8]) {
    let before = sent - scan.len() as u64;
    scan.extend_from_slice(out);
    let mut from = 0;
    while let Some(begin) = find(&scan[from..], b"HTTP/1.").map(|n| from + n) {
        let Some(end) = find(&scan[begin..], b"\r\n\r\n").map(|n| begin + n + 4) else {
            scan.drain(..begin);
            return;
        };
        let status = scan.get(begin + 9).copied();
        if status != Some(b'1') || scan[begin..].starts_with(b"HTTP/1.1 101") {
            heads.push(HeadEnd { at: before + end as u64 });
        }
        from = end;
    }
    let keep = (scan.len() - from).min(b"HTTP/1".len());
    scan.drain(..scan.len() - keep);
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, what)
}

/// The simulated connection as `rustls` wants it.
struct Wire<'w> {
    world: &'w mut World,
    end: End,
    now: u64,
}

impl std::io::Write for Wire<'_> {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        match self.world.net.write(self.end, &[IoSlice::new(buf)], self.now) {
            Write::Took(n) => Ok(n),
            Write::Full => Err(std::io::ErrorKind::WouldBlock.into()),
            Write::Reset => Err(std::io::ErrorKind::ConnectionReset.into()),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
