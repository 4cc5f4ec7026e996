//! What holds in every dialect.

use crate::classify::row::{
    Row,
    Sign::{Reason, RetryAfter, Status},
    Statuses::{Any, In, Of},
};
use crate::classify::{Blame, Class};

const PAYMENT: &str = "openrouter.ai/docs/api/reference/errors-and-debugging; RFC 9110 section 15.5.3";
const GEMINI: &str = "ai.google.dev troubleshooting";
const RFC: &str = "RFC 9110 section 15, RFC 6585 section 4";

/// Asked after the dialect's own.
pub(super) const ROWS: &[Row] = &[
    Row::new(Of(&[402]), RetryAfter, Class::Rate, Blame::Key, PAYMENT),
    Row::new(Of(&[402]), Status, Class::Quota, Blame::Key, PAYMENT),
    Row::new(Any, Reason("api_key_invalid"), Class::KeyDead, Blame::Key, GEMINI),
    Row::new(Of(&[401]), Status, Class::KeyDead, Blame::Key, RFC),
    Row::new(Of(&[403]), Status, Class::Unknown, Blame::Key, RFC),
    Row::new(Of(&[429]), Status, Class::Rate, Blame::AccountModel, RFC),
    Row::new(Of(&[408]), Status, Class::Overload, Blame::Nobody, RFC),
    Row::new(In(400..=499), Status, Class::Client, Blame::Nobody, RFC),
    Row::new(In(500..=999), Status, Class::Overload, Blame::Nobody, RFC),
    // An error event that no row above knows.
    Row::new(Of(&[0]), Status, Class::Unknown, Blame::Key, "an error that says nothing of its cause"),
];
