//! The demo of both binaries, as a newcomer runs it.

use keywheel_tests::process::{FLAVOURS, binary};
use std::process::Stdio;

#[test]
fn once_ends_well_although_keys_fail() {
    let start = |name| binary(name).args(["demo", "--once"]).stdout(Stdio::piped()).spawn().expect("it starts");
    for (flavour, demo) in FLAVOURS.map(|name| (name, start(name))) {
        let output = demo.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{flavour}: {said}");
        assert!(said.contains("120 requests (60 streamed): 120 good answers, 0 failures seen by a client"), "{said}");
        assert!(!said.contains("\n0 retries") && said.contains(" retries with another key; "), "{said}");
        for line in [
            "Key[1] sk-…bbbb: ready -> blacklisted  key_dead (401 invalid_api_key)",
            "Key[3] sk-…dddd: ready -> cooling  quota (429 insufficient_quota)",
            "Key[5] sk-…ffff: ready -> cooling  rate (429 rate_limit_exceeded)",
            "Key[6] sk-…gggg: ready -> blacklisted  key_dead (401 invalid_api_key)",
        ] {
            assert!(said.contains(line), "{flavour}: {line}\n{said}");
        }
        assert!(said.contains("curl http://127.0.0.1:") && said.contains("OpenAI(base_url="), "{said}");
    }
}
