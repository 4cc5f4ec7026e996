//! Dot segments, in every spelling that some server behind us may read as one.
//!
//! A path that holds one could leave the prefix that the operator gave, or reach an upstream's admin path.

/// Whether the path holds a backslash, or a segment that reads as `.` or `..`.
///
/// Escaped octets are read as what they stand for, however often the `%` itself is escaped; an escaped slash or
/// backslash ends a segment as a plain one does; what follows a `;` is a parameter of its segment.
pub(super) fn any(path: &[u8]) -> bool {
    if memchr::memchr3(b'.', b'%', b'\\', path).is_none() {
        return false;
    }
    let mut segment = Segment::Empty;
    let mut rest = path;
    while let Some((octet, escaped, after)) = next(rest) {
        rest = after;
        if octet == b'\\' && !escaped {
            return true;
        }
        segment = match (segment, octet) {
            (Segment::Dots(1 | 2), b'/' | b'\\') => return true,
            (_, b'/' | b'\\') => Segment::Empty,
            // A parameter ends the name; whether it was one of dots is known by now.
            (Segment::Dots(1 | 2), b';') => return true,
            (Segment::Empty, b'.') => Segment::Dots(1),
            (Segment::Dots(n), b'.') => Segment::Dots(n.saturating_add(1)),
            _ => Segment::Name,
        };
    }
    matches!(segment, Segment::Dots(1 | 2))
}

/// What a segment has been so far.
#[derive(Clone, Copy)]
enum Segment {
    /// Nothing.
    Empty,
    /// So many dots.
    Dots(u8),
    /// Something else.
    Name,
}

/// The first octet after decoding, whether it was escaped, and what follows it.
fn next(bytes: &[u8]) -> Option<(u8, bool, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first != b'%' {
        return Some((*first, false, rest));
    }
    // `%25` is an escaped `%`: a server that decodes twice reads `%252e` as `.`.
    let mut digits = rest;
    while let Some(after) = digits.strip_prefix(b"25") {
        digits = after;
    }
    if let [high, low, after @ ..] = digits
        && let (Some(high), Some(low)) = (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
    {
        return Some((u8::try_from(high * 16 + low).unwrap_or(b'%'), true, after));
    }
    // No octet follows: a `%`, escaped or stray. The 25s that were passed over belong to it.
    Some((b'%', true, digits))
}
