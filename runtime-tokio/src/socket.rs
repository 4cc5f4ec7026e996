//! tokio's sockets under the driver's contract.

use keywheel_core::session::How;
use keywheel_runtime::{host, traits};
use socket2::SockRef;
use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};

/// A connected TCP socket.
#[derive(Debug)]
pub struct Stream {
    socket: TcpStream,
    /// That tokio holds it for not ready proves nothing.
    looks_again: bool,
}

impl Stream {
    pub(crate) async fn connect(to: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(to).await?;
        host::tune(&socket);
        Ok(Stream::new(socket))
    }

    fn new(socket: TcpStream) -> Self {
        Stream { socket, looks_again: false }
    }

    /// Does `io`, of which `all` bytes are hoped for, if tokio holds the socket for ready. Fewer bytes leave it
    /// not ready, though it keeps an end of the stream that has been seen: so the next try costs no call in vain.
    fn try_io(
        &self,
        interest: Interest,
        all: usize,
        mut io: impl FnMut(SockRef<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut moved = 0;
        let mut asked = false;
        let tried = self.socket.try_io(interest, || {
            asked = true;
            moved = io(SockRef::from(&self.socket))?;
            if 0 < moved && moved < all { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match tried {
            // What is taken so, epoll does not report: it looks at the socket once more before it does.
            Err(_) if self.looks_again && !asked => io(SockRef::from(&self.socket)),
            Err(error) if moved == 0 => Err(error),
            _ => Ok(moved),
        }
    }
}

impl traits::Stream for Stream {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_io(Interest::READABLE, buf.len(), |socket| (&*socket).read(buf))
    }

    fn try_write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let all = slices.iter().map(|slice| slice.len()).sum();
        self.try_io(Interest::WRITABLE, all, |socket| (&*socket).write_vectored(slices))
    }

    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.looks_again = false;
        // An error here is one of the socket or of the runtime's end: the next try reports it.
        self.socket.poll_read_ready(cx).map(drop)
    }

    fn poll_write_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.looks_again = false;
        self.socket.poll_write_ready(cx).map(drop)
    }

    fn look_again(&mut self) {
        self.looks_again = true;
    }

    fn shutdown(&mut self, how: How) {
        host::shutdown(&self.socket, how);
    }
}

/// A listening TCP socket.
#[derive(Debug)]
pub struct Listener(TcpListener);

impl Listener {
    pub(crate) fn new(socket: std::net::TcpListener) -> io::Result<Self> {
        TcpListener::from_std(socket).map(Listener)
    }
}

impl traits::Listener for Listener {
    type Stream = Stream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, SocketAddr)>> {
        self.0.poll_accept(cx).map_ok(|(socket, peer)| (Stream::new(socket), peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
