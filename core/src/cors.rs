//! Cross-origin rules: preflight answers and response fields.

/// Which origins may read answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Allowed origins in lower case, compared whole; `None`: any (`*`).
    pub origins: Option<Vec<Box<str>>>,
}
