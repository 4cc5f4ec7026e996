//! The key's echo: some providers quote the key in their errors. No eight bytes of its private part may reach a client.
//!
//! The text is rolled over once, eight bytes at a time; each window is looked up in the sorted windows of the key,
//! behind a small filter that turns nearly all of them away. So the time is linear in the text, whatever the key's
//! length (a JWT has thousands of windows).

use super::gzip;
use core::fmt;
use zeroize::Zeroize;

/// Bytes of a window: as many of a key, in a row, are an echo.
pub const WINDOW: usize = 8;
/// Most that is written out of a gzip body with an echo in it.
const IDENTITY: usize = 1024 * 1024;

/// Finds and masks pieces of one key. Holds the key's windows, so it is as secret as the key.
pub struct Echo {
    /// Every window of the private part, sorted.
    windows: Vec<u64>,
    /// A bit for each hash that some window has; a power of two of words.
    filter: Vec<u64>,
}

/// A gzip body with an echo, as it goes out instead.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity {
    /// The content, masked, without coding.
    pub body: Vec<u8>,
    /// Whether that is all of it. Where it is not, the answer ends here and must be seen to be cut.
    pub whole: bool,
}

impl Echo {
    /// For a key with this private part ([`KeyEntry::private_part`](crate::config::KeyEntry::private_part)). A part
    /// shorter than [`WINDOW`] has no window and is never found.
    pub fn new(private_part: &[u8]) -> Self {
        let mut windows: Vec<u64> =
            private_part.windows(WINDOW).map(|w| w.iter().fold(0, |word, b| word << 8 | u64::from(*b))).collect();
        windows.sort_unstable();
        windows.dedup();
        let mut echo = Echo { filter: vec![0; (windows.len() / 4).next_power_of_two()], windows };
        for at in 0..echo.windows.len() {
            let (word, bit) = echo.place(echo.windows[at]);
            echo.filter[word] |= bit;
        }
        echo
    }

    /// Overwrites every piece of the key in `text` with `*`, in place. Whether there was one.
    pub fn mask(&self, text: &mut [u8]) -> bool {
        self.roll(&mut Rolled::default(), text)
    }

    /// The same for a text that goes on after what was `rolled` over.
    fn roll(&self, rolled: &mut Rolled, text: &mut [u8]) -> bool {
        let mut masked_to = 0;
        for at in 0..text.len() {
            // The window is rolled from bytes not masked yet, so overlapping pieces are all found.
            rolled.take(text[at]);
            if rolled.len >= WINDOW && self.holds(rolled.window) {
                text[masked_to.max((at + 1).saturating_sub(WINDOW))..=at].fill(b'*');
                masked_to = at + 1;
            }
        }
        masked_to > 0
    }

    /// Looks into a gzip body (its beginning, as far as it is there): when a piece of the key stands in the first
    /// `searched` bytes of its content, the content to send instead, up to 1 MiB of it.
    pub fn mask_gzip(&self, body: &[u8], searched: usize) -> Option<Identity> {
        let mut seen = gzip::decode(body, searched)?.bytes;
        if !self.mask(&mut seen) {
            return None;
        }
        let mut content = gzip::decode(body, IDENTITY)?;
        self.mask(&mut content.bytes);
        Some(Identity { body: content.bytes, whole: content.whole })
    }

    fn holds(&self, window: u64) -> bool {
        let (word, bit) = self.place(window);
        self.filter[word] & bit != 0 && self.windows.binary_search(&window).is_ok()
    }

    /// The filter's word and bit for a window.
    fn place(&self, window: u64) -> (usize, u64) {
        // Fibonacci hashing: the high bits of the product depend on all bytes of the window.
        let hash = window.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        ((hash >> 6) as usize & (self.filter.len() - 1), 1 << (hash & 63))
    }
}

/// The last bytes of a text, and how many there were of it.
#[derive(Default)]
struct Rolled {
    window: u64,
    len: usize,
}

impl Rolled {
    fn take(&mut self, byte: u8) {
        self.window = self.window << 8 | u64::from(byte);
        self.len += 1;
    }
}

/// Masks what follows a text whose beginning has gone out already, piece by piece: of a window that begins there, the
/// bytes that are still to come.
pub struct Rest {
    echo: Echo,
    rolled: Rolled,
    /// Bytes still to be searched.
    left: usize,
}

impl Rest {
    /// What follows `before` (as it was before it was masked), searched for so many bytes more.
    pub fn new(echo: Echo, before: &[u8], left: usize) -> Self {
        let mut rolled = Rolled::default();
        before.iter().skip(before.len().saturating_sub(WINDOW)).for_each(|byte| rolled.take(*byte));
        Rest { echo, rolled, left }
    }

    /// Overwrites every piece of the key in the next piece of the text.
    pub fn mask(&mut self, piece: &mut [u8]) {
        let searched = self.left.min(piece.len());
        self.left -= searched;
        self.echo.roll(&mut self.rolled, &mut piece[..searched]);
    }
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rest(…)")
    }
}

impl Drop for Rolled {
    fn drop(&mut self) {
        self.window.zeroize();
    }
}

impl fmt::Debug for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Echo(…)")
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.windows.zeroize();
        self.filter.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::super::gzip::tests::gzip;
    use super::*;

    const PRIVATE: &[u8] = b"AbCdEfGhIjKlMnOpQrStUvWxYz0123456789";

    fn masked(text: &str) -> (String, bool) {
        let mut bytes = text.as_bytes().to_vec();
        let hit = Echo::new(PRIVATE).mask(&mut bytes);
        (String::from_utf8(bytes).unwrap(), hit)
    }

    #[test]
    fn any_eight_bytes_in_a_row_are_masked_and_seven_are_not() {
        for from in 0..=PRIVATE.len() - 8 {
            for len in 1..=PRIVATE.len() - from {
                let piece = core::str::from_utf8(&PRIVATE[from..from + len]).unwrap();
                let shown = if len >= 8 { "*".repeat(len) } else { piece.to_owned() };
                assert_eq!(masked(&format!("key: sk-{piece}.")), (format!("key: sk-{shown}."), len >= 8));
            }
        }
    }

    #[test]
    fn pieces_that_touch_and_repeat_are_all_masked() {
        assert_eq!(masked("GhIjKlMnOAbCdEfGh").0, "*".repeat(17));
        assert_eq!(masked("AbCdEfGhAbCdEfG").0, "********AbCdEfG");
        assert_eq!(masked("nothing of it, AbCdEf0123456"), ("nothing of it, AbCdEf0123456".to_owned(), false));
        assert_eq!(masked(""), (String::new(), false));
        let mut same = *b"aaaaaaaaaaaa";
        assert!(Echo::new(b"aaaaaaaaaaaaaaaa").mask(&mut same));
        assert_eq!(same, [b'*'; 12]);
    }

    #[test]
    fn a_piece_that_went_out_in_part_is_masked_from_there_on() {
        let text = [b"key: ", PRIVATE, b" and ", &PRIVATE[..9]].concat();
        for cut in 0..text.len() {
            let (mut first, mut then) = (text[..cut].to_vec(), text[cut..].to_vec());
            let mut rest = Rest::new(Echo::new(PRIVATE), &first, usize::MAX);
            Echo::new(PRIVATE).mask(&mut first);
            then.chunks_mut(3).for_each(|piece| rest.mask(piece));
            let shown = [first, then].concat();
            assert!(!Echo::new(PRIVATE).mask(&mut shown.clone()), "{}", String::from_utf8_lossy(&shown));
            assert!(shown.starts_with(b"key: "));
        }
        let mut beyond = PRIVATE.to_vec();
        Rest::new(Echo::new(PRIVATE), b"", 7).mask(&mut beyond);
        assert_eq!(beyond, PRIVATE);
    }

    #[test]
    fn a_short_private_part_is_never_found() {
        let mut text = *b"sk-1234567";
        assert!(!Echo::new(b"1234567").mask(&mut text) && !Echo::new(b"").mask(&mut text));
    }

    #[test]
    fn a_long_key_is_found_at_both_ends() {
        let key: Vec<u8> =
            (0..4000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 8).to_string().into_bytes()).collect();
        let echo = Echo::new(&key);
        let mut text = [b"x".repeat(60_000), key[key.len() - 8..].to_vec(), b"y".to_vec(), key[..8].to_vec()].concat();
        assert!(echo.mask(&mut text));
        assert_eq!(&text[60_000..], b"********y********");
    }

    #[test]
    fn a_gzip_body_with_an_echo_becomes_its_content() {
        let echo = Echo::new(PRIVATE);
        let text = [b"Incorrect API key provided: ", PRIVATE, b", and more"].concat();
        let clean = [&b"Incorrect API key provided: "[..], &b"*".repeat(PRIVATE.len()), b", and more"].concat();
        let body = gzip(&text, 0, b"");
        assert_eq!(echo.mask_gzip(&body, 65_536), Some(Identity { body: clean, whole: true }));
        assert_eq!(echo.mask_gzip(&gzip(b"nothing of it", 0, b""), 65_536), None);
        assert_eq!(echo.mask_gzip(&text, 65_536), None);
        // Only the first bytes are searched; what is sent instead is masked throughout.
        let late = [b"x".repeat(70_000), PRIVATE.to_vec()].concat();
        assert_eq!(echo.mask_gzip(&gzip(&late, 0, b""), 65_536), None);
        let both = [PRIVATE, &late].concat();
        let sent = echo.mask_gzip(&gzip(&both, 0, b""), 65_536).unwrap();
        assert_eq!(sent.body, [b"*".repeat(36), b"x".repeat(70_000), b"*".repeat(36)].concat());
        // A cut body is sent as far as it can be read.
        let cut = echo.mask_gzip(&body[..body.len() - 12], 65_536);
        assert!(cut.is_some_and(|cut| !cut.whole && cut.body.contains(&b'*')));
    }
}
