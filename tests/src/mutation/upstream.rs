//! The upstream of mutated streams: reads strictly, answers plainly, or once as it was told.

use crate::differential::answers::Ending;
use crate::differential::plain_answer;
use crate::strict::{self, Message, Start};
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

/// A listener with a thread for each connection.
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    listener: Arc<TcpListener>,
    acceptor: Option<JoinHandle<()>>,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// How the next request is answered.
    script: Option<(Vec<u8>, Ending)>,
    /// Requests that came in full.
    arrived: Vec<Message>,
    /// What no careful sender sends.
    deviations: Vec<String>,
    answered: usize,
}

impl Upstream {
    pub(super) fn new() -> Upstream {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").expect("the loopback"));
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (accepting, sharing) = (Arc::clone(&listener), Arc::clone(&shared));
        let acceptor = spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                let shared = Arc::clone(&sharing);
                spawn(move || serve(stream, &shared));
            }
        });
        Upstream { address, listener, acceptor: Some(acceptor), shared }
    }

    /// The next request is answered by these bytes.
    pub(super) fn will_answer(&self, bytes: &[u8], end: Ending) {
        self.shared.lock().expect("no panic").script = Some((bytes.to_vec(), end));
    }

    /// The requests that came since the last call.
    ///
    /// # Panics
    /// Something came that no careful sender sends.
    pub(super) fn take(&self) -> Vec<Message> {
        let mut shared = self.shared.lock().expect("no panic");
        shared.script = None;
        let (arrived, deviations) = (std::mem::take(&mut shared.arrived), std::mem::take(&mut shared.deviations));
        drop(shared);
        assert!(deviations.is_empty(), "the upstream was sent {deviations:?}");
        arrived
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let _ = SockRef::from(&*self.listener).shutdown(Shutdown::Both);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// One connection, to its end.
fn serve(mut stream: TcpStream, shared: &Mutex<Shared>) {
    let _ = stream.set_nodelay(true);
    let (mut unread, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while let Ok(n @ 1..) = stream.read(&mut buffer) {
        unread.extend_from_slice(&buffer[..n]);
        let size = match strict::request(&unread) {
            Err(deviation) => {
                let text = format!("{deviation:?}: {}", unread.escape_ascii());
                return shared.lock().expect("no panic").deviations.push(text);
            }
            Ok(Some((message, size))) if message.complete => {
                if !answer(&mut stream, message, shared) {
                    return;
                }
                size
            }
            Ok(_) => 0,
        };
        unread.drain(..size);
    }
}

/// Answers a request; whether the connection goes on.
fn answer(stream: &mut TcpStream, message: Message, shared: &Mutex<Shared>) -> bool {
    let Start::Request { method, .. } = &message.start else { return false };
    let method = method.clone();
    let (bytes, end) = {
        let mut shared = shared.lock().expect("no panic");
        shared.arrived.push(message);
        shared.answered += 1;
        let plain = plain_answer(&method, shared.answered).into_bytes();
        shared.script.take().unwrap_or((plain, Ending::Silence))
    };
    // Who hung up shows it to the reader.
    let _ = stream.write_all(&bytes);
    match end {
        Ending::Silence => true,
        Ending::Fin => {
            let _ = stream.shutdown(Shutdown::Write);
            true
        }
        Ending::Reset => {
            let _ = SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
            false
        }
    }
}
