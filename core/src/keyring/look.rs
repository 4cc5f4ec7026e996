//! Looking: the keyring as values that may be shown.

use super::Keyring;
use super::view::{KeyRow, ModelRow, PoolView, State};
use core::ops::Range;

/// Models shown per key.
const MODELS: usize = 16;

impl Keyring {
    /// The pool in numbers.
    pub(crate) fn pool(&mut self) -> PoolView {
        let now = self.board.now;
        let lane = self.lanes.of(None, &self.board);
        let (mut healthy, mut cooling) = (0, 0);
        for bar in lane.bars() {
            healthy += usize::from(bar.is_open());
            cooling += usize::from(bar.is_resting());
        }
        let best = lane.best(&self.board);
        let first =
            best.and_then(|(place, _)| self.board.roster.slot(place)).and_then(|slot| self.board.book.slots.get(slot));
        PoolView {
            strategy: self.pool.strategy,
            total: self.board.book.slots.len(),
            healthy,
            cooling,
            current_index: first.map_or(0, |slot| slot.entry.index),
            back: best.and_then(|(_, bar)| bar.ends()).map(|end| end.since(now)),
            requests: self.requests,
            waiting: self.queue.len(),
            leases: self.leases,
            tally: self.tally,
        }
    }

    /// Some of all keys, in file order.
    pub(crate) fn rows(&self, range: Range<usize>) -> Vec<KeyRow> {
        let all = self.board.book.slots.in_order();
        let some = all.get(range.start.min(all.len())..range.end.min(all.len())).unwrap_or_default();
        some.iter().filter_map(|&slot| self.row(slot)).collect()
    }

    /// Some of the keys that are not eligible, in file order.
    pub(crate) fn rows_out(&self, range: Range<usize>) -> Vec<KeyRow> {
        let out = |slot: &&u32| !self.board.book.bar(**slot, None, self.board.now).is_open();
        let all = self.board.book.slots.in_order().iter().filter(out);
        all.skip(range.start).take(range.len()).filter_map(|&slot| self.row(slot)).collect()
    }

    fn row(&self, n: u32) -> Option<KeyRow> {
        let book = &self.board.book;
        let slot = book.slots.get(n)?;
        let bar = book.bar(n, None, self.board.now);
        let mut standing = book.worst(n, self.board.now)?.standing();
        if standing.state == State::Probing {
            // Not before the pool's next trial of a dead key, if it has to wait for that.
            standing.until = bar.ends().filter(|&end| end > self.board.now);
        }
        let limits = book.models.limits_of(n, slot.account, MODELS).into_iter();
        let models =
            limits.map(|(name, account, scope)| ModelRow { model: name.into(), account, standing: scope.standing() });
        Some(KeyRow {
            entry: slot.entry.clone(),
            eligible: bar.is_open(),
            epoch: slot.scope.health.fact().epoch,
            standing,
            models: models.collect(),
            leases: slot.leases,
            tally: slot.tally,
        })
    }
}
