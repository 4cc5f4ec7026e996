//! The idle upstream connections of one worker, whatever a connection is to its driver.
//!
//! Last in, first out, so that few connections stay warm and the surplus ages out. A connection leaves at the
//! end of its idle time or of its age (then the name is resolved anew), whichever comes first.
//!
//! # The keep-alive race
//! An origin may close an idle connection in the moment in which a request is written to it; a request that
//! cannot be repeated is then lost. `Idle` counts how the last eight idle connections of an origin ended. Once
//! two of them were closed by the origin, such requests get fresh connections for `Limits::fresh_posts`. What
//! happens meanwhile is not counted, since connections that nobody uses are bound to be closed; afterwards
//! counting begins anew.

use crate::limits::Limits;
use crate::origin::Origin;
use crate::session::Dial;
use crate::time::Instant;
use core::time::Duration;
use std::collections::BTreeMap;

/// Closed idle connections, of the last eight, that make an origin suspect.
const SUSPECT: u32 = 2;
/// An origin without connections is forgotten when nothing happened to it for so long.
const FORGET: Duration = Duration::from_secs(600);

/// A connection and when it was made.
#[derive(Debug)]
pub struct Held<T> {
    /// The connection.
    pub link: T,
    /// When it was made; its age counts from here, over all its idle times.
    pub made_at: Instant,
}

/// Idle connections by origin.
#[derive(Debug)]
pub struct Idle<T> {
    per_origin: usize,
    origins: BTreeMap<Origin, Shelf<T>>,
}

/// What is known of one origin.
#[derive(Debug)]
struct Shelf<T> {
    free: Vec<Free<T>>,
    /// How the last eight idle connections ended, the latest in the lowest bit: 1 = closed by the origin.
    ends: u8,
    /// Requests that cannot be repeated take fresh connections until then.
    suspect_until: Instant,
    last_event: Instant,
}

#[derive(Debug)]
struct Free<T> {
    held: Held<T>,
    until: Instant,
}

impl<T> Idle<T> {
    /// Keeps at most `per_origin` connections to each origin.
    pub fn new(per_origin: usize) -> Self {
        Idle { per_origin, origins: BTreeMap::new() }
    }

    /// Changes the cap, from the next `put` on.
    pub fn set_per_origin(&mut self, per_origin: usize) {
        self.per_origin = per_origin;
    }

    /// The connection that was put last, if there is one that this dial may use. The caller proves that it is
    /// alive and says so by [`Idle::reused`], or by [`Idle::closed`] and asks again.
    pub fn take(&mut self, dial: &Dial, now: Instant) -> Option<Held<T>> {
        let shelf = self.origins.get_mut(&dial.origin)?;
        if dial.fresh || (!dial.repeatable && now < shelf.suspect_until) {
            return None;
        }
        let last = shelf.free.iter().rposition(|free| now < free.until)?;
        Some(shelf.free.remove(last).held)
    }

    /// Keeps a connection for at most `idle`. Gives back what has to be closed: the connection itself when its
    /// time is over already, or the oldest one when there are too many.
    pub fn put(&mut self, origin: &Origin, held: Held<T>, idle: Duration, limits: &Limits, now: Instant) -> Option<T> {
        let until = (now + idle).min(held.made_at + limits.upstream_age);
        let cap = self.per_origin;
        if until <= now || cap == 0 {
            return Some(held.link);
        }
        let free = &mut self.shelf(origin, now).free;
        free.push(Free { held, until });
        (cap < free.len()).then(|| free.remove(0).held.link)
    }

    /// The connection taken was alive.
    pub fn reused(&mut self, origin: &Origin, now: Instant) {
        let shelf = self.shelf(origin, now);
        if shelf.suspect_until <= now {
            shelf.ends <<= 1;
        }
    }

    /// The origin closed (or wrote to) an idle connection, or closed it before it answered its next request.
    pub fn closed(&mut self, origin: &Origin, limits: &Limits, now: Instant) {
        let shelf = self.shelf(origin, now);
        if now < shelf.suspect_until {
            return;
        }
        shelf.ends = shelf.ends << 1 | 1;
        if SUSPECT <= shelf.ends.count_ones() {
            shelf.ends = 0;
            shelf.suspect_until = now + limits.fresh_posts;
        }
    }

    /// Takes out each connection whose time is over, and each that `dead` says the origin has closed.
    pub fn sweep(
        &mut self,
        limits: &Limits,
        now: Instant,
        mut dead: impl FnMut(&mut T) -> bool,
        mut close: impl FnMut(T),
    ) {
        let mut died = Vec::new();
        for (origin, shelf) in &mut self.origins {
            for free in shelf.free.extract_if(.., |free| free.until <= now || dead(&mut free.held.link)) {
                if now < free.until {
                    died.push(origin.clone());
                }
                close(free.held.link);
            }
        }
        for origin in died {
            self.closed(&origin, limits, now);
        }
        self.origins.retain(|_, shelf| !shelf.free.is_empty() || now < shelf.last_event + FORGET);
    }

    /// When the first connection's time is over.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.origins.values().flat_map(|shelf| &shelf.free).map(|free| free.until).min()
    }

    /// How many connections to this origin lie idle.
    pub fn len(&self, origin: &Origin) -> usize {
        self.origins.get(origin).map_or(0, |shelf| shelf.free.len())
    }

    /// Whether no connection lies idle.
    pub fn is_empty(&self) -> bool {
        self.origins.values().all(|shelf| shelf.free.is_empty())
    }

    /// The origin's shelf.
    fn shelf(&mut self, origin: &Origin, now: Instant) -> &mut Shelf<T> {
        let shelf = self.origins.entry(origin.clone()).or_insert_with(|| Shelf {
            free: Vec::new(),
            ends: 0,
            suspect_until: Instant::ZERO,
            last_event: now,
        });
        shelf.last_event = now;
        shelf
    }
}

#[cfg(test)]
mod tests;
