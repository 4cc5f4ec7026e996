//! The project's Rust files, parsed.

use std::fs;
use std::path::{Path, PathBuf};

/// The folders of code.
const FOLDERS: &[&str] = &["core", "runtime", "runtime-tokio", "runtime-smol", "tests", "fuzz", "benches"];

/// One Rust file.
pub(crate) struct Source {
    /// From the project's root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) syntax: syn::File,
}

impl Source {
    /// Whether the whole file is test code: by its place, or by its name beside what it tests.
    pub(crate) fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let placed =
            self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.starts_with("benches/");
        placed || name == "tests.rs" || name.ends_with("_tests.rs")
    }

    /// Whether it belongs to the library of a package, not to its tests, examples or binaries.
    pub(crate) fn in_src_of(&self, package: &str) -> bool {
        self.path.strip_prefix(package).is_some_and(|rest| rest.starts_with("/src/"))
    }
}

/// The project's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_path_buf()
}

/// A text file of the project.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Every Rust file, in order of path.
pub(crate) fn all() -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in FOLDERS {
        walk(&root().join(folder), &mut paths);
    }
    paths.sort();
    assert!(paths.len() > 20, "the walk finds the sources");
    paths.iter().map(|path| load(path)).collect()
}

fn load(path: &Path) -> Source {
    let text = fs::read_to_string(path).expect("a source is readable");
    let syntax = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let path = path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
    Source { path, text, syntax }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "target" | "node_modules" | "corpus" | "artifacts") && !name.starts_with('.') {
                walk(&path, found);
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}
