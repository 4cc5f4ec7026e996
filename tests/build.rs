//! Tells the program of which sources of core it was built.

#[path = "src/sources.rs"]
#[expect(unreachable_pub, reason = "it is a module of the library too")]
mod sources;

fn main() {
    println!("cargo::rerun-if-changed=../core");
    println!("cargo::rerun-if-changed=src/sources.rs");
    println!("cargo::rustc-env=SOURCES_OF_CORE={}", sources::digest_of_core());
}
