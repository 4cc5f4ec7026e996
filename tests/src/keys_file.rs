//! The table of keys files: what an operator may write into one, which keys come of it, and what is said.
//!
//! Rows are data in `tests/keys-files.txt`. Each is read by core alone and by both binaries, which also send the keys:
//!
//! ```text
//! === a key that stands twice
//! rule keywheel: README, The keys file
//! f> sk-one                    a line of the file, LF added
//! f>| sk-one\r\n               bytes of it; \r \n \t \0 \\ \xNN and {70000 x} as in the table of conformance
//! is missing                   instead of bytes: missing, unreadable, a folder, a link to itself, broken; `is a link`: with its bytes
//! key 1 sk-one                 a key that is in force, and its line; all of them, in order
//! warns keys.txt: a key        words of a warning; where there is no such line nothing is said
//! fails keys.txt:2             words of the error that ends the start; with them there is no key
//! ```
//!
//! In no case does anything that is printed hold eight bytes of a key's private part.

use crate::parity::template::Template;
use crate::process::{Folder, Server, binary};
use keywheel_core::config::{Config, Files, Layers};
use keywheel_core::secret::Secret;
use keywheel_runtime::fake::{Behaviour, Provider, threads};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

/// The rows.
const TABLE: &str = include_str!("../keys-files.txt");
/// The file of all rows.
const FILE: &str = "keys.txt";
/// The token of the client that asks for the keys to be sent.
const TOKEN: &str = "token-of-a-client";

/// One row.
#[derive(Debug, Default)]
pub struct Row {
    /// What it shows.
    pub name: String,
    rule: String,
    state: State,
    content: Template,
    /// Line and text of each key.
    keys: Vec<(u32, String)>,
    warns: Vec<String>,
    fails: Vec<String>,
}

/// What there is at the file's path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Plain,
    Link,
    Missing,
    Unreadable,
    Folder,
    Loop,
    Broken,
}

/// What reading a file came to.
struct Said {
    /// Line and text of each key; `None`: there was no start.
    keys: Option<Vec<(u32, String)>>,
    text: String,
}

/// All rows.
///
/// # Errors
/// The line that cannot be read.
pub fn rows() -> Result<Vec<Row>, String> {
    let mut rows: Vec<Row> = Vec::new();
    for (number, line) in (1..).zip(TABLE.lines()).filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let at = |why: String| format!("keys-files.txt:{number}: {why}: {line}");
        if let Some(name) = line.strip_prefix("=== ") {
            rows.push(Row { name: name.into(), ..Row::default() });
        } else {
            rows.last_mut().ok_or("a line before the first row".into()).and_then(|row| row.line(line)).map_err(at)?;
        }
    }
    match rows.iter().find(|row| row.rule.is_empty() || (row.keys.is_empty() == row.fails.is_empty())) {
        Some(row) => Err(format!("keys-files.txt: `{}` needs a rule, and either keys or an error", row.name)),
        None => Ok(rows),
    }
}

impl Row {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "rule" => self.rule = rest.into(),
            "f>" => {
                self.content.add(rest)?;
                self.content.text(b"\n");
            }
            "f>|" => self.content.add(rest)?,
            "is" => self.state = state(rest)?,
            "key" => {
                let (line, key) = rest.split_once(' ').ok_or("a line and a key")?;
                self.keys.push((line.parse().map_err(|_| "no number")?, rendered(key)?));
            }
            "warns" => self.warns.push(rest.into()),
            "fails" => self.fails.push(rest.into()),
            _ => return Err("no such line".into()),
        }
        Ok(())
    }

    fn bytes(&self) -> Vec<u8> {
        self.content.render(&|_| None).unwrap_or_default()
    }

    /// Reads the file with core alone.
    ///
    /// # Errors
    /// What is wrong with what came of it.
    pub fn on_core(&self) -> Result<(), String> {
        let layers = Layers::of_env([("AUTH_KEY", TOKEN), ("OPENAI_BASE_URL", "http://127.0.0.1:9")]);
        let mut files = Files::new();
        files.add(FILE, self.state.why().map_or_else(|| Ok(Secret::new(self.bytes())), |why| Err(why.into())));
        let said = match Config::parse(&layers, &files) {
            Ok((config, warnings)) => {
                let key = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
                let keys = config.keys.iter().map(|entry| (entry.line, key(entry.secret.expose()))).collect();
                Said { keys: Some(keys), text: warnings.iter().map(|w| format!("{w}\n")).collect() }
            }
            Err(errors) => Said { keys: None, text: errors.iter().map(|e| format!("{e}\n")).collect() },
        };
        self.judge(&said)
    }

    /// Reads the file with a binary, and has its keys sent.
    ///
    /// # Errors
    /// What is wrong with what came of it.
    pub fn on_binary(&self, flavour: &str) -> Result<(), String> {
        let folder = Folder::new();
        let blind = self.state.put(&folder, &self.bytes()).map_err(|error| error.to_string())?;
        let provider = Provider::new(Default::default());
        self.keys.iter().for_each(|(_, key)| provider.set_key(key, Behaviour::Good));
        let (upstream, _handle) = threads::spawn(provider.clone()).map_err(|error| error.to_string())?;
        let mut command = if blind { without_privilege(&binary(flavour)) } else { binary(flavour) };
        let environment = [("PORT", "0"), ("HOST", "127.0.0.1"), ("AUTH_KEY", TOKEN), ("WORKERS", "1")];
        command.current_dir(folder.path()).envs(environment).env("OPENAI_BASE_URL", format!("http://{upstream}"));
        if !self.fails.is_empty() {
            return self.judge(&Said { keys: None, text: refusal(&mut command)? });
        }
        let server = Server::start(&mut command);
        for (_, key) in &self.keys {
            let answer = server.ask(
                format!("GET /v1/models HTTP/1.1\r\nHost: x\r\nx-api-key: {TOKEN}\r\nConnection: close\r\n\r\n")
                    .as_bytes(),
            );
            if provider.counts(key).requests != 1 {
                return Err(format!("a key was not sent, or not in its turn: {answer}"));
            }
        }
        let greeting = server.greeting.join("\n");
        let output = server.terminate();
        let text = format!("{greeting}\n{}", String::from_utf8_lossy(&output.stdout));
        let count = format!("{} key{},", self.keys.len(), if self.keys.len() == 1 { "" } else { "s" });
        if !text.contains(&count) {
            return Err(format!("not `{count}`: {text}"));
        }
        self.judge(&Said { keys: Some(self.keys.clone()), text })
    }

    fn judge(&self, said: &Said) -> Result<(), String> {
        let Said { keys, text } = said;
        let wanted = self.fails.is_empty().then_some(&self.keys);
        if keys.as_ref() != wanted {
            return Err(format!("keys {keys:?}, not {wanted:?}: {text}"));
        }
        if let Some(missing) = self.warns.iter().chain(&self.fails).find(|words| !text.contains(words.as_str())) {
            return Err(format!("`{missing}` is not said: {text}"));
        }
        let unasked =
            |line: &&str| line.contains(&format!("{FILE}:")) && !self.warns.iter().any(|w| line.contains(w.as_str()));
        if let Some(line) = text.lines().find(unasked).filter(|_| self.fails.is_empty()) {
            return Err(format!("this was not to be said: {line}"));
        }
        match private_parts(&self.bytes()).iter().flat_map(|part| part.windows(8)).find(|w| holds(text, w)) {
            Some(_) => Err("what was said shows a key".into()),
            None => Ok(()),
        }
    }
}

fn rendered(text: &str) -> Result<String, String> {
    let mut template = Template::default();
    template.add(text)?;
    Ok(String::from_utf8_lossy(&template.render(&|_| None)?).into_owned())
}

fn state(words: &str) -> Result<State, String> {
    Ok(match words {
        "missing" => State::Missing,
        "unreadable" => State::Unreadable,
        "a folder" => State::Folder,
        "a link" => State::Link,
        "a link to itself" => State::Loop,
        "broken" => State::Broken,
        _ => return Err("no such state of a file".into()),
    })
}

impl State {
    /// Why it cannot be read, as the binaries tell core.
    fn why(self) -> Option<&'static str> {
        match self {
            State::Plain | State::Link => None,
            State::Missing => Some("not found"),
            State::Unreadable => Some("permission denied"),
            State::Folder => Some("it is a folder"),
            State::Loop => Some("Too many levels of symbolic links (os error 40)"),
            State::Broken => Some("Input/output error (os error 5)"),
        }
    }

    /// Makes it so; whether whoever is to be kept from reading it has to be without privilege for that.
    fn put(self, folder: &Folder, content: &[u8]) -> std::io::Result<bool> {
        let path = folder.path().join(FILE);
        match self {
            State::Plain => folder.write(FILE, content),
            State::Link => {
                folder.write("elsewhere", content);
                symlink("elsewhere", path)?;
            }
            State::Missing => {}
            State::Unreadable => {
                fs::write(&path, content)?;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o0))?;
                return Ok(fs::read(&path).is_ok());
            }
            State::Folder => fs::create_dir(path)?,
            State::Loop => symlink(FILE, path)?,
            // Whoever reads the memory of a process at 0 gets an error.
            State::Broken => symlink("/proc/self/mem", path)?,
        }
        Ok(false)
    }
}

/// The same command for a superuser whom permissions bind.
fn without_privilege(command: &Command) -> Command {
    let mut bound = Command::new("setpriv");
    bound.env_clear().args(["--bounding-set=-all", "--"]).arg(command.get_program());
    bound.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    bound
}

/// What a binary says that does not start.
fn refusal(command: &mut Command) -> Result<String, String> {
    let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| error.to_string())?;
    let lines = child.stdout.take().map(|stdout| BufReader::new(stdout).lines().map_while(Result::ok));
    if let Some(line) = lines.into_iter().flatten().find(|line| line.contains("listening on ")) {
        let ended = child.kill().and_then(|()| child.wait());
        return Err(format!("it serves ({ended:?}): {line}"));
    }
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    match output.status.code() {
        Some(2) => Ok(String::from_utf8_lossy(&output.stderr).into_owned()),
        code => Err(format!("exit code {code:?}, not 2: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// What follows the fixed prefix of each word that looks like a key.
fn private_parts(file: &[u8]) -> Vec<Vec<u8>> {
    let words = file.split(|b| !b.is_ascii_graphic() || *b == b'|');
    words
        .filter_map(|word| word.strip_prefix(b"sk-"))
        .map(|rest| rest.strip_prefix(b"proj-").unwrap_or(rest).to_vec())
        .collect()
}

fn holds(text: &str, part: &[u8]) -> bool {
    memchr::memmem::find(text.as_bytes(), part).is_some()
}
