//! The memory of a running process, searched for keys and tokens that it should not hold any more.
#![cfg(target_os = "linux")]

use keywheel_runtime::fake::{Behaviour, Provider, threads};
use keywheel_tests::process::{FLAVOURS, Folder, Server, binary};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

const STAYS: &str = "sk-proj-Qm7xW2vB9nLk4stays";
const GOES: &str = "sk-proj-Rt3yE8cD5sHj1goes";
const UNUSED: &str = "sk-proj-Kp6uV1zX3fGh9unused";
const TOKEN: &str = "token-Zu5rT8wE1";
const OLD_TOKEN: &str = "token-Bn2mC4xS7";

/// Where the text stands in the writable memory of the process, and what is around it.
fn found(server: &Server, text: &str) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{}/maps", server.id())).expect("our own child, and dumpable");
    let memory = File::open(format!("/proc/{}/mem", server.id())).expect("the same");
    let finder = memchr::memmem::Finder::new(text);
    let mut places = Vec::new();
    for line in maps.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (from, to) = fields[0].split_once('-').expect("a range");
        let [from, to] = [from, to].map(|address| u64::from_str_radix(address, 16).expect("an address"));
        if !fields[1].starts_with("rw") {
            continue;
        }
        let mut bytes = vec![0; usize::try_from(to - from).expect("it fits")];
        // The kernel's own pages cannot be read.
        let Ok(n) = memory.read_at(&mut bytes, from) else { continue };
        let name = fields.get(5).copied().unwrap_or("anonymous");
        for at in finder.find_iter(&bytes[..n]) {
            let around = &bytes[at.saturating_sub(24)..(at + 40).min(n)];
            places.push(format!("{name}+{at:x}: {}", String::from_utf8_lossy(around).escape_debug()));
        }
    }
    places
}

fn post(token: &str, path: &str, close: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 2\r\n{close}\r\n{{}}")
        .into_bytes()
}

#[test]
fn what_a_reload_removes_is_gone() {
    for flavour in FLAVOURS {
        let provider = Provider::new(Default::default());
        [STAYS, GOES, UNUSED].iter().for_each(|key| provider.set_key(key, Behaviour::Good));
        let (address, _handle) = threads::spawn(provider.clone()).expect("a loopback port");
        let folder = Folder::new();
        folder.write("keys.txt", format!("{STAYS}\n{GOES}\n{UNUSED} | priority=9\n"));
        folder.write("tokens", format!("{TOKEN}\n{OLD_TOKEN}\n"));
        let mut command = binary(flavour);
        // Dumpable, so that a parent may look.
        command.current_dir(folder.path()).env("PORT", "0").env("CORE_DUMPS", "true").env("WORKERS", "1");
        command.env("AUTH_KEY_FILE", "tokens").env("OPENAI_BASE_URL", format!("http://{address}"));
        let server = Server::start(command.args(["-H", "127.0.0.1"]));
        let ask = |token: &str| server.ask(&post(token, "/v1/chat/completions", "Connection: close\r\n"));
        for token in [TOKEN, OLD_TOKEN, TOKEN, OLD_TOKEN] {
            ask(token);
        }
        assert!(provider.counts(GOES).requests > 0 && provider.counts(UNUSED).requests == 0);
        for key in [STAYS, GOES, UNUSED] {
            assert!(!found(&server, &key[8..]).is_empty(), "{flavour}: the search finds what is there");
        }
        folder.write("keys.txt", STAYS);
        folder.write("tokens", TOKEN);
        assert!(server.ask(&post(TOKEN, "/reload", "Connection: close\r\n")).starts_with("HTTP/1.1 200 "));
        for secret in [&GOES[8..], &UNUSED[8..], OLD_TOKEN] {
            let places = found(&server, secret);
            assert!(places.is_empty(), "{flavour}: {secret} is left: {places:#?}");
        }
        assert!(!found(&server, &STAYS[8..]).is_empty());
    }
}
