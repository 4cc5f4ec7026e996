//! A whole session, with the proxy behind it, under any order of calls: what a driver and three peers could do.
//!
//! Each two bytes of input are a call and its argument. What peers send comes from lists of well-formed and broken
//! pieces, or is the input's next bytes as they are.

use super::world::World;
use keywheel_core::auth::Tokens;
use keywheel_core::config::{PoolConfig, Settings, WhenExhausted};
use keywheel_core::session::{DialError, Linked, Side};
use std::time::Duration;

const CLIENT: &[&str] = &[
    "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer token-of-the-client\r\nContent-Length: 17\r\n\r\n",
    "POST /v1/files HTTP/1.1\r\nHost: a\r\nx-api-key: token-of-the-client\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
    "GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer token-of-the-client\r\n\r\n",
    "GET /v1/realtime HTTP/1.1\r\nHost: a\r\napi-key: token-of-the-client\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "HEAD /v1/models HTTP/1.0\r\nAuthorization: Bearer token-of-the-client\r\nConnection: keep-alive\r\n\r\n",
    "GET /stats HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer token-of-the-client\r\n\r\n",
    "GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n",
    "{\"model\":\"gpt-x\"}",
    "5\r\nhello\r\n",
    "0\r\nX-T: 1\r\n\r\n",
    "5;x=1\r\n",
    "\r\n",
];

const UPSTREAM: &[&str] = &[
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    "HTTP/1.1 401 Unauthorized\r\nContent-Length: 36\r\n\r\n{\"error\":{\"code\":\"invalid_api_key\"}}",
    "HTTP/1.1 429 Slow\r\nRetry-After: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 500 Oops\r\nx-should-retry: false\r\nContent-Length: 70000\r\n\r\n",
    "HTTP/1.1 403 No\r\nContent-Length: 49\r\n\r\n{\"error\":{\"message\":\"sk-first-key-of-them-all-1\"}}",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    "e\r\ndata: {\"a\":1}\n\r\n",
    "0\r\n\r\n",
    "data: [DONE]\n\n",
];

const KEYS: [&str; 3] = ["sk-first-key-of-them-all-1", "sk-second-key-of-them-all", "sk-third-key-of-them-all-3"];

/// Runs the calls that `data` says, then drops the session: nothing may panic, and nothing may stay behind.
pub fn run(data: &[u8]) {
    let [mode, rest @ ..] = data else { return };
    let mut world = begin(*mode);
    let mut rest = rest;
    while let [op, argument, more @ ..] = rest {
        rest = more;
        let raw = usize::from(*argument).min(rest.len());
        let used = call(&mut world, *op, *argument, &rest[..raw]);
        rest = &rest[used..];
        if world.is_over() {
            break;
        }
    }
    world.end();
}

fn begin(mode: u8) -> World {
    let when_exhausted =
        [WhenExhausted::Wait, WhenExhausted::Reject, WhenExhausted::LeastBad][usize::from(mode >> 6) % 3];
    let settings = Settings {
        tokens: Tokens::new(["token-of-the-client"]),
        client_half_close: mode & 1 != 0,
        retry_ambiguous: mode & 2 != 0,
        ..Settings::default()
    };
    let pool = PoolConfig { when_exhausted, max_sockets: (mode & 4 != 0).then_some(1), ..PoolConfig::default() };
    World::new(settings, pool, &KEYS)
}

/// One call; how many of the `raw` bytes it used.
fn call(world: &mut World, call: u8, argument: u8, raw: &[u8]) -> usize {
    let side = if call & 16 == 0 { Side::Downstream } else { Side::Upstream };
    let open = side == Side::Downstream || world.linked;
    match call % 10 {
        0 | 1 if open => {
            let pieces = if side == Side::Downstream { CLIENT } else { UPSTREAM };
            let piece = pieces[usize::from(argument) % pieces.len()].as_bytes();
            let cut = if call.is_multiple_of(10) { piece.len() } else { usize::from(call >> 5).min(piece.len()) };
            world.read(side, &piece[..cut]);
            world.read(side, &piece[cut..]);
        }
        2 if open => {
            world.read(side, raw);
            return raw.len();
        }
        3 | 4 if open => {
            world.write(side, if call % 10 == 3 { usize::MAX } else { usize::from(argument) });
        }
        5 if open => world.eof(side),
        6 if open => world.lose(side),
        7 => link(world, argument),
        8 if argument & 1 == 0 => world.pass_to_deadline(),
        8 => world.pass(Duration::from_millis(u64::from(argument) * 100)),
        9 if argument < 8 => world.signal_drain(),
        _ => {
            world.wake();
        }
    }
    0
}

fn link(world: &mut World, argument: u8) {
    world.link(match argument % 8 {
        0 => Err(DialError::Timeout),
        1 => Err(DialError::Tls("certificate expired".into())),
        n => Ok(Linked { reused: n == 2 }),
    });
}
