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
pub struct Stream(TcpStream);

impl Stream {
    pub(crate) async fn connect(to: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(to).await?;
        host::tune(&socket);
        Ok(Stream(socket))
    }

    /// Does `io`, of which `all` bytes are hoped for, if tokio holds the socket for ready. Fewer bytes leave it
    /// not ready, though it keeps an end of the stream that has been seen: so the next try costs no call in vain.
    fn try_io(
        &self,
        interest: Interest,
        all: usize,
        io: impl FnOnce(SockRef<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut moved = 0;
        let tried = self.0.try_io(interest, || {
            moved = io(SockRef::from(&self.0))?;
            if 0 < moved && moved < all { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match tried {
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
        // An error here is one of the socket or of the runtime's end: the next try reports it.
        self.0.poll_read_ready(cx).map(drop)
    }

    fn poll_write_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_write_ready(cx).map(drop)
    }

    fn shutdown(&mut self, how: How) {
        host::shutdown(&self.0, how);
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
        self.0.poll_accept(cx).map_ok(|(socket, peer)| (Stream(socket), peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
