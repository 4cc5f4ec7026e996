//! Every deliberate defect of `tests/mutants/` still applies: what it replaces stands in the sources, once.
//!
//! It needs no git and builds nothing; `scripts/mutants` shows that the simulator finds each of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Deliberate defects that there are at least.
const LEAST: usize = 30;

/// One place that a patch changes: what stands there, and what shall.
#[derive(Debug, Default)]
struct Hunk {
    old: String,
    new: String,
}

/// The hunks of a patch by file, and the words of its first line.
fn read(patch: &str) -> (String, BTreeMap<String, Vec<Hunk>>) {
    let what = patch.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default().to_owned();
    let mut files: BTreeMap<String, Vec<Hunk>> = BTreeMap::new();
    let mut file = String::new();
    for line in patch.lines().skip(1) {
        if let Some(name) = line.strip_prefix("+++ b/") {
            file = name.to_owned();
        } else if line.starts_with("@@") {
            files.entry(file.clone()).or_default().push(Hunk::default());
        } else if let Some(hunk) = files.get_mut(&file).and_then(|hunks| hunks.last_mut()) {
            let (old, new) = match line.split_at_checked(1) {
                Some((" ", text)) => (Some(text), Some(text)),
                Some(("-", text)) if !line.starts_with("--- a/") => (Some(text), None),
                Some(("+", text)) => (None, Some(text)),
                _ => (None, None),
            };
            for (text, place) in [(old, &mut hunk.old), (new, &mut hunk.new)] {
                if let Some(text) = text {
                    *place += text;
                    place.push('\n');
                }
            }
        }
    }
    (what, files)
}

#[test]
fn every_defect_still_applies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut wrong, mut count) = (Vec::new(), 0);
    for entry in fs::read_dir(root.join("tests/mutants")).expect("there are defects") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "patch") {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (what, files) = read(&fs::read_to_string(&path).expect("text"));
        count += 1;
        if what.is_empty() || files.is_empty() {
            wrong.push(format!("{name}: no first line that says what it is, or nothing that it changes"));
        }
        for (file, hunks) in files {
            let source = fs::read_to_string(root.join(&file)).unwrap_or_default();
            for hunk in hunks.iter().filter(|hunk| source.matches(&hunk.old).count() != 1 || hunk.old == hunk.new) {
                wrong.push(format!("{name}: this does not stand once in {file}:\n{}", hunk.old));
            }
        }
    }
    assert!(count >= LEAST, "only {count} defects");
    assert!(wrong.is_empty(), "make these patches anew:\n{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_patches_reads() {
    let patch = "# What.\n--- a/x.rs\n+++ b/x.rs\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n@@ -9 +9 @@\n-nine\n+9\n";
    let (what, files) = read(patch);
    assert_eq!(what, "What.");
    let hunks: Vec<_> = files["x.rs"].iter().map(|hunk| (hunk.old.as_str(), hunk.new.as_str())).collect();
    assert_eq!(hunks, [("one\ntwo\nthree\n", "one\n2\nthree\n"), ("nine\n", "9\n")]);
}
