//! Soft faults: an unexplained fault counts against a key only while the last outcome with another key was a success.
//! Otherwise the origin is to blame.

use super::lease::KeyId;

/// The last outcome on an origin, and the last with any other key than that one's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lately {
    last: Option<(KeyId, bool)>,
    other: Option<(KeyId, bool)>,
}

impl Lately {
    /// An attempt with this key came to an outcome; whether it was a success.
    pub(crate) fn note(&mut self, key: KeyId, success: bool) {
        if self.last.is_some_and(|(last, _)| last != key) {
            self.other = self.last;
        }
        self.last = Some((key, success));
    }

    /// Whether the last outcome with another key than this was a success.
    pub(crate) fn others_do_well(&self, key: KeyId) -> bool {
        let of_others = |outcome: &&(KeyId, bool)| outcome.0 != key;
        self.last
            .as_ref()
            .filter(of_others)
            .or(self.other.as_ref().filter(of_others))
            .is_some_and(|&(_, success)| success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(slot: u32) -> KeyId {
        KeyId { slot, generation: 0 }
    }

    #[test]
    fn only_the_last_outcome_with_another_key_speaks() {
        let mut lately = Lately::default();
        assert!(!lately.others_do_well(key(0)), "nothing is known yet");
        lately.note(key(0), true);
        assert!(!lately.others_do_well(key(0)), "its own success says nothing of the origin");
        assert!(lately.others_do_well(key(1)));
        lately.note(key(1), false);
        assert!(lately.others_do_well(key(1)), "key 0 did well last");
        assert!(!lately.others_do_well(key(0)) && !lately.others_do_well(key(2)));
        lately.note(key(1), true);
        assert!(lately.others_do_well(key(0)) && lately.others_do_well(key(1)) && lately.others_do_well(key(2)));
    }
}
