//! What must be said: a head for each module, a comment and a row of the README for each limit and setting.

use crate::hold;
use crate::sources;
use keywheel_core::config::{SETTINGS, limit_names};
use std::fs;

#[test]
fn every_file_says_what_it_is() {
    // `tests.rs` beside a module speaks of that module.
    let needs_head = |s: &sources::Source| s.path.contains("/src/") && !s.path.ends_with("/tests.rs");
    let headless = |s: &sources::Source| needs_head(s) && !s.text.starts_with("//! ");
    let breaches: Vec<String> = sources::all().iter().filter(|s| headless(s)).map(|s| s.path.clone()).collect();
    hold("the first line of a module is its head comment", &breaches);
}

#[test]
fn every_limit_has_a_comment() {
    let all = sources::all();
    let limits = all.iter().find(|s| s.path == "core/src/limits.rs").expect("core has limits");
    let fields = limits.syntax.items.iter().find_map(|item| match item {
        syn::Item::Struct(item) if item.ident == "Limits" => Some(&item.fields),
        _ => None,
    });
    let fields = fields.expect("Limits is a struct");
    assert!(fields.len() > 30, "the limits are found");
    let silent = fields.iter().filter(|field| !field.attrs.iter().any(|a| a.path().is_ident("doc")));
    let breaches: Vec<String> =
        silent.filter_map(|f| Some(format!("Limits::{} has no comment", f.ident.as_ref()?))).collect();
    hold("every limit is explained", &breaches);
}

#[test]
fn every_setting_has_a_row() {
    let readme = sources::read("README.md");
    // The first cell of a row names the settings that it is about.
    let cells: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next()).collect();
    let settings = SETTINGS.iter().flat_map(|s| [Some(s.name), s.also]).flatten().map(str::to_owned);
    let breaches = settings.chain(limit_names()).filter_map(|name| {
        let rows = cells.iter().filter(|cell| cell.contains(&format!("`{name}`"))).count();
        (rows != 1).then(|| format!("the README has {rows} rows for {name}"))
    });
    hold("every setting is documented once", &breaches.collect::<Vec<String>>());
}

#[test]
fn every_command_has_a_line() {
    let (readme, makefile, config) =
        (sources::read("README.md"), sources::read("Makefile"), sources::read(".cargo/config.toml"));
    let aliases =
        config.lines().filter_map(|line| line.split_once(" = \"run ")).map(|(name, _)| format!("cargo {name}"));
    let long = ["faults", "mutants", "reliability"].map(|target| format!("make {target}"));
    let known = |target: &String| makefile.contains(&format!("\n{}: ##", target.trim_start_matches("make ")));
    assert!(long.iter().all(known), "the Makefile has them");
    let map = sources::read("ARCHITECTURE.md");
    let unnamed = |command: &String| !readme.contains(command.as_str()) || !map.contains(command.as_str());
    let breaches: Vec<String> = aliases.chain(long).filter(unnamed).collect();
    hold("README.md and ARCHITECTURE.md name each command", &breaches);
}

#[test]
fn nothing_is_left_undone() {
    // In pieces, so that this file does not find itself.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("unimplemented", "!"), concat!("todo", "!")];
    let mut breaches = Vec::new();
    for source in sources::all() {
        for (n, line) in source.text.lines().enumerate() {
            breaches.extend(marks.iter().filter(|mark| line.contains(**mark)).map(|mark| {
                let line = n + 1;
                format!("{}:{line}: {mark}", source.path)
            }));
        }
    }
    hold("no code waits to be written", &breaches);
}

#[test]
fn lock_files_name_no_place_to_fetch_from() {
    let lock = sources::read("tests/sdk/package-lock.json");
    assert!(lock.contains("\"integrity\""), "it pins what is installed");
    assert!(!lock.contains("\"resolved\""), "where it comes from is for the machine to say");
}

#[test]
fn the_architecture_page_shows_the_memory_table_that_holds() {
    let test = sources::read("core/src/session/tests/memory.rs");
    let rows = test.lines().skip_while(|line| !line.starts_with("size of Session")).take_while(|line| *line != "\";");
    let rows: Vec<&str> = rows.collect();
    assert!(rows.len() > 5, "the table is found");
    assert!(sources::read("ARCHITECTURE.md").contains(&rows.join("\n")), "ARCHITECTURE.md shows it as it is");
}

#[test]
fn the_pages_name_files_that_exist() {
    let mut breaches = Vec::new();
    for page in ["README.md", "ARCHITECTURE.md", "benches/README.md", "fuzz/README.md"] {
        for name in sources::read(page).split('`').skip(1).step_by(2) {
            let is_path = name.contains('/')
                && !name.contains("NAME")
                && !name.contains([' ', '{', '*', ':'])
                && !name.starts_with('/');
            let folders = ["", "core/", "core/src/", "runtime/src/", "tests/", "benches/"];
            if is_path && name.ends_with(".rs") && !folders.iter().any(|f| sources::root().join(f).join(name).exists())
            {
                breaches.push(format!("{page}: `{name}`"));
            }
        }
    }
    hold("a page names what is there", &breaches);
}

#[test]
fn the_security_page_names_rows_and_tests_that_exist() {
    let page = sources::read("SECURITY.md");
    let families = fs::read_dir(sources::root().join("tests/conformance")).expect("the table");
    let rows: String = families.filter_map(|file| fs::read_to_string(file.ok()?.path()).ok()).collect();
    let threats: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| ") && line.matches('|').count() == 4).collect();
    let quoted: Vec<&str> = threats.iter().flat_map(|line| line.split('"').skip(1).step_by(2)).collect();
    assert!(quoted.len() > 20, "the rows of threats are found");
    let mut breaches: Vec<String> = quoted
        .iter()
        .filter(|name| !rows.contains(&format!("\n=== {name}\n")))
        .map(|name| format!("no row {name}"))
        .collect();
    for file in threats.iter().flat_map(|line| line.split('`').skip(1).step_by(2)) {
        let is_file =
            [".rs", ".txt", ".py", ".toml", ".md"].iter().any(|end| file.ends_with(end)) && file != "keys.txt";
        let places = ["", "tests/conformance/"];
        if is_file && !places.iter().any(|place| sources::root().join(place).join(file).exists()) {
            breaches.push(format!("no file {file}"));
        }
    }
    hold("a threat names what shows it", &breaches);
}
