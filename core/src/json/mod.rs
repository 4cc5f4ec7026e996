//! A few fields out of JSON text, without a tree.
//!
//! Bodies pass through in pieces, may be cut anywhere and may be large, and the proxy wants two or three of their
//! fields. [`Scanner`] walks the text once, in pieces of any size, with a fixed amount of state and without recursion;
//! a static table of [`Node`]s says which fields are wanted. What a document does not hold is simply not found:
//! judging the client's JSON is the upstream's affair.
//!
//! A key that occurs twice has the value of its last occurrence, because the parsers that read the same text
//! upstream (Python's `json`, pydantic, JavaScript, Go, serde) keep the last one.

mod error;
mod request;
mod scanner;
mod shape;
#[cfg(test)]
mod tests;
mod text;
mod usage;

pub use error::ErrorBody;
pub use request::RequestFields;
pub use scanner::Scanner;
pub use shape::{Node, Value};
pub use usage::{Usage, UsageFinder};
