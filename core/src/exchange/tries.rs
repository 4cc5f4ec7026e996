//! What was tried for one request, and whether it may be tried again.

use crate::classify::Class;
use crate::keyring::KeyId;
use crate::limits::Limits;
use crate::origin::Origin;
use http::Method;

/// The attempts of one request.
#[derive(Debug)]
pub(super) struct Tries {
    /// Attempts begun: the first request byte was written.
    pub(super) attempts: u32,
    /// Attempts that count towards `max`: all but those that ended KEY_DEAD or QUOTA.
    counted: u32,
    /// Further attempts after the first (`MAX_RETRIES`).
    max: u32,
    accessed: bool,
    overloaded: bool,
    /// Keys used.
    pub(super) keys: Vec<KeyId>,
    /// Origins that could not be dialed.
    pub(super) unreachable: Vec<Origin>,
}

/// What follows an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another key, at once.
    Another,
    /// Another key, after a short pause.
    AfterPause,
    /// Nothing: the client gets the last answer.
    Stop,
}

/// What is true of the request and its attempt when it is asked whether another may follow.
#[derive(Clone, Copy, Debug)]
pub(super) struct May {
    /// The body can be sent again from its first byte.
    pub(super) repeatable: bool,
    /// The method is idempotent, or the operator allows ambiguous repeats.
    pub(super) ambiguous: bool,
    /// The upstream said `x-should-retry: false`.
    pub(super) vetoed: bool,
    /// There is time left.
    pub(super) time_left: bool,
}

impl Tries {
    pub(super) fn new(max: u32) -> Self {
        Tries {
            attempts: 0,
            counted: 0,
            max,
            accessed: false,
            overloaded: false,
            keys: Vec::new(),
            unreachable: Vec::new(),
        }
    }

    /// Whether and how the walk goes on after an attempt of this class.
    ///
    /// Rules: provider classes table (which class allows another key), MAX_RETRIES, 32 attempts in all, the
    /// budget, and HTTP's own: a request that is not idempotent is repeated only after a rejecting answer.
    pub(super) fn next(&mut self, class: Class, may: May, limits: &Limits) -> Next {
        if !matches!(class, Class::KeyDead | Class::Quota) {
            self.counted += 1;
        }
        if !may.repeatable || !may.time_left || self.attempts >= limits.attempts || self.counted > self.max {
            return Next::Stop;
        }
        match class {
            Class::KeyDead | Class::Quota | Class::Rate => Next::Another,
            Class::Access if !core::mem::replace(&mut self.accessed, true) => Next::Another,
            Class::Overload if !may.vetoed && !core::mem::replace(&mut self.overloaded, true) => Next::AfterPause,
            Class::Ambiguous if may.ambiguous => Next::Another,
            _ => Next::Stop,
        }
    }
}

/// Whether repeating a request of this method is safe after a failure of unknown effect (RFC 9110 section 9.2.2).
pub(super) fn idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAY: May = May { repeatable: true, ambiguous: false, vetoed: false, time_left: true };

    fn after(classes: &[Class], max: u32) -> Next {
        let mut tries = Tries::new(max);
        let limits = Limits::default();
        classes.iter().map(|c| tries.next(*c, MAY, &limits)).last().unwrap_or(Next::Stop)
    }

    #[test]
    fn each_class_goes_on_as_its_row_says() {
        use Class::*;
        for class in [KeyDead, Quota, Rate, Access] {
            assert_eq!(after(&[class], 3), Next::Another, "{class:?}");
        }
        assert_eq!(after(&[Overload], 3), Next::AfterPause);
        for class in [Config, Client, Ambiguous, Unknown, Ours] {
            assert_eq!(after(&[class], 3), Next::Stop, "{class:?}");
        }
        for once in [Access, Overload] {
            assert_eq!(after(&[once, once], 3), Next::Stop, "{once:?} moves on once");
        }
    }

    #[test]
    fn dead_and_exhausted_keys_do_not_count_towards_max_retries() {
        use Class::*;
        assert_eq!(after(&[Rate, Rate], 1), Next::Stop);
        assert_eq!(after(&[KeyDead, Quota, KeyDead, Rate], 1), Next::Another);
        assert_eq!(after(&[Rate], 0), Next::Stop);
        assert_eq!(after(&[KeyDead], 0), Next::Another);
    }

    #[test]
    fn what_forbids_a_repeat_forbids_it_for_every_class() {
        let limits = Limits::default();
        for class in Class::ALL {
            for may in [May { repeatable: false, ..MAY }, May { time_left: false, ..MAY }] {
                assert_eq!(Tries::new(9).next(class, may, &limits), Next::Stop);
            }
            let mut spent = Tries::new(99);
            spent.attempts = limits.attempts;
            assert_eq!(spent.next(class, MAY, &limits), Next::Stop);
        }
        assert_eq!(Tries::new(3).next(Class::Overload, May { vetoed: true, ..MAY }, &limits), Next::Stop);
        assert_eq!(Tries::new(3).next(Class::Rate, May { vetoed: true, ..MAY }, &limits), Next::Another);
        assert_eq!(Tries::new(3).next(Class::Ambiguous, May { ambiguous: true, ..MAY }, &limits), Next::Another);
    }
}
