//! The bodies of the fuzz targets: each a plain function of bytes, so that tests run them too.
//!
//! A new target is a module here with a `run`, its line in [`TARGETS`], a shim and a `[[bin]]` in fuzz/, and a seed or
//! two in its corpus: see fuzz/README.md. A test below says what is missing.

pub mod chunk_splits;
pub mod classify;
pub mod config_file;
pub mod conversation;
pub mod craft;
pub mod differential;
pub mod differential_answer;
pub mod dotenv;
mod grammar;
pub mod json;
pub mod keys_file;
mod passage;
pub mod request_head;
pub mod request_roundtrip;
pub mod response;
pub mod rest;
pub mod session_ops;
pub mod sse;
pub mod target;
mod world;

/// A target's name and body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("chunk_splits", chunk_splits::run),
    ("classify", classify::run),
    ("config_file", config_file::run),
    ("conversation", conversation::run),
    ("differential", differential::run),
    ("differential_answer", differential_answer::run),
    ("dotenv", dotenv::run),
    ("json", json::run),
    ("keys_file", keys_file::run),
    ("request_head", request_head::run),
    ("request_roundtrip", request_roundtrip::run),
    ("response", response::run),
    ("rest", rest::run),
    ("session_ops", session_ops::run),
    ("sse", sse::run),
    ("target", target::run),
];

/// Lengths of pieces in which to cut `bytes`: whole, byte by byte, and three ways that depend on the bytes, so that a
/// fuzzer can move the cuts.
fn cuts(bytes: &[u8]) -> [Vec<usize>; 5] {
    let sum = bytes.iter().fold(0usize, |sum, b| sum.wrapping_mul(31).wrapping_add(usize::from(*b)));
    let by = |n: usize| vec![n; bytes.len().div_ceil(n.max(1))];
    [vec![], by(1), vec![sum % (bytes.len() + 1)], by(2 + sum % 7), by(8 + sum % 61)]
}

/// `bytes` in pieces of these lengths, and then what is left.
fn pieces<'a>(bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut pieces: Vec<_> = lengths
        .iter()
        .map(|length| {
            let (piece, left) = rest.split_at((*length).min(rest.len()));
            rest = left;
            piece
        })
        .collect();
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::TARGETS;
    use std::fs;
    use std::path::{Path, PathBuf};

    fn fuzz() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).map(|dir| dir.flatten().map(|file| file.path()).collect()).unwrap_or_default()
    }

    #[test]
    fn every_target_has_its_shim_and_its_seeds_pass() {
        let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
        for (name, run) in TARGETS {
            let shim = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap_or_default();
            assert!(
                shim.contains(&format!("keywheel_tests::fuzz::{name}::run")),
                "fuzz_targets/{name}.rs calls its body"
            );
            assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml names {name}");
            let corpus = fuzz().join("corpus").join(name);
            let mut seeds = files(&corpus);
            seeds.retain(|path| path.extension().is_some_and(|e| e == "seed"));
            assert!(!seeds.is_empty(), "fuzz/corpus/{name} has *.seed files");
            for seed in seeds.into_iter().chain(files(&corpus.join("found"))) {
                let bytes = fs::read(&seed).unwrap();
                assert!(bytes.len() <= 4096, "{} is small", seed.display());
                run(&bytes);
            }
        }
    }

    #[test]
    fn every_dictionary_is_of_targets_that_are_there() {
        let mut of = Vec::new();
        for path in files(&fuzz().join("dictionaries")) {
            let text = fs::read_to_string(&path).unwrap();
            let first = text.lines().next().and_then(|line| line.strip_prefix("# targets: "));
            of.extend(first.expect("its first line says so").split(' ').map(str::to_owned));
        }
        let count = of.len();
        of.sort_unstable();
        of.dedup();
        assert_eq!(of.len(), count, "a target has one dictionary");
        assert!(of.iter().all(|name| TARGETS.iter().any(|(target, _)| target == name)), "{of:?}");
    }

    #[test]
    fn every_shim_has_its_body() {
        for shim in fs::read_dir(fuzz().join("fuzz_targets")).unwrap().flatten() {
            let path = shim.path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(TARGETS.iter().any(|(target, _)| *target == name), "{name} is in TARGETS");
        }
    }
}
