//! Virtual time: a heap of what is going to happen. Time jumps from one entry to the next.

use core::cmp::Ordering;
use std::collections::BinaryHeap;

/// What is going to happen, by (time, order of entry).
#[derive(Debug)]
pub struct Agenda<E> {
    now: u64,
    next_seq: u64,
    heap: BinaryHeap<Entry<E>>,
}

#[derive(Debug)]
struct Entry<E> {
    at: u64,
    seq: u64,
    event: E,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Agenda { now: 0, next_seq: 0, heap: BinaryHeap::new() }
    }
}

impl<E> Agenda<E> {
    /// Microseconds since the beginning.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Enters `event` for the time `at`, or for now where that has passed.
    pub fn at(&mut self, at: u64, event: E) {
        self.next_seq += 1;
        self.heap.push(Entry { at: at.max(self.now), seq: self.next_seq, event });
    }

    /// Enters `event` for `micros` from now.
    pub fn after(&mut self, micros: u64, event: E) {
        self.at(self.now.saturating_add(micros), event);
    }

    /// When the next entry is due.
    pub fn next_at(&self) -> Option<u64> {
        self.heap.peek().map(|entry| entry.at)
    }

    /// Goes to the next entry's time and takes it.
    pub fn pop(&mut self) -> Option<E> {
        let entry = self.heap.pop()?;
        self.now = self.now.max(entry.at);
        Some(entry.event)
    }

    /// The clock jumps ahead: what was due meanwhile comes late.
    pub fn jump(&mut self, micros: u64) {
        self.now = self.now.saturating_add(micros);
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.seq == other.seq
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    /// Reversed, since the heap gives its greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.seq).cmp(&(self.at, self.seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_keep_their_order_and_time_never_goes_back() {
        let mut agenda = Agenda::default();
        agenda.at(5, 'c');
        agenda.at(3, 'a');
        agenda.at(3, 'b');
        let order: Vec<_> = std::iter::from_fn(|| agenda.pop().map(|event| (agenda.now(), event))).collect();
        assert_eq!(order, [(3, 'a'), (3, 'b'), (5, 'c')]);
        agenda.at(1, 'd');
        assert_eq!(agenda.pop(), Some('d'));
        assert_eq!(agenda.now(), 5);
        agenda.at(7, 'e');
        agenda.jump(100);
        agenda.pop();
        assert_eq!(agenda.now(), 105);
    }
}
