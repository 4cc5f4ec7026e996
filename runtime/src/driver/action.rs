//! What a session asks its driver to do.

use super::half::{Half, Way};
use super::{Dialing, Io, Upstream};
use crate::dial;
use crate::traits::Runtime;
use keywheel_core::idle::Held;
use keywheel_core::origin::Origin;
use keywheel_core::proxy::{Ask, Reply};
use keywheel_core::session::{Action, Dial, How, Linked, Session, Side};
use keywheel_core::time::Instant;
use keywheel_core::turn::Turn;
use std::time::Duration;

impl<R: Runtime> Io<R> {
    /// Does what the session wants, until it wants nothing; true when there was something.
    pub(super) fn act(&mut self, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        let mut acted = false;
        while let Some(action) = session.poll() {
            acted = true;
            match action {
                Action::Ask(ask) => {
                    let reply = self.ask(ask, turn.now);
                    session.handle_reply(reply, turn);
                }
                Action::Dial(dial) => self.dial(dial, session, turn),
                Action::StopDial => self.dialing = None,
                Action::Park { origin, idle } => self.park(&origin, idle, turn),
                Action::Hangup(side, how) => self.hang_up(side, how),
                Action::EndWriting(side) => {
                    if let Some(half) = self.half(side) {
                        half.link.shutdown(How::Fin);
                    }
                }
                Action::Notice(notice) => self.worker.hub.notice(notice),
                Action::Done => {
                    self.over = true;
                    break;
                }
            }
        }
        acted
    }

    /// Asks the proxy. A ticket in its reply makes this task the one that is woken for it.
    pub(super) fn ask(&mut self, ask: Ask, now: Instant) -> Reply {
        if let Ask::Cancel(_) = ask {
            self.stop_waiting(now);
        }
        let reply = self.worker.hub.call(|proxy| proxy.handle_ask(ask, now));
        if let Reply::Queued(ticket) = reply {
            self.stop_waiting(now);
            self.ticket = Some(ticket);
            self.worker.wait_for(ticket, &self.inbox);
        }
        reply
    }

    /// Nobody waits for the ticket any more: a reply to it that comes, or has come, is given back.
    pub(super) fn stop_waiting(&mut self, now: Instant) {
        if let Some(ticket) = self.ticket.take() {
            self.worker.forget(ticket);
        }
        if let Some(late) = self.inbox.take_reply() {
            self.worker.hub.give_back(late, now);
        }
    }

    /// An idle connection that proves alive, at once; else a new one, in a while.
    fn dial(&mut self, dial: Dial, session: &mut Session, turn: &mut Turn<'_>) {
        let mut idle = self.worker.idle.borrow_mut();
        while let Some(Held { mut link, made_at }) = idle.take(&dial, turn.now) {
            if !link.is_alive() {
                idle.closed(&dial.origin, &turn.settings.limits, turn.now);
                continue;
            }
            idle.reused(&dial.origin, turn.now);
            // The proof has just found nothing to read.
            let half = Half::new(link, Way::Blocked);
            self.upstream = Some(Upstream { half, origin: dial.origin, made_at, untried: true });
            drop(idle);
            session.handle_linked(Ok(Linked { reused: true }), turn);
            return;
        }
        let (rt, tls, origin) = (self.worker.rt.clone(), self.worker.tls.borrow().clone(), dial.origin.clone());
        self.dialing = Some(Dialing { connecting: Box::pin(dial::connect(rt, tls, dial)), origin, woken: true });
    }

    /// Keeps the upstream link as idle, unless its peer has ended it.
    fn park(&mut self, origin: &Origin, idle: Duration, turn: &Turn<'_>) {
        let Some(Upstream { mut half, made_at, .. }) = self.upstream.take() else { return };
        let mut shelf = self.worker.idle.borrow_mut();
        if half.reading == Way::Ended || half.writing == Way::Ended || half.link.has_pending() {
            half.link.shutdown(How::Fin);
            return;
        }
        let held = Held { link: half.link, made_at };
        let surplus = shelf.put(origin, held, idle, &turn.settings.limits, turn.now);
        if let Some(mut surplus) = surplus {
            surplus.shutdown(How::Fin);
        }
        self.worker.watch_idle();
    }

    fn hang_up(&mut self, side: Side, how: How) {
        match (side, &mut self.downstream, &mut self.upstream) {
            (Side::Downstream, Some(downstream), _) => {
                downstream.link.shutdown(how);
                if how == How::Reset {
                    self.downstream = None;
                }
            }
            (Side::Upstream, _, Some(upstream)) => {
                upstream.half.link.shutdown(how);
                self.upstream = None;
            }
            _ => {}
        }
    }
}
