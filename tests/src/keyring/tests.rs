//! Worlds by the hundred.

use super::{run, run_many};

#[test]
fn many_worlds() {
    match run_many(0, 300) {
        Ok(story) => println!("{story}"),
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn a_seed_plays_twice_alike() {
    assert_eq!(run(7).expect("a good seed"), run(7).expect("a good seed"));
}
