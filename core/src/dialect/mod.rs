//! What differs from provider to provider, as data and pure functions.

mod generic;
mod openai;

use crate::classify::row::Row;
use crate::secret::Secret;

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

    /// First path segments of its resources: a path that begins with one of them lacks the version `/v1`.
    pub const fn resources(self) -> &'static [&'static str] {
        match self {
            Dialect::OpenAi => openai::RESOURCES,
        }
    }

    /// Name of the request field that carries a key.
    pub const fn credential_name(self) -> &'static str {
        match self {
            Dialect::OpenAi => "Authorization",
        }
    }

    /// That field's value for this key.
    pub fn credential(self, key: &[u8]) -> Secret {
        match self {
            Dialect::OpenAi => Secret::new([b"Bearer ", key].concat()),
        }
    }

    /// The response field that names the account (organization) of the key that was used.
    pub const fn account_field(self) -> &'static str {
        match self {
            Dialect::OpenAi => "openai-organization",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::row::Sign;

    #[test]
    fn rows_are_lower_case_sourced_and_each_can_be_reached() {
        let rows: Vec<_> = Dialect::OpenAi.rows().collect();
        for (at, row) in rows.iter().enumerate() {
            let text = match row.sign {
                Sign::Reason(text) | Sign::Code(text) | Sign::Type(text) | Sign::Words(text) => text,
                Sign::RetryAfter | Sign::Status => "",
            };
            assert!(!text.bytes().any(|b| b.is_ascii_uppercase()), "{row:?}");
            assert!(!row.source.is_empty(), "{row:?}");
            let hidden = |status| rows[..at].iter().any(|r| r.sign == row.sign && r.status.hold(status));
            assert!((0..1000).any(|status| row.status.hold(status) && !hidden(status)), "{row:?}");
        }
    }

    #[test]
    fn a_key_goes_upstream_as_a_bearer_token() {
        assert_eq!(Dialect::OpenAi.credential_name(), "Authorization");
        assert_eq!(Dialect::OpenAi.credential(b"sk-1").expose(), b"Bearer sk-1");
    }
}
