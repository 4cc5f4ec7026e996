//! Byte classes and list syntax of RFC 9110 section 5.6.

/// A class of bytes as a table, one load per byte.
pub(crate) struct Class([bool; 256]);

impl Class {
    /// Letters, digits and the bytes of `extra`.
    pub(crate) const fn alphanumeric_and(extra: &[u8]) -> Class {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 128 {
            table[byte] = (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        let mut i = 0;
        while i < extra.len() {
            table[extra[i] as usize] = true;
            i += 1;
        }
        Class(table)
    }

    /// 0x21 to 0x7e without the bytes of `but`.
    pub(crate) const fn visible_but(but: &[u8]) -> Class {
        let mut table = [false; 256];
        let mut byte = 0x21;
        while byte < 0x7f {
            table[byte] = true;
            byte += 1;
        }
        let mut i = 0;
        while i < but.len() {
            table[but[i] as usize] = false;
            i += 1;
        }
        Class(table)
    }

    /// Whether `byte` belongs to it.
    #[inline]
    pub(crate) fn has(&self, byte: u8) -> bool {
        self.0[byte as usize]
    }

    /// Whether every byte belongs to it.
    #[inline]
    pub(crate) fn all(&self, bytes: &[u8]) -> bool {
        bytes.iter().all(|b| self.has(*b))
    }
}

/// `tchar`: what methods, field names and connection options are made of (RFC 9110 section 5.6.2).
pub(crate) static TCHAR: Class = Class::alphanumeric_and(b"!#$%&'*+-.^_`|~");

/// The members of a comma-separated list, white space around them removed, empty ones kept.
#[inline]
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(trim)
}

/// Without the optional white space (space and tab) at both ends.
#[inline]
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// A decimal number of digits only; None when it is empty, has another byte, or does not fit.
#[inline]
pub(crate) fn decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u64, |n, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

/// Whether `name` is `field` (lower case) to a server that reads `_` as `-`, as CGI and its heirs do.
pub(crate) fn reads_as(name: &[u8], field: &[u8]) -> bool {
    let read = |b: &u8| if *b == b'_' { b'-' } else { b.to_ascii_lowercase() };
    name.len() == field.len() && name.iter().map(read).eq(field.iter().copied())
}
