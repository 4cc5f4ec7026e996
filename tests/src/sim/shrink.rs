//! Cuts a world that fails down to a shorter one that fails the same way.
//!
//! Greedy, by halves first: whole clients, their errands, interventions, keys, then each bit of the swarm and each
//! detail of what is left. A cut stands when the world still fails in the same invariant. It ends when a whole round
//! takes nothing away, or after so many runs.

use super::intervention::Intervention;
use super::scenario::Scenario;
use super::switch::SWITCHES;

/// A cut: what is left of the world.
type Cut = Box<dyn Fn(&Scenario) -> Option<Scenario>>;

/// What came of it.
#[derive(Debug)]
pub struct Shrunk {
    /// The smallest world found.
    pub scenario: Scenario,
    /// How many worlds were run.
    pub runs: u32,
}

/// The smallest world found that still `fails`, in at most `most` runs.
pub fn shrink(scenario: Scenario, most: u32, mut fails: impl FnMut(&Scenario) -> bool) -> Shrunk {
    let mut smallest = scenario;
    let mut runs = 0;
    loop {
        let before = smallest.size();
        for cut in cuts(&smallest) {
            if runs >= most {
                return Shrunk { scenario: smallest, runs };
            }
            let Some(smaller) = cut(&smallest).filter(|smaller| smaller.size() < smallest.size()) else { continue };
            runs += 1;
            if fails(&smaller) {
                smallest = smaller;
            }
        }
        if smallest.size() == before {
            return Shrunk { scenario: smallest, runs };
        }
    }
}

/// What to try, the greatest cuts first. Cuts are made from the end, so that those to come keep their places.
fn cuts(world: &Scenario) -> Vec<Cut> {
    let mut all: Vec<Cut> = Vec::new();
    let clients = world.clients.len();
    spans(clients, |from, to| all.push(edit(move |world| drain(&mut world.clients, from, to))));
    for n in (0..clients).rev() {
        let errands = world.clients[n].1.len();
        spans(errands, |from, to| {
            all.push(edit(move |world| world.clients.get_mut(n).is_some_and(|client| drain(&mut client.1, from, to))));
        });
    }
    spans(world.swarm.interventions.len(), |from, to| all.push(edit(move |world| acts(world, from, to))));
    for switch in SWITCHES {
        all.push(edit(move |world| {
            let on = (switch.is_on)(world);
            if on {
                (switch.off)(world);
            }
            on
        }));
    }
    for n in [1, 2, 4, 8] {
        all.push(edit(move |world| {
            let more = n < world.swarm.keys.len();
            world.keep_keys(n);
            more
        }));
    }
    for (client, (_, errands)) in world.clients.iter().enumerate() {
        for errand in 0..errands.len() {
            for detail in 0..DETAILS {
                all.push(edit(move |world| strip(world, client, errand, detail)));
            }
        }
    }
    all
}

/// An edit that says whether it changed anything.
fn edit(change: impl Fn(&mut Scenario) -> bool + 'static) -> Cut {
    Box::new(move |world| {
        let mut world = world.clone();
        change(&mut world).then_some(world)
    })
}

/// All of it, its halves, quarters and so on, down to single ones; from the end.
fn spans(len: usize, mut cut: impl FnMut(usize, usize)) {
    let mut width = len;
    while width > 0 {
        let mut to = len;
        while to > 0 {
            cut(to.saturating_sub(width), to);
            to = to.saturating_sub(width);
        }
        width /= 2;
    }
}

fn drain<T>(all: &mut Vec<T>, from: usize, to: usize) -> bool {
    let to = to.min(all.len());
    let some = from < to;
    if some {
        all.drain(from..to);
    }
    some
}

/// Takes interventions away, but for healing.
fn acts(world: &mut Scenario, from: usize, to: usize) -> bool {
    let before = world.swarm.interventions.len();
    let mut at = 0;
    world.swarm.interventions.retain(|(_, act)| {
        at += 1;
        !(from..to).contains(&(at - 1)) || matches!(act, Intervention::Heal)
    });
    world.swarm.interventions.len() < before
}

/// Details of an errand that can go.
const DETAILS: usize = 5;

fn strip(world: &mut Scenario, client: usize, errand: usize, detail: usize) -> bool {
    let Some(errand) = world.clients.get_mut(client).and_then(|client| client.1.get_mut(errand)) else { return false };
    match detail {
        0 => errand.pause.take().is_some(),
        1 => errand.leave.take().is_some(),
        2 => errand.expect.take().is_some(),
        3 => !core::mem::take(&mut errand.spec).is_empty(),
        _ => {
            let half = errand.body.len() / 2;
            errand.body.truncate(half);
            half > 0
        }
    }
}

#[cfg(test)]
mod tests;
