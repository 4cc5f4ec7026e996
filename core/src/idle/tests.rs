use super::*;

fn origin(name: &str) -> Origin {
    Origin::new(false, name, 80)
}

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn dial(origin: &Origin, repeatable: bool) -> Dial {
    Dial { origin: origin.clone(), repeatable, fresh: false, per_address: Duration::from_secs(5) }
}

const IDLE: Duration = Duration::from_secs(30);

struct Fixture {
    idle: Idle<u32>,
    limits: Limits,
    a: Origin,
}

impl Fixture {
    fn new(cap: usize) -> Self {
        Fixture { idle: Idle::new(cap), limits: Limits::default(), a: origin("a") }
    }

    fn put(&mut self, link: u32, now: u64) -> Option<u32> {
        self.idle.put(&self.a, Held { link, made_at: at(now) }, IDLE, &self.limits, at(now))
    }

    fn take(&mut self, now: u64) -> Option<u32> {
        self.idle.take(&dial(&self.a, true), at(now)).map(|held| held.link)
    }

    fn take_post(&mut self, now: u64) -> Option<u32> {
        self.idle.take(&dial(&self.a, false), at(now)).map(|held| held.link)
    }

    fn closed(&mut self, now: u64) {
        self.idle.closed(&self.a, &self.limits, at(now));
    }

    fn sweep(&mut self, now: u64, dead: &[u32]) -> Vec<u32> {
        let mut gone = Vec::new();
        self.idle.sweep(&self.limits, at(now), |link| dead.contains(link), |link| gone.push(link));
        gone
    }
}

#[test]
fn the_last_one_put_is_taken_first() {
    let mut f = Fixture::new(8);
    for link in 1..=3 {
        assert_eq!(f.put(link, 0), None);
    }
    assert_eq!([f.take(1), f.take(1), f.take(1), f.take(1)], [Some(3), Some(2), Some(1), None]);
}

#[test]
fn origins_do_not_mix() {
    let mut f = Fixture::new(8);
    f.put(1, 0);
    let others = [Origin::new(true, "a", 80), Origin::new(false, "a", 81), origin("b")];
    for other in &others {
        assert!(f.idle.take(&dial(other, true), at(0)).is_none(), "{other}");
    }
    assert_eq!(f.take(0), Some(1));
}

#[test]
fn the_oldest_gives_way_when_there_are_too_many() {
    let mut f = Fixture::new(2);
    assert_eq!([f.put(1, 0), f.put(2, 0), f.put(3, 0)], [None, None, Some(1)]);
    assert_eq!(f.idle.len(&f.a), 2);
    f.idle.set_per_origin(0);
    assert_eq!(f.put(4, 0), Some(4));
}

#[test]
fn idle_time_ends_a_connection() {
    let mut f = Fixture::new(8);
    f.put(1, 0);
    f.put(2, 10);
    assert_eq!(f.idle.poll_timeout(), Some(at(30)));
    assert!(f.sweep(29, &[]).is_empty());
    assert_eq!(f.sweep(30, &[]), [1]);
    assert_eq!(f.take(40), None, "what is due is not handed out, even before the sweep");
    assert_eq!(f.sweep(40, &[]), [2]);
    assert_eq!(f.idle.poll_timeout(), None);
    assert!(f.idle.is_empty());
}

#[test]
fn age_ends_a_connection_whatever_its_idle_time() {
    let mut f = Fixture::new(8);
    let held = |made| Held { link: 1, made_at: at(made) };
    assert_eq!(f.idle.put(&f.a, held(0), IDLE, &f.limits, at(590)), None);
    assert_eq!(f.idle.poll_timeout(), Some(at(600)));
    assert!(f.idle.take(&dial(&f.a, true), at(599)).is_some_and(|held| held.made_at == at(0)));
    assert_eq!(f.idle.put(&f.a, held(0), IDLE, &f.limits, at(600)), Some(1));
}

#[test]
fn a_fresh_dial_takes_none() {
    let mut f = Fixture::new(8);
    f.put(1, 0);
    let fresh = Dial { fresh: true, ..dial(&f.a, true) };
    assert!(f.idle.take(&fresh, at(0)).is_none());
}

#[test]
fn two_of_eight_closed_make_posts_take_fresh_ones_for_a_minute() {
    let mut f = Fixture::new(8);
    f.put(1, 0);
    f.closed(0);
    assert_eq!(f.take_post(0), Some(1), "one is no pattern");
    f.put(1, 0);
    for _ in 0..6 {
        f.idle.reused(&f.a, at(0));
    }
    f.closed(40);
    f.put(2, 40);
    assert_eq!(f.take_post(40), None);
    assert_eq!(f.take(40), Some(2), "what can be repeated may use it");
    f.put(3, 99);
    assert_eq!(f.take_post(99), None);
    assert_eq!(f.take_post(100), Some(3));
}

#[test]
fn the_second_close_must_be_within_eight() {
    let mut f = Fixture::new(8);
    f.closed(0);
    for _ in 0..7 {
        f.idle.reused(&f.a, at(0));
    }
    f.closed(0);
    f.put(1, 0);
    assert_eq!(f.take_post(0), Some(1));
}

#[test]
fn closes_while_suspect_do_not_prolong() {
    let mut f = Fixture::new(8);
    f.closed(0);
    f.closed(0);
    f.closed(30);
    f.closed(59);
    f.put(1, 60);
    assert_eq!(f.take_post(60), Some(1));
    f.put(1, 60);
    f.closed(61);
    assert_eq!(f.take_post(61), Some(1), "counting began anew");
}

#[test]
fn a_sweep_counts_what_the_origin_closed_and_not_what_ran_out() {
    let mut f = Fixture::new(8);
    for link in 1..=4 {
        f.put(link, 0);
    }
    f.put(5, 20);
    f.put(6, 20);
    assert_eq!(f.sweep(30, &[5]), [1, 2, 3, 4, 5]);
    assert_eq!(f.take_post(30), Some(6), "one closed, four ran out");
    f.put(7, 30);
    f.put(8, 30);
    assert_eq!(f.sweep(31, &[8]), [8]);
    assert_eq!(f.take_post(31), None);
}

#[test]
fn an_origin_without_connections_is_forgotten() {
    let mut f = Fixture::new(8);
    f.put(1, 0);
    f.take(1);
    f.sweep(500, &[]);
    assert_eq!(f.idle.origins.len(), 1);
    f.sweep(600, &[]);
    assert_eq!(f.idle.origins.len(), 0);
}
