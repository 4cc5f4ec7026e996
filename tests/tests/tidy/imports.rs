//! What the sources may name: core touches nothing but values, and only the runtimes read a clock.

use crate::hold;
use crate::sources::{self, Source};
use proc_macro2::LineColumn;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Paths that core names nowhere; `std` and `core` spellings count alike.
const CORE_NEVER: &[&str] = &[
    "std::env",
    "std::fs",
    "std::future",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os",
    "std::process",
    "std::sync::Condvar",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::mpsc",
    "std::task",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "http::HeaderMap",
];

/// Says whether a test is failing already, and acts on nothing.
const HARMLESS: &str = "std::thread::panicking";

/// Paths that the driver names nowhere: time comes through its `Runtime`, or the simulator could not turn the clock.
const RUNTIME_NEVER: &[&str] =
    &["std::time::Instant", "std::time::SystemTime", "tokio", "mio", "smol", "async_io", "futures_lite"];

/// The one file of the driver that asks the machine for the time, on behalf of both real runtimes.
const MACHINE: &str = "runtime/src/host.rs";

#[test]
fn core_touches_nothing() {
    let mut breaches = Vec::new();
    for source in sources::all().iter().filter(|s| s.in_src_of("core")) {
        breaches.extend(named(source, CORE_NEVER));
        breaches.extend(asyncs(source));
    }
    hold("core decides and touches nothing", &breaches);
}

#[test]
fn the_driver_knows_no_clock_and_no_runtime() {
    let breaches: Vec<String> = sources::all()
        .iter()
        .filter(|s| s.in_src_of("runtime") && s.path != MACHINE)
        .flat_map(|s| named(s, RUNTIME_NEVER))
        .collect();
    hold("the driver is generic", &breaches);
}

#[test]
fn the_rules_see_every_spelling() {
    let text = "use std::{time::{self, Instant as I}, io};\nuse std::thread::*;\nfn f() { core::task::ready!(x); ::std::fs::read(\"x\"); time::SystemTime::now(); }\nasync fn g() {}\n";
    let source = Source { path: "core/src/x.rs".into(), text: text.into(), syntax: syn::parse_file(text).unwrap() };
    let found = named(&source, CORE_NEVER).join("\n");
    for name in ["std::time::Instant", "std::thread", "std::task", "std::fs", "std::time::SystemTime"] {
        assert!(found.contains(name), "{name} is seen in:\n{found}");
    }
    assert_eq!(asyncs(&source).len(), 1);
}

/// Places that name a forbidden path.
fn named(source: &Source, never: &[&str]) -> Vec<String> {
    let mut paths = Paths::default();
    paths.visit_file(&source.syntax);
    let modules: Vec<String> = paths.found.iter().filter(|(_, _, is_use)| *is_use).map(|(p, ..)| p.clone()).collect();
    let mut breaches = Vec::new();
    for (path, at, is_use) in &paths.found {
        // A path that begins with an imported module is read as if written in full.
        let full = match (is_use, path.split_once("::")) {
            (false, Some((head, rest))) => {
                let import = modules.iter().find(|m| m.rsplit("::").next() == Some(head));
                import.map_or_else(|| path.clone(), |module| format!("{module}::{rest}"))
            }
            _ => path.clone(),
        };
        for &banned in never.iter().filter(|_| full != HARMLESS) {
            if full == banned || full.starts_with(&format!("{banned}::")) {
                breaches.push(format!("{}:{}: names {full}", source.path, at.line));
            }
        }
    }
    breaches
}

fn asyncs(source: &Source) -> Vec<String> {
    let mut asyncs = Asyncs::default();
    asyncs.visit_file(&source.syntax);
    asyncs.found.iter().map(|at| format!("{}:{}: is async", source.path, at.line)).collect()
}

/// Every path, with its place and whether a `use` names it. `core::` and `alloc::` are written `std::`.
#[derive(Default)]
struct Paths {
    found: Vec<(String, LineColumn, bool)>,
}

impl Paths {
    fn add(&mut self, segments: &[String], at: LineColumn, is_use: bool) {
        let path = segments.join("::");
        let path = match path.split_once("::") {
            Some(("core" | "alloc", rest)) => format!("std::{rest}"),
            _ => path,
        };
        self.found.push((path, at, is_use));
    }

    fn tree(&mut self, tree: &syn::UseTree, above: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                above.push(path.ident.to_string());
                self.tree(&path.tree, above);
                above.pop();
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree, above)),
            syn::UseTree::Glob(glob) => self.add(above, glob.span().start(), true),
            syn::UseTree::Name(name) => self.leaf(&name.ident, above),
            syn::UseTree::Rename(name) => self.leaf(&name.ident, above),
        }
    }

    fn leaf(&mut self, ident: &syn::Ident, above: &[String]) {
        let mut segments = above.to_vec();
        if ident != "self" {
            segments.push(ident.to_string());
        }
        self.add(&segments, ident.span().start(), true);
    }
}

impl<'a> Visit<'a> for Paths {
    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        self.tree(&item.tree, &mut Vec::new());
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.add(&segments, path.span().start(), false);
        visit::visit_path(self, path);
    }
}

/// Every place that is async.
#[derive(Default)]
struct Asyncs {
    found: Vec<LineColumn>,
}

impl<'a> Visit<'a> for Asyncs {
    fn visit_signature(&mut self, signature: &'a syn::Signature) {
        if signature.asyncness.is_some() {
            self.found.push(signature.span().start());
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'a syn::ExprAsync) {
        self.found.push(block.span().start());
    }

    fn visit_expr_await(&mut self, wait: &'a syn::ExprAwait) {
        self.found.push(wait.span().start());
        visit::visit_expr_await(self, wait);
    }
}
