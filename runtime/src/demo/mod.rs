//! The demo: a fake provider on loopback, keywheel in front of it with eight keys, clients that ask it, and a look at
//! what happens to each key.
//!
//! ```text
//!   this thread     server::serve: the very server that a real start runs
//!   "demo" thread   the fake provider, the clients, the screen: one more executor of the same flavour
//! ```

mod client;
mod flow;
mod keys;
mod screen;
mod watch;

use crate::cli::complain;
use crate::fake::{self, Provider};
use crate::host::{Clock, seed};
use crate::log::{Console, Log};
use crate::server::{self, Boot, Flavour, Running};
use crate::traits::Listener;
use flow::Score;
use keys::TOKEN;
use keywheel_core::config::{Config, Files, Layers, LogConfig};
use keywheel_core::time::Wall;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;
use watch::Row;

/// How often the keys are looked at.
const LOOK: Duration = Duration::from_millis(150);

/// What the two threads of the demo tell each other.
struct Line {
    /// Where the fake provider listens.
    provider: Sender<SocketAddr>,
    /// The server that came up; closed when it did not, or has ended.
    server: Receiver<Running>,
    /// What the flow came to.
    verdict: Sender<bool>,
}

/// Runs the demo. Success: the flow went as it should, which is that every client got a good answer although keys
/// failed; with `once` the process ends then, else when it is told to.
pub fn run<F: Flavour>(once: bool, no_color: bool) -> ExitCode {
    let (provider, provider_at) = channel();
    let (started, server) = channel();
    let (verdict, outcome) = channel();
    let line = Line { provider, server, verdict };
    let log = match Log::start(&LogConfig::default(), Clock::start(), Some(Console::stdout(no_color))) {
        Ok(log) => log,
        Err(error) => return fail(F::NAME, &error.to_string()),
    };
    // The screen is the table's while the flow lasts.
    log.set_level(log::LevelFilter::Off);
    let world = log.clone();
    let spawned = thread::Builder::new()
        .name("demo".into())
        .spawn(move || F::run(Clock::start(), |rt| stage(rt, line, world, (once, no_color))));
    let thread = match spawned {
        Ok(thread) => thread,
        Err(error) => return fail(F::NAME, &error.to_string()),
    };
    let Ok(upstream) = provider_at.recv() else {
        let why = thread.join().ok().and_then(|ended| ended.and_then(|stage| stage).err());
        return fail(
            F::NAME,
            &format!("the fake provider could not listen: {}", why.map_or_else(String::new, |e| e.to_string())),
        );
    };
    let config = match config(upstream) {
        Ok(config) => config,
        Err(why) => return fail(F::NAME, &why),
    };
    let again = config.clone();
    let notices = log.clone();
    let running = started.clone();
    let served = server::serve::<F>(Boot {
        config,
        reread: Arc::new(move || Ok(again.clone())),
        notices: Arc::new(move |notice| notices.notice(notice)),
        ready: Box::new(move |server| {
            let _ = running.send(server);
        }),
    });
    drop(started);
    log.flush(LOOK);
    match (served, outcome.try_recv()) {
        (Err(error), _) => fail(F::NAME, &error.to_string()),
        (Ok(()), Ok(good)) => {
            let _ = thread.join();
            if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        (Ok(()), Err(_)) => fail(F::NAME, "ended before the demo did"),
    }
}

fn fail(name: &str, why: &str) -> ExitCode {
    complain(name, why);
    ExitCode::FAILURE
}

/// keywheel's settings for the demo, as an environment would give them.
fn config(upstream: SocketAddr) -> Result<Config, String> {
    let upstream = format!("http://{upstream}");
    let env = [("HOST", "127.0.0.1"), ("PORT", "0"), ("OPENAI_BASE_URL", &upstream), ("AUTH_KEY", TOKEN)];
    let layers = Layers { instance: seed(), ..Layers::of_env(env) };
    let mut files = Files::new();
    files.add("keys.txt", Ok(keys::file().as_str().into()));
    let parsed = Config::parse(&layers, &files);
    parsed
        .map(|(config, _)| config)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// Everything but keywheel itself.
async fn stage<R: Flavour>(rt: R, line: Line, log: Log, (once, no_color): (bool, bool)) -> io::Result<()> {
    let wall = Wall::new(rt.now(), rt.unix_now());
    let provider = Provider::new(fake::Options { wall, ..fake::Options::default() });
    keys::teach(&provider);
    let listener = rt.listen((Ipv4Addr::LOCALHOST, 0).into(), false)?;
    let _ = line.provider.send(listener.local_addr()?);
    rt.spawn(fake::serve::serve(rt.clone(), listener, provider));
    let server = line.server;
    let (running, server) = rt.unblock(move || (server.recv(), server)).await;
    let Ok(running) = running else { return Ok(()) };

    let mut screen = screen::stdout(no_color);
    screen.say(&welcome(R::NAME, running.address));
    let score = flow::start(&rt, running.address);
    let mut rows = Vec::new();
    let mut done = false;
    while !done {
        flow::pause(&rt, LOOK).await;
        // The last look comes after the last answer.
        done = score.borrow().done();
        match watch::look(&rt, running.address).await {
            Ok(now) => rows = now,
            Err(why) => screen.say(&format!("keywheel could not be asked for its keys: {why}")),
        }
        screen.show(rows.clone(), &score.borrow());
    }
    screen.sum(&rows, &score.borrow());
    let _ = line.verdict.send(went_well(&rows, &score.borrow()));
    if once {
        running.terminate();
        return Ok(());
    }
    screen.say(&format!("\nServing at http://{} until Ctrl-C; each request is logged here.", running.address));
    log.set_level(log::LevelFilter::Info);
    // The server's end closes the line.
    drop(running);
    rt.unblock(move || server.recv()).await.map_or(Ok(()), |_| Ok(()))
}

/// Every client got a good answer, although at least one key is out and requests had to be tried again.
fn went_well(rows: &[Row], score: &Score) -> bool {
    score.done() && score.failed() == 0 && score.retries > 0 && rows.iter().any(|row| !row.eligible)
}

fn welcome(name: &str, proxy: SocketAddr) -> String {
    format!(
        "{name}: a fake OpenAI provider is up, and keywheel in front of it at http://{proxy}, with eight keys.
Try it, now or after the flow of requests:

  curl http://{proxy}/v1/chat/completions -H 'Authorization: Bearer {TOKEN}' \\
    -H 'Content-Type: application/json' \\
    -d '{{\"model\":\"gpt-4o\",\"messages\":[{{\"role\":\"user\",\"content\":\"hello\"}}]}}'
  curl http://{proxy}/stats -H 'Authorization: Bearer {TOKEN}'

  Python:  client = OpenAI(base_url=\"http://{proxy}/v1\", api_key=\"{TOKEN}\")
  Node:    const client = new OpenAI({{ baseURL: \"http://{proxy}/v1\", apiKey: \"{TOKEN}\" }})
"
    )
}
