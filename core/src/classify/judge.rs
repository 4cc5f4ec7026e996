//! The judge: finds the row that fits, and takes along what else the answer says.

use super::row::{Row, Sign};
use super::{Class, Outcome, gzip, rest};
use crate::dialect::Dialect;
use crate::json::ErrorBody;
use crate::message::Fields;
use crate::time::UnixMillis;
use core::time::Duration;

/// Longest code that an outcome carries.
const CODE: usize = 64;
/// Most that is decoded of a gzip body.
const DECODED: usize = 64 * 1024;
/// Longest account name that is taken.
const ACCOUNT: usize = 128;

/// What there is to judge by.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Status of the answer.
    pub status: u16,
    /// Fields of its head.
    pub fields: Fields<'a>,
    /// Its body as it came (a gzip body is decoded here), as far as it was read; empty when it was not.
    pub body: &'a [u8],
}

/// Whose fault an answer is. `model` is the request's where it was read already; where the outcome's blame names a
/// model and this was `None`, the caller reads it (from the replay buffer) and adds it to the outcome.
///
/// An answer below 400 is `Ok` and costs nothing; its account is asked for by [`account`] when it is not yet known.
pub fn judge(dialect: Dialect, evidence: &Evidence<'_>, now: UnixMillis, model: Option<&str>) -> Outcome {
    let Evidence { status, fields, body } = *evidence;
    if status < 400 {
        return Outcome { status, model: model.map(Into::into), ..Outcome::plain(Class::Ok) };
    }
    let error = ErrorBody::read(&gzip::readable(fields, body, DECODED));
    let mut outcome = decide(dialect, status, &error, rest::retry_after(fields, now));
    if outcome.class == Class::Rate && outcome.rest.is_none() {
        let kind = error.kind.as_deref().unwrap_or_default();
        outcome.rest = rest::exhausted(fields, kind, now);
    }
    outcome.model = model.map(Into::into);
    outcome.account = account(dialect, fields).map(Into::into);
    outcome
}

/// The account that an answer names: 1 to 128 visible ASCII characters.
pub fn account<'a>(dialect: Dialect, fields: Fields<'a>) -> Option<&'a str> {
    visible(fields.get(dialect.account_field())?, ACCOUNT)
}

/// What the first row that fits says. `wait` is what Retry-After and its kin ask for.
pub(super) fn decide(dialect: Dialect, status: u16, error: &ErrorBody, wait: Option<Duration>) -> Outcome {
    let mut outcome = Outcome { status, code: label(error), ..Outcome::plain(Class::Unknown) };
    if let Some(row) = find(dialect, status, &Shown::new(error, wait.is_some())) {
        outcome.class = row.class;
        outcome.blame = row.blame;
        outcome.structured = matches!(row.sign, Sign::Reason(_) | Sign::Code(_) | Sign::Type(_));
        outcome.rest = match row.class {
            Class::Rate => wait.or(row.rest),
            Class::Quota => wait,
            _ => None,
        };
    }
    outcome
}

/// What an answer shows, in lower case.
struct Shown {
    code: String,
    kind: String,
    reason: String,
    message: String,
    retry_after: bool,
}

impl Shown {
    fn new(error: &ErrorBody, retry_after: bool) -> Self {
        let lower = |text: &Option<Box<str>>| text.as_deref().unwrap_or_default().to_ascii_lowercase();
        Shown {
            code: lower(&error.code),
            kind: lower(&error.kind),
            reason: lower(&error.reason),
            message: lower(&error.message),
            retry_after,
        }
    }

    fn shows(&self, sign: Sign) -> bool {
        match sign {
            Sign::Reason(reason) => self.reason == reason,
            Sign::Code(code) => self.code == code,
            Sign::Type(kind) => self.kind == kind,
            Sign::Words(words) => self.message.contains(words),
            Sign::RetryAfter => self.retry_after,
            Sign::Status => true,
        }
    }
}

/// The kinds of signs in the order in which they are believed.
fn rank(row: &Row, status: u16) -> u8 {
    match row.sign {
        // 402 means money in every dialect, whatever the code says.
        Sign::RetryAfter | Sign::Status if status == 402 => 0,
        Sign::Reason(_) => 1,
        Sign::Code(_) => 2,
        Sign::Type(_) => 3,
        Sign::Words(_) => 4,
        Sign::RetryAfter | Sign::Status => 5,
    }
}

/// The first row of the most believed kind.
fn find(dialect: Dialect, status: u16, shown: &Shown) -> Option<&'static Row> {
    let fits = |row: &&Row| row.status.hold(status) && shown.shows(row.sign);
    dialect.rows().filter(fits).min_by_key(|row| rank(row, status))
}

/// What is reported as the outcome's code: the code, else the type.
fn label(error: &ErrorBody) -> Option<Box<str>> {
    [&error.code, &error.kind].into_iter().flatten().find_map(|text| visible(text.as_bytes(), CODE)).map(Into::into)
}

fn visible(bytes: &[u8], longest: usize) -> Option<&str> {
    let fits = !bytes.is_empty() && bytes.len() <= longest && bytes.iter().all(u8::is_ascii_graphic);
    fits.then(|| core::str::from_utf8(bytes).ok()).flatten()
}
