//! A secret in the wrong place: as the value of any setting, as any argument. Nothing that either binary says shows it.

use keywheel_core::config::{SETTINGS, limit_names};
use keywheel_tests::process::{FLAVOURS, Folder, Server, binary};
use std::fs;
use std::process::{Command, Output};

/// A provider's key, which is known by its beginning, and a token that nothing tells from a word.
const SECRETS: [&str; 2] = ["sk-proj-Qm7xW2vB9nLk4aaaa", "Zu5rT8wE1-token"];
/// What of them never shows, in small letters, as hosts have no others.
const TRACES: [&str; 2] = ["qm7xw2vb", "zu5rt8we"];

/// Whether the process served, and all that it said: on standard output and error, in its log, in answers.
fn said(folder: &Folder, command: &mut Command, secret: &str) -> (bool, String) {
    let (served, Output { stdout, stderr, .. }, mut text) = match Server::try_start(command) {
        Ok(server) => {
            let mut text = server.greeting.join("\n");
            for line in ["GET /health", "GET /stats", "GET /blacklist", "POST /reload", "GET /v1/models"] {
                let fields =
                    format!("Host: x\r\nAuthorization: Bearer {secret}\r\nContent-Length: 0\r\nConnection: close");
                text += &server.ask(format!("{line} HTTP/1.1\r\n{fields}\r\n\r\n").as_bytes());
            }
            (true, server.terminate(), text)
        }
        Err(output) => (false, output, String::new()),
    };
    text += &String::from_utf8_lossy(&stdout);
    text += &String::from_utf8_lossy(&stderr);
    text += &fs::read_to_string(folder.path().join("logs/app.log")).unwrap_or_default();
    assert!(!text.is_empty() && !text.contains("panicked"), "{text}");
    (served, text)
}

fn clean(what: &str, text: &str) {
    for trace in TRACES {
        assert!(!text.to_lowercase().contains(trace), "{what} shows it: {text}");
    }
}

/// A binary in a folder with a key of its own, which says as much as it can.
fn start(flavour: &str, folder: &Folder) -> Command {
    folder.write("keys.txt", "sk-other-0123456789abcdef");
    let mut command = binary(flavour);
    command.current_dir(folder.path()).env("PORT", "0").env("HOST", "127.0.0.1").env("LOG_LEVEL", "debug");
    command.env("LOG_ENABLE_FILE", "true").env("OPENAI_BASE_URL", "http://127.0.0.1:9").env("MAX_RETRIES", "0");
    command
}

fn names() -> Vec<String> {
    let settings = SETTINGS.iter().flat_map(|s| [Some(s.name), s.also]).flatten().map(str::to_owned);
    settings.chain(limit_names()).collect()
}

#[test]
fn as_the_value_of_a_setting() {
    for (flavour, secret) in FLAVOURS.iter().flat_map(|flavour| SECRETS.map(|secret| (flavour, secret))) {
        // All at once: whatever is no free text is refused, and named.
        let folder = Folder::new();
        let mut command = start(flavour, &folder);
        let (served, refused) = said(&folder, command.envs(names().iter().map(|name| (name, secret))), secret);
        assert!(!served);
        clean("all", &refused);
        let free: Vec<String> =
            names().into_iter().filter(|name| !refused.contains(&format!("(env {name}): "))).collect();
        assert!(free.len() < 20 && free.contains(&"ADMIN_KEY".to_owned()), "{free:?}: {refused}");
        // What would have been taken, each alone.
        for name in free {
            let folder = Folder::new();
            let (_, text) = said(&folder, start(flavour, &folder).env_remove("HOST").env(&name, secret), secret);
            clean(&name, &text);
        }
    }
}

#[test]
fn in_a_configuration_file_or_env_file() {
    for (flavour, secret) in FLAVOURS.iter().flat_map(|flavour| SECRETS.map(|secret| (flavour, secret))) {
        for content in [
            format!("\"{secret}\" = 1\n"),
            format!("{secret} = 1\n"),
            format!("port = \"{secret}\"\nkeys_file = \"{secret}\"\n"),
            format!("port = {{ a = \"{secret}\" }}\n"),
            format!("port = {secret}\n"),
            format!("{secret}\n"),
            format!("{{\"{secret}\": \"{secret}\"}}"),
            format!("{{\"port\": {{\"{secret}\": 1}}}}"),
            format!("{{\"port\": {secret}}}"),
            format!("PORT={secret}\nKEYS_FILE={secret}\nexport {secret}\n{secret}=1\n"),
        ] {
            for (file, variable) in [("keywheel.toml", "CONFIG_FILE"), (".env", "UNUSED")] {
                let folder = Folder::new();
                folder.write(file, &content);
                let mut command = start(flavour, &folder);
                command.env_remove("PORT").env("SERVER_PORT", "0").env(variable, file);
                clean(&format!("{file}: {content}"), &said(&folder, &mut command, secret).1);
            }
        }
    }
}

#[test]
fn as_an_argument() {
    let lines = [
        "S",
        "--S",
        "-S",
        "-zS",
        "--prot=S",
        "--port --S",
        "-p S",
        "-H S",
        "-s S",
        "-c @S",
        "-c S",
        "-k S",
        "--config S",
        "--log-format S",
        "--log-level S",
        "--workers S",
        "-h S",
        "-hS",
        "-h=S.1",
        "demo S",
        "demo --S",
        "demo --once=S",
        "-p S demo",
        "--version=S",
        "-- S",
    ];
    for (flavour, secret) in FLAVOURS.iter().flat_map(|flavour| SECRETS.map(|secret| (flavour, secret))) {
        for line in lines {
            let folder = Folder::new();
            let args = line.split(' ').map(|arg| arg.replace('S', secret));
            let (_, text) = said(&folder, start(flavour, &folder).args(args), secret);
            clean(line, &text);
        }
    }
}
