//! One world as data: drawn from a seed, and open to editing before it runs.

use super::client::Manner;
use super::dice::Streams;
use super::engine::{Carriage, Mode};
use super::errand::Errand;
use super::swarm::Swarm;
use super::workload;

/// Everything that is decided before a world begins.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The master seed: what is left to chance while the world runs follows from it.
    pub seed: u64,
    /// Faults, keys, settings, interventions.
    pub swarm: Swarm,
    /// How each client goes about, and its errands.
    pub clients: Vec<(Manner, Vec<Errand>)>,
}

impl Scenario {
    /// The world of this seed.
    pub fn drawn(seed: u64, mode: Mode) -> Self {
        let mut dice = Streams::new(seed);
        let swarm = Swarm::drawn(&mut dice, mode);
        Scenario::peopled(seed, swarm, dice)
    }

    /// The same as a gentle world that is carried so, whatever the seed says.
    pub fn gentle(seed: u64, carriage: Carriage) -> Self {
        let mut dice = Streams::new(seed);
        let swarm = Swarm::drawn(&mut dice, carriage.mode);
        Scenario::peopled(seed, Swarm { carriage, ..swarm.gentle() }, dice)
    }

    fn peopled(seed: u64, swarm: Swarm, mut dice: Streams) -> Self {
        let (count, most, fewest) = swarm.clients;
        let (mut clients, mut errands) = (Vec::new(), 0);
        while clients.len() < count || errands < fewest {
            let first = errands as u32 + 1;
            let client = workload::client(&mut dice.workload, &swarm.fare, most, swarm.heal_at, first);
            errands += client.1.len();
            clients.push(client);
        }
        Scenario { seed, swarm, clients }
    }

    /// How much there is to it: what shrinking makes smaller.
    pub fn size(&self) -> usize {
        let errands = self.clients.iter().flat_map(|(_, errands)| errands);
        let dressing = errands.map(|errand| 4 + errand.dressing()).sum::<usize>();
        let switches = super::switch::SWITCHES.iter().filter(|switch| (switch.is_on)(self)).count();
        dressing + self.clients.len() + switches + self.swarm.interventions.len() + self.swarm.keys.len()
    }
}
