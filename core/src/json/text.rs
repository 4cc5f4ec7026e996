//! The inside of a JSON string: escapes decoded, in pieces of any size (RFC 8259 section 7).

use memchr::memchr2;

/// Decodes a string from behind its opening quote.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unescape {
    state: State,
    /// A high surrogate that waits for its low half; 0 when there is none.
    high: u16,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Plain,
    /// Behind a backslash.
    Slash,
    /// Behind `\u`: hexadecimal digits still to come, and what they said so far.
    Hex(u8, u16),
}

impl Unescape {
    /// Takes bytes up to and including the closing quote and hands what they mean to `out`, in order.
    /// Returns how many were taken, and whether the quote was among them.
    pub(super) fn feed(&mut self, bytes: &[u8], mut out: impl FnMut(&[u8])) -> (usize, bool) {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.state {
                State::Plain => {
                    let rest = &bytes[at..];
                    let run = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                    if run > 0 {
                        self.flush(&mut out);
                        out(&rest[..run]);
                    }
                    at += run;
                    match rest.get(run) {
                        Some(b'"') => {
                            self.flush(&mut out);
                            return (at + 1, true);
                        }
                        Some(_) => self.state = State::Slash,
                        None => break,
                    }
                }
                State::Slash if byte == b'u' => self.state = State::Hex(4, 0),
                State::Slash => {
                    self.state = State::Plain;
                    self.flush(&mut out);
                    out(&[simple(byte)]);
                }
                State::Hex(left, code) => self.hex(byte, left, code, &mut out),
            }
            at += 1;
        }
        (bytes.len(), false)
    }

    fn hex(&mut self, byte: u8, left: u8, code: u16, out: &mut impl FnMut(&[u8])) {
        // A bad digit counts as zero: the text is malformed then, and nobody relies on what it says.
        let digit = (byte as char).to_digit(16).unwrap_or(0) as u16;
        let code = code << 4 | digit;
        if left > 1 {
            self.state = State::Hex(left - 1, code);
            return;
        }
        self.state = State::Plain;
        match (self.high, code) {
            (high @ 0xD800..0xDC00, 0xDC00..0xE000) => {
                self.high = 0;
                let wide = 0x10000 + (u32::from(high - 0xD800) << 10) + u32::from(code - 0xDC00);
                put(wide, out);
            }
            (_, 0xD800..0xDC00) => {
                self.flush(out);
                self.high = code;
            }
            _ => {
                self.flush(out);
                put(u32::from(code), out);
            }
        }
    }

    /// A high surrogate without its other half reads as U+FFFD.
    fn flush(&mut self, out: &mut impl FnMut(&[u8])) {
        if self.high != 0 {
            self.high = 0;
            put(0xFFFD, out);
        }
    }
}

fn put(code: u32, out: &mut impl FnMut(&[u8])) {
    let char = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out(char.encode_utf8(&mut [0; 4]).as_bytes());
}

/// What the letter behind a backslash stands for.
fn simple(letter: u8) -> u8 {
    match letter {
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        other => other,
    }
}
