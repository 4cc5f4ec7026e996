//! Other proxies on the same rows: Debian's nginx and HAProxy, as an operator would set them up in front of an API.

use crate::parity::sockets::Sockets;
use crate::process::Folder;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Another proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// nginx.
    Nginx,
    /// HAProxy.
    Haproxy,
}

/// Longest wait until it listens.
const START: Duration = Duration::from_secs(10);

impl Peer {
    /// Its name, which is its binary's.
    pub fn name(self) -> &'static str {
        match self {
            Peer::Nginx => "nginx",
            Peer::Haproxy => "haproxy",
        }
    }

    /// Whether its package is installed.
    pub fn is_there(self) -> bool {
        self.command().arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    }

    fn command(self) -> Command {
        let mut command = Command::new(self.name());
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    /// Starts it between clients and an upstream.
    ///
    /// # Errors
    /// It does not start.
    pub fn stage(self) -> Result<Sockets, String> {
        Sockets::around(|upstream, folder| self.start(upstream, folder))
    }

    fn start(self, upstream: SocketAddr, folder: &Folder) -> Result<(std::process::Child, SocketAddr), String> {
        let at = free_port()?;
        let mut command = self.command();
        match self {
            Peer::Nginx => {
                folder.write("nginx.conf", nginx(at, upstream));
                command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "stderr"]);
            }
            Peer::Haproxy => {
                folder.write("haproxy.cfg", haproxy(at, upstream));
                command.current_dir(folder.path()).args(["-q", "-db", "-f", "haproxy.cfg"]);
            }
        }
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = spawned.map_err(|error| format!("{}: {error}", self.name()))?;
        let until = Instant::now() + START;
        while TcpStream::connect(at).is_err() {
            let ended = child.try_wait().ok().flatten().is_some();
            if ended || Instant::now() > until {
                let _ = child.kill();
                return Err(format!("{} does not listen", self.name()));
            }
            std::thread::yield_now();
        }
        Ok((child, at))
    }
}

fn free_port() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map_err(|error| error.to_string())
}

/// Idle upstream connections are kept; everything else is as it comes, but for what would write outside the folder.
fn nginx(at: SocketAddr, upstream: SocketAddr) -> String {
    let mut temp = String::new();
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        let _ = writeln!(temp, "  {kind}_temp_path {kind}_temp;");
    }
    format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nevents {{ worker_connections 64; }}\nhttp {{\n{temp}  access_log off;\n  \
         upstream up {{ server {upstream}; keepalive 8; }}\n  server {{\n    listen {at};\n    client_max_body_size 100m;\n    \
         location / {{\n      proxy_pass http://up;\n      proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n    \
         }}\n  }}\n}}\n"
    )
}

fn haproxy(at: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "global\n  maxconn 64\ndefaults\n  mode http\n  timeout client 10s\n  timeout server 10s\n  timeout connect 5s\n  \
         timeout http-request 5s\nfrontend front\n  bind {at}\n  default_backend back\nbackend back\n  server up {upstream}\n"
    )
}
