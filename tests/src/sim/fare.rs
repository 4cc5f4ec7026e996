//! What clients may ask in one world: kinds of errands and wishes about answers, with weights.

use super::dice::Dice;
use super::swarm::{odds, weight};
use super::variety::Variety;
use super::workload::{KINDS, LATER_KINDS};
use keywheel_runtime::fake::ROWS;

/// What clients may ask, with weights; a weight of 0 switches a variant off.
#[derive(Clone, Debug)]
pub struct Fare {
    /// Weights of the kinds of errands, in the order of `workload::KINDS`.
    pub kinds: Vec<u32>,
    /// Weights of the wishes about answers.
    pub wishes: Vec<(String, u32)>,
    /// Per cent of errands whose client leaves early.
    pub leaving: u32,
    /// Per cent of errands whose client reads no more from some time on, and holds its connection open.
    pub deaf: u32,
    /// Per cent of errands that are mangled.
    pub mangling: u32,
    /// Per cent of clients that read slowly, and that pipeline.
    pub slow: u32,
    /// What is said in other words.
    pub variety: Variety,
    /// See `slow`.
    pub pipelining: u32,
}

/// Errors that may come in pieces.
const SLOW: [&str; 4] = ["rate_requests", "overloaded", "server_error", "bad_request"];

/// An error whose body does not come at once: it is judged before its end.
pub(super) fn in_pieces(row: &str, dice: &mut Dice) -> String {
    format!("error={row},stall_ms={},stall_at={}", dice.range(50, 9_000), dice.range(0, 120))
}

impl Fare {
    /// Draws one.
    pub fn drawn(dice: &mut Dice, calm: bool) -> Self {
        let mut later = dice.child(104);
        let mut deafness = dice.child(111);
        let mut kinds: Vec<u32> = (0..KINDS.len()).map(|_| weight(dice, 35)).collect();
        if kinds.iter().all(|weight| *weight == 0) {
            kinds[0] = 1;
        }
        let mut wishes = vec![(String::new(), 64)];
        if !calm {
            for row in &ROWS {
                wishes.push((format!("error={}", row.name), if dice.chance(85) { 0 } else { weight(dice, 0) }));
            }
            let n = dice.range(0, 3_000);
            let odd = [
                "hang".to_owned(),
                "garble".to_owned(),
                "early".to_owned(),
                "early,close".to_owned(),
                "http10".to_owned(),
                "length=+5".to_owned(),
                "length=99999".to_owned(),
                "status=499,code=weird".to_owned(),
                "error=rate_requests,retry_after=-1".to_owned(),
                "error=rate_requests,retry_after=99999999999999999999".to_owned(),
                "error=rate_tokens,retry_after=Wed%2C 21 Oct 2026 07:28:00 GMT".to_owned(),
                "error=insufficient_quota,echo_key".to_owned(),
                "error=bad_request,echo_key".to_owned(),
                "error=server_error,echo_key=head".to_owned(),
                "error=overloaded,should_retry=false".to_owned(),
                "interim=20".to_owned(),
                "fields=400".to_owned(),
                "fields=60,field_size=2000".to_owned(),
                "event_error=server_error".to_owned(),
                "event_error=insufficient_quota".to_owned(),
                format!("cut_head={n}"),
                format!("reset_head={}", n / 10),
                format!("cut_after={n}"),
                format!("reset_after={n}"),
                format!("noise={}", n + 1),
                format!("stall_ms={},stall_at={}", n * 9, n / 7),
                format!("delay_ms={}", n * 5),
                format!("error=rate_requests,retry_after_ms={}", n * 4),
            ];
            wishes.extend(odd.into_iter().map(|wish| (wish, if dice.chance(70) { 0 } else { weight(dice, 0) })));
            wishes.extend(SLOW.map(|row| (in_pieces(row, &mut later), weight(&mut later, 70))));
        }
        let n = dice.range(1, 40);
        wishes.extend(fine(n).into_iter().map(|wish| (wish, weight(dice, 40))));
        kinds.extend(LATER_KINDS.map(|_| weight(&mut later, 60) / 4));
        Fare {
            kinds,
            wishes,
            leaving: if calm { 0 } else { odds(dice, 30) },
            deaf: if calm || deafness.chance(70) { 0 } else { deafness.range(1, 20) as u32 },
            mangling: odds(dice, 25),
            variety: Variety::drawn(&mut dice.child(114), calm),
            slow: odds(dice, 50),
            pipelining: odds(dice, 50),
        }
    }
}

/// Wishes about answers that are good ones.
fn fine(n: u64) -> [String; 11] {
    [
        "until_close".to_owned(),
        "chunked".to_owned(),
        "trailers".to_owned(),
        "gzip".to_owned(),
        "close".to_owned(),
        "event_comments".to_owned(),
        "interim=2".to_owned(),
        format!("chunks={n},size={}", n * 10),
        format!("interval_ms={n},chunks={}", n / 2),
        format!("bytes={}", n * 5_000),
        format!("delay_ms={n}"),
    ]
}
