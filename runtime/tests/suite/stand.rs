//! What the behaviours stand on: a runtime for a closure, certificates, a server with its provider.

use keywheel_core::config::{Config, KeyEntry, Listen};
use keywheel_core::notice::Notice;
use keywheel_core::origin::{BaseUrl, Origin};
use keywheel_core::secret::Secret;
use keywheel_runtime::fake::{Behaviour, Options, Provider, threads};
use keywheel_runtime::host::Clock;
use keywheel_runtime::server::{Boot, Flavour, Running, ServeError, serve};
use keywheel_runtime::tls::{TlsContext, client_config};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::time_provider::DefaultTimeProvider;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Runs `behaviour` on a runtime of this thread.
pub(crate) fn run<F: Flavour, Fut: Future<Output = ()>>(behaviour: impl FnOnce(F) -> Fut) {
    F::run(Clock::start(), behaviour).expect("an executor can be made");
}

/// An authority of our own, and a certificate of it for `localhost`.
pub(crate) struct Tls {
    ca: CertifiedIssuer<'static, KeyPair>,
    server: Arc<ServerConfig>,
}

impl Tls {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &ca).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap());
        Tls { ca, server: Arc::new(server.unwrap()) }
    }

    /// A client that trusts the authority.
    pub(crate) fn client(&self) -> TlsContext {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der().clone()).unwrap();
        TlsContext::new(client_config(roots, (Arc::new(default_provider()), Arc::new(DefaultTimeProvider))).unwrap())
    }

    /// The authority's certificate as a file would hold it.
    pub(crate) fn pem(&self) -> String {
        self.ca.pem()
    }

    /// Accepts a connection, and to each request that comes on it answers so.
    pub(crate) fn answer(&self, listener: TcpListener, answer: &'static [u8]) -> JoinHandle<()> {
        let config = self.server.clone();
        thread::spawn(move || {
            let (socket, _) = listener.accept().unwrap();
            let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
            let (mut heard, mut buf) = (Vec::new(), [0; 4096]);
            while let Ok(n @ 1..) = stream.read(&mut buf) {
                heard.extend_from_slice(&buf[..n]);
                if heard.ends_with(b"\r\n\r\n") {
                    heard.clear();
                    stream.write_all(answer).unwrap();
                }
            }
        })
    }

    /// Accepts so many connections, one after another, and sends back what comes, until it ends.
    pub(crate) fn echo(&self, listener: TcpListener, connections: usize) -> JoinHandle<()> {
        let config = self.server.clone();
        thread::spawn(move || {
            for _ in 0..connections {
                let (socket, _) = listener.accept().unwrap();
                let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), socket);
                let mut buf = [0; 4096];
                while let Ok(n @ 1..) = stream.read(&mut buf) {
                    stream.write_all(&buf[..n]).unwrap();
                }
            }
        })
    }
}

/// Longer than anything here takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(20);

/// One worker, these keys, the provider at `base`.
pub(crate) fn config(base: BaseUrl, keys: &[&str]) -> Config {
    let bases: Arc<[BaseUrl]> = Arc::new([base]);
    let entry = |(n, key): (usize, &&str)| {
        Arc::new(KeyEntry::new(Secret::new(key.as_bytes()), n as u32, bases.clone()).unwrap())
    };
    let listen = Listen { host: "127.0.0.1".into(), port: 0 };
    let keys = keys.iter().enumerate().map(entry).collect();
    Config { listen, workers: Some(1), shutdown: PATIENCE, ..Config::new(keys) }
}

type Reread = Box<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// A fake provider and a server in front of it.
pub(crate) struct Stand {
    pub(crate) provider: Provider,
    pub(crate) running: Running,
    notices: Arc<Mutex<Vec<Notice>>>,
    reread: Arc<Mutex<Reread>>,
    _provider: threads::Handle,
    server: JoinHandle<Result<(), ServeError>>,
}

impl Stand {
    /// With a key `sk-a` and whatever `change` makes of the configuration.
    pub(crate) fn new<F: Flavour>(change: impl FnOnce(&mut Config)) -> Self {
        Stand::with::<F>(Options::default(), change)
    }

    /// With a provider set up so.
    pub(crate) fn with<F: Flavour>(options: Options, change: impl FnOnce(&mut Config)) -> Self {
        let provider = Provider::new(options);
        provider.set_key("sk-a", Behaviour::Good);
        let (at, handle) = threads::spawn(provider.clone()).unwrap();
        let base = BaseUrl::new(Origin::new(false, &at.ip().to_string(), at.port()), "");
        let mut config = config(base, &["sk-a"]);
        change(&mut config);

        let notices = Arc::new(Mutex::new(Vec::new()));
        let noted = notices.clone();
        let reread: Arc<Mutex<Reread>> = Arc::new(Mutex::new(Box::new(|| Err("nothing new".into()))));
        let source = reread.clone();
        let (tell, told) = mpsc::channel();
        let boot = Boot {
            config,
            reread: Arc::new(move || (source.lock().unwrap())()),
            notices: Arc::new(move |notice| noted.lock().unwrap().push(notice)),
            ready: Box::new(move |running| tell.send(running).unwrap()),
        };
        let server = thread::spawn(move || serve::<F>(boot));
        let running = told.recv_timeout(PATIENCE).expect("the server comes up");
        Stand { provider, running, notices, reread, _provider: handle, server }
    }

    /// The base URL of the provider.
    pub(crate) fn base(&self) -> BaseUrl {
        let at = self._provider.addr();
        BaseUrl::new(Origin::new(false, &at.ip().to_string(), at.port()), "")
    }

    /// What the next reload finds.
    pub(crate) fn next_config(&self, read: impl Fn() -> Result<Config, String> + Send + Sync + 'static) {
        *self.reread.lock().unwrap() = Box::new(read);
    }

    pub(crate) fn connect(&self) -> Client {
        let socket = TcpStream::connect(self.running.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Client { socket, heard: Vec::new() }
    }

    /// Waits until `done`, which somebody else is at.
    pub(crate) fn until(&self, what: &str, done: impl Fn(&Stand) -> bool) {
        let clock = Clock::start();
        while !done(self) {
            assert!(clock.now().since(Default::default()) < PATIENCE, "in vain: {what}");
            thread::yield_now();
        }
    }

    /// The log so far, one line each.
    pub(crate) fn log(&self) -> String {
        let line = |notice: &Notice| format!("{notice:?}\n");
        self.notices.lock().unwrap().iter().map(line).collect()
    }

    /// Ends as SIGTERM does; what `serve` came back with.
    pub(crate) fn end(self) {
        self.running.terminate();
        self.server.join().unwrap().unwrap();
    }
}

/// A client's connection.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    heard: Vec<u8>,
}

impl Client {
    pub(crate) fn get(&mut self, target: &str) {
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
    }

    /// A chat request steered by `spec`; streamed or not.
    pub(crate) fn chat(&mut self, spec: &str, stream: bool) {
        let body = format!(
            r#"{{"model":"gpt-4o","stream":{stream},"user":"fake:{spec}","messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        self.post("/v1/chat/completions", &body);
    }

    pub(crate) fn post(&mut self, target: &str, body: &str) {
        let fields = "Host: x\r\nContent-Type: application/json";
        self.send(&format!("POST {target} HTTP/1.1\r\n{fields}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    }

    pub(crate) fn send(&mut self, bytes: &str) {
        self.socket.write_all(bytes.as_bytes()).unwrap();
    }

    /// The next answer: status and body, by Content-Length or chunks.
    pub(crate) fn answer(&mut self) -> io::Result<(u16, String)> {
        let head = self.take_through(b"\r\n\r\n")?;
        let status = head[9..12].parse().unwrap();
        let lower = head.to_ascii_lowercase();
        let mut body = String::new();
        if let Some(at) = lower.find("content-length: ") {
            let length = lower[at + 16..].split('\r').next().unwrap().parse().unwrap();
            body = self.take(length)?;
        } else if lower.contains("transfer-encoding: chunked") {
            loop {
                let size = self.take_through(b"\r\n")?;
                let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
                let chunk = self.take(size + 2)?;
                if size == 0 {
                    break;
                }
                body.push_str(&chunk[..size]);
            }
        }
        Ok((status, body))
    }

    /// Everything up to and with `mark`.
    pub(crate) fn take_through(&mut self, mark: &[u8]) -> io::Result<String> {
        loop {
            if let Some(at) = self.heard.windows(mark.len()).position(|window| window == mark) {
                return self.take(at + mark.len());
            }
            self.hear()?;
        }
    }

    fn take(&mut self, n: usize) -> io::Result<String> {
        while self.heard.len() < n {
            self.hear()?;
        }
        Ok(String::from_utf8(self.heard.drain(..n).collect()).unwrap())
    }

    fn hear(&mut self) -> io::Result<()> {
        let mut buf = [0; 16_384];
        match self.socket.read(&mut buf)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                self.heard.extend_from_slice(&buf[..n]);
                Ok(())
            }
        }
    }

    /// How the connection ends once nothing more is expected.
    pub(crate) fn end(mut self) -> io::Result<Vec<u8>> {
        self.socket.read_to_end(&mut self.heard)?;
        Ok(self.heard)
    }
}
