//! The edges of the connection table: every way that a connection of keywheel's may go, from its making to its end.
//!
//! ```text
//!              ┌──────────── Reused ◄─────────────┐
//!   Made ──► in use ── Parked ──► idle ───────────┤ Died, Expired, Surplus, Refused: closed
//!              │                                  │
//!              ├─ Tunnel, HalfClosed              │
//!              └─ UpstreamFin, UpstreamReset      ClientFin, ClientReset: the client's side
//! ```

/// One edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edge {
    /// A connection to an upstream was made.
    Made,
    /// A dial came to nothing.
    Failed,
    /// A dial was given up.
    Stopped,
    /// An idle connection serves again.
    Reused,
    /// An idle connection was found closed when it was wanted.
    FoundDead,
    /// A connection was put aside as idle.
    Parked,
    /// The oldest idle connection gave way to another.
    Surplus,
    /// Its time was over, or no idle ones are kept.
    NotKept,
    /// An idle connection's time was over.
    Expired,
    /// An idle connection was closed by the upstream, or spoke unasked.
    Died,
    /// An upstream's connection was closed after an exchange.
    UpstreamFin,
    /// An upstream's connection was broken off.
    UpstreamReset,
    /// A client's connection was ended in order.
    ClientFin,
    /// A client's connection was broken off.
    ClientReset,
    /// One direction of a tunnel was ended.
    HalfClosed,
}

impl Edge {
    /// All of them.
    pub const ALL: [Edge; 15] = [
        Edge::Made,
        Edge::Failed,
        Edge::Stopped,
        Edge::Reused,
        Edge::FoundDead,
        Edge::Parked,
        Edge::Surplus,
        Edge::NotKept,
        Edge::Expired,
        Edge::Died,
        Edge::UpstreamFin,
        Edge::UpstreamReset,
        Edge::ClientFin,
        Edge::ClientReset,
        Edge::HalfClosed,
    ];
}
