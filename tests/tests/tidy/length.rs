//! A file is about one noun: at most 400 lines of code. A function fits on a screen: at most 70 lines.

use crate::hold;
use crate::sources::{self, Source};
use std::collections::BTreeSet;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Lines of code of a file, and of a file of tests (cases are many and flat).
const FILE: usize = 400;
const TEST_FILE: usize = 600;
/// Lines of a function, from `fn` to its closing brace.
const FUNCTION: usize = 70;

#[test]
fn files_are_short() {
    let mut breaches = Vec::new();
    for source in sources::all() {
        let most = if source.is_test() { TEST_FILE } else { FILE };
        let lines = code_lines(&source);
        if lines > most {
            breaches.push(format!("{}: {lines} lines of code, {most} at most", source.path));
        }
    }
    hold("a file is about one noun", &breaches);
}

#[test]
fn functions_fit_on_a_screen() {
    let mut breaches = Vec::new();
    for source in sources::all() {
        let mut functions = Functions::default();
        functions.visit_file(&source.syntax);
        for (name, line, lines) in functions.found {
            if lines > FUNCTION {
                breaches.push(format!("{}:{line}: fn {name} has {lines} lines, {FUNCTION} at most", source.path));
            }
        }
    }
    hold("a function fits on a screen", &breaches);
}

#[test]
fn the_rules_count_what_they_say() {
    let text = "//! Head.\n\n/// Doc.\nfn a() {\n    // why\n    b();\n}\nconst T: &[u8] = &[\n    1,\n    2,\n];\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\n";
    let syntax = syn::parse_file(text).unwrap();
    let mut functions = Functions::default();
    functions.visit_file(&syntax);
    assert_eq!(functions.found, [("a".into(), 4, 4), ("c".into(), 14, 1)]);
    let source = Source { path: "core/src/x.rs".into(), text: text.into(), syntax };
    assert_eq!(code_lines(&source), 3, "fn a, b(), its brace: no comment, no table, no tests");
}

/// Lines that hold code: not blank, no comment, outside `#[cfg(test)]` modules and tables of data.
fn code_lines(source: &Source) -> usize {
    let mut skipped = BTreeSet::new();
    for item in &source.syntax.items {
        if is_tests(item) || is_table(item) {
            skipped.extend(item.span().start().line..=item.span().end().line);
        }
    }
    let counts = |(n, line): (usize, &str)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with("//") && !skipped.contains(&(n + 1))
    };
    source.text.lines().enumerate().filter(|&line| counts(line)).count()
}

fn is_tests(item: &syn::Item) -> bool {
    let syn::Item::Mod(module) = item else { return false };
    module.content.is_some()
        && module
            .attrs
            .iter()
            .any(|a| a.path().is_ident("cfg") && a.parse_args::<syn::Ident>().is_ok_and(|i| i == "test"))
}

/// A `const` or `static` whose value is a list: data, read row by row.
fn is_table(item: &syn::Item) -> bool {
    let value = match item {
        syn::Item::Const(item) => &item.expr,
        syn::Item::Static(item) => &item.expr,
        _ => return false,
    };
    match &**value {
        syn::Expr::Reference(list) => matches!(*list.expr, syn::Expr::Array(_)),
        list => matches!(list, syn::Expr::Array(_)),
    }
}

/// Functions with name, first line and number of lines.
#[derive(Default)]
struct Functions {
    found: Vec<(String, usize, usize)>,
}

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (first, last) = (signature.span().start().line, block.span().end().line);
        self.found.push((signature.ident.to_string(), first, last - first + 1));
    }
}

impl<'a> Visit<'a> for Functions {
    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'a syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}
