//! What every real runtime has to do, over loopback sockets: the traits' contract, dialing, and a whole server.
//!
//! Both runtime crates include this folder and name their [`Flavour`] in [`on!`].

mod contract;
mod dialing;
mod faulty;
mod serving;
mod stand;

pub(crate) use {contract::*, dialing::*, serving::*};

/// A test for each behaviour, on one runtime.
#[macro_export]
macro_rules! on {
    ($flavour:ty: $($behaviour:ident),+ $(,)?) => {
        $(#[test] fn $behaviour() { suite::$behaviour::<$flavour>(); })+
    };
}
