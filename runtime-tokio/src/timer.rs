//! tokio's timer under the driver's contract.

use keywheel_core::time::Instant;
use keywheel_runtime::host::Clock;
use keywheel_runtime::traits;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::{Sleep, sleep_until};

/// A timer.
#[derive(Debug)]
pub struct Timer {
    clock: Clock,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    pub(crate) fn new(clock: Clock) -> Self {
        Timer { clock, sleep: None }
    }
}

impl traits::Timer for Timer {
    fn reset(&mut self, at: Instant) {
        let at = self.clock.at(at).into();
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(sleep_until(at))),
        }
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx))
    }
}
