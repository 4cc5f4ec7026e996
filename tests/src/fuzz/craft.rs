//! What a fuzzer may do to an input beside what it does by itself, so that most of what it makes is HTTP with a defect or
//! two: a valid message put in or behind, and damage of the kinds that tell parsers apart.

use crate::mutation::mutator::mutate;
use crate::mutation::valid;
use fastrand::Rng;

/// Changes a client's bytes, `size` of `data`: how many there are now. `None`: the fuzzer does what it does by itself.
pub fn requests(data: &mut [u8], size: usize, seed: u32) -> Option<usize> {
    craft(data, size, 0, seed, valid::session)
}

/// The same for an upstream's bytes, which begin behind `fixed` bytes that mean something else.
pub fn answers(data: &mut [u8], size: usize, fixed: usize, seed: u32) -> Option<usize> {
    craft(data, size, fixed, seed, valid::answer)
}

fn craft(data: &mut [u8], size: usize, fixed: usize, seed: u32, message: fn(&mut Rng) -> Vec<u8>) -> Option<usize> {
    let mut dice = Rng::with_seed(seed.into());
    let mut bytes = data.get(fixed..size)?.to_vec();
    match dice.u8(..8) {
        0..4 => return None,
        4 => bytes = message(&mut dice),
        5 => bytes.extend(message(&mut dice)),
        6 => {
            let at = dice.usize(..=bytes.len());
            bytes.splice(at..at, message(&mut dice));
        }
        _ => {}
    }
    mutate(&mut bytes, &mut dice);
    let room = data.get_mut(fixed..)?;
    bytes.truncate(room.len());
    room[..bytes.len()].copy_from_slice(&bytes);
    Some(fixed + bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_crafted_stays_within_its_room_and_keeps_what_is_fixed() {
        let mut crafted = 0;
        for seed in 0..2000 {
            let mut data = [b'x'; 300];
            let size = 1 + seed as usize % 300;
            let Some(now) = answers(&mut data, size, 1, seed) else { continue };
            crafted += u32::from(data[1..now].starts_with(b"HTTP/1."));
            assert!((1..=300).contains(&now) && data[0] == b'x');
        }
        assert!(crafted > 100, "whole answers are among them: {crafted}");
        assert_eq!(answers(&mut [0; 4], 0, 1, 7), None, "there is nothing to change");
    }
}
