//! A whole conversation of a client and upstreams that may do anything, judged from outside: what arrived is what was sent,
//! nothing that may have had an effect is sent twice, and each answer is the one that was given to its request.

use super::answers::{Ending, Expected, Mode};
use super::requests::{SYNTAX, code, difference, is_of_head, method, read_as};
use super::{MARK, status};
use crate::rfc::{self, End, Ruling};
use crate::strict::{self, Message};

/// The field by which a request is known again.
pub const NUMBER: &str = "X-N";

/// What one request had a connection to an upstream for.
#[derive(Debug, Default)]
pub struct Use {
    /// What came to the upstream.
    pub got: Vec<u8>,
    /// What it sent, as far as that was read.
    pub sent: Vec<u8>,
    /// How it ended, if it did.
    pub end: Option<Ending>,
}

impl Use {
    fn mode(&self, request: &Message) -> Mode {
        let method = match method(&request.start) {
            "HEAD" => "HEAD",
            "GET" => "GET",
            _ => "POST",
        };
        Mode { method, old: false, upgrade: false, end: self.end.unwrap_or(Ending::Silence) }
    }

    fn request(&self) -> Option<Message> {
        let (mut messages, rest) =
            strict::requests(&self.got).unwrap_or_else(|d| panic!("{d:?}: {}", self.got.escape_ascii()));
        assert!(messages.len() <= 1 && (messages.is_empty() || rest.is_empty()), "one request: {self:?}");
        messages.pop()
    }

    fn answer(&self, request: &Message) -> Expected {
        Expected::of(&self.sent, self.mode(request))
    }

    /// Judges a connection that was kept just now.
    ///
    /// # Panics
    /// It is not clean.
    pub fn check_kept(&self) {
        let request = self.request().filter(|request| request.complete).expect("a whole request");
        assert_eq!(
            self.answer(&request).kept(),
            Some(self.sent.len()),
            "a connection was kept that is not clean: {self:?}"
        );
    }
}

/// What was seen on both sides.
#[derive(Debug, Default)]
pub struct Story {
    /// What the client sent, as far as it was read.
    pub sent: Vec<u8>,
    /// What it was sent.
    pub got: Vec<u8>,
    /// Whether its connection ended in order.
    pub in_order: bool,
    /// Whether it left, or did not read for long: it may get less than it should.
    pub left: bool,
    /// Whether the process was told to end: what was not begun by then is answered by nobody.
    pub drained: bool,
    /// Connections to upstreams, in order.
    pub uses: Vec<Use>,
    /// How many of them were kept.
    pub parked: usize,
}

/// A request as it came to an upstream.
type Arrival<'s> = (&'s Use, Message);

impl Story {
    /// Judges it.
    ///
    /// # Panics
    /// Something does not hold.
    pub fn judge(&self) {
        let rulings = rfc::requests(&self.sent);
        if !are_told_apart(&rulings) {
            return;
        }
        let arrivals = self.arrivals(&rulings);
        arrivals.iter().for_each(|of| repeats(of));
        let (mut out, mut at, mut over) = (self.got.as_slice(), 0, false);
        for (ruling, arrivals) in rulings.iter().zip(&arrivals) {
            let old = matches!(ruling, Ruling::Take(m) if m.minor == 0);
            let method = read_as(ruling, &self.sent[at..]);
            at += match ruling {
                Ruling::Take(rfc::Message { end: End::At(size), .. }) => *size,
                _ => 0,
            };
            let Some(answer) = self.next(&mut out, method, old) else {
                let due = matches!(ruling, Ruling::Take(rfc::Message { end: End::At(_), .. }));
                assert!(over || self.left || self.drained || !due, "not answered: {ruling:?}");
                break;
            };
            assert!(!over, "an answer behind the last: {answer:?}");
            self.answered(ruling, arrivals, &answer);
            over = answer.only("connection").is_some_and(|c| c == b"close") || !answer.complete;
        }
        assert!(out.is_empty() || self.left && self.head_is_cut(out), "an answer to nothing: {}", out.escape_ascii());
    }

    /// What arrived, by the request that it is.
    fn arrivals(&self, rulings: &[Ruling]) -> Vec<Vec<Arrival<'_>>> {
        let mut all: Vec<Vec<Arrival<'_>>> = rulings.iter().map(|_| Vec::new()).collect();
        let mut at = 0;
        for used in &self.uses {
            let Some(request) = used.request() else { continue };
            let numbered = |sent: &rfc::Message| number(&sent.fields) == number(&request.fields);
            let is = |ruling: &Ruling| matches!(ruling, Ruling::Take(sent) if numbered(sent) && difference(sent, &request).is_none());
            let found = rulings[at..].iter().position(is);
            at += found.unwrap_or_else(|| panic!("a request that the client did not send: {request:?} in {rulings:?}"));
            let whole = matches!(&rulings[at], Ruling::Take(rfc::Message { end: End::At(_), .. }));
            assert!(whole || !request.complete, "{:?} was made whole", rulings[at]);
            all[at].push((used, request));
        }
        all
    }

    fn next(&self, out: &mut &[u8], method: &str, old: bool) -> Option<Message> {
        loop {
            let read = strict::response(out, method, self.in_order);
            let (answer, size) = read.unwrap_or_else(|d| panic!("{d:?} to {method}: {}", out.escape_ascii()))?;
            *out = &out[size..];
            if status(&answer) >= 200 {
                return Some(answer);
            }
            assert!(!old && status(&answer) != 101, "an interim answer that nobody may send: {answer:?}");
        }
    }

    fn head_is_cut(&self, out: &[u8]) -> bool {
        matches!(strict::response(out, "GET", self.in_order), Ok(None))
    }

    /// An answer is that of an upstream to this request, or one of ours for a reason that there is.
    fn answered(&self, ruling: &Ruling, arrivals: &[Arrival<'_>], answer: &Message) {
        let whole = matches!(ruling, Ruling::Take(rfc::Message { end: End::At(_), .. }));
        let marked =
            answer.only(MARK).map(|mark| arrivals.iter().rfind(|(used, request)| used.answer(request).marks(mark)));
        let given = match marked {
            Some(found) => Some(found.unwrap_or_else(|| panic!("an answer to another request: {answer:?}"))),
            None => arrivals.last(),
        };
        match (ruling, given) {
            (_, Some((used, request))) if whole || marked.is_some() || status(answer) < 400 => {
                let mode = used.mode(request);
                let cut_here = !answer.complete && self.left;
                if !cut_here {
                    Expected::of(&used.sent, mode).first(answer, mode);
                }
            }
            (Ruling::Take(message), None) if whole => {
                let code = code(&answer.body);
                let syntax = SYNTAX.iter().any(|syntax| *syntax == code);
                assert!(message.doubt.is_some() || !syntax, "{code} of what is good: {message:?}");
                let closes = answer.only("connection").is_some_and(|c| c == b"close");
                assert!(message.persists || closes, "the client asked for the end: {message:?}");
            }
            (Ruling::Take(head), None) if is_of_head(head, answer) => {}
            _ => {
                assert!(status(answer) >= 400, "{ruling:?} was answered with {answer:?}");
                assert_eq!(answer.only("connection"), Some(&b"close"[..]), "{ruling:?}: {answer:?}");
            }
        }
    }
}

/// What may have had an effect is sent again only after an answer that refuses it.
fn repeats(arrivals: &[Arrival<'_>]) {
    for pair in arrivals.windows(2) {
        assert!(may_repeat(&pair[0]), "sent again after {:?}", pair[0].0);
    }
}

fn may_repeat((used, request): &Arrival<'_>) -> bool {
    let harmless = matches!(method(&request.start), "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE");
    harmless || used.answer(request).status().is_some_and(|status| status >= 400)
}

/// Whether each request has a number of its own: where damage has made two of them alike, nobody can say which of them came
/// to an upstream.
fn are_told_apart(rulings: &[Ruling]) -> bool {
    let numbers = rulings.iter().filter_map(|ruling| match ruling {
        Ruling::Take(message) => Some(number(&message.fields)),
        _ => None,
    });
    let mut seen = std::collections::BTreeSet::new();
    numbers.into_iter().all(|number| seen.insert(number))
}

fn number(fields: &strict::Fields) -> Vec<&[u8]> {
    fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(NUMBER)).map(|(_, value)| value.as_slice()).collect()
}
