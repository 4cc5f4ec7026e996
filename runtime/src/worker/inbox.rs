//! What a session is told while it sleeps.

use keywheel_core::proxy::Reply;
use std::cell::{Cell, RefCell};
use std::task::Waker;

/// One session's; its worker writes into it.
pub(crate) struct Inbox {
    number: u64,
    counted: bool,
    reply: Cell<Option<Reply>>,
    drain: Cell<bool>,
    reader: RefCell<Option<Waker>>,
}

impl Inbox {
    /// For the session of this number; `counted`: the proxy has let its connection in.
    pub(super) fn new(number: u64, counted: bool) -> Self {
        Inbox { number, counted, reply: Cell::default(), drain: Cell::default(), reader: RefCell::default() }
    }

    /// The session's number in its worker.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether the proxy counts its connection.
    pub(super) fn counted(&self) -> bool {
        self.counted
    }

    /// The proxy's answer has come.
    pub(super) fn reply(&self, reply: Reply) {
        self.reply.set(Some(reply));
        self.wake();
    }

    /// The worker drains.
    pub(super) fn drain(&self) {
        self.drain.set(true);
        self.wake();
    }

    /// The task to wake when something comes.
    pub(crate) fn listen(&self, waker: &Waker) {
        let mut reader = self.reader.borrow_mut();
        if !reader.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *reader = Some(waker.clone());
        }
    }

    /// The answer that has come, once.
    pub(crate) fn take_reply(&self) -> Option<Reply> {
        self.reply.take()
    }

    /// Whether the session has to drain; said once.
    pub(crate) fn take_drain(&self) -> bool {
        self.drain.take()
    }

    fn wake(&self) {
        if let Some(reader) = &*self.reader.borrow() {
            reader.wake_by_ref();
        }
    }
}
