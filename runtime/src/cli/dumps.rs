//! Core dumps and tracing: off before the first secret is read, for a dump of this process holds every key.
//!
//! A process that is not dumpable (PR_SET_DUMPABLE in prctl(2)) leaves no core, not even to a handler in
//! `core_pattern`, cannot be traced, and its environment and memory under `/proc` are root's.

use std::io;

/// Forbids both. Called first of all: what the operator says of it is only known once the secrets are read.
///
/// # Errors
/// The kernel refused.
pub(super) fn forbid() -> io::Result<()> {
    machine::set_dumpable(false)
}

/// Does what the operator said: allows both again, or gives up the right to write a core for good.
///
/// # Errors
/// The kernel refused.
pub(super) fn settle(allowed: bool) -> io::Result<()> {
    if allowed { machine::set_dumpable(true) } else { machine::end_cores() }
}

#[cfg(target_os = "linux")]
mod machine {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    use std::io;

    pub(super) fn set_dumpable(allowed: bool) -> io::Result<()> {
        let behavior = if allowed { DumpableBehavior::Dumpable } else { DumpableBehavior::NotDumpable };
        Ok(set_dumpable_behavior(behavior)?)
    }

    pub(super) fn end_cores() -> io::Result<()> {
        Ok(setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?)
    }
}

/// Other systems have other means, which this version does not use.
#[cfg(not(target_os = "linux"))]
mod machine {
    use std::io;

    pub(super) fn set_dumpable(_: bool) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn end_cores() -> io::Result<()> {
        Ok(())
    }
}
