//! async-io's timer under the driver's contract.

use keywheel_core::time::Instant;
use keywheel_runtime::host::Clock;
use keywheel_runtime::traits;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A timer.
#[derive(Debug)]
pub struct Timer {
    clock: Clock,
    timer: async_io::Timer,
}

impl Timer {
    pub(crate) fn new(clock: Clock) -> Self {
        Timer { clock, timer: async_io::Timer::never() }
    }
}

impl traits::Timer for Timer {
    fn reset(&mut self, at: Instant) {
        self.timer.set_at(self.clock.at(at));
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.timer).poll(cx).map(drop)
    }
}
