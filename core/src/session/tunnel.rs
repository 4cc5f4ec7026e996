//! An upgraded connection: bytes as they come, both ways, each direction ending for itself.

use super::seam::Side;
use super::{DOWN, Session};
use crate::message::Fields;
use crate::turn::Turn;

impl Session {
    /// One direction of a tunnel, that of what the side `at` sends, has ended: the FIN is passed on, and with the
    /// second one the tunnel is over.
    pub(super) fn end_tunnel(&mut self, at: usize, turn: &mut Turn<'_>) -> bool {
        let to = if at == DOWN { Side::Upstream } else { Side::Downstream };
        if self.client.half == Some(to) {
            return false;
        }
        match self.client.half.replace(to) {
            None => self.out.end_writing = Some(to),
            Some(_) => {
                if let Some(exchange) = &mut self.exchange {
                    exchange.handle_response_end(&Fields::new(&[], &[]), turn);
                }
            }
        }
        true
    }

    /// Bytes of a tunnel, from the side `at` to the other.
    pub(super) fn read_tunnel(&mut self, at: usize) -> bool {
        let n = self.inboxes[at].unread_len();
        let broken = at != DOWN && self.client.broken;
        if n == 0 || broken || !self.outboxes[super::other(at)].has_room() {
            return false;
        }
        let start = self.inboxes[at].consume(n);
        self.outboxes[super::other(at)].queue_lent(start, start + n);
        true
    }
}
