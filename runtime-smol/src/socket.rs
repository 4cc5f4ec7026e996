//! async-io's sockets under the driver's contract.

use async_io::Async;
use keywheel_core::session::How;
use keywheel_runtime::{host, traits};
use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::task::{Context, Poll};

/// A connected TCP socket.
#[derive(Debug)]
pub struct Stream(Async<TcpStream>);

impl Stream {
    pub(crate) async fn connect(to: SocketAddr) -> io::Result<Self> {
        let socket = Async::<TcpStream>::connect(to).await?;
        host::tune(socket.get_ref());
        Ok(Stream(socket))
    }
}

impl traits::Stream for Stream {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.get_ref().read(buf)
    }

    fn try_write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.get_ref().write_vectored(slices)
    }

    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // An error here is one of the reactor: the next try shows what it means for the socket.
        self.0.poll_readable(cx).map(drop)
    }

    fn poll_write_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_writable(cx).map(drop)
    }

    fn shutdown(&mut self, how: How) {
        host::shutdown(self.0.get_ref(), how);
    }
}

/// A listening TCP socket.
#[derive(Debug)]
pub struct Listener(Async<TcpListener>);

impl Listener {
    pub(crate) fn new(socket: TcpListener) -> io::Result<Self> {
        Async::new_nonblocking(socket).map(Listener)
    }
}

impl traits::Listener for Listener {
    type Stream = Stream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, SocketAddr)>> {
        loop {
            match self.0.get_ref().accept() {
                Ok((socket, peer)) => return Poll::Ready(Async::new(socket).map(|socket| (Stream(socket), peer))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.0.poll_readable(cx)?.is_pending() {
                        return Poll::Pending;
                    }
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().local_addr()
    }
}
