use super::super::weather::{Climate, Odds};
use super::super::world::World;
use super::*;
use crate::sim::trace::Record;
use keywheel_runtime::traits::{Listener as _, Runtime as _, Stream as _, Timer as _};
use rustls::time_provider::DefaultTimeProvider;

fn machine(climate: Climate) -> (Shared, SimRuntime) {
    let world = Rc::new(RefCell::new(World::new(1, climate, Record::Nothing)));
    let crypto: (_, Arc<dyn TimeProvider>) =
        (Arc::new(rustls::crypto::ring::default_provider()), Arc::new(DefaultTimeProvider));
    let runtime = SimRuntime::new(world.clone(), crypto, Shape { most_read: 3, order: None });
    (world, runtime)
}

/// Lets the world go on until nothing is left to happen.
fn run(world: &Shared, runtime: &SimRuntime) {
    loop {
        while runtime.step().expect("no task spins") {}
        let Some(event) = ({ world.borrow_mut().agenda.pop() }) else { return };
        handle(world, event);
    }
}

#[test]
fn a_task_echoes_what_a_client_sends_until_it_finishes() {
    let (world, runtime) = machine(Climate::calm());
    let mut listener = runtime.listen(([10, 0, 0, 1], 3000).into(), false).expect("it listens");
    runtime.spawn(async move {
        let (mut stream, _) = poll_fn(|cx| listener.poll_accept(cx)).await.expect("a client comes");
        let mut buffer = [0; 16];
        loop {
            match stream.try_read(&mut buffer) {
                Ok(0) => return,
                Ok(n) => assert_eq!(stream.try_write_vectored(&[IoSlice::new(&buffer[..n])]).ok(), Some(n)),
                Err(_) => poll_fn(|cx| stream.poll_read_ready(cx)).await,
            }
        }
    });
    let client = world.borrow_mut().visit(0, ([10, 9, 9, 9], 1).into()).expect("somebody listens");
    {
        let mut world = world.borrow_mut();
        assert_eq!(world.net.write(client, &[IoSlice::new(b"hello")], 0), Write::Took(5));
        world.net.shutdown(client, 0);
        world.pump();
    }
    run(&world, &runtime);
    let mut buffer = [0; 16];
    assert_eq!(world.borrow_mut().net.read(client, &mut buffer), Read::Got(5));
    assert_eq!(&buffer[..5], b"hello");
    assert_eq!(world.borrow_mut().net.read(client, &mut buffer), Read::Eof);
    assert_eq!(runtime.tasks(), 0);
}

#[test]
fn dials_are_refused_or_swallowed_as_the_climate_says() {
    for (odds, refused) in
        [(Odds { refuse: 100, ..Odds::default() }, true), (Odds { blackhole: 100, ..Odds::default() }, false)]
    {
        let (world, runtime) = machine(Climate { up: odds, ..Climate::calm() });
        let place: SocketAddr = ([10, 1, 0, 1], 443).into();
        world.borrow_mut().places.insert(place, 0);
        let seen = Rc::new(RefCell::new(None));
        let (told, dialler) = (seen.clone(), runtime.clone());
        runtime.spawn(async move {
            let dialled = dialler.connect(place).await;
            *told.borrow_mut() = Some(dialled.err().map(|error| error.kind()));
        });
        run(&world, &runtime);
        assert_eq!(*seen.borrow(), refused.then_some(Some(io::ErrorKind::ConnectionRefused)));
        runtime.kill();
    }
}

#[test]
fn a_timer_set_anew_expires_once_at_its_last_time() {
    let (world, runtime) = machine(Climate::calm());
    let seen = Rc::new(RefCell::new(Vec::new()));
    let (told, clock) = (seen.clone(), runtime.clone());
    runtime.spawn(async move {
        let mut timer = clock.timer();
        timer.reset(Instant::from_micros(50));
        timer.reset(Instant::from_micros(20));
        poll_fn(|cx| timer.poll_expired(cx)).await;
        told.borrow_mut().push(clock.now());
        timer.reset(Instant::from_micros(70));
        poll_fn(|cx| timer.poll_expired(cx)).await;
        told.borrow_mut().push(clock.now());
    });
    run(&world, &runtime);
    assert_eq!(*seen.borrow(), [Instant::from_micros(20), Instant::from_micros(70)]);
}
