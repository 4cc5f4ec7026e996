//! What differs from provider to provider, as data and pure functions.

mod generic;
mod openai;

use crate::classify::row::Row;

/// How a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// OpenAI, and all that imitate it.
    #[default]
    OpenAi,
}

impl Dialect {
    /// What its errors mean: its own rows, then those of all dialects.
    pub fn rows(self) -> impl Iterator<Item = &'static Row> + Clone {
        let own = match self {
            Dialect::OpenAi => openai::ROWS,
        };
        own.iter().chain(generic::ROWS)
    }

    /// The response field that names the account (organization) of the key that was used.
    pub const fn account_field(self) -> &'static str {
        match self {
            Dialect::OpenAi => "openai-organization",
        }
    }
}
