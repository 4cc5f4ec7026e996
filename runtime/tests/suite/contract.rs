//! The contract of the four traits.

use super::stand::run;
use keywheel_core::session::How;
use keywheel_core::time::Instant;
use keywheel_runtime::dial::within;
use keywheel_runtime::server::Flavour;
use keywheel_runtime::traits::{Listener, Runtime, Stream, Timer};
use std::cell::Cell;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A stream of the runtime and the plain socket at its other end.
async fn pair<R: Runtime>(rt: &R) -> (R::Stream, TcpStream) {
    let mut listener = rt.listen(LOOPBACK, false).unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, from) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
    assert_eq!(from, peer.local_addr().unwrap());
    (stream, peer)
}

async fn readable<S: Stream>(stream: &mut S) {
    poll_fn(|cx| stream.poll_read_ready(cx)).await;
}

/// Tries until something but `WouldBlock` comes.
async fn read<S: Stream>(stream: &mut S, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.try_read(buf) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => readable(stream).await,
            done => return done,
        }
    }
}

pub(crate) fn bytes_are_read_when_they_are_there<F: Flavour>() {
    run::<F, _>(async |rt| {
        let (mut stream, mut peer) = pair(&rt).await;
        let mut buf = [0; 16];
        assert_eq!(stream.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        peer.write_all(b"hello").unwrap();
        assert_eq!(read(&mut stream, &mut buf).await.unwrap(), 5);
        assert_eq!(&buf[..5], b"hello");
        assert_eq!(stream.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

/// Data and FIN in one edge: the short read must not lose the end.
pub(crate) fn an_end_that_came_with_bytes_is_reported<F: Flavour>() {
    run::<F, _>(async |rt| {
        let (mut stream, mut peer) = pair(&rt).await;
        peer.write_all(b"last").unwrap();
        drop(peer);
        let mut buf = [0; 16];
        readable(&mut stream).await;
        assert_eq!(read(&mut stream, &mut buf).await.unwrap(), 4);
        readable(&mut stream).await;
        assert_eq!(read(&mut stream, &mut buf).await.unwrap(), 0);
    });
}

/// The end comes after a short read, while the task waits.
pub(crate) fn an_end_that_came_later_is_reported<F: Flavour>() {
    run::<F, _>(async |rt| {
        let (mut stream, mut peer) = pair(&rt).await;
        peer.write_all(b"last").unwrap();
        let mut buf = [0; 16];
        assert_eq!(read(&mut stream, &mut buf).await.unwrap(), 4);
        drop(peer);
        assert_eq!(read(&mut stream, &mut buf).await.unwrap(), 0);
    });
}

pub(crate) fn a_full_window_blocks_and_opens_again<F: Flavour>() {
    run::<F, _>(async |rt| {
        let (mut stream, mut peer) = pair(&rt).await;
        let block = vec![7; 1 << 16];
        let mut sent = 0;
        loop {
            let (a, b) = block.split_at(100);
            match stream.try_write_vectored(&[IoSlice::new(a), IoSlice::new(b)]) {
                Ok(n) => sent += n,
                Err(error) => break assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            assert!(sent < 1 << 28, "a window is never that large");
        }
        let reader = std::thread::spawn(move || {
            let mut heard = vec![0; sent];
            peer.read_exact(&mut heard).unwrap();
            (heard.iter().all(|byte| *byte == 7), peer)
        });
        poll_fn(|cx| stream.poll_write_ready(cx)).await;
        let (all_ours, mut peer) = reader.join().unwrap();
        assert!(all_ours);
        assert_eq!(stream.try_write_vectored(&[IoSlice::new(b"more")]).unwrap(), 4);
        stream.shutdown(How::Fin);
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"more");
    });
}

pub(crate) fn an_ended_writing_half_leaves_reading<F: Flavour>() {
    run::<F, _>(async |rt| {
        let (mut stream, mut peer) = pair(&rt).await;
        stream.shutdown(How::Fin);
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
        peer.write_all(b"still here").unwrap();
        assert_eq!(read(&mut stream, &mut [0; 16]).await.unwrap(), 10);
    });
}

pub(crate) fn a_reset_is_seen_as_one<F: Flavour>() {
    run::<F, _>(async |rt| {
        let (mut stream, mut peer) = pair(&rt).await;
        stream.shutdown(How::Reset);
        drop(stream);
        assert_eq!(peer.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);

        let (mut stream, peer) = pair(&rt).await;
        socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        assert_eq!(read(&mut stream, &mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

pub(crate) fn connections_are_made_and_refused<F: Flavour>() {
    run::<F, _>(async |rt| {
        let listener = std::net::TcpListener::bind(LOOPBACK).unwrap();
        let at = listener.local_addr().unwrap();
        let mut stream = rt.connect(at).await.unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        assert_eq!(stream.try_write_vectored(&[IoSlice::new(b"hi")]).unwrap(), 2);
        peer.read_exact(&mut [0; 2]).unwrap();
        drop(listener);
        let refused = rt.connect(at).await.err().expect("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    });
}

pub(crate) fn names_are_looked_up<F: Flavour>() {
    run::<F, _>(async |rt| {
        let found = rt.resolve("localhost", 81).await.unwrap();
        assert!(found.iter().any(|at| at.ip().is_loopback() && at.port() == 81), "{found:?}");
        // Too long a label: refused without asking anybody.
        assert!(rt.resolve(&"x".repeat(64), 80).await.is_err());
    });
}

pub(crate) fn a_port_is_shared_only_on_request<F: Flavour>() {
    run::<F, _>(async |rt| {
        let one = rt.listen(LOOPBACK, true).unwrap();
        let at = one.local_addr().unwrap();
        let two = rt.listen(at, true).unwrap();
        assert_eq!(two.local_addr().unwrap(), at);
        let error = rt.listen(at, false).err().expect("it is in use");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
    });
}

pub(crate) fn a_timer_is_never_early_and_can_be_set_again<F: Flavour>() {
    run::<F, _>(async |rt| {
        let mut timer = rt.timer();
        for millis in [5, 1, 0] {
            let due = rt.now() + Duration::from_millis(millis);
            timer.reset(Instant::from_micros(u64::MAX));
            timer.reset(due);
            poll_fn(|cx| timer.poll_expired(cx)).await;
            assert!(due <= rt.now());
        }
        let never = std::future::pending::<()>();
        assert_eq!(within(&rt, Duration::from_millis(2), never).await, None);
        assert_eq!(within(&rt, Duration::from_secs(3600), async { 7 }).await, Some(7));
    });
}

pub(crate) fn work_that_blocks_runs_aside<F: Flavour>() {
    run::<F, _>(async |rt| {
        let (tell, told) = std::sync::mpsc::channel();
        let ran = Rc::new(Cell::new(false));
        let beside = ran.clone();
        rt.spawn(async move {
            beside.set(true);
            tell.send("go on").unwrap();
        });
        // Ends only once the task beside it has run.
        assert_eq!(rt.unblock(move || told.recv()).await, Ok("go on"));
        assert!(ran.get());
    });
}

pub(crate) fn seeds_differ_and_clocks_agree<F: Flavour>() {
    run::<F, _>(async |rt| {
        assert_ne!(rt.seed(), rt.seed());
        let (a, b) = (rt.now(), rt.clone().now());
        assert!(a <= b && b.since(a) < Duration::from_secs(5));
        let year_2026 = 1_767_225_600_000;
        assert!(year_2026 < rt.unix_now().0);
    });
}
