//! The values that pass between the process-wide machine and whoever calls it.

use crate::config::{Config, Settings};
use crate::keyring::{Lease, Refusal, Settle, Ticket, Verdict, Want};
use crate::message::Page;
use crate::notice::Notice;
use crate::time::Wall;
use std::sync::Arc;

/// What a session asks of the proxy.
#[derive(Debug)]
pub enum Ask {
    /// A key for an attempt. Answered by Granted, Queued, NeedModel or Refused.
    Lease(Want),
    /// An early verdict; the lease goes on. Answered by Done.
    Verdict(Verdict),
    /// A lease ends. Answered as `then` is, or by Done.
    Settle(Settle),
    /// As `Settle`, of a lease whose first base URLs could not be dialed (`Settle::base`). Answered by Granted with the same
    /// lease where another of its base URLs has a permit to spare; that one is its first then.
    PassOver(Box<Settle>),
    /// As `Settle`, of a lease whose connection is still open, for its answer may turn out to be the last one. Where `then`
    /// comes to no other key the lease, judged, goes on with its permit: answered by Kept instead of Refused.
    Swap(Box<Settle>),
    /// A waiting request gives up its place. A grant that is already on its way is returned by the driver. Answered by Done.
    Cancel(Ticket),
    /// An admin call. Answered by Page, or Queued when it has to wait (a reload).
    Admin(AdminCall),
}

/// What the proxy answers, at once or, after `Queued`, by a wake.
#[derive(Debug)]
pub enum Reply {
    /// A key.
    Granted(Lease),
    /// A place in the queue; the answer comes as [`Command::Wake`].
    Queued(Ticket),
    /// No key.
    Refused(Refusal),
    /// No key but the one that was to be swapped, whose lease goes on. What it came to was taken in.
    Kept(Lease, Refusal),
    /// Read the request's model first (`Want::model` was `Unread`), then ask again.
    NeedModel,
    /// An admin answer.
    Page(Page),
    /// Noted.
    Done,
}

/// An authenticated admin call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminCall {
    /// The worker that asks.
    pub worker: u32,
    /// What is asked.
    pub what: AdminPage,
    /// `page=` of the query, from 1.
    pub page: u32,
}

/// The admin paths, matched byte for byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminPage {
    /// GET /health
    Health,
    /// GET /livez
    Livez,
    /// GET /readyz
    Readyz,
    /// GET /stats
    Stats,
    /// GET /blacklist
    Blacklist,
    /// POST (or GET) /reset-keys
    ResetKeys,
    /// POST /reload
    Reload,
}

/// Names a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Work that the proxy wants done without a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Read the configuration anew and hand it to `reload`.
    ReadConfig,
}

/// What became of a job.
#[derive(Debug)]
pub enum JobOutcome {
    /// [`Job::ReadConfig`]: the configuration, or what is wrong with it, in words for the operator.
    Config(Result<Box<Config>, String>),
}

/// Why the proxy wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A rest ends.
    RestEnds,
    /// A waiting request has waited as long as it may.
    WaitEnds,
    /// The next of several waiting requests may be let through.
    Wake,
}

/// What the proxy wants of whoever calls it. Exhaustive on purpose.
#[derive(Debug)]
pub enum Command {
    /// Give this reply to the session that holds the ticket; if it is gone, give a granted lease back by `Ask::Settle`.
    Wake(Ticket, Reply),
    /// Do this job and report by `handle_job`.
    Run(JobId, Job),
    /// New settings are in force for heads that arrive from now on.
    Settings(Arc<Settings>),
    /// The wall clock was set: this turns time into dates from now on.
    Clock(Wall),
    /// Something worth a log line.
    Notice(Notice),
}
