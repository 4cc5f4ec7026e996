//! The beginning: what the story says of a world first, its upstreams and its clients.

use super::super::client::Client;
use super::super::crypto;
use super::super::engine::Carriage;
use super::super::intervention::manner_of;
use super::super::scenario::Scenario;
use super::super::swarm::{Swarm, UPSTREAM};
use super::super::upstream::Upstreams;
use super::super::world::World;
use keywheel_runtime::fake::{Options, Provider};
use std::net::SocketAddr;

/// The first lines of the story: what kind of world it is.
pub(super) fn introduce(swarm: &Swarm, world: &mut World) {
    for (name, value) in &swarm.setup.env {
        world.tell(format_args!("setting"), format_args!("{name}={value}"));
    }
    for (n, (account, behaviour)) in swarm.keys.iter().enumerate() {
        world.tell(format_args!("key {n}"), format_args!("of {account}: {}", manner_of(behaviour)));
    }
    let Carriage { mode, most_read, upstream_first, order, workers, late, restless, starved } = &swarm.carriage;
    world.tell(
        format_args!("carriage"),
        format_args!(
            "{mode:?}, {workers} workers, reads of {most_read}, upstream first: {upstream_first}, shuffled: {}, \
             timers late by {late} us, restless {restless} %, starved {starved} %",
            order.is_some()
        ),
    );
    for weather in &swarm.climate.weathers {
        world.tell(format_args!("weather"), format_args!("{weather:?}"));
    }
    world.tell(format_args!("faults up"), format_args!("{:?}", swarm.climate.up));
    world.tell(format_args!("faults down"), format_args!("{:?}", swarm.climate.down));
}

pub(super) fn upstreams(scenario: &Scenario, world: &mut World) -> Upstreams {
    let Scenario { seed, swarm, .. } = scenario;
    let options =
        Options { keep_records: 100_000, keep_body: 4 << 20, idle: swarm.upstream_idle, ..Options::default() };
    let provider = Provider::new(options);
    for (key, (account, behaviour)) in swarm.setup.keys.iter().zip(&swarm.keys) {
        provider.set_key(key, behaviour.clone());
        provider.set_account(key, account);
    }
    let port = if swarm.tls { 8443 } else { 8080 };
    let places: [SocketAddr; 2] = [([10, 1, 0, 1], port).into(), ([10, 1, 0, 2], port).into()];
    let count = world.dice.network.range(1, 2) as usize;
    for place in &places[..count] {
        world.places.insert(*place, 0);
    }
    world.names.insert(UPSTREAM.into(), places[..count].to_vec());
    let tls = swarm.tls.then(|| crypto::server(&crypto::provider(*seed)));
    Upstreams::new(provider, tls, swarm.mischief, world.dice.upstream.child(1))
}

pub(super) fn clients(scenario: &Scenario) -> Vec<Client> {
    let all = scenario.clients.iter().enumerate();
    all.map(|(id, (manner, errands))| Client::new(id as u32, manner.clone(), errands.clone())).collect()
}
