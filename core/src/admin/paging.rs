//! One page of a list.

use core::ops::Range;

/// Which page of a list is asked for, and how long pages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    page: u32,
    rows: usize,
}

impl Paging {
    /// Page `page` (from 1; 0 reads as 1) of `rows` rows each (at least 1).
    pub fn new(page: u32, rows: usize) -> Self {
        Paging { page: page.max(1), rows: rows.max(1) }
    }

    /// The page's number.
    pub fn page(&self) -> u32 {
        self.page
    }

    /// Which of `total` rows are on the page: none beyond the end.
    pub fn range(&self, total: usize) -> Range<usize> {
        let start = (self.page as usize - 1).saturating_mul(self.rows).min(total);
        start..start.saturating_add(self.rows).min(total)
    }

    /// The number of the next page, if there is one.
    pub fn next(&self, total: usize) -> Option<u32> {
        if self.range(total).end < total { self.page.checked_add(1) } else { None }
    }
}
