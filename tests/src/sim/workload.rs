//! What clients ask of keywheel in one world: errands and manners, drawn by the weights of its fare.

use super::client::Manner;
use super::dice::Dice;
use super::errand::{Errand, Leave, Leaving, Upload, When};
use super::fare::Fare;
use super::swarm::TOKEN;

/// Kinds of errands.
pub const KINDS: [Kind; 12] = [
    Kind::Chat,
    Kind::StreamedChat,
    Kind::StreamedResponse,
    Kind::Embedding,
    Kind::Models,
    Kind::Head,
    Kind::Download,
    Kind::Upload,
    Kind::ChunkedPut,
    Kind::Expecting,
    Kind::Delete,
    Kind::Admin,
];

/// Kinds that came later: they are drawn behind the others, so that these keep their draws.
pub const LATER_KINDS: [Kind; 3] = [Kind::Realtime, Kind::ResetKeys, Kind::Reload];

/// A kind of errand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// POST chat, answered at once.
    Chat,
    /// POST chat, answered as events.
    StreamedChat,
    /// POST responses, answered as events.
    StreamedResponse,
    /// POST embeddings.
    Embedding,
    /// GET models.
    Models,
    /// HEAD models.
    Head,
    /// GET of many bytes.
    Download,
    /// POST of a file.
    Upload,
    /// PUT in chunks.
    ChunkedPut,
    /// POST that expects 100 first.
    Expecting,
    /// DELETE of something that is not there.
    Delete,
    /// A page of keywheel's own.
    Admin,
    /// A WebSocket, with some frames.
    Realtime,
    /// POST that revives all keys.
    ResetKeys,
    /// POST that reads the configuration anew.
    Reload,
}

/// Fields that end at this hop (RFC 9110 section 7.6.1).
const HOPS: [&str; 6] = [
    "Connection: keep-alive, x-hop, x-last-hop",
    "Keep-Alive: timeout=9",
    "TE: trailers",
    "X-Hop: 1",
    "X-Last-Hop: 2",
    "Proxy-Connection: keep-alive",
];

const MODELS: [&str; 3] = ["gpt-4o", "gpt-4o-mini", "o3"];

/// Draws one client: how it goes about, and its errands, numbered from `first`.
pub fn client(dice: &mut Dice, fare: &Fare, most: usize, within: u64, first: u32) -> (Manner, Vec<Errand>) {
    let count = dice.range(1, most as u64);
    let errands = (0..count).map(|n| errand(dice, fare, first + n as u32)).collect();
    let credential = match dice.range(0, 3) {
        0 => format!("authorization: bearer {TOKEN}"),
        1 => format!("x-api-key: {TOKEN}"),
        2 => format!("api-key: {TOKEN}"),
        _ => format!("Authorization: Bearer {TOKEN}"),
    };
    let pace = dice.chance(fare.slow).then(|| (dice.range(1, 3_000) as usize, dice.range(1_000, 400_000)));
    let manner = Manner {
        at: dice.range(0, within),
        think: dice.range(0, 3_000_000),
        pipeline: if dice.chance(fare.pipelining) { dice.range(2, 5) as usize } else { 1 },
        pace,
        credential,
    };
    (manner, errands)
}

fn errand(dice: &mut Dice, fare: &Fare, id: u32) -> Errand {
    let kind = dice.weighted(fare.kinds.iter().copied());
    let kind = *KINDS.get(kind).unwrap_or_else(|| &LATER_KINDS[kind - KINDS.len()]);
    let wish = dice.weighted(fare.wishes.iter().map(|(_, weight)| *weight));
    let mut errand = of_kind(kind, dice, id);
    if !matches!(kind, Kind::Admin | Kind::ResetKeys | Kind::Reload) {
        errand.spec = fare.wishes[wish].0.clone();
    }
    if id.is_multiple_of(3) && errand.frames.is_empty() {
        errand.fields.extend(HOPS.map(str::to_owned));
    }
    if dice.chance(fare.mangling) {
        mangle(&mut errand, dice);
    } else if dice.chance(fare.leaving) {
        errand.leave = Some(leave(dice, errand.body.len()));
    } else if !errand.body.is_empty() && dice.chance(fare.leaving / 2) {
        errand.pause = Some((dice.below(errand.body.len()), dice.range(100_000, 30_000_000)));
    }
    fare.variety.vary(&mut errand, &mut dice.child(108));
    let mut deafness = dice.child(107);
    if deafness.chance(fare.deaf) && errand.mangled.is_none() {
        let when = leave(&mut deafness, errand.body.len()).when;
        errand.leave = Some(Leave { when, how: Leaving::Deaf });
    }
    errand
}

fn leave(dice: &mut Dice, body: usize) -> Leave {
    let when = match dice.range(0, 2) {
        0 => When::Sent(dice.range(1, 300 + body as u64) as usize),
        1 => When::Got(dice.range(1, 2_000) as usize),
        _ => When::After(dice.range(100, 3_000_000)),
    };
    let how = *dice.pick(&[Leaving::Fin, Leaving::Reset, Leaving::HalfClose]);
    Leave { when, how }
}

fn of_kind(kind: Kind, dice: &mut Dice, id: u32) -> Errand {
    let get = |target: &str| Errand::get(id, target);
    let model = *dice.pick(&MODELS);
    let json = |target: &str, body: String| Errand {
        method: "POST",
        model,
        fields: vec!["Content-Type: application/json".into()],
        body: body.into_bytes(),
        framing: Upload::Length,
        ..Errand::get(id, target)
    };
    let filler = |dice: &mut Dice| {
        let n = *dice.pick(&[10, 300, 3_000, 40_000]);
        let n = dice.range(0, n) as usize;
        String::from_utf8(dice.text(n)).unwrap_or_default()
    };
    let messages = |text: String| format!("\"messages\":[{{\"role\":\"user\",\"content\":\"{text}\"}}]");
    match kind {
        Kind::Chat => {
            let text = filler(dice);
            json("/v1/chat/completions", format!("{{{},\"model\":\"{model}\"}}", messages(text)))
        }
        Kind::StreamedChat => {
            let text = filler(dice);
            let usage = if dice.chance(50) { ",\"stream_options\":{\"include_usage\":true}" } else { "" };
            json("/v1/chat/completions", format!("{{\"model\":\"{model}\",\"stream\":true{usage},{}}}", messages(text)))
        }
        Kind::StreamedResponse => {
            let text = filler(dice);
            json("/v1/responses", format!("{{\"model\":\"{model}\",\"stream\":true,\"input\":\"{text}\"}}"))
        }
        Kind::Embedding => {
            let text = filler(dice);
            json("/v1/embeddings", format!("{{\"input\":\"{text}\",\"model\":\"{model}\"}}"))
        }
        Kind::Models => get("/v1/models"),
        Kind::Head => Errand { method: "HEAD", ..get("/v1/models") },
        Kind::Download => get("/v1/filler"),
        Kind::Upload => upload(dice, id),
        Kind::ChunkedPut => {
            let body = filler(dice).into_bytes();
            let size = dice.range(1, 5_000) as usize + body.len() / 50;
            let framing = Upload::Chunks(size, dice.chance(50));
            Errand { method: "PUT", body, framing, ..get("/v1/digest") }
        }
        Kind::Expecting => {
            let patience = dice.range(200_000, 3_000_000);
            let text = filler(dice);
            let body = format!("{{{},\"model\":\"{model}\"}}", messages(text));
            Errand { expect: Some(patience), ..json("/v1/chat/completions", body) }
        }
        Kind::Delete => Errand { method: "DELETE", ..get("/v1/files/file-none") },
        Kind::Realtime => realtime(dice, id),
        Kind::ResetKeys => Errand { method: "POST", framing: Upload::Length, ..get("/reset-keys") },
        Kind::Reload => Errand { method: "POST", framing: Upload::Length, ..get("/reload") },
        Kind::Admin => get(dice.pick::<&str>(&["/health", "/stats", "/blacklist", "/livez", "/readyz"])),
    }
}

/// A WebSocket (RFC 6455): a few masked frames, then the closing handshake.
fn realtime(dice: &mut Dice, id: u32) -> Errand {
    let mut frames = Vec::new();
    for _ in 0..dice.range(0, 4) {
        let n = *dice.pick(&[0, 5, 200, 70_000]);
        let payload = dice.text(n);
        frame(&mut frames, 0x82, &payload, dice.bits() as u32);
    }
    frame(&mut frames, 0x88, &[3, 0xe8], dice.bits() as u32);
    let fields = [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let fields = fields.map(str::to_owned).to_vec();
    Errand { fields, frames, ..Errand::get(id, "/v1/realtime?model=gpt-4o") }
}

fn frame(out: &mut Vec<u8>, first: u8, payload: &[u8], mask: u32) {
    out.push(first);
    match payload.len() {
        n @ 0..126 => out.push(0x80 | n as u8),
        n @ 126..0x1_0000 => {
            out.push(0x80 | 126);
            out.extend((n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend((n as u64).to_be_bytes());
        }
    }
    let mask = mask.to_be_bytes();
    out.extend(mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// A file as browsers and SDKs send it.
fn upload(dice: &mut Dice, id: u32) -> Errand {
    let size = *dice.pick(&[100, 5_000, 60_000, 200_000]);
    let size = dice.range(1, size) as usize;
    let mut body = Vec::with_capacity(size + 300);
    body.extend_from_slice(b"--bound\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n");
    body.extend_from_slice(b"--bound\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n");
    body.extend_from_slice(&dice.text(size));
    body.extend_from_slice(b"\r\n--bound--\r\n");
    let framing =
        if dice.chance(70) { Upload::Length } else { Upload::Chunks(dice.range(100, 20_000) as usize, false) };
    Errand {
        method: "POST",
        fields: vec!["Content-Type: multipart/form-data; boundary=bound".into()],
        body,
        framing,
        ..Errand::get(id, "/v1/files")
    }
}

/// Makes a request that must not get through.
fn mangle(errand: &mut Errand, dice: &mut Dice) {
    let extra = |errand: &mut Errand, field: &str| errand.fields.push(field.to_owned());
    match dice.range(0, 9) {
        0 => {
            errand.unauthorized = true;
            errand.mangled = Some(" with a wrong token");
        }
        1 => {
            extra(errand, "Content-Length: 7");
            extra(errand, "Transfer-Encoding: chunked");
            errand.mangled = Some(" with length and coding");
        }
        2 => {
            extra(errand, "Host: second.test");
            errand.mangled = Some(" with two hosts");
        }
        3 => {
            extra(errand, "no colon here");
            errand.mangled = Some(" with a field that has no colon");
        }
        4 => {
            extra(errand, "x-a: b\r\n folded");
            errand.mangled = Some(" with a folded field");
        }
        5 => {
            errand.target = "/v1/../admin".into();
            errand.mangled = Some(" with a dot segment");
        }
        6 => {
            extra(errand, &format!("x-long: {}", "y".repeat(70_000)));
            errand.mangled = Some(" with a head too large");
        }
        7 => {
            extra(errand, "content_length: 5");
            errand.mangled = Some(" with an underscored length");
        }
        8 => {
            errand.raw = Some(b"GET /v1/models HTTP/1.1\nHost: a\n\n".to_vec());
            (errand.body, errand.framing) = (Vec::new(), Upload::None);
            errand.mangled = Some(" with bare line feeds");
        }
        _ => {
            let n = dice.range(1, 200) as usize;
            let mut raw = dice.text(n);
            raw.iter_mut().for_each(|byte| *byte ^= (dice.bits() & 0x81) as u8);
            raw.extend_from_slice(b"\r\n\r\n");
            errand.raw = Some(raw);
            (errand.body, errand.framing) = (Vec::new(), Upload::None);
            errand.mangled = Some(" that is noise");
        }
    }
    errand.expect = None;
}
