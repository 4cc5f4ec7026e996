//! One stream: its bytes by its seed, its play, its judgement.

use super::mutator::mutate;
use super::{Stage, TOKEN, credential, valid};
use crate::differential::answers::{Ending, Expected, Mode};
use crate::differential::{KEY, Seen, requests};
use fastrand::Rng;
use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// Longest silence of the proxy: far beyond all of its deadlines.
const PATIENCE: Duration = Duration::from_secs(20);

/// Plays the stream of a seed. Even ones have a client whose bytes are damaged, odd ones an upstream.
pub(super) fn play(stage: &Stage, seed: u64, tell: &dyn Fn(&str)) {
    let mut dice = Rng::with_seed(seed);
    if seed.is_multiple_of(2) { client(stage, &mut dice, tell) } else { upstream(stage, &mut dice, tell) }
}

fn client(stage: &Stage, dice: &mut Rng, tell: &dyn Fn(&str)) {
    let mut bytes = valid::session(dice);
    mutate(&mut bytes, dice);
    let end = match dice.u8(..16) {
        0 => Ending::Reset,
        1 => Ending::Silence,
        _ => Ending::Fin,
    };
    tell(&format!("the client sends {} and ends by {end:?}", bytes.escape_ascii()));
    let (client, in_order) = talk(stage, &bytes, end, dice);
    tell(&format!("it is sent {}", client.escape_ascii()));
    assert!(!contains(&client, TOKEN) && !contains(&client, KEY), "a secret is in what the client is sent");
    if end == Ending::Reset {
        // How much of it was read before is not known, nor when the upstream reads what was begun: a request behind it lets
        // that arrive. That nothing stays behind is seen by what follows.
        stage.ask("GET /v1/normal");
        stage.upstream.take();
        return;
    }
    let arrived = stage.upstream.take();
    requests::judge(&bytes, Seen { client: &client, in_order, arrived });
}

fn upstream(stage: &Stage, dice: &mut Rng, tell: &dyn Fn(&str)) {
    let mut bytes = valid::answer(dice);
    mutate(&mut bytes, dice);
    let mode = Mode { upgrade: false, ..Mode::of(dice.u8(..)) };
    tell(&format!("{mode:?}: the upstream sends {}", bytes.escape_ascii()));
    stage.upstream.will_answer(&bytes, mode.end);
    let sent = format!("{}{}", mode.first(&credential()), Mode::second(&credential()));
    let (client, in_order) = talk(stage, sent.as_bytes(), Ending::Fin, dice);
    tell(&format!("the client is sent {}", client.escape_ascii()));
    let arrived = stage.upstream.take();
    assert!((1..=2).contains(&arrived.len()), "the upstream got {arrived:?}");
    // Below 400 nothing is searched for the key.
    let passes = client.starts_with(b"HTTP/1.1 4") || client.starts_with(b"HTTP/1.1 5");
    assert!(!passes || !contains(&client, KEY), "the key is in an error that the client is sent");
    Expected::of(&bytes, mode).check(&client, in_order, mode);
}

fn contains(bytes: &[u8], what: &str) -> bool {
    bytes.windows(what.len()).any(|window| window == what.as_bytes())
}

/// Sends and ends, then reads to the end: what came, and whether its end was in order.
fn talk(stage: &Stage, bytes: &[u8], end: Ending, dice: &mut Rng) -> (Vec<u8>, bool) {
    let mut stream = TcpStream::connect(stage.server.address).expect("it listens");
    stream.set_nodelay(true).expect("a socket option");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let cut = dice.usize(..=bytes.len());
    // A peer that has refused them already may be gone: it shows by what is read.
    let _ = stream.write_all(&bytes[..cut]).and_then(|()| stream.write_all(&bytes[cut..]));
    match end {
        Ending::Fin => drop(stream.shutdown(Shutdown::Write)),
        Ending::Silence => {}
        Ending::Reset => {
            SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket option");
            return (Vec::new(), false);
        }
    }
    let (mut client, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (client, true),
            Ok(n) => client.extend_from_slice(&buffer[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the stream does not end; so far came {}", client.escape_ascii())
            }
            Err(_) => return (client, false),
        }
    }
}
