//! Bytes as a keys file: the keys that an obvious reader finds, each once, each from its line, and none in a message.

use keywheel_core::config::{Config, Files, KeyEntry, Layers};
use keywheel_core::secret::Secret;
use std::collections::BTreeSet;

/// Runs it.
pub fn run(data: &[u8]) {
    let layers = Layers::of_env([("AUTH_KEY", "token")]);
    let mut files = Files::new();
    for path in Config::needs(&layers, &files) {
        assert_eq!(&*path, "keys.txt");
        files.add(&path, Ok(Secret::new(data)));
    }
    let expected = obvious(data);
    let said = match Config::parse(&layers, &files) {
        Ok((config, warnings)) => {
            let found: Vec<(u32, &[u8])> = config.keys.iter().map(|k| (k.line, k.secret.expose())).collect();
            assert_eq!(found, expected);
            config.keys.iter().zip(0..).for_each(|(key, index)| holds(key, index));
            warnings.iter().map(ToString::to_string).collect::<String>()
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            let fields = data.contains(&b'|');
            assert!(expected.is_empty() || fields, "only an optional field can be wrong beside a key");
            errors.iter().map(ToString::to_string).collect()
        }
    };
    for (_, key) in expected.iter().filter(|(_, key)| key.starts_with(b"sk-") && key.len() > 11) {
        assert!(!said.contains(std::str::from_utf8(key).unwrap()), "{said}");
    }
}

fn holds(key: &KeyEntry, index: u32) {
    assert!(key.index == index && key.weight >= 1 && !key.bases.is_empty());
    assert!(key.models.iter().all(|model| !model.is_empty()));
    let visible = |text: &Option<Box<str>>| text.as_ref().is_none_or(|t| t.bytes().all(|b| b.is_ascii_graphic()));
    assert!(visible(&key.organization) && visible(&key.project));
    let (prefix, last) = key.preview.split_once('…').expect("a preview is cut");
    assert!(
        ["", "sk-", "sk-proj-", "eyJ"].contains(&prefix)
            && last.len() <= 4
            && key.private_part().len() >= last.len() * 3
    );
}

/// Line and key of each line that holds one, the first of each.
fn obvious(data: &[u8]) -> Vec<(u32, &[u8])> {
    let data = data.strip_prefix("\u{feff}".as_bytes()).unwrap_or(data);
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for (n, line) in data.split(|b| *b == b'\n').enumerate() {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let Some(key) = words.next().filter(|key| key[0] != b'#') else { continue };
        let more = words.next().is_none_or(|word| word[0] == b'|' || word[0] == b'#');
        if more && is_key(key) && seen.insert(key) {
            all.push((n as u32 + 1, key));
        }
    }
    all
}

/// Visible ASCII of at most 16 KiB with a letter or a digit in it, not in quotes: what `keys.txt` holds a key to.
fn is_key(word: &[u8]) -> bool {
    !matches!(word[0], b'"' | b'\'')
        && word.len() <= 16 << 10
        && word.iter().all(|b| (0x21..0x7f).contains(b))
        && word.iter().any(u8::is_ascii_alphanumeric)
}
