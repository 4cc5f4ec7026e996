//! What must be said: a head for each module, a comment and a row of the README for each limit and setting.

use crate::hold;
use crate::sources;

#[test]
fn every_file_says_what_it_is() {
    // `tests.rs` beside a module speaks of that module.
    let needs_head = |s: &sources::Source| s.path.contains("/src/") && !s.path.ends_with("/tests.rs");
    let headless = |s: &sources::Source| needs_head(s) && !s.text.starts_with("//! ");
    let breaches: Vec<String> = sources::all().iter().filter(|s| headless(s)).map(|s| s.path.clone()).collect();
    hold("the first line of a module is its head comment", &breaches);
}

#[test]
fn every_limit_is_documented() {
    let readme = sources::read("README.md");
    let all = sources::all();
    let limits = all.iter().find(|s| s.path == "core/src/limits.rs").expect("core has limits");
    let fields = limits.syntax.items.iter().find_map(|item| match item {
        syn::Item::Struct(item) if item.ident == "Limits" => Some(&item.fields),
        _ => None,
    });
    let mut breaches = Vec::new();
    let mut count = 0;
    for field in fields.expect("Limits is a struct").iter() {
        let name = field.ident.as_ref().expect("a named field").to_string();
        count += 1;
        if !field.attrs.iter().any(|a| a.path().is_ident("doc")) {
            breaches.push(format!("Limits::{name} has no comment"));
        }
        let variable = format!("`LIMIT_{}`", name.to_uppercase());
        if !readme.lines().any(|line| line.starts_with('|') && line.contains(&variable)) {
            breaches.push(format!("the README has no row for {variable}"));
        }
    }
    assert!(count > 30, "the limits are found");
    hold("every limit is documented", &breaches);
}
