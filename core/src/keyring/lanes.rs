//! Lanes: for each kind of request, all keys in the order in which they would serve it.
//!
//! Requests of which no key is kept by its `models=` or by a limit of one model share one lane. Others have a lane by
//! the keys that may serve them, or by their model while a limit of it is alive. A lane learns of changes by place
//! and replays only those matches, when it is next asked; one that was not asked for long is dropped.

use super::bar::Bar;
use super::book::Book;
use super::menus::Menus;
use super::origins::{Errand, Origins};
use super::roster::Roster;
use super::scope::ModelId;
use super::tournament::Tournament;
use crate::time::Instant;
use std::collections::BTreeMap;

/// What all lanes look at.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) book: Book,
    pub(crate) menus: Menus,
    pub(crate) roster: Roster,
    pub(crate) origins: Origins,
    /// Now; never runs backwards.
    pub(crate) now: Instant,
}

/// One order of all keys.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Menus that allow its requests; `None`: all.
    menus: Option<Vec<u32>>,
    model: Option<ModelId>,
    bars: Vec<Bar>,
    tree: Tournament,
    /// Places that changed since; when there are too many, all.
    changed: Vec<u32>,
    stale: bool,
    allowed: usize,
    asked: u64,
}

impl Lane {
    fn new(menus: Option<Vec<u32>>, model: Option<ModelId>) -> Self {
        let tree = Tournament::default();
        Lane { menus, model, bars: Vec::new(), tree, changed: Vec::new(), stale: true, allowed: 0, asked: 0 }
    }

    fn touch(&mut self, place: u32) {
        if self.stale {
            return;
        }
        self.changed.push(place);
        // A replay of all plays one match a place; an update plays one a level of the tree.
        if self.changed.len() * (self.bars.len().max(1).ilog2() as usize + 1) > self.bars.len().max(64) {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.stale = true;
        self.changed.clear();
    }

    fn bar(&self, place: u32, board: &Board) -> Bar {
        let Some(slot) = board.roster.slot(place) else { return Bar::NOT_ALLOWED };
        match &self.menus {
            Some(menus) if !board.menus.serves(slot, menus) => Bar::NOT_ALLOWED,
            _ => board.book.bar(slot, self.model, board.now),
        }
    }

    /// Brings it up to date.
    fn refresh(&mut self, board: &Board) {
        if self.stale {
            let places = board.roster.len();
            self.bars = (0..places as u32).map(|place| self.bar(place, board)).collect();
            self.allowed = self.bars.iter().filter(|&&bar| bar != Bar::NOT_ALLOWED).count();
            let bars = &self.bars;
            self.tree = Tournament::new(places);
            let enters = |place: u32| bars[place as usize] != Bar::NOT_ALLOWED;
            self.tree.replay(enters, |a, b| precedes(bars, board, a, b));
            self.stale = false;
        }
        while let Some(place) = self.changed.pop() {
            let bar = self.bar(place, board);
            let Some(known) = self.bars.get_mut(place as usize) else { continue };
            *known = bar;
            let bars = &self.bars;
            self.tree.update(place, |a, b| precedes(bars, board, a, b));
        }
    }

    /// What stands between each key and its requests, in no order; vacant places are not allowed.
    pub(crate) fn bars(&self) -> &[Bar] {
        &self.bars
    }

    /// How many keys may serve its requests at all.
    pub(crate) fn allowed(&self) -> usize {
        self.allowed
    }

    /// The best key, and what stands between it and the request.
    pub(crate) fn best(&self, board: &Board) -> Option<(u32, Bar)> {
        let place = self.tree.winner()?;
        Some((place, shown(&self.bars, board, place)))
    }

    /// The best key but for those in `tried` and those at sites that do not serve the errand; where `alive`, of those
    /// that were not found dead.
    pub(crate) fn best_but(
        &mut self,
        tried: &[u32],
        errand: &Errand<'_>,
        alive: bool,
        board: &Board,
    ) -> Option<(u32, Bar)> {
        let closed = board.origins.closed_to(errand);
        let inside = |place: u32| closed.contains(&(board.roster.site(place) as u32));
        let keys = tried.iter().filter(|&&place| !inside(place)).map(|&place| (place, 1));
        let mut out: Vec<(u32, u32)> =
            keys.chain(closed.iter().map(|&site| board.roster.block(site as usize))).collect();
        out.sort_unstable();
        out.dedup();
        out.retain(|&(first, count)| {
            count > 1 || self.bars.get(first as usize).is_some_and(|&bar| bar != Bar::NOT_ALLOWED)
        });
        let Lane { tree, bars, .. } = self;
        for &(first, count) in &out {
            tree.suspend(first, count, |a, b| precedes(bars, board, a, b));
        }
        let mut best = tree.winner();
        while let Some(place) =
            best.filter(|&place| alive && bars[place as usize].is_resting() && !bars[place as usize].is_resting_alive())
        {
            out.push((place, 1));
            tree.suspend(place, 1, |a, b| precedes(bars, board, a, b));
            best = tree.winner();
        }
        for &(first, count) in out.iter().rev() {
            tree.readmit(first, count, |a, b| precedes(bars, board, a, b));
        }
        best.map(|place| (place, shown(bars, board, place)))
    }
}

/// Which requests a lane is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Those that exactly these menus allow.
    Menus(Vec<u32>),
    /// Those for a model of which some limit is alive.
    Model(ModelId),
}

/// All lanes.
#[derive(Debug)]
pub(crate) struct Lanes {
    common: Lane,
    others: BTreeMap<Kind, Lane>,
    most: usize,
    asked: u64,
}

impl Lanes {
    /// At most so many besides the common one.
    pub(crate) fn new(most: usize) -> Self {
        Lanes { common: Lane::new(None, None), others: BTreeMap::new(), most: most.max(1), asked: 0 }
    }

    /// The lane of requests for this model (`None`: not known), up to date.
    pub(crate) fn of(&mut self, model: Option<&str>, board: &Board) -> &mut Lane {
        let kind = model.and_then(|name| {
            let limited = board.book.models.id(name).filter(|&id| board.book.models.is_limited(id));
            limited.map(Kind::Model).or_else(|| {
                let menus = board.menus.restrict().then(|| board.menus.allowing(name));
                menus.filter(|menus| !board.menus.are_all(menus)).map(Kind::Menus)
            })
        });
        self.asked += 1;
        let lane = match kind {
            None => &mut self.common,
            Some(kind) => {
                if !self.others.contains_key(&kind) {
                    self.make_room();
                }
                self.others.entry(kind).or_insert_with_key(|kind| match kind {
                    Kind::Menus(menus) => Lane::new(Some(menus.clone()), None),
                    Kind::Model(id) => {
                        let menus = model.filter(|_| board.menus.restrict()).map(|name| board.menus.allowing(name));
                        Lane::new(menus, Some(*id))
                    }
                })
            }
        };
        lane.asked = self.asked;
        lane.refresh(board);
        lane
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        1 + self.others.len()
    }

    fn make_room(&mut self) {
        if self.others.len() >= self.most
            && let Some(oldest) = self.others.iter().min_by_key(|(_, lane)| lane.asked).map(|(kind, _)| kind.clone())
        {
            self.others.remove(&oldest);
        }
    }

    /// The key in this place has changed, for requests of any model or of this one.
    pub(crate) fn touch(&mut self, place: u32, model: Option<ModelId>) {
        match model {
            Some(model) => {
                if let Some(lane) = self.others.get_mut(&Kind::Model(model)) {
                    lane.touch(place);
                }
            }
            None => {
                self.common.touch(place);
                self.others.values_mut().for_each(|lane| lane.touch(place));
            }
        }
    }

    /// Anything may have changed.
    pub(crate) fn touch_all(&mut self) {
        self.common.forget();
        self.others.values_mut().for_each(Lane::forget);
    }

    /// No limit of this model is alive any more.
    pub(crate) fn close(&mut self, model: ModelId) {
        self.others.remove(&Kind::Model(model));
    }
}

/// A key's bar, or that its site is crowded.
fn shown(bars: &[Bar], board: &Board, place: u32) -> Bar {
    let bar = bars.get(place as usize).copied().unwrap_or(Bar::NOT_ALLOWED);
    let crowded = bar.is_open() && board.origins.is_crowded(board.roster.site(place));
    if crowded { Bar::CROWDED } else { bar }
}

fn precedes(bars: &[Bar], board: &Board, a: u32, b: u32) -> bool {
    board.roster.precedes((a, shown(bars, board, a)), (b, shown(bars, board, b)))
}
