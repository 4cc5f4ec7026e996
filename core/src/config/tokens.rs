//! The tokens of clients and of the admin: `AUTH_KEY`, `AUTH_KEY_FILE`, `ADMIN_KEY`.

use super::error::{ConfigError, Warning};
use super::keys;
use super::reader::Reader;
use super::source::Source;
use super::value::{self, Parsed};
use crate::auth::Tokens;
use std::sync::Arc;

/// Client tokens, of the list and of the file together; `None`: no authentication was asked for.
///
/// A setting that is there but holds no token is an error: it would open the proxy to everybody.
pub(super) fn client(r: &mut Reader<'_>) -> Option<Tokens> {
    if r.layers.flags.auth_key.is_some() {
        r.warnings.push(Warning::OnCommandLine { flag: "-k", instead: "AUTH_KEY or AUTH_KEY_FILE" });
    }
    let (listed, filed) = (r.get("AUTH_KEY", list), file(r));
    listed.into_iter().chain(filed).reduce(Tokens::and)
}

/// The tokens of `ADMIN_KEY`.
pub(super) fn admin(r: &mut Reader<'_>, client: Option<&Tokens>) -> Option<Tokens> {
    let tokens = r.get("ADMIN_KEY", list)?;
    if client.is_some_and(|client| client.overlaps(&tokens)) {
        r.warnings.push(Warning::AdminIsClient);
    }
    Some(tokens)
}

fn list(text: &str) -> Parsed<Tokens> {
    let right = "tokens of visible ASCII characters, separated by commas";
    let tokens: Parsed<Vec<&str>> = value::list(text).map(value::visible).collect();
    tokens.ok().and_then(Tokens::new).ok_or(right.into())
}

/// One token a line, as the keys file has keys.
fn file(r: &mut Reader<'_>) -> Option<Tokens> {
    const NAME: &str = "AUTH_KEY_FILE";
    let (path, source) = r.text(NAME)?;
    let wrong = |why: &str| ConfigError::File { name: NAME, source, why: why.into() };
    let text = match r.files.get(&path) {
        Ok(text) => text,
        Err(why) => {
            r.errors.push(wrong(why));
            return None;
        }
    };
    let (mut tokens, mut bad) = (Vec::new(), Vec::new());
    for (line, token) in keys::lines(text) {
        if token.iter().all(u8::is_ascii_graphic) { tokens.push(token) } else { bad.push(line) }
    }
    if tokens.is_empty() && bad.is_empty() {
        r.errors.push(wrong("it holds no token; write one a line"));
    }
    let path: Arc<str> = path.as_str().into();
    r.errors.extend(bad.into_iter().map(|line| ConfigError::Line {
        source: Source::File { path: Arc::clone(&path), line },
        what: "the token is not made of visible ASCII characters without spaces".into(),
    }));
    Tokens::new(tokens)
}
