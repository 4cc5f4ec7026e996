//! Finds secrets in what came out: any 8 bytes of a key or token after its fixed prefix.

/// Length of a window that gives a secret away.
const WINDOW: usize = 8;
/// Bits of the sieve, a power of two.
const SIEVE: usize = 1 << 18;

/// What is secret.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// Each window as a number, with the number of the secret it is of; sorted.
    windows: Vec<(u64, usize)>,
    /// A bit for what each window's hash begins with: most bytes that pass are seen there to be harmless.
    sieve: Vec<u64>,
}

impl Secrets {
    /// These secrets.
    pub fn new<'s>(all: impl Iterator<Item = &'s str>) -> Self {
        let mut secrets = Secrets { windows: Vec::new(), sieve: vec![0; SIEVE / 64] };
        for (n, secret) in all.enumerate() {
            let private = secret.strip_prefix("sk-").unwrap_or(secret);
            let private = private.strip_prefix("proj-").unwrap_or(private);
            for window in private.as_bytes().windows(WINDOW).map(number) {
                secrets.windows.push((window, n));
                let bit = place(window);
                secrets.sieve[bit / 64] |= 1 << (bit % 64);
            }
        }
        secrets.windows.sort_unstable();
        secrets
    }

    /// The first secret of which a part stands in `bytes`, and where.
    pub fn find_in(&self, bytes: &[u8]) -> Option<String> {
        let suspect = |window: u64| {
            let bit = place(window);
            self.sieve[bit / 64] >> (bit % 64) & 1 == 1
        };
        let suspects = bytes.windows(WINDOW).map(number).enumerate().filter(|(_, window)| suspect(*window));
        let (at, n) = suspects.into_iter().find_map(|(at, window)| {
            let found = self.windows.binary_search_by_key(&window, |(known, _)| *known).ok()?;
            Some((at, self.windows[found].1))
        })?;
        Some(format!("secret {n} at byte {at}"))
    }
}

/// A window as a number.
fn number(window: &[u8]) -> u64 {
    u64::from_le_bytes(window.try_into().unwrap_or_default())
}

/// Its bit in the sieve.
fn place(window: u64) -> usize {
    (window.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SIEVE.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_after_the_prefix_give_a_secret_away() {
        let secrets = Secrets::new(["sk-proj-abcdefghijkl"].into_iter());
        assert!(secrets.find_in(b"xx bcdefghi yy").is_some());
        assert!(secrets.find_in(b"sk-proj-abcdefg").is_none());
    }
}
