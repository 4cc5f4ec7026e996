//! A whole process: workers on threads, signals, draining, and the exit code.

use crate::host::Clock;
use crate::traits::Runtime;
use std::future::Future;

/// A runtime that a process can be started on.
pub trait Flavour: Runtime {
    /// Name of the binary: `keywheel-tokio`, `keywheel-smol`.
    const NAME: &'static str;

    /// Makes this thread an executor, drives the future of `main` to its end on it and returns what came out.
    /// Tasks that are still there then are dropped.
    fn run<T, F: Future<Output = T>>(clock: Clock, main: impl FnOnce(Self) -> F) -> T;
}
