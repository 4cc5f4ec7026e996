//! The project's own binaries as processes: found beside the tests, ended with them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Both flavours.
pub const FLAVOURS: [&str; 2] = ["keywheel-tokio", "keywheel-smol"];
/// Longest silence of a peer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A binary or, as `examples/NAME`, an example; built beside this program by `cargo build --workspace --bins --examples`.
/// It sees nothing of this process's environment but `PATH`.
pub fn binary(name: &str) -> Command {
    let own = std::env::current_exe().expect("this program's path");
    let folder = own.parent().expect("target/PROFILE, or its deps");
    let folder = if folder.ends_with("deps") { folder.parent().expect("target/PROFILE") } else { folder };
    let path = folder.join(name);
    assert!(path.exists(), "{name} is not built: run `cargo build --workspace --bins --examples` first");
    let mut command = Command::new(path);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// A folder of its own, removed with it.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// An empty folder.
    pub fn new() -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("keywheel-{}-{serial}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    /// Writes a file in it: for its owner only, as a careful operator would.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::write(&path, content).expect("a file");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Folder {
    fn default() -> Self {
        Folder::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server that was started; ended with it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// `None` once its reading end was closed, or where nothing is read from it.
    stdout: Option<BufReader<ChildStdout>>,
    /// Its lines on standard output until it listened.
    pub greeting: Vec<String>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts it and waits until it listens. Panics when it ends before.
    pub fn start(command: &mut Command) -> Server {
        Server::try_start(command).unwrap_or_else(|Output { status, stdout, stderr }| {
            let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
            panic!("ended with {status}: {stdout}\n{stderr}")
        })
    }

    /// Starts it and waits until it listens; or what it said, if it ended before.
    ///
    /// # Errors
    /// It ended.
    pub fn try_start(command: &mut Command) -> Result<Server, Output> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut greeting = Vec::new();
        let address = loop {
            let mut line = String::new();
            if stdout.read_line(&mut line).unwrap_or(0) == 0 {
                let output = child.wait_with_output().expect("an end");
                return Err(Output { stdout: greeting.join("\n").into_bytes(), ..output });
            }
            let address = line.split("http://").nth(1).and_then(|rest| {
                let end = rest.find(|c: char| !(c.is_ascii_hexdigit() || "[.:]".contains(c))).unwrap_or(rest.len());
                rest[..end].parse().ok()
            });
            greeting.push(line.trim_end().to_owned());
            match address {
                Some(address) if line.contains("listening on ") => break address,
                _ => {}
            }
        };
        Ok(Server { child, stdout: Some(stdout), greeting, address })
    }

    /// Takes over a process that listens already.
    pub fn adopt(child: Child, address: SocketAddr) -> Server {
        Server { child, stdout: None, greeting: Vec::new(), address }
    }

    /// Sends bytes on a connection of their own and reads to its end.
    pub fn ask(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(request).expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers and closes");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name (`TERM`, `HUP`).
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Closes the reading end of its standard output.
    pub fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Ends it as an operator would, and returns what it said since it listened.
    pub fn terminate(mut self) -> Output {
        self.signal("TERM");
        let mut stdout = Vec::new();
        if let Some(reader) = &mut self.stdout {
            reader.read_to_end(&mut stdout).expect("its output");
        }
        let mut stderr = Vec::new();
        let _ = self.child.stderr.take().expect("piped").read_to_end(&mut stderr);
        let status = self.child.wait().expect("an end");
        Output { status, stdout, stderr }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process has nothing to do: all its threads sleep, and no byte waits on a connection of one of these ports.
/// A port's own address is the first of two that a line of the kernel's table names.
pub fn settled(process: u32, ports: &[u16]) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else { return true };
    let sleeps = |task: &Path| {
        let stat = fs::read_to_string(task.join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('S'))
    };
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let waits = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, local, remote, _, queues, ..] = words[..] else { return false };
        let port = |address: &str| address.rsplit(':').next().and_then(|port| u16::from_str_radix(port, 16).ok());
        let ours = [local, remote].into_iter().filter_map(port).any(|port| ports.contains(&port));
        ours && queues != "00000000:00000000"
    };
    !table.lines().skip(1).any(waits) && tasks.flatten().all(|task| sleeps(&task.path()))
}
