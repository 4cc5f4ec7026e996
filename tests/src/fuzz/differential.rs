//! What a client sends, through a whole session: what arrives is what the RFCs' reader finds in the same bytes.

use super::cuts;
use super::passage::Passage;
use crate::differential::{Seen, requests};
use keywheel_core::session::Side;

/// Runs it.
pub fn run(data: &[u8]) {
    for pieces in cuts(data) {
        let mut passage = Passage::new();
        for piece in super::pieces(data, &pieces) {
            passage.send(Side::Downstream, piece);
        }
        passage.finish();
        let arrived = passage.arrived();
        requests::judge(data, Seen { client: &passage.client, in_order: passage.ended_in_order(), arrived });
    }
}
