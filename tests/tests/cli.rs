//! Both binaries as their users start them: configuration from every layer, what is said, how they end.

use keywheel_runtime::fake::{Behaviour, Provider, threads};
use keywheel_tests::process::{FLAVOURS, Folder, Server, binary};
use std::io::Write;
use std::process::{Command, Output, Stdio};

const KEY: &str = "sk-proj-Qm7xW2vB9nLk4aaaa";
const OTHER: &str = "sk-proj-Rt3yE8cD5sHj1bbbb";

/// A fake provider that knows both keys, and its base URL.
fn provider() -> (Provider, String, threads::Handle) {
    let provider = Provider::new(Default::default());
    provider.set_key(KEY, Behaviour::Good);
    provider.set_key(OTHER, Behaviour::Good);
    let (address, handle) = threads::spawn(provider.clone()).expect("a loopback port");
    (provider, format!("http://{address}"), handle)
}

/// A binary in a folder of its own, on a port of its own.
fn at(flavour: &str, folder: &Folder, upstream: &str) -> Command {
    let mut command = binary(flavour);
    command.current_dir(folder.path()).env("PORT", "0").env("OPENAI_BASE_URL", upstream);
    command
}

fn models(token: &str) -> Vec<u8> {
    format!("GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn started_with_nothing_but_the_environment_it_serves_logs_and_ends() {
    for flavour in FLAVOURS {
        let (provider, upstream, _handle) = provider();
        let folder = Folder::new();
        folder.write("keys.txt", format!("# mine\n{KEY}\n"));
        let server = Server::start(at(flavour, &folder, &upstream).env("AUTH_KEY", "token-1"));
        assert!(server.greeting[0].contains("configuration read from keys.txt"), "{:?}", server.greeting);
        assert!(server.greeting[1].contains(&format!("1 key, strategy round_robin, upstream {upstream}")));
        let answer = server.ask(&models("token-1"));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let refused = server.ask(&models("token-2"));
        assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
        let output = server.terminate();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let log = text(&output);
        let line = log.lines().find(|line| line.contains("GET /v1/models - 200 - ")).unwrap_or_else(|| panic!("{log}"));
        assert!(line.contains("ms - Key[0] sk-proj-…aaaa - Retry[0]"), "{line}");
        assert_eq!(provider.counts(KEY).requests, 1);
        assert!(!log.contains(&KEY[8..]) && !log.contains("token-1"), "{log}");
    }
}

#[test]
fn flags_over_environment_over_dotenv_over_file() {
    for flavour in FLAVOURS {
        let (provider, upstream, _handle) = provider();
        let folder = Folder::new();
        folder.write("mine.txt", KEY);
        folder.write("other.txt", OTHER);
        folder.write("keywheel.toml", "AUTH_KEY = \"of-file\"\nLOG_FORMAT = \"json\"\nKEYS_FILE = \"other.txt\"\n");
        folder.write(".env", "AUTH_KEY=of-dotenv\nKEYS_FILE=mine.txt\nPORT=1\n");
        let mut command = at(flavour, &folder, &upstream);
        let server =
            Server::start(command.env("AUTH_KEY", "of-env").args(["--config", "keywheel.toml", "-k", "of-flag"]));
        for (token, status) in [("of-flag", "200"), ("of-env", "401"), ("of-dotenv", "401"), ("of-file", "401")] {
            let answer = server.ask(&models(token));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{token}: {answer}");
        }
        assert_eq!((provider.counts(KEY).requests, provider.counts(OTHER).requests), (1, 0), "keys of .env's file");
        let greeting = server.greeting.join("\n");
        let said = text(&server.terminate());
        for line in greeting.lines().chain(said.lines()) {
            let object: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
            assert!(object["time"].is_string() && object["level"].is_string() && object["kind"].is_string(), "{line}");
        }
        assert!(greeting.contains(".env, keywheel.toml, mine.txt"), "{greeting}");
    }
}

#[test]
fn keys_by_flag_from_a_file_from_standard_input_and_as_a_list() {
    for flavour in FLAVOURS {
        let (_provider, upstream, _handle) = provider();
        let folder = Folder::new();
        folder.write("k", format!("{KEY}\n{OTHER}\n"));
        let server = Server::start(at(flavour, &folder, &upstream).args(["-c", "@k", "-s", "random"]));
        assert!(server.greeting.join("\n").contains("2 keys, strategy random"), "{:?}", server.greeting);

        let list = format!("{KEY},{OTHER}");
        let server = Server::start(at(flavour, &folder, &upstream).args(["-c", &list]));
        let greeting = server.greeting.join("\n");
        assert!(greeting.contains("2 keys") && greeting.contains("WARN") && greeting.contains("-c"), "{greeting}");
        assert!(!greeting.contains(&KEY[8..]), "{greeting}");

        let mut command = at(flavour, &folder, &upstream);
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        writeln!(writer, "{KEY}").expect("room for a line");
        drop(writer);
        let server = Server::start(command.args(["-c", "-"]).stdin(Stdio::from(reader)));
        assert!(server.ask(&models("any")).starts_with("HTTP/1.1 200 "));
        assert!(server.greeting.join("\n").contains("1 key,"), "{:?}", server.greeting);
    }
}

#[test]
fn a_reload_reads_everything_anew_or_changes_nothing_and_says_why() {
    let reload = b"POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for flavour in FLAVOURS {
        let (provider, upstream, _handle) = provider();
        let folder = Folder::new();
        folder.write("keys.txt", KEY);
        let server = Server::start(&mut at(flavour, &folder, &upstream));
        let used = |server: &Server| {
            assert!(server.ask(&models("any")).starts_with("HTTP/1.1 200 "));
            (provider.counts(KEY).requests, provider.counts(OTHER).requests)
        };
        assert_eq!(used(&server), (1, 0));
        folder.write("keys.txt", OTHER);
        let answer = server.ask(reload);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(used(&server), (1, 1));
        folder.write("keys.txt", KEY);
        folder.write(".env", "MAX_RETRIES=many\n");
        let answer = server.ask(reload);
        assert!(!answer.starts_with("HTTP/1.1 200 ") && answer.contains("MAX_RETRIES (.env:1)"), "{answer}");
        assert_eq!(used(&server), (1, 2));
        let log = text(&server.terminate());
        assert!(log.contains("MAX_RETRIES (.env:1)"), "{log}");
    }
}

#[test]
fn the_log_goes_to_a_file_too_and_says_no_more_than_was_asked_for() {
    for flavour in FLAVOURS {
        let (_provider, upstream, _handle) = provider();
        let folder = Folder::new();
        folder.write("keys.txt", KEY);
        let server = Server::start(at(flavour, &folder, &upstream).env("LOG_ENABLE_FILE", "yes"));
        server.ask(&models("any"));
        let shown = text(&server.terminate());
        let file =
            std::fs::read_to_string(folder.path().join("logs/app.log")).expect("the file of LOG_FILE_PATH's default");
        // Each line goes to both places; which of two comes first is for each place to say.
        assert!(shown.lines().all(|line| file.lines().any(|other| other == line)), "{file}\n{shown}");
        assert!(shown.contains("GET /v1/models - 200"), "{shown}");

        let server = Server::start(at(flavour, &folder, &upstream).env("LOG_ENABLE_REQUEST", "false"));
        server.ask(&models("any"));
        assert!(!text(&server.terminate()).contains("/v1/models"));

        let mut command = at(flavour, &folder, &upstream);
        command.env("LOG_ENABLE_FILE", "1").env("LOG_FILE_PATH", "keys.txt/app.log");
        let output = command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains("LOG_FILE_PATH: the file cannot be appended to: "), "{}", text(&output));
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once_with_exit_code_2() {
    for flavour in FLAVOURS {
        let folder = Folder::new();
        folder.write("keys.txt", KEY);
        let mut command = at(flavour, &folder, "ftp://x");
        let output = command.env("MAX_RETRIES", "many").args(["-p", "70000"]).output().expect("it runs");
        let said = text(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for name in ["-p", "MAX_RETRIES", "OPENAI_BASE_URL"] {
            assert!(said.contains(name), "{name} in {said}");
        }
        let empty = Folder::new();
        let output = at(flavour, &empty, "http://127.0.0.1:9").output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains("keys.txt: not found"), "{}", text(&output));
        empty.write(".env", "PORT 1\n");
        let output = at(flavour, &empty, "http://127.0.0.1:9").output().expect("it runs");
        assert!(text(&output).contains(".env:1: "), "{}", text(&output));
    }
}

#[test]
fn a_port_in_use_ends_it_with_exit_code_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    for flavour in FLAVOURS {
        let folder = Folder::new();
        folder.write("keys.txt", KEY);
        let mut command = at(flavour, &folder, "http://127.0.0.1:9");
        let output = command.args(["-H", "127.0.0.1", "-p", &port]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains(&format!("cannot listen at 127.0.0.1:{port}: ")), "{}", text(&output));
    }
}

#[test]
fn a_standard_output_that_blocks_or_is_closed_stops_no_request() {
    for flavour in FLAVOURS {
        let (_provider, upstream, _handle) = provider();
        let folder = Folder::new();
        folder.write("keys.txt", KEY);
        let mut server = Server::start(&mut at(flavour, &folder, &upstream));
        // Far more than a pipe holds, and nobody reads it.
        let target = format!("/v1/{}", "x".repeat(8000));
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        for _ in 0..40 {
            assert!(server.ask(request.as_bytes()).starts_with("HTTP/1.1 404 "));
        }
        server.close_stdout();
        for _ in 0..5 {
            assert!(server.ask(&models("any")).starts_with("HTTP/1.1 200 "));
        }
        let output = server.terminate();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    }
}
