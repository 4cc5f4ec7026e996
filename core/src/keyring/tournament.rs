//! A tournament: the best of many entrants, kept as a binary tree of winners.
//!
//! When one entrant gets better or worse, only its own matches are played anew, as many as the tree is deep; the
//! winner is read off. So choosing among ten thousand keys costs the same however many of them are out.

/// No entrant.
const NOBODY: u32 = u32::MAX;

/// The tree. Entrants are numbered leaves; which of two is better is the caller's to say, by a total order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tournament {
    /// Winners of matches: 1 is the final, the children of `n` are `2n` and `2n + 1`, the last half are the leaves.
    nodes: Vec<u32>,
}

impl Tournament {
    /// A tournament of so many leaves, a power of two; nobody has entered.
    pub(crate) fn new(leaves: usize) -> Self {
        Tournament { nodes: vec![NOBODY; 2 * leaves.next_power_of_two()] }
    }

    fn leaves(&self) -> usize {
        self.nodes.len() / 2
    }

    /// Plays every match, among the leaves that `enters` says.
    pub(crate) fn replay(&mut self, enters: impl Fn(u32) -> bool, mut better: impl FnMut(u32, u32) -> bool) {
        let leaves = self.leaves();
        for leaf in 0..leaves {
            self.nodes[leaves + leaf] = if enters(leaf as u32) { leaf as u32 } else { NOBODY };
        }
        for node in (1..leaves).rev() {
            self.play(node, &mut better);
        }
    }

    /// The entrant has got better or worse.
    pub(crate) fn update(&mut self, leaf: u32, mut better: impl FnMut(u32, u32) -> bool) {
        self.climb(self.leaves() + leaf as usize, &mut better);
    }

    /// Sends everybody of a block of leaves (a power of two of them, aligned) home; [`Tournament::readmit`] undoes it.
    pub(crate) fn suspend(&mut self, first: u32, count: u32, mut better: impl FnMut(u32, u32) -> bool) {
        let node = self.node(first, count);
        if let Some(winner) = self.nodes.get_mut(node) {
            *winner = NOBODY;
            self.climb(node, &mut better);
        }
    }

    /// Takes a suspended block back; its matches stand as they were.
    pub(crate) fn readmit(&mut self, first: u32, count: u32, mut better: impl FnMut(u32, u32) -> bool) {
        let node = self.node(first, count);
        if node < self.leaves() {
            self.play(node, &mut better);
        } else if let Some(winner) = self.nodes.get_mut(node) {
            *winner = first;
        }
        self.climb(node, &mut better);
    }

    /// The best of all.
    pub(crate) fn winner(&self) -> Option<u32> {
        self.nodes.get(1).copied().filter(|&winner| winner != NOBODY)
    }

    fn node(&self, first: u32, count: u32) -> usize {
        (self.leaves() + first as usize) >> count.max(1).ilog2()
    }

    fn climb(&mut self, mut node: usize, better: &mut impl FnMut(u32, u32) -> bool) {
        node /= 2;
        while node > 0 {
            self.play(node, better);
            node /= 2;
        }
    }

    fn play(&mut self, node: usize, better: &mut impl FnMut(u32, u32) -> bool) {
        let (Some(&a), Some(&b)) = (self.nodes.get(2 * node), self.nodes.get(2 * node + 1)) else { return };
        self.nodes[node] = match (a, b) {
            (a, NOBODY) => a,
            (NOBODY, b) => b,
            (a, b) if better(b, a) => b,
            (a, _) => a,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Beside a scan of all.
    #[test]
    fn the_winner_is_the_best_of_all() {
        for seed in 0..200 {
            let mut rng = Rng::new(seed);
            let n = 1 << rng.below(7);
            let mut worth: Vec<u64> = (0..n).map(|_| rng.below(9) as u64).collect();
            let mut enters: Vec<bool> = (0..n).map(|_| rng.below(4) > 0).collect();
            let mut tree = Tournament::new(n);
            let order = |worth: &[u64], a: u32, b: u32| (worth[a as usize], a) < (worth[b as usize], b);
            tree.replay(|leaf| enters[leaf as usize], |a, b| order(&worth, a, b));
            for _ in 0..60 {
                let leaf = rng.below(n);
                if rng.below(3) == 0 && enters[leaf] {
                    tree.suspend(leaf as u32, 1, |a, b| order(&worth, a, b));
                    enters[leaf] = false;
                } else {
                    if !enters[leaf] {
                        tree.readmit(leaf as u32, 1, |a, b| order(&worth, a, b));
                        enters[leaf] = true;
                    }
                    worth[leaf] = rng.below(9) as u64;
                    tree.update(leaf as u32, |a, b| order(&worth, a, b));
                }
                let best = (0..n).filter(|&k| enters[k]).min_by_key(|&k| (worth[k], k));
                assert_eq!(tree.winner(), best.map(|k| k as u32), "seed {seed}");
            }
        }
    }

    #[test]
    fn a_block_goes_and_comes_back() {
        let mut tree = Tournament::new(8);
        let better = |a: u32, b: u32| a < b;
        tree.replay(|_| true, better);
        tree.suspend(0, 4, better);
        assert_eq!(tree.winner(), Some(4));
        tree.readmit(0, 4, better);
        assert_eq!(tree.winner(), Some(0));
    }

    #[test]
    fn nobody_wins_an_empty_tournament() {
        assert_eq!(Tournament::default().winner(), None);
        assert_eq!(Tournament::new(4).winner(), None);
    }
}
