//! How much a driver takes from a socket at once.

/// Readers of fewer bytes at once than this take more of them later in a message.
const TINY: usize = 64;
/// Bytes of a message that such a reader takes a few at a time.
const FINE: u64 = 2_000;
/// Most bytes that it takes at once behind them.
const COARSE: u64 = 4_000;

/// The appetite of one side of a connection.
///
/// Byte by byte is how a message is read where its syntax is: its head, and the beginning of its body. What follows
/// comes in pieces of odd sizes, or most time of all worlds would go into the middle of long bodies.
#[derive(Clone, Copy, Debug)]
pub struct Appetite {
    most: usize,
    /// Bytes taken since something was last sent the other way: since a message began.
    taken: u64,
}

impl Appetite {
    /// A reader of at most so many bytes at once, at least 1.
    pub fn new(most: usize) -> Self {
        Appetite { most, taken: 0 }
    }

    /// Most bytes of the next read into this much room.
    pub fn bite(&self, room: usize) -> usize {
        let odd = 1 + self.taken.wrapping_mul(0x9e37_79b9_7f4a_7c15) % COARSE;
        let most = if self.most < TINY && self.taken >= FINE { odd as usize } else { self.most };
        room.min(most)
    }

    /// So many bytes were taken.
    pub fn took(&mut self, n: usize) {
        self.taken += n as u64;
    }

    /// Something was sent the other way: what comes next is another message.
    pub fn turned(&mut self) {
        self.taken = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_byte_by_byte_where_it_begins() {
        let mut tiny = Appetite::new(1);
        for _ in 0..FINE {
            assert_eq!(tiny.bite(9_999), 1);
            tiny.took(1);
        }
        let bites: Vec<usize> = std::iter::repeat_with(|| (tiny.bite(9_999), tiny.took(1)).0).take(50).collect();
        assert!(
            bites.iter().any(|bite| *bite > TINY) && bites.iter().all(|bite| *bite <= COARSE as usize),
            "{bites:?}"
        );
        tiny.turned();
        assert_eq!(tiny.bite(9_999), 1);
        assert_eq!(Appetite::new(700).bite(9_999), 700);
    }
}
