//! What the operator asks: pages, reload, drain, connections.

use super::pool::{Pool, change_settings, config, outcome, resting, seconds, want};
use keywheel_core::classify::Class;
use keywheel_core::config::Config;
use keywheel_core::error::Unready;
use keywheel_core::keyring::Ticket;
use keywheel_core::message::Page;
use keywheel_core::notice::Notice;
use keywheel_core::proxy::{AdminCall, AdminPage, Ask, Command, Job, JobId, JobOutcome, Proxy, Reply};
use keywheel_core::time::UnixMillis;
use serde_json::Value;

fn call(what: AdminPage, page: u32) -> Ask {
    Ask::Admin(AdminCall { worker: 3, what, page })
}

fn page(pool: &mut Pool, what: AdminPage, number: u32) -> (u16, Value) {
    match pool.call(call(what, number)) {
        Reply::Page(page) => read(&page),
        reply => panic!("{reply:?}"),
    }
}

fn read(page: &Page) -> (u16, Value) {
    (page.status.as_u16(), serde_json::from_slice(&page.body).unwrap())
}

fn commands(proxy: &mut Proxy) -> Vec<Command> {
    std::iter::from_fn(|| proxy.poll()).collect()
}

fn job(commands: &[Command]) -> JobId {
    let jobs: Vec<_> = commands
        .iter()
        .filter_map(|c| if let Command::Run(id, Job::ReadConfig) = c { Some(*id) } else { None })
        .collect();
    assert_eq!(jobs.len(), 1, "{commands:?}");
    jobs[0]
}

fn wakes(commands: &[Command]) -> Vec<(Ticket, u16, Value)> {
    let wake = |command: &Command| match command {
        Command::Wake(ticket, Reply::Page(page)) => Some((*ticket, read(page).0, read(page).1)),
        _ => None,
    };
    commands.iter().filter_map(wake).collect()
}

#[test]
fn the_pages_count_keys_as_they_stand() {
    let mut pool = Pool::of(4);
    pool.attempt(0, outcome(Class::KeyDead));
    pool.attempt(1, resting(Class::Rate, 50.0));
    let (status, health) = page(&mut pool, AdminPage::Health, 1);
    assert_eq!(status, 200);
    let keys = &health["keysStatus"];
    assert_eq!(
        (&keys["total"], &keys["healthy"], &keys["blacklisted"], &keys["cooling"]),
        (&4.into(), &2.into(), &2.into(), &1.into())
    );
    let (_, stats) = page(&mut pool, AdminPage::Stats, 1);
    assert_eq!((&stats["keys"]["successCount"], &stats["keys"]["failureCount"]), (&0.into(), &2.into()));
    assert_eq!(stats["rows"][0]["state"], "blacklisted");
    let (_, out) = page(&mut pool, AdminPage::Blacklist, 1);
    assert_eq!((&out["totalBlacklisted"], out["blacklistedKeys"].as_array().unwrap().len()), (&2.into(), 2));
    assert_eq!(out["blacklistedKeys"][1]["index"], 1);
}

#[test]
fn big_answers_are_pages() {
    let mut pool = Pool::of(600);
    let (_, stats) = page(&mut pool, AdminPage::Stats, 3);
    assert_eq!((stats["rows"].as_array().unwrap().len(), &stats["rows"][0]["index"]), (88, &512.into()));
    (300..600).for_each(|n| pool.attempt(n, outcome(Class::KeyDead)));
    let (_, out) = page(&mut pool, AdminPage::Blacklist, 2);
    assert_eq!(
        (out["blacklistedKeys"].as_array().unwrap().len(), &out["blacklistedKeys"][0]["index"]),
        (44, &556.into())
    );
}

#[test]
fn reset_answers_how_many_came_back() {
    let mut pool = Pool::of(3);
    (0..2).for_each(|n| pool.attempt(n, outcome(Class::KeyDead)));
    let (status, body) = page(&mut pool, AdminPage::ResetKeys, 1);
    assert_eq!(
        (status, &body["success"], &body["clearedCount"], &body["totalKeys"]),
        (200, &true.into(), &2.into(), &3.into())
    );
}

#[test]
fn health_is_503_only_when_no_key_will_be_back_in_time() {
    let mut pool = Pool::of(1);
    pool.attempt(0, resting(Class::Rate, 12.0));
    assert_eq!(page(&mut pool, AdminPage::Health, 1).0, 503);
    pool.at(2.0);
    assert_eq!(page(&mut pool, AdminPage::Health, 1).0, 200, "within the ten seconds that a request waits");
    pool.attempt_least();
    assert_eq!(page(&mut pool, AdminPage::Livez, 1).0, 200);
}

impl Pool {
    /// One more request, whatever becomes of it.
    fn attempt_least(&mut self) {
        drop(self.ask(want()));
    }
}

#[test]
fn a_reload_reads_once_for_all_who_ask_and_answers_each() {
    let mut proxy = Pool::of(2).proxy;
    let now = seconds(1.0);
    let tickets: Vec<_> = (0..2)
        .map(|_| match proxy.handle_ask(call(AdminPage::Reload, 1), now) {
            Reply::Queued(ticket) => ticket,
            reply => panic!("{reply:?}"),
        })
        .collect();
    proxy.request_reload(now);
    let id = job(&commands(&mut proxy));
    proxy.handle_job(id, JobOutcome::Config(Ok(Box::new(config(5)))), now);
    let commands = commands(&mut proxy);
    assert!(commands.iter().any(|command| matches!(command, Command::Settings(_))), "the settings are published");
    let woken = wakes(&commands);
    assert_eq!(woken.iter().map(|(ticket, ..)| *ticket).collect::<Vec<_>>(), tickets);
    assert!(woken.iter().all(|(_, status, body)| *status == 200 && body["totalKeys"] == 5));
    assert_eq!(proxy.pool(now).total, 5);
}

#[test]
fn a_bad_configuration_changes_nothing_and_says_why() {
    let mut proxy = Pool::of(2).proxy;
    let now = seconds(1.0);
    proxy.handle_ask(call(AdminPage::Reload, 1), now);
    let id = job(&commands(&mut proxy));
    proxy.handle_job(id, JobOutcome::Config(Err("PORT: not a number".into())), now);
    let commands = commands(&mut proxy);
    let woken = wakes(&commands);
    assert!(woken[0].1 >= 400 && woken[0].2.to_string().contains("PORT: not a number"), "{woken:?}");
    assert!(!commands.iter().any(|command| matches!(command, Command::Settings(_))));
    assert_eq!(proxy.pool(now).total, 2);
}

#[test]
fn a_job_that_is_not_known_is_ignored() {
    let mut proxy = Pool::of(2).proxy;
    proxy.handle_job(JobId(77), JobOutcome::Config(Ok(Box::new(config(5)))), seconds(1.0));
    assert_eq!(proxy.pool(seconds(1.0)).total, 2);
}

#[test]
fn a_caller_who_leaves_is_not_answered() {
    let mut proxy = Pool::of(2).proxy;
    let Reply::Queued(ticket) = proxy.handle_ask(call(AdminPage::Reload, 1), seconds(1.0)) else { panic!() };
    let id = job(&commands(&mut proxy));
    proxy.handle_ask(Ask::Cancel(ticket), seconds(1.0));
    proxy.handle_job(id, JobOutcome::Config(Ok(Box::new(config(5)))), seconds(1.0));
    assert!(wakes(&commands(&mut proxy)).is_empty());
}

#[test]
fn draining_takes_no_connection_and_is_not_ready() {
    let mut pool = Pool::of(1);
    assert_eq!(page(&mut pool, AdminPage::Readyz, 1).0, 200);
    pool.proxy.drain(seconds(1.0));
    assert_eq!(pool.proxy.open(0, seconds(1.0)), Err(Unready::Draining));
    assert_eq!(page(&mut pool, AdminPage::Readyz, 1).0, 503);
    assert_eq!(page(&mut pool, AdminPage::Livez, 1).0, 200);
    assert!(matches!(pool.ask(want()), Reply::Granted(_)), "what runs goes on");
}

#[test]
fn client_connections_are_counted_for_each_worker() {
    let mut config: Config = config(1);
    change_settings(&mut config, |settings| settings.limits.connections = 2);
    let mut proxy = Pool::new(config).proxy;
    let now = seconds(0.0);
    let seeds: Vec<_> = (0..2).map(|_| proxy.open(0, now).unwrap()).collect();
    assert_ne!(seeds[0], seeds[1]);
    assert_eq!(proxy.open(0, now), Err(Unready::Full));
    assert!(proxy.open(1, now).is_ok(), "another worker has its own");
    proxy.close(0);
    assert!(proxy.open(0, now).is_ok());
}

/// Dates follow a clock that was set, either way; rests do not.
#[test]
fn the_wall_clock_may_be_set_either_way() {
    let hour = 3_600_000;
    for (step, said) in [(hour, "+3600 s"), (-hour, "-3600 s")] {
        let mut pool = Pool::of(1);
        pool.attempt(0, resting(Class::Rate, 5.0));
        pool.at(1.0);
        let before = pool.proxy.wall().at(seconds(1.0)).0 as i64;
        pool.proxy.report_clock(UnixMillis((before + 999) as u64), seconds(1.0));
        assert!(commands(&mut pool.proxy).is_empty(), "less than a second is no step");
        pool.proxy.report_clock(UnixMillis((before + step) as u64), seconds(1.0));
        let told = commands(&mut pool.proxy);
        let clock = told.iter().find_map(|c| if let Command::Clock(wall) = c { Some(*wall) } else { None });
        for wall in [clock.unwrap(), pool.proxy.wall()] {
            assert_eq!(wall.at(seconds(1.0)).0 as i64, before + step);
            assert_eq!(wall.at(seconds(0.0)).0 as i64, before + step - 1000, "what was before is dated anew, too");
        }
        let notice = |c: &Command| matches!(c, Command::Notice(Notice::Event { text, .. }) if text.ends_with(said));
        assert!(told.iter().any(notice), "{told:?}");
        assert_eq!(pool.proxy.poll_timeout().unwrap().0, seconds(5.0), "the rest ends when it would have");
    }
}

#[test]
fn time_never_runs_backwards() {
    let mut pool = Pool::of(1);
    pool.attempt(0, resting(Class::Rate, 5.0));
    pool.at(5.0);
    assert!(matches!(pool.proxy.handle_ask(Ask::Lease(want()), seconds(1.0)), Reply::Granted(_)));
    pool.proxy.handle_timeout(seconds(0.0));
    assert_eq!(pool.proxy.poll_timeout(), None);
}
