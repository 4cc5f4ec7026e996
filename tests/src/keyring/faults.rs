//! Outcomes as an upstream might cause them, drawn by the weights of one world.

use crate::sim::dice::Dice;
use core::time::Duration;
use keywheel_core::classify::{Blame, Class, Outcome};

/// How often each class is drawn, in the order of the word list.
pub(crate) type Weights = [u32; 11];

/// Some classes are switched off, the others differ widely; successes are never off.
pub(crate) fn weights(dice: &mut Dice) -> Weights {
    let mut weights = [0; 11];
    for weight in &mut weights {
        *weight = if dice.chance(40) { 0 } else { 1 << dice.below(6) };
    }
    weights[Class::Ok as usize] = 1 << dice.below(7);
    weights
}

/// An outcome for a request of this model. `account`: the one that answers with this key name. `guessed`: whether a
/// rate without a stated rest may be drawn.
pub(crate) fn outcome(
    dice: &mut Dice,
    weights: &Weights,
    model: Option<&str>,
    account: Option<&str>,
    guessed: bool,
) -> Outcome {
    let class = Class::ALL[dice.weighted(weights.iter().copied())];
    let mut outcome = Outcome { status: status(class), ..Outcome::plain(class) };
    outcome.account =
        account.filter(|_| dice.chance(60) && class != Class::Ours && class != Class::Ambiguous).map(Into::into);
    outcome.model = model.map(Into::into);
    if class == Class::Ok {
        return outcome;
    }
    outcome.structured = dice.chance(50);
    let codes: [Option<&str>; 3] = [None, Some("one"), Some("two")];
    outcome.code = dice.pick(&codes).map(Into::into);
    outcome.blame = blame(dice, class);
    outcome.rest = rest(dice, class);
    if class == Class::Rate && outcome.rest.is_none() && (outcome.blame == Blame::Key || model.is_none() && !guessed) {
        outcome.rest = Some(Duration::from_secs(3));
    }
    outcome
}

fn status(class: Class) -> u16 {
    match class {
        Class::Ok => 200,
        Class::KeyDead => 401,
        Class::Quota | Class::Rate => 429,
        Class::Access | Class::Unknown | Class::Config => 403,
        Class::Overload => 503,
        Class::Client => 400,
        Class::Ambiguous | Class::Ours => 0,
    }
}

fn blame(dice: &mut Dice, class: Class) -> Blame {
    match class {
        Class::KeyDead | Class::Unknown => Blame::Key,
        Class::Quota => *dice.pick(&[Blame::Nobody, Blame::Key, Blame::KeyModel, Blame::Account]),
        Class::Rate => {
            *dice.pick(&[Blame::Nobody, Blame::Key, Blame::KeyModel, Blame::AccountModel, Blame::AccountModel])
        }
        Class::Access => *dice.pick(&[Blame::Nobody, Blame::Key, Blame::KeyModel]),
        _ => Blame::Nobody,
    }
}

/// Stated rests: sensible ones, none at all, and what servers also send.
fn rest(dice: &mut Dice, class: Class) -> Option<Duration> {
    if !matches!(class, Class::Rate | Class::Quota) || dice.chance(35) {
        return None;
    }
    // Not one second exactly: a rest that is cut to one could not be told from it.
    let millis = [0, 900, 1100, 2000, 5000, 5000, 9000, 10_000, 11_000, 60_000, 600_000, 601_000, 3_600_000];
    let far = [86_400_000, 90_000_000, 2_600_000_000];
    let rest = Duration::from_millis(if dice.chance(80) { *dice.pick(&millis) } else { *dice.pick(&far) });
    Some(if dice.chance(20) { rest + dice.millis(0, 999) } else { rest })
}
