//! I6 for tunnels: the provider's WebSocket echoes frames.

use super::evidence::Request;

/// What came through a tunnel is what was sent, unmasked, as far as it came.
pub(super) fn judge(request: &Request<'_>, say: &mut impl FnMut(String)) {
    let (outcome, answer) = (request.outcome, &request.outcome.answer);
    let echo = echoes(&outcome.errand.frames);
    if !echo.starts_with(&answer.body) {
        say(format!("I6 a tunnel gave {} bytes that are not the echo of what was sent", answer.body.len()));
    }
}

/// The frames (RFC 6455 section 5.2) as a server sends them back.
fn echoes(mut frames: &[u8]) -> Vec<u8> {
    let mut echo = Vec::new();
    while let [first, second, rest @ ..] = frames {
        let wide = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let number = rest[..wide].iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
        let len = if wide == 0 { usize::from(second & 0x7f) } else { number };
        echo.extend([*first, second & 0x7f]);
        echo.extend(&rest[..wide]);
        let (mask, payload) = rest[wide..].split_at(4);
        echo.extend(payload[..len].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frames = &payload[len..];
    }
    echo
}
