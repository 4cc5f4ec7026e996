use super::*;
use keywheel_core::config::{Config, KeyEntry};
use keywheel_core::keyring::{Model, Patience, Want};
use keywheel_core::origin::{BaseUrl, Origin};
use keywheel_core::secret::Secret;
use keywheel_core::time::UnixMillis;
use std::process::Command as Process;
use std::task::{Context, Poll, Waker};

/// Two workers, one key, one permit.
fn hub(notices: Notices) -> Hub {
    let bases = Arc::from([BaseUrl::new(Origin::new(false, "up.example", 80), "")]);
    let key = KeyEntry::new(Secret::new(*b"sk-0123456789"), 0, bases).unwrap();
    let mut config = Config::new(vec![Arc::new(key)]);
    config.pool.max_sockets = Some(1);
    Hub::new(Proxy::new(config, 1, Instant::ZERO, UnixMillis(0)), 2, notices)
}

fn next<T>(mail: &Mailbox<T>) -> Option<T> {
    match mail.poll_recv(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(letter) => Some(letter),
        Poll::Pending => None,
    }
}

fn lease(hub: &Hub) -> Reply {
    let want = Want {
        worker: 0,
        model: Model::Absent,
        tried: Vec::new(),
        unreachable: Vec::new(),
        until: Instant::from_micros(1),
        patience: Patience::Refuse,
    };
    hub.call(|proxy| proxy.handle_ask(Ask::Lease(want), Instant::ZERO))
}

#[test]
fn commands_find_their_ways() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let hub = hub(Arc::new(move |notice| tell.lock().unwrap().push(format!("{notice:?}"))));
    hub.call(|proxy| proxy.request_reload(Instant::ZERO));
    assert!(matches!(next(&hub.chores), Some(Chore::Run(_, Job::ReadConfig))));
    hub.call(|proxy| proxy.drain(Instant::ZERO));
    assert!(told.lock().unwrap().iter().any(|line| line.contains("drain")));
    for worker in 0..2 {
        assert!(next(hub.mail(worker)).is_none());
        hub.mail(worker).send(Mail::Drain);
        assert!(matches!(next(hub.mail(worker)), Some(Mail::Drain)));
    }
}

#[test]
fn what_nobody_waits_for_is_given_back() {
    let hub = hub(Arc::new(|_| {}));
    let granted = lease(&hub);
    assert!(matches!(granted, Reply::Granted(_)), "{granted:?}");
    let refused = lease(&hub);
    assert!(matches!(refused, Reply::Refused(_)), "{refused:?}");
    hub.give_back(refused, Instant::ZERO);
    hub.give_back(granted, Instant::ZERO);
    assert!(matches!(lease(&hub), Reply::Granted(_)));
}

/// What the parent below runs in a process of its own, which must not survive.
const CHILD: &str = "HUB_TEST_CHILD";

#[test]
fn a_panic_under_the_lock_ends_the_process() {
    if std::env::var_os(CHILD).is_some() {
        crate::host::trace_panics();
        let hub = hub(Arc::new(|_| {}));
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| hub.call(|_| panic!("a mistake, on demand"))));
        println!("survived");
        return;
    }
    let this = std::env::current_exe().unwrap();
    let test = "hub::tests::a_panic_under_the_lock_ends_the_process";
    let output = Process::new(this).args(["--exact", test, "--nocapture"]).env(CHILD, "1").output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), None, "it was killed by a signal");
    assert!(!out.contains("survived"));
    assert!(err.contains("a mistake, on demand") && err.contains("hub::tests"), "{err}");
}
