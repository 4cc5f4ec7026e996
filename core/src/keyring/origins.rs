//! Upstream origins: who holds connections to them and how they do; and sites, the lists of origins that keys use.

use super::breaker::Breaker;
use super::correlated::Failures;
use super::lease::Want;
use super::slots::Slots;
use super::soft::Lately;
use crate::origin::Origin;
use crate::time::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// One origin.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) origin: Origin,
    /// Leases that hold a permit for it.
    pub(crate) permits: u32,
    pub(crate) breaker: Breaker,
    pub(crate) lately: Lately,
    pub(crate) failures: Failures,
}

/// The origins of a key's base URLs, in order. Keys with the same ones share a site.
#[derive(Debug)]
struct Site {
    upstreams: Vec<u32>,
    /// Index of the base URL whose turn it is.
    next: u32,
    crowded: bool,
}

/// What a request asks of an origin, beyond its being there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Errand<'a> {
    /// Origins that could not be dialed for this request.
    pub(crate) unreachable: &'a [Origin],
    /// It was tried before: an open breaker stops it.
    pub(crate) further: bool,
    /// It needs a permit at once.
    pub(crate) connected: bool,
    pub(crate) now: Instant,
}

/// All origins and sites.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    upstreams: Vec<Option<Upstream>>,
    free: Vec<u32>,
    ids: BTreeMap<Origin, u32>,
    sites: Vec<Site>,
    by_upstreams: BTreeMap<Vec<u32>, u32>,
    /// Sites that use each origin.
    users: Vec<Vec<u32>>,
    /// Origins whose breaker was opened and has not been closed by a success since.
    tripped: BTreeSet<u32>,
    /// Origins of which every permit is taken.
    full: BTreeSet<u32>,
    /// Permits for each origin.
    most: Option<u32>,
}

impl Origins {
    /// Takes the base URLs of these keys, and the permits allowed for each origin. Origins that are gone stay known
    /// while somebody holds a connection to them. The site of each slot is returned.
    pub(crate) fn take_over(&mut self, slots: &Slots, most: Option<u32>) -> Vec<u32> {
        self.most = most;
        let old: BTreeMap<Vec<u32>, u32> = core::mem::take(&mut self.by_upstreams);
        let turns: Vec<u32> = self.sites.drain(..).map(|site| site.next).collect();
        let mut sites = Vec::new();
        for (n, slot) in slots.iter() {
            let upstreams: Vec<u32> = slot.entry.bases.iter().map(|base| self.learn(&base.origin)).collect();
            let site = match self.by_upstreams.get(&upstreams) {
                Some(&site) => site,
                None => {
                    let site = self.sites.len() as u32;
                    let next = old.get(&upstreams).and_then(|&site| turns.get(site as usize)).copied().unwrap_or(0);
                    self.by_upstreams.insert(upstreams.clone(), site);
                    self.sites.push(Site { upstreams, next, crowded: false });
                    site
                }
            };
            sites.resize((n as usize + 1).max(sites.len()), 0);
            sites[n as usize] = site;
        }
        self.find_users();
        self.prune();
        self.full.clear();
        for id in 0..self.upstreams.len() as u32 {
            self.fill(id);
        }
        for site in 0..self.sites.len() {
            self.sites[site].crowded = self.is_full(site);
        }
        sites
    }

    fn learn(&mut self, origin: &Origin) -> u32 {
        if let Some(&id) = self.ids.get(origin) {
            return id;
        }
        let fresh = Upstream {
            origin: origin.clone(),
            permits: 0,
            breaker: Breaker::default(),
            lately: Lately::default(),
            failures: Failures::default(),
        };
        let id = self.free.pop().unwrap_or_else(|| {
            self.upstreams.push(None);
            (self.upstreams.len() - 1) as u32
        });
        self.upstreams[id as usize] = Some(fresh);
        self.ids.insert(origin.clone(), id);
        id
    }

    fn find_users(&mut self) {
        self.users.clear();
        self.users.resize(self.upstreams.len(), Vec::new());
        for (n, site) in self.sites.iter().enumerate() {
            for &id in &site.upstreams {
                let users = &mut self.users[id as usize];
                if users.last() != Some(&(n as u32)) {
                    users.push(n as u32);
                }
            }
        }
    }

    /// An origin that no key uses and nobody holds a connection to is forgotten.
    fn prune(&mut self) {
        for (id, place) in self.upstreams.iter_mut().enumerate() {
            let used = self.users.get(id).is_some_and(|users| !users.is_empty());
            if let Some(gone) = place.take_if(|upstream| !used && upstream.permits == 0) {
                self.ids.remove(&gone.origin);
                self.free.push(id as u32);
            }
        }
    }

    /// Every origin known of these ids.
    pub(crate) fn get(&mut self, id: u32) -> Option<&mut Upstream> {
        self.upstreams.get_mut(id as usize)?.as_mut()
    }

    /// The id of an origin.
    pub(crate) fn id(&self, origin: &Origin) -> Option<u32> {
        self.ids.get(origin).copied()
    }

    /// Charges an origin's breaker.
    pub(crate) fn charge(&mut self, id: u32, now: Instant) {
        if let Some(upstream) = self.get(id) {
            upstream.breaker.charge(now);
            if upstream.breaker.is_open(now) {
                self.tripped.insert(id);
            }
        }
    }

    /// An attempt ended well at this origin.
    pub(crate) fn success(&mut self, id: u32) {
        if let Some(upstream) = self.get(id) {
            upstream.breaker.success();
            upstream.failures.success();
            self.tripped.remove(&id);
        }
    }

    /// Whether every origin of the site has as many leases as it may.
    pub(crate) fn is_crowded(&self, site: usize) -> bool {
        self.sites.get(site).is_some_and(|site| site.crowded)
    }

    /// Whether an origin has as many leases as it may.
    pub(crate) fn is_taken(&self, id: u32) -> bool {
        self.full.contains(&id)
    }

    fn is_full(&self, site: usize) -> bool {
        self.sites.get(site).is_some_and(|site| site.upstreams.iter().all(|id| self.full.contains(id)))
    }

    /// Notes whether every permit of an origin is taken; whether that is news.
    fn fill(&mut self, id: u32) -> bool {
        let full = self.most.is_some_and(|most| self.upstream(id).is_some_and(|upstream| upstream.permits >= most));
        if full { self.full.insert(id) } else { self.full.remove(&id) }
    }

    fn upstream(&self, id: u32) -> Option<&Upstream> {
        self.upstreams.get(id as usize)?.as_ref()
    }

    /// The sites that have no origin for this request.
    pub(crate) fn closed_to(&self, errand: &Errand<'_>) -> Vec<u32> {
        let unreachable = errand.unreachable.iter().filter_map(|origin| self.id(origin));
        let tripped = self.tripped.iter().copied().filter(|_| errand.further);
        let full = self.full.iter().copied().filter(|_| errand.connected);
        let users = unreachable.chain(tripped).chain(full).filter_map(|id| self.users.get(id as usize)).flatten();
        let closed = |site: &u32| {
            let site = self.sites.get(*site as usize);
            site.is_some_and(|site| !site.upstreams.iter().any(|&id| self.allows(id, errand)))
        };
        let mut sites: Vec<u32> = users.copied().filter(closed).collect();
        sites.sort_unstable();
        sites.dedup();
        sites
    }

    fn allows(&self, id: u32, errand: &Errand<'_>) -> bool {
        let Some(upstream) = self.upstream(id) else { return false };
        !(errand.unreachable.contains(&upstream.origin)
            || errand.further && upstream.breaker.is_open(errand.now)
            || errand.connected && self.full.contains(&id))
    }

    /// Whether an open breaker is what keeps this request from some key.
    pub(crate) fn stops(&self, want: &Want, now: Instant) -> bool {
        let errand = Errand { unreachable: &want.unreachable, further: false, connected: false, now };
        !want.tried.is_empty()
            && self.closed_to(&Errand { further: true, ..errand }).len() > self.closed_to(&errand).len()
    }

    /// The base URL for a request at this site: in turn, those whose breaker is closed first. The index of the base
    /// URL and the id of its origin; `None` when none that it may go to has a permit left.
    pub(crate) fn choose(&mut self, site: usize, errand: &Errand<'_>) -> Option<(u32, u32)> {
        let chosen = {
            let site = self.sites.get(site)?;
            let count = site.upstreams.len() as u32;
            let order = (0..count).map(|k| (site.next + k) % count);
            let usable = order.filter_map(|base| {
                let id = site.upstreams[base as usize];
                let upstream = self.upstream(id)?;
                self.allows(id, errand).then(|| (upstream.breaker.is_open(errand.now), base, id))
            });
            usable.min_by_key(|&(open, ..)| open)
        };
        let (_, base, id) = chosen?;
        let site = self.sites.get_mut(site)?;
        site.next = (base + 1) % site.upstreams.len().max(1) as u32;
        Some((base, id))
    }

    /// Takes a permit. The sites that are crowded from now on.
    pub(crate) fn take_permit(&mut self, id: u32) -> Vec<u32> {
        self.permit(id, |permits| permits + 1)
    }

    /// Gives a permit back. The sites that are not crowded any more.
    pub(crate) fn give_permit(&mut self, id: u32) -> Vec<u32> {
        self.permit(id, |permits| permits.saturating_sub(1))
    }

    fn permit(&mut self, id: u32, count: impl Fn(u32) -> u32) -> Vec<u32> {
        if let Some(upstream) = self.get(id) {
            upstream.permits = count(upstream.permits);
        }
        let mut changed = Vec::new();
        if !self.fill(id) {
            return changed;
        }
        for n in 0..self.users.get(id as usize).map_or(0, Vec::len) {
            let site = self.users[id as usize][n];
            let full = self.is_full(site as usize);
            if let Some(known) = self.sites.get_mut(site as usize).filter(|known| known.crowded != full) {
                known.crowded = full;
                changed.push(site);
            }
        }
        changed
    }
}
