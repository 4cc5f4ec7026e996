//! TLS to an upstream: rustls' buffered connection, driven in memory over any [`Stream`].
//!
//! ```text
//!            try_read                              try_write
//! plaintext <-- rustls <-- ahead <-- socket    plaintext --> rustls --> pending --> socket
//! ```
//! Reading: the socket fills a buffer that the worker's connections share; rustls takes what the caller has
//! room for, and only what is left of it then stays with the connection (`ahead`, at most one such buffer).
//! Writing: rustls takes at most 64 KiB and keeps the records until they are written (`pending`).

mod records;

use crate::link::{Fault, Moved};
use crate::traits::{Crypto, Stream};
use keywheel_core::session::{How, Loss};
use records::Records;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore};
use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};
use std::mem;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Most ciphertext read from the socket at once: a few records of at most 16 KiB.
const CIPHERTEXT: usize = 64 * 1024;
/// Sessions remembered for resumption.
const SESSIONS: usize = 256;

/// What the TLS connections of one worker share: the configuration and a buffer for ciphertext.
#[derive(Clone, Debug)]
pub struct TlsContext {
    config: Arc<ClientConfig>,
    spare: Spare,
}

/// Where the worker's ciphertext buffer lies while no connection holds bytes in it.
type Spare = Rc<RefCell<Vec<u8>>>;

impl TlsContext {
    /// For one worker; `config` is shared by all.
    pub fn new(config: Arc<ClientConfig>) -> Self {
        TlsContext { config, spare: Spare::default() }
    }
}

/// The configuration of all TLS connections to upstreams: these roots, no client certificate, HTTP/1.1 by ALPN.
///
/// # Errors
/// The cryptography has no cipher suite in common with TLS 1.2 and 1.3.
pub fn client_config(roots: RootCertStore, (provider, time): Crypto) -> Result<Arc<ClientConfig>, String> {
    let builder = ClientConfig::builder_with_details(provider, time)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {}", explain(&error)))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(Arc::new(config))
}

/// A TLS connection over `S`.
#[derive(Debug)]
pub struct Tls<S> {
    io: S,
    tls: ClientConnection,
    ahead: Ahead,
    /// How the connection was lost. Told once all plaintext before it was handed out, and from then on.
    loss: Option<Loss>,
    /// The socket's writing half ends once nothing is pending.
    ending: bool,
}

impl<S: Stream> Tls<S> {
    /// Begins a connection to `host` over a connected stream; nothing is sent before [`Tls::poll_handshake`].
    ///
    /// # Errors
    /// `host` can be neither a DNS name nor an address.
    pub fn new(io: S, host: &str, context: &TlsContext) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| format!("no certificate can name {host:?}"))?;
        let tls = ClientConnection::new(context.config.clone(), name).map_err(|error| explain(&error))?;
        let ahead = Ahead { block: Vec::new(), bytes: 0..0, records: Records::default(), spare: context.spare.clone() };
        Ok(Tls { io, tls, ahead, loss: None, ending: false })
    }

    /// Drives the handshake.
    ///
    /// # Errors
    /// In words, what was wrong; the connection is of no use then.
    pub fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let mut dry = false;
        loop {
            let step = match self.flush() {
                Ok(()) if !self.tls.is_handshaking() => return Poll::Ready(Ok(())),
                Ok(()) => self.take_in(&mut dry),
                Err(Fault::Blocked) => {
                    ready!(self.io.poll_write_ready(cx));
                    continue;
                }
                Err(lost) => Err(lost),
            };
            match step {
                Ok(()) => {}
                Err(Fault::Blocked) => {
                    ready!(self.io.poll_read_ready(cx));
                    dry = false;
                }
                Err(Fault::Lost(Loss::Reset | Loss::Closed)) => {
                    return Poll::Ready(Err("the connection was reset".into()));
                }
                Err(Fault::Lost(Loss::Tls(why))) => return Poll::Ready(Err(why)),
            }
        }
    }

    /// See [`crate::link::Link::try_read`].
    pub(crate) fn try_read(&mut self, buf: &mut [u8]) -> Result<Moved, Fault> {
        let (mut n, mut dry) = (0, false);
        while n < buf.len() {
            match self.tls.reader().read(&mut buf[n..]) {
                Ok(0) => break,
                Ok(more) => n += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match self.take_in(&mut dry) {
                    Ok(()) => {}
                    Err(Fault::Blocked) if 0 < n => return Ok(Moved { n, blocked: true }),
                    Err(Fault::Lost(_)) if 0 < n => break,
                    Err(fault) => return Err(fault),
                },
                Err(_) if 0 < n => break,
                Err(_) => return Err(Fault::Lost(Loss::Tls(TRUNCATED.into()))),
            }
        }
        Ok(Moved { n, blocked: false })
    }

    /// See [`crate::link::Link::try_write`].
    pub(crate) fn try_write(&mut self, slices: &[IoSlice<'_>]) -> Result<Moved, Fault> {
        self.flush()?;
        let n = self.tls.writer().write_vectored(slices).map_err(|error| Fault::Lost(Loss::Tls(error.to_string())))?;
        match self.flush() {
            Err(Fault::Lost(loss)) => Err(Fault::Lost(loss)),
            flushed => Ok(Moved { n, blocked: flushed.is_err() }),
        }
    }

    /// Whether an idle connection is as silent as it looks: no record has begun that may yet turn out to be an answer to
    /// nothing. Whole records without plaintext (a session ticket, an empty one) are no answer, and are borne.
    pub(crate) fn is_silent(&mut self) -> bool {
        matches!(self.try_read(&mut [0]), Err(Fault::Blocked)) && self.ahead.records.are_whole() && !self.has_pending()
    }

    /// Whether records wait to be written.
    pub(crate) fn has_pending(&self) -> bool {
        self.tls.wants_write()
    }

    /// Writes the records that wait.
    pub(crate) fn flush(&mut self) -> Result<(), Fault> {
        while self.tls.wants_write() {
            let mut socket = Socket { io: &mut self.io, full: false };
            self.tls.write_tls(&mut socket)?;
            if socket.full {
                return Err(Fault::Blocked);
            }
        }
        if mem::take(&mut self.ending) {
            self.io.shutdown(How::Fin);
        }
        Ok(())
    }

    /// Bytes or an end that were taken from the socket already make it ready, too.
    pub(crate) fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.ahead.bytes.is_empty() || !self.tls.wants_read() || self.loss.is_some() {
            return Poll::Ready(());
        }
        self.io.poll_read_ready(cx)
    }

    /// See [`Stream::poll_write_ready`].
    pub(crate) fn poll_write_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.io.poll_write_ready(cx)
    }

    /// An orderly end is told by close_notify (RFC 8446 section 6.1), behind what is pending.
    pub(crate) fn shutdown(&mut self, how: How) {
        match how {
            How::Reset => self.io.shutdown(How::Reset),
            How::Fin => {
                self.tls.send_close_notify();
                self.ending = true;
                // What the socket does not take now, the next flush sends; an error shows there, too.
                let _ = self.flush();
            }
        }
    }

    /// Gives rustls some ciphertext: of what is `ahead`, else from the socket, unless that is `dry`.
    fn take_in(&mut self, dry: &mut bool) -> Result<(), Fault> {
        if let Some(loss) = &self.loss {
            return Err(Fault::Lost(loss.clone()));
        }
        let taken = self.read_tls(dry).map_err(Fault::from);
        if let Err(Fault::Lost(loss)) = &taken {
            self.loss = Some(loss.clone());
        }
        let n = taken?;
        if let Err(error) = self.tls.process_new_packets() {
            self.loss = Some(Loss::Tls(explain(&error)));
            // Tells the peer why, if it still listens.
            let _ = self.flush();
        } else if n == 0 && self.tls.is_handshaking() {
            self.loss = Some(Loss::Tls("closed during the handshake".into()));
        } else if n == 0 {
            // After close_notify nothing is read any more (RFC 8446 section 6.1).
            self.ahead.clear();
        }
        Ok(())
    }

    fn read_tls(&mut self, dry: &mut bool) -> io::Result<usize> {
        if self.ahead.bytes.is_empty() {
            if *dry {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if !self.ahead.fill(&mut self.io, dry)? {
                return self.tls.read_tls(&mut io::empty());
            }
        }
        self.tls.read_tls(&mut self.ahead)
    }
}

/// Ciphertext that was read and not yet taken by rustls, in the worker's buffer while there is any.
#[derive(Debug)]
struct Ahead {
    block: Vec<u8>,
    bytes: Range<usize>,
    /// Those that rustls took.
    records: Records,
    spare: Spare,
}

impl Ahead {
    /// Fills the worker's buffer from the socket; false at the end of the stream. `dry`: no more is there for now.
    fn fill(&mut self, io: &mut impl Stream, dry: &mut bool) -> io::Result<bool> {
        self.block = self.spare.take();
        self.block.resize(CIPHERTEXT, 0);
        let read = io.try_read(&mut self.block);
        self.bytes = 0..*read.as_ref().unwrap_or(&0);
        *dry = 0 < self.bytes.end && self.bytes.end < CIPHERTEXT;
        if self.bytes.is_empty() {
            self.clear();
        }
        Ok(0 < read?)
    }

    fn clear(&mut self) {
        self.bytes = 0..0;
        if !self.block.is_empty() {
            self.spare.replace(mem::take(&mut self.block));
        }
    }
}

impl Read for Ahead {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = buf.len().min(self.bytes.len());
        let taken = &self.block[self.bytes.start..self.bytes.start + n];
        buf[..n].copy_from_slice(taken);
        self.records.pass(taken);
        self.bytes.start += n;
        if self.bytes.is_empty() {
            self.clear();
        }
        Ok(n)
    }
}

/// The socket as rustls writes records to it.
struct Socket<'a, S> {
    io: &'a mut S,
    /// It took less than it was given.
    full: bool,
}

impl<S: Stream> Write for Socket<'_, S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let n = self.io.try_write_vectored(slices)?;
        self.full = n < slices.iter().map(|slice| slice.len()).sum();
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The stream ended without close_notify: whatever was not framed by a length may lack its end.
const TRUNCATED: &str = "the stream ended without close_notify";

/// What was wrong, in the words an operator can act on.
fn explain(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the certificate's issuer is not trusted (UPSTREAM_CA_FILE can add one)".into()
        }
        rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the certificate has expired".into()
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => "the certificate is not valid yet".into(),
        rustls::Error::InvalidMessage(why) => format!("what it sent is not TLS, or broken ({why:?})"),
        rustls::Error::InvalidCertificate(why) => format!("the certificate was refused: {why}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
