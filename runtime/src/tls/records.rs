//! Where a direction of ciphertext stands between TLS records (RFC 8446 section 5.1), without reading what is in them.

/// Follows the records of one direction.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// Bytes of the next record's header that have passed.
    header: u8,
    /// The length that it states, as far as it is there.
    length: u16,
    /// Bytes of the record's body that are still to come.
    left: u16,
}

/// Type, version, length.
const HEADER: u8 = 5;

impl Records {
    /// These bytes follow.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while let [first, rest @ ..] = bytes {
            if 0 < self.left {
                let n = bytes.len().min(usize::from(self.left));
                self.left -= n as u16;
                bytes = &bytes[n..];
                continue;
            }
            self.header += 1;
            self.length = self.length << 8 | u16::from(*first);
            if self.header == HEADER {
                (self.header, self.left) = (0, self.length);
            }
            bytes = rest;
        }
    }

    /// Whether every record that began has ended.
    pub(super) fn are_whole(&self) -> bool {
        self.header == 0 && self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_followed_however_they_are_cut() {
        let stream = [&b"\x17\x03\x03\0\x02hi"[..], b"\x17\x03\x03\0\0", b"\x17\x03\x03\x01\x01", &[7; 257]].concat();
        let ends = [7, 12, stream.len()];
        for step in [1, 2, 5, 300] {
            let (mut records, mut at) = (Records::default(), 0);
            for piece in stream.chunks(step) {
                records.pass(piece);
                at += piece.len();
                assert_eq!(records.are_whole(), ends.contains(&at), "after {at} bytes, {step} at a time");
            }
        }
    }
}
