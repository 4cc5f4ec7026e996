//! What an upstream sends, through a whole session: what the client gets is what the RFCs' reader finds in the same bytes.
//!
//! The first byte says who asks and how the upstream ends; the rest is what it sends.

use super::cuts;
use super::passage::Passage;
use crate::differential::answers::{Ending, Expected, Mode};
use keywheel_core::session::Side;

/// Runs it.
pub fn run(data: &[u8]) {
    let Some((mode, bytes)) = data.split_first() else { return };
    let mode = Mode::of(*mode);
    let expected = Expected::of(bytes, mode);
    for pieces in cuts(bytes) {
        one(bytes, &pieces, mode, &expected);
    }
}

fn one(bytes: &[u8], pieces: &[usize], mode: Mode, expected: &Expected) {
    let mut passage = Passage::new();
    passage.answer_first_by_hand();
    assert!(passage.send(Side::Downstream, mode.first("").as_bytes()));
    let mut sent = 0;
    for piece in super::pieces(bytes, pieces) {
        // What a connection that is given up or kept would still have brought is the driver's to drop.
        if !passage.world.linked {
            break;
        }
        sent += if passage.send(Side::Upstream, piece) { piece.len() } else { 0 };
    }
    if passage.world.parked > 0 {
        assert_eq!(expected.kept(), Some(sent), "a connection was kept that is not clean");
    } else if passage.world.linked {
        match mode.end {
            Ending::Fin => passage.world.eof(Side::Upstream),
            Ending::Reset => passage.world.lose(Side::Upstream),
            Ending::Silence => {}
        }
    }
    // The two ends of a tunnel end for themselves.
    if !(expected.switches() && passage.client.windows(13).any(|line| line == b"HTTP/1.1 101 ")) {
        passage.settle();
        passage.send(Side::Downstream, Mode::second("").as_bytes());
        assert!(passage.arrived().len() <= 2, "no request is sent twice");
    }
    passage.finish();
    expected.check(&passage.client, passage.ended_in_order(), mode);
}
