//! Who may depend on whom: core ← runtime ← {runtime-tokio, runtime-smol, tests, benches}, tests ← fuzz.

use crate::hold;
use crate::sources;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// What core may depend on directly; it does no input or output, and neither do these.
const CORE_DIRECT: &[&str] = &[
    "base64",
    "bytes",
    "fastrand",
    "foldhash",
    "http",
    "httparse",
    "humantime",
    "itoa",
    "log",
    "memchr",
    "miniz_oxide",
    "serde",
    "serde_json",
    "serde_path_to_error",
    "sha2",
    "subtle",
    "toml",
    "zeroize",
];

/// What those bring along, on every platform (`libc` is there for sha2's look at the processor).
const CORE_BROUGHT: &[&str] = &[
    "adler2",
    "block-buffer",
    "cfg-if",
    "cpufeatures",
    "crypto-common",
    "digest",
    "generic-array",
    "libc",
    "proc-macro2",
    "quote",
    "serde_core",
    "serde_derive",
    "serde_spanned",
    "syn",
    "toml_datetime",
    "toml_parser",
    "toml_writer",
    "typenum",
    "unicode-ident",
    "version_check",
    "winnow",
    "zmij",
];

/// Which packages of the house each may use outside its tests and in them.
const ARROWS: &[(&str, &[&str])] = &[
    ("keywheel-core", &[]),
    ("keywheel-runtime", &["keywheel-core"]),
    ("keywheel-tokio", &["keywheel-core", "keywheel-runtime"]),
    ("keywheel-smol", &["keywheel-core", "keywheel-runtime"]),
    ("keywheel-tests", &["keywheel-core", "keywheel-runtime"]),
    ("keywheel-benches", &["keywheel-core", "keywheel-runtime"]),
];

/// Lines of a runtime's sources, all files together: it implements four traits and decides nothing.
const RUNTIME_LINES: usize = 300;

#[test]
fn core_depends_on_nothing_that_acts() {
    let direct = direct("keywheel-core", "normal");
    let tree = tree("keywheel-core");
    assert!(direct.contains("httparse") && tree.contains("digest"), "the trees are read");
    let uses = direct.iter().filter(|name| !CORE_DIRECT.contains(&name.as_str())).map(|name| format!("uses {name}"));
    let known = |name: &str| CORE_DIRECT.contains(&name) || CORE_BROUGHT.contains(&name);
    let brings = tree.iter().filter(|name| !known(name)).map(|name| format!("brings {name}"));
    let breaches: Vec<String> = uses.chain(brings).collect();
    hold("core's dependencies are an allow-list", &breaches);
}

#[test]
fn smol_links_neither_tokio_nor_mio() {
    let (smol, tokio) = (tree("keywheel-smol"), tree("keywheel-tokio"));
    let here = ["smol", "async-io", "async-executor", "polling"];
    let there = ["tokio", "mio"];
    assert!(here.iter().all(|name| smol.contains(*name)), "{smol:?}");
    assert!(there.iter().all(|name| tokio.contains(*name)), "{tokio:?}");
    assert!(!there.iter().any(|name| smol.contains(*name)), "keywheel-smol links what is tokio's: {smol:?}");
    assert!(!here.iter().any(|name| tokio.contains(*name)), "keywheel-tokio links what is smol's: {tokio:?}");
}

#[test]
fn arrows_point_one_way() {
    let mut breaches = Vec::new();
    for (package, allowed) in ARROWS {
        for name in direct(package, "normal,build,dev") {
            if name.starts_with("keywheel-") && !allowed.contains(&name.as_str()) {
                breaches.push(format!("{package} uses {name}"));
            }
        }
    }
    let known: BTreeSet<String> = ARROWS.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(members(), known, "each package of the workspace has its row here");
    hold("core ← runtime ← the rest", &breaches);
}

#[test]
fn every_package_takes_the_shared_lints() {
    for folder in ["core", "runtime", "runtime-tokio", "runtime-smol", "tests", "benches"] {
        let manifest = sources::read(&format!("{folder}/Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{folder} forbids unsafe code as the workspace says");
    }
    assert!(sources::read("Cargo.toml").contains("unsafe_code = \"forbid\""));
}

#[test]
fn both_runtimes_have_the_same_files_and_little_in_them() {
    let files = |package: &str| -> BTreeMap<String, usize> {
        let all = sources::all();
        let own = all.iter().filter(|s| s.in_src_of(package));
        own.map(|s| (s.path[package.len()..].to_string(), s.text.lines().count())).collect()
    };
    let (tokio, smol) = (files("runtime-tokio"), files("runtime-smol"));
    assert_eq!(tokio.keys().collect::<Vec<_>>(), smol.keys().collect::<Vec<_>>(), "the same file names");
    for (package, files) in [("runtime-tokio", tokio), ("runtime-smol", smol)] {
        let lines: usize = files.values().sum();
        assert!(
            lines < RUNTIME_LINES,
            "{package} has {lines} lines, fewer than {RUNTIME_LINES} are allowed: {files:?}"
        );
    }
}

/// Names in a package's tree of dependencies as cargo would build it alone, for every platform; the package left out.
fn tree(package: &str) -> BTreeSet<String> {
    cargo_tree(&["--package", package, "--edges", "normal"], package)
}

/// Names of what a package depends on directly, of the given kinds.
fn direct(package: &str, edges: &str) -> BTreeSet<String> {
    cargo_tree(&["--package", package, "--edges", edges, "--depth", "1"], package)
}

fn members() -> BTreeSet<String> {
    cargo_tree(&["--workspace", "--depth", "0"], "")
}

fn cargo_tree(options: &[&str], package: &str) -> BTreeSet<String> {
    let cargo = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--target", "all", "--prefix", "none", "--format", "{p}"])
        .args(options)
        .current_dir(sources::root())
        .output()
        .expect("cargo runs");
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let lines = String::from_utf8(cargo.stdout).expect("cargo writes UTF-8");
    let names = lines.lines().filter_map(|line| line.split(' ').next());
    names.filter(|name| !name.is_empty() && *name != package).map(String::from).collect()
}
