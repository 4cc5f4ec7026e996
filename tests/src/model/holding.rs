//! I2, the half of it that each session owes: at most one lease, and no upstream connection without one. So MAX_SOCKETS
//! counts every connection that is in use.

use crate::sim::direct::Seen;
use keywheel_core::proxy::{Ask, Reply};
use keywheel_core::session::{Action, Side};
use std::collections::BTreeMap;

/// What sessions hold.
#[derive(Debug, Default)]
pub(super) struct Holding {
    /// The sessions that hold anything.
    sessions: BTreeMap<u32, Held>,
    /// How many of them have a connection and no lease: for an instant, between two calls, one may.
    bare: usize,
    now: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    leases: u32,
    linked: bool,
}

impl Held {
    fn is_bare(self) -> bool {
        self.linked && self.leases == 0
    }
}

impl Holding {
    /// Something passed; what is wrong with it.
    pub(super) fn enter(&mut self, now: u64, seen: &Seen<'_>) -> Option<String> {
        let late = (now > self.now && self.bare > 0).then(|| self.tell());
        self.now = now;
        let (session, before) = match seen {
            Seen::Ask(session, _) | Seen::Reply(session, _) | Seen::Act(session, _) if *session != 0 => {
                (*session, self.sessions.remove(session).unwrap_or_default())
            }
            _ => return late,
        };
        let after = before.then(seen);
        self.bare = self.bare + usize::from(after.is_bare()) - usize::from(before.is_bare());
        if after != Held::default() {
            self.sessions.insert(session, after);
        }
        let many = || format!("I2 at {now}: session {session} holds {} leases at once", after.leases);
        late.or_else(|| (after.leases > 1).then(many))
    }

    fn tell(&self) -> String {
        let bare: Vec<u32> = self.sessions.iter().filter(|(_, held)| held.is_bare()).map(|(&id, _)| id).collect();
        format!("I2 at {}: sessions {bare:?} hold a connection and no lease", self.now)
    }
}

impl Held {
    fn then(mut self, seen: &Seen<'_>) -> Self {
        match seen {
            Seen::Ask(_, Ask::Settle(_) | Ask::Swap(_)) => self.leases = self.leases.saturating_sub(1),
            // The dial has failed.
            Seen::Ask(_, Ask::PassOver(_)) => self = Held { leases: self.leases.saturating_sub(1), linked: false },
            Seen::Reply(_, Reply::Granted(_) | Reply::Kept(..)) => self.leases += 1,
            Seen::Act(_, Action::Dial(_)) => self.linked = true,
            Seen::Act(_, Action::Park { .. } | Action::Hangup(Side::Upstream, _) | Action::StopDial | Action::Done) => {
                self.linked = false;
            }
            _ => {}
        }
        self
    }
}
