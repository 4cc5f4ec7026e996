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

/// Longest that an upstream waits before it closes as it said, microseconds.
const LONGEST_LINGER: u64 = 400_000;
/// Bytes of plaintext in a TLS record.
const RECORD: usize = 700;

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
    /// TLS: what is encrypted and not yet on its way, and how much there was in all.
    cipher: Vec<u8>,
    encrypted: u64,
    /// When bytes come unasked, if the connection is idle then.
    outburst: Option<u64>,
    armed: Option<u64>,
    /// How long it lingers before it closes, reading nothing more; and until when.
    linger: u64,
    closing_at: Option<u64>,
    /// Bytes came unasked.
    spoiled: bool,
    over: bool,
    /// Requests entered in the provider's log by this connection, with where their answers' heads end in its bytes.
    heads: Vec<HeadEnd>,
    scan: Scan,
}

/// Where the head of an answer ends in the bytes, encrypted ones where they are, that a connection's accepting end sent.
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
        let mut lingering = self.dice.child(1_000 + u64::from(id));
        let linger = if lingering.chance(50) { 0 } else { lingering.range(1_000, LONGEST_LINGER) };
        let conn = self.provider.connect(Instant::from_micros(world.now()));
        self.links.push(Link {
            end,
            conn,
            tls,
            outburst,
            armed: None,
            linger,
            closing_at: None,
            spoiled: false,
            over: false,
            heads: Vec::new(),
            scan: Scan::default(),
            cipher: Vec::new(),
            encrypted: 0,
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
        let World { net, scratch: buffer, .. } = world;
        match net.read(self.end, buffer) {
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
        if self.tls.is_some() {
            return self.write_tls(world, now);
        }
        let out = self.conn.transmit();
        if out.is_empty() {
            return false;
        }
        let Write::Took(n) = world.net.write(self.end, &[IoSlice::new(out)], now) else { return false };
        for (at, line) in self.scan.take(&out[..n]) {
            note(&mut self.heads, at, self.conn.id(), &line, world);
        }
        self.conn.sent(n, Instant::from_micros(now));
        true
    }

    /// Small records, so that it is known which of them ends a head; no more of them than the network takes.
    fn write_tls(&mut self, world: &mut World, now: u64) -> bool {
        let Some(tls) = &mut self.tls else { return false };
        let out = self.conn.transmit();
        if self.cipher.is_empty() && !out.is_empty() && !tls.is_handshaking() {
            let record = &out[..out.len().min(RECORD)];
            let taken = tls.writer().write(record).unwrap_or_default();
            let ended = self.scan.take(&record[..taken]);
            self.encrypted += tls.write_tls(&mut self.cipher).unwrap_or_default() as u64;
            for (_, line) in ended {
                note(&mut self.heads, self.encrypted, self.conn.id(), &line, world);
            }
            self.conn.sent(taken, Instant::from_micros(now));
        }
        while tls.wants_write() {
            self.encrypted += tls.write_tls(&mut self.cipher).unwrap_or_default() as u64;
        }
        if self.cipher.is_empty() {
            return false;
        }
        let Write::Took(n) = world.net.write(self.end, &[IoSlice::new(&self.cipher)], now) else { return false };
        self.cipher.drain(..n);
        true
    }

    fn close(&mut self, world: &mut World, now: u64) {
        let Some(how) = self.conn.wants_close().filter(|_| !self.over && self.cipher.is_empty()) else { return };
        if how == Close::Fin && now < *self.closing_at.get_or_insert(now + self.linger) {
            return;
        }
        if let Some(tls) = self.tls.as_mut().filter(|_| how == Close::Fin) {
            tls.send_close_notify();
            while self.write(world, now) {}
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
        let closing = self.closing_at.filter(|at| *at > now);
        let next = [timeout, self.outburst, closing].into_iter().flatten().min();
        if let Some(at) = next.map(|at| at.max(now + 1))
            && self.armed.is_none_or(|armed| at < armed)
        {
            self.armed = Some(at);
            world.agenda.at(at, Event::Upstream(id));
        }
    }
}

/// A final head was sent.
fn note(heads: &mut Vec<HeadEnd>, at: u64, conn: u64, line: &str, world: &mut World) {
    heads.push(HeadEnd { at });
    world.tell(format_args!("    provider"), format_args!("connection {conn}: {line}"));
}

/// Finds where final heads end in what is sent. They are told from bodies by their status line alone, which no body of
/// the provider's contains.
#[derive(Debug, Default)]
struct Scan {
    /// What may belong to a head whose end has not been seen.
    tail: Vec<u8>,
    /// Offset of the tail in all that was sent.
    at: u64,
}

impl Scan {
    /// The final heads that `sent` completes: where each ends, and its status line.
    fn take(&mut self, sent: &[u8]) -> Vec<(u64, String)> {
        self.tail.extend_from_slice(sent);
        let mut ends = Vec::new();
        let mut from = 0;
        while let Some(begin) = find(&self.tail[from..], b"HTTP/1.").map(|n| from + n) {
            let Some(end) = find(&self.tail[begin..], b"\r\n\r\n").map(|n| begin + n + 4) else {
                self.drop_until(begin);
                return ends;
            };
            let interim = self.tail.get(begin + 9) == Some(&b'1') && !self.tail[begin..].starts_with(b"HTTP/1.1 101");
            if !interim {
                let line = self.tail[begin..end].split(|byte| *byte == b'\r').next().unwrap_or_default();
                ends.push((self.at + end as u64, String::from_utf8_lossy(line).into_owned()));
            }
            from = end;
        }
        // The beginning of a status line may be here already.
        self.drop_until(self.tail.len().saturating_sub(b"HTTP/1".len()).max(from));
        ends
    }

    fn drop_until(&mut self, n: usize) {
        self.tail.drain(..n);
        self.at += n as u64;
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, what)
}
