//! The bodies of the fuzz targets: each a plain function of bytes, so that tests run them too.
//!
//! A new target is a module here with a `run`, its line in [`TARGETS`], a shim and a `[[bin]]` in fuzz/, and a seed or
//! two in its corpus: see fuzz/README.md. A test below says what is missing.

pub mod chunk_splits;
pub mod classify;
pub mod config_file;
pub mod differential;
pub mod differential_answer;
pub mod dotenv;
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
            let seeds = fs::read_dir(fuzz().join("corpus").join(name)).map(|dir| dir.flatten().collect::<Vec<_>>());
            let seeds: Vec<_> = seeds
                .unwrap_or_default()
                .into_iter()
                .map(|f| f.path())
                .filter(|p| p.extension().is_some_and(|e| e == "seed"))
                .collect();
            assert!(!seeds.is_empty(), "fuzz/corpus/{name} has *.seed files");
            for seed in seeds {
                let bytes = fs::read(&seed).unwrap();
                assert!(bytes.len() <= 4096, "{} is small", seed.display());
                run(&bytes);
            }
        }
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
