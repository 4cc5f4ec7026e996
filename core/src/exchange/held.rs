//! An upstream's error answer, held back until it is known whose fault it is.

use crate::classify::echo::{Echo, Rest, WINDOW};
use crate::classify::gzip::is_gzip;
use crate::message::{FieldBuf, Fields, Length, ResponseHead};
use http::StatusCode;

/// A copy of an answer of 400 or above: its head, and its body as far as it was read.
#[derive(Debug)]
pub struct Held {
    /// Status.
    pub status: StatusCode,
    /// Reason phrase as it came.
    pub reason: Box<[u8]>,
    /// How long the whole body is.
    pub length: Length,
    /// The body so far, at most `Limits::error_body` and one read.
    pub body: Vec<u8>,
    /// The body is there to its end.
    pub complete: bool,
    /// What is missing of it will never come.
    pub cut: bool,
    fields: FieldBuf,
    trailers: FieldBuf,
    /// Masks what is still to come of the bytes that are searched.
    rest: Option<Rest>,
}

impl Held {
    /// Copies the head; `drops` names the fields that end at this hop.
    pub(crate) fn new(head: &ResponseHead<'_>, drops: &dyn Fn(&[u8]) -> bool) -> Self {
        let mut fields = FieldBuf::default();
        head.fields.iter().filter(|(name, _)| !drops(name)).for_each(|(name, value)| fields.push(name, value));
        Held {
            status: head.status,
            reason: head.reason.into(),
            length: head.length,
            body: Vec::new(),
            complete: false,
            cut: false,
            fields,
            trailers: FieldBuf::default(),
            rest: None,
        }
    }

    /// The body is complete, and these fields follow it.
    pub(super) fn end(&mut self, trailers: &Fields<'_>) {
        self.complete = true;
        trailers.iter().for_each(|(name, value)| self.trailers.push(name, value));
    }

    /// The fields behind the body.
    pub fn trailers(&self) -> Fields<'_> {
        self.trailers.fields()
    }

    /// The fields.
    pub fn fields(&self) -> Fields<'_> {
        self.fields.fields()
    }

    /// Overwrites pieces of the key that was used, in the head and in the first `searched` bytes of the body: a client
    /// must not learn it. A gzip body with such a piece becomes its decoded form.
    pub(crate) fn mask_echo(&mut self, echo: Echo, searched: usize) {
        echo.mask(self.fields.bytes_mut());
        echo.mask(self.trailers.bytes_mut());
        echo.mask(&mut self.reason);
        if !is_gzip(self.fields()) {
            let end = self.body.len().min(searched);
            let before = self.body.last_chunk::<WINDOW>().map_or_else(|| self.body.clone(), |last| last.to_vec());
            echo.mask(&mut self.body[..end]);
            self.rest = (!self.complete && end < searched).then(|| Rest::new(echo, &before, searched - end));
        } else if let Some(identity) = echo.mask_gzip(&self.body, searched) {
            self.complete &= identity.whole;
            // An identity body that is not whole ends here: what follows is of the coded form.
            self.cut |= !self.complete;
            self.replace_body(identity.body);
        }
    }

    /// The same for the next piece of the body, which passes live.
    pub(super) fn mask_on(&mut self, piece: &mut [u8]) {
        if let Some(rest) = &mut self.rest {
            rest.mask(piece);
        }
    }

    /// The body is replaced by its decoded form: the coding and the digests of the coded form go.
    fn replace_body(&mut self, body: Vec<u8>) {
        let dropped = ["content-encoding", "content-length", "content-md5", "content-digest", "etag"];
        self.fields.retain(|name| !dropped.iter().any(|d| name.eq_ignore_ascii_case(d.as_bytes())));
        // What is not whole must not look complete: its length stays open.
        self.length = if self.complete { Length::Exact(body.len() as u64) } else { Length::Marked };
        self.body = body;
    }
}
