//! What cannot be done with a `Secret`, as the compiler says it: each piece of code below is refused for its own reason.

use keywheel_tests::process::Folder;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A body of a function over `secret: Secret`, and the errors that the compiler finds in it.
const REFUSED: [(&str, &str); 15] = [
    ("println!(\"{secret}\")", "E0277"),
    ("let _: String = secret.to_string()", "E0599"),
    ("let _ = serde::Serialize::serialize(&secret, serde_json::value::Serializer)", "E0277"),
    ("let _ = serde_json::from_str::<Secret>(\"\")", "E0277"),
    ("let _ = secret == Secret::new(\"x\")", "E0369"),
    ("let _ = secret == *\"x\"", "E0369"),
    ("let _ = secret < Secret::new(\"x\")", "E0369"),
    ("let _ = secret.clone()", "E0599"),
    ("let _ = (secret, secret)", "E0382"),
    ("let _ = std::collections::HashSet::from([secret])", "E0277"),
    ("let _: &[u8] = &secret", "E0308"),
    ("let _: Vec<u8> = secret.into()", "E0277"),
    ("let _: String = secret.into()", "E0277"),
    ("let _ = secret.0", "E0616"),
    ("log::info!(\"{}\", secret)", "E0277"),
];

/// What is allowed, so that nothing above is refused because the code around it is wrong.
const ALLOWED: &[&str] =
    &["let _ = (secret.expose(), secret.len())", "println!(\"{secret:?}\")", "log::info!(\"{secret:?}\")"];

/// Where cargo put the libraries of this very build; it prints them without building anything anew.
fn libraries() -> Vec<(String, PathBuf)> {
    let tests = std::env::current_exe().expect("this test's path");
    let profile = tests.ancestors().nth(2).and_then(Path::file_name).expect("target/PROFILE").to_string_lossy();
    let profile = if profile == "debug" { "dev" } else { &profile };
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo tells its tests would make build scripts run again, which look at it.
    let told = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars().filter(|(name, _)| told(name)) {
        cargo.env_remove(name);
    }
    let cargo = cargo
        .args([
            "build",
            "--locked",
            "--workspace",
            "--bins",
            "--examples",
            "--message-format=json",
            "--profile",
            profile,
        ])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace"))
        .output()
        .expect("cargo runs");
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let lines = String::from_utf8(cargo.stdout).expect("JSON is UTF-8");
    let messages = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a message"));
    let library = |message: serde_json::Value| {
        let files = message["filenames"].as_array()?;
        let file = files.iter().filter_map(|file| file.as_str()).find(|file| file.ends_with(".rlib"))?;
        Some((message["target"]["name"].as_str()?.replace('-', "_"), file.into()))
    };
    messages.filter_map(library).collect()
}

/// What the compiler says is wrong in these function bodies, one a line of the file: the number of the body, and the code.
fn errors(bodies: &[&str], libraries: &[(String, PathBuf)]) -> Vec<(usize, String)> {
    let folder = Folder::new();
    let function = |(n, body): (usize, &&str)| format!("pub fn body_{n}(secret: Secret) {{ {body}; }}\n");
    let functions: String = bodies.iter().enumerate().map(function).collect();
    folder.write("bodies.rs", format!("{functions}use keywheel_core::secret::Secret;\n"));
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--error-format=json", "--out-dir"]);
    rustc.arg(folder.path()).arg(folder.path().join("bodies.rs"));
    for name in ["keywheel_core", "serde", "serde_json", "log"] {
        let (_, path) = libraries.iter().find(|(found, _)| found == name).expect("core links it");
        let beside = path.parent().expect("a folder");
        rustc.arg("--extern").arg(format!("{name}={}", path.display()));
        for folder in [beside, &beside.join("deps")] {
            rustc.arg("-L").arg(format!("dependency={}", folder.display()));
        }
    }
    let output = rustc.output().expect("rustc runs");
    let said = String::from_utf8(output.stderr).expect("JSON is UTF-8");
    let messages = said.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a message"));
    let wrong = messages.filter_map(|message| {
        let line =
            message["spans"].as_array()?.iter().find(|span| span["is_primary"] == true)?["line_start"].as_u64()?;
        let code = message["code"]["code"].as_str().unwrap_or("none").to_owned();
        (message["level"] == "error").then_some((line as usize - 1, code))
    });
    let wrong: Vec<(usize, String)> = wrong.collect();
    assert_eq!(wrong.is_empty(), output.status.success(), "{said}");
    wrong
}

#[test]
fn a_secret_can_be_exposed_and_else_nothing() {
    let libraries = libraries();
    assert_eq!(errors(ALLOWED, &libraries), []);
    let found = errors(&REFUSED.map(|(body, _)| body), &libraries);
    for (n, (body, code)) in REFUSED.iter().enumerate() {
        let codes: Vec<&str> = found.iter().filter(|(body, _)| *body == n).map(|(_, code)| code.as_str()).collect();
        assert!(!codes.is_empty() && codes.iter().all(|found| found == code), "{body}: {codes:?} and not {code}");
    }
}
