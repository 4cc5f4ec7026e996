//! A digest of the sources of core, by which a ledger of runs knows what they were run on.
//!
//! The build script uses it too: a program carries the digest of what it was built of.

use std::path::{Path, PathBuf};

/// FNV-1a, 128 bits wide; in hexadecimal its first 64.
struct Fnv(u128);

impl Fnv {
    fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
}

/// The digest of `core/**/*.rs`, tests apart: names and contents, in the order of their names.
pub fn digest_of_core() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut hash = Fnv(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
    for file in files {
        let name = file.strip_prefix(&root).unwrap_or(&file);
        let source = std::fs::read(&file).unwrap_or_default();
        hash.feed(name.to_string_lossy().as_bytes());
        hash.feed(&(source.len() as u64).to_le_bytes());
        hash.feed(&source);
    }
    format!("{:016x}", (hash.0 >> 64) as u64)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let is_test = name == "tests" || name == "tests.rs" || name == "examples";
        if path.is_dir() && !is_test {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
            files.push(path);
        }
    }
}
