//! What a running process keeps from others of its machine: its memory, its environment, its log.
#![cfg(target_os = "linux")]

use keywheel_tests::process::{FLAVOURS, Folder, Server, binary};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

const KEY: &str = "sk-proj-Qm7xW2vB9nLk4aaaa";
const TOKEN: &str = "token-Zu5rT8wE1";
const ROOT: u32 = 0;
/// Whom the tests become where they are root, whom no file keeps out: `nobody`.
const NOBODY: u32 = 65534;

/// The ordinary user as whom server and onlooker run.
fn user() -> u32 {
    let own = fs::metadata("/proc/self").expect("proc(5)").uid();
    if own == ROOT { NOBODY } else { own }
}

/// A server of that user, in a folder that any user can read.
fn server(flavour: &str, folder: &Folder, env: &[(&str, &str)]) -> Server {
    let path = folder.path().join(flavour);
    // A copy, where any user finds it. Written by another process: a child that a test beside this one forks meanwhile would
    // hold the file open for writing, and what is open for writing cannot be run (ETXTBSY).
    let copied = Command::new("cp").arg(binary(flavour).get_program()).arg(&path).status().expect("cp runs");
    assert!(copied.success(), "the binary is copied");
    folder.write("keys.txt", KEY);
    for (path, mode) in [(folder.path(), 0o777), (&path, 0o755), (&folder.path().join("keys.txt"), 0o644)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
    }
    let mut command = Command::new(path);
    command.env_clear().current_dir(folder.path()).uid(user()).env("AUTH_KEY", TOKEN).args(["-H", "127.0.0.1"]);
    Server::start(command.env("PORT", "0").envs(env.iter().copied()))
}

/// What another process of the same user reads there.
fn onlooker(path: &str) -> Output {
    Command::new("cat").arg(path).uid(user()).output().expect("cat runs")
}

fn core_limit(server: &Server) -> Vec<String> {
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).expect("anyone may read it");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("a limit of cores");
    line.split_whitespace().take(2).map(str::to_owned).collect()
}

#[test]
fn no_core_is_left_and_memory_and_environment_are_nobodys_to_read() {
    for flavour in FLAVOURS {
        let folder = Folder::new();
        let server = server(flavour, &folder, &[]);
        assert_eq!(core_limit(&server), ["0", "0"], "{flavour}");
        for file in ["environ", "mem", "maps"] {
            let path = format!("/proc/{}/{file}", server.id());
            assert_eq!(fs::metadata(&path).expect("a process").uid(), ROOT, "{flavour} is dumpable: {path}");
            let read = onlooker(&path);
            assert!(!read.status.success() && read.stdout.is_empty(), "{flavour}: {path} can be read");
        }
    }
}

#[test]
fn an_operator_can_have_dumps_and_then_the_environment_is_open() {
    for flavour in FLAVOURS {
        let folder = Folder::new();
        let server = server(flavour, &folder, &[("CORE_DUMPS", "true")]);
        let own = fs::read_to_string("/proc/self/limits").expect("proc(5)");
        let own = own.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("a limit of cores");
        assert!(own.split_whitespace().eq(core_limit(&server).iter().map(String::as_str).chain(["bytes"])), "{own}");
        let read = onlooker(&format!("/proc/{}/environ", server.id()));
        assert!(String::from_utf8_lossy(&read.stdout).contains(TOKEN), "{flavour}: {read:?}");
    }
}

#[test]
fn files_of_secrets_that_every_user_can_read_are_said() {
    for flavour in FLAVOURS {
        for (mode, warned) in [(0o604, true), (0o644, true), (0o640, false), (0o600, false)] {
            let folder = Folder::new();
            for (name, text) in
                [("keys.txt", KEY), (".env", "BEARER_TOKEN=t"), ("tokens", TOKEN), ("settings.toml", "")]
            {
                folder.write(name, text);
                fs::set_permissions(folder.path().join(name), Permissions::from_mode(mode)).expect("it is ours");
            }
            let env = [("PORT", "0"), ("AUTH_KEY_FILE", "tokens"), ("CONFIG_FILE", "settings.toml")];
            let server = Server::start(binary(flavour).current_dir(folder.path()).args(["-H", "127.0.0.1"]).envs(env));
            let said: Vec<&String> = server.greeting.iter().filter(|line| line.contains("it holds secrets")).collect();
            let names = [".env", "keys.txt", "tokens"];
            let all = said.len() == names.len() && names.iter().zip(&said).all(|(name, line)| line.contains(name));
            assert!(if warned { all } else { said.is_empty() }, "{flavour}, {mode:o}: {said:?}");
        }
    }
}

#[test]
fn a_log_file_is_made_for_its_owner_only_and_one_that_is_there_keeps_its_permissions() {
    for flavour in FLAVOURS {
        let folder = Folder::new();
        let mode =
            |name: &str| fs::metadata(folder.path().join(name)).expect("it was made").permissions().mode() & 0o777;
        let log = [("LOG_ENABLE_FILE", "true"), ("LOG_FILE_PATH", "a/b/app.log")];
        drop(server(flavour, &folder, &log));
        assert_eq!([mode("a"), mode("a/b"), mode("a/b/app.log")], [0o700, 0o700, 0o600], "{flavour}");
        let shared = Permissions::from_mode(0o640);
        fs::set_permissions(folder.path().join("a/b/app.log"), shared).expect("it is ours");
        drop(server(flavour, &folder, &log));
        assert_eq!(mode("a/b/app.log"), 0o640, "{flavour}");
    }
}
