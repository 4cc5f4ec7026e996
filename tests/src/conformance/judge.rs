//! Holds what was seen against what a row lets each side see.

use super::expect::{Arrival, Check, Expect, Fate, Outcome, is};
use super::record::{Answers, Record, answers, status};
use super::row::Row;
use super::upstream::{FRESH, SAME, is_normal, is_plain};
use crate::parity::stage::{End, Seen};
use crate::strict::{self, Message, Start};

/// What names of the table stand for.
pub type Names<'n> = &'n dyn Fn(&str) -> Option<String>;

/// What a row came to, without the accidents of timing: it is the same at every split point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict(Vec<String>);

/// Judges a record; `keywheel`: it reuses upstream connections.
///
/// # Errors
/// What was seen and must not be.
pub fn judge(row: &Row, record: &Record, names: Names<'_>, keywheel: bool) -> Result<Verdict, String> {
    let (requests, normal) = requests(row, record)?;
    let expect = &row.expect;
    arrival(expect, &requests)?;
    if let Some((_, last)) = requests.last() {
        expect
            .request
            .iter()
            .try_for_each(|check| holds(check, last, names).map_err(|why| format!("upstream: {why}")))?;
    }
    let mut client = answers(&record.client, &record.methods)
        .map_err(|deviation| format!("client: {} at byte {}", deviation.what, deviation.at))?;
    connection(expect, record, &mut client)?;
    outcomes(row, record, &client, requests.len())?;
    if let Some(first) = client.finals.first() {
        expect
            .answer
            .iter()
            .try_for_each(|check| holds(check, first, names).map_err(|why| format!("client: {why}")))?;
    }
    if let Some(interim) = expect.interim.as_ref().filter(|interim| **interim != client.interim) {
        return Err(format!("client: interim answers {:?}, not {interim:?}", client.interim));
    }
    afterwards(record, &normal)?;
    if keywheel {
        secrets(row, record, names)?;
    }
    upstream_connection(expect, record, &requests, &normal, keywheel)?;
    Ok(verdict(&requests, &client))
}

/// A request with the number of its connection.
type Arrived = (usize, Message);

/// All requests that arrived: the row's own, and the normal ones.
fn requests(row: &Row, record: &Record) -> Result<(Vec<Arrived>, Vec<Arrived>), String> {
    let (mut own, mut normal) = (Vec::new(), Vec::new());
    for (at, seen) in record.upstreams.iter().enumerate() {
        let number = at + 1;
        let (all, rest) = strict::requests(&seen.bytes).map_err(|deviation| {
            format!("upstream connection {number}: {} at byte {}", deviation.what, deviation.at)
        })?;
        let may_be_cut = row.client_resets() || row.expect.may_be_cut();
        if !rest.is_empty() && !may_be_cut {
            return Err(format!("upstream connection {number}: bytes that are no whole head: {}", shown(rest)));
        }
        for request in all {
            if is_normal(&request) { &mut normal } else { &mut own }.push((number, request));
        }
    }
    Ok((own, normal))
}

fn arrival(expect: &Expect, requests: &[Arrived]) -> Result<(), String> {
    let lines: Vec<String> = requests.iter().map(|(_, request)| line(request)).collect();
    let whole = requests.iter().filter(|(_, request)| request.complete).count();
    let meets = |wanted: &Arrival| match wanted {
        Arrival::Whole(n) => requests.len() == *n && whole == *n,
        Arrival::Cut => requests.len() == 1 && whole == 0,
        Arrival::Any => true,
    };
    if expect.upstream.iter().any(meets) {
        return Ok(());
    }
    let expected = &expect.upstream;
    Err(format!("upstream: {} requests, {whole} of them whole, not {expected:?}: {lines:?}", requests.len()))
}

/// Checks what became of the client's connection, and takes the answer to the normal request on it away.
fn connection(expect: &Expect, record: &Record, client: &mut Answers) -> Result<(), String> {
    if record.probed {
        let last = client.finals.pop().filter(|last| is_plain(last, SAME));
        if last.is_none() {
            return Err("client: no normal answer on the same connection".into());
        }
    }
    match expect.connection {
        Some(Fate::Stays) if !record.probed => Err("client: the connection did not stay".into()),
        Some(Fate::Closes) if !record.ended_in_time => Err("client: the connection did not close".into()),
        _ => Ok(()),
    }
}

fn outcomes(row: &Row, record: &Record, client: &Answers, requests: usize) -> Result<(), String> {
    let expected = &row.expect.client;
    let seen: Vec<Outcome> = client.finals.iter().map(outcome).chain(cut_head(client)).collect();
    // Where the row says nothing of further answers, a request that arrived may have its own.
    let most = expected.len().max(if expected.len() == 1 { requests } else { 0 });
    if seen.len() > most && !expected.is_empty() {
        return Err(format!("client: {} answers, not {}: {}", seen.len(), expected.len(), words(&seen)));
    }
    for (at, alternatives) in expected.iter().enumerate() {
        let came = seen.get(at).copied().unwrap_or(Outcome::Nothing);
        let answer = client.finals.get(at);
        let meets = |wanted: &Outcome| match (*wanted, came) {
            (Outcome::Any, _) => true,
            (Outcome::Passed, Outcome::Status(_)) => answer.is_some_and(|answer| passed(row, answer, record)),
            (Outcome::Class(class), Outcome::Status(status)) => status / 100 == class,
            (wanted, came) => wanted == came,
        };
        if !alternatives.iter().any(meets) {
            return Err(format!("client: {came}, not {}", words(alternatives)));
        }
    }
    Ok(())
}

fn outcome(answer: &Message) -> Outcome {
    if answer.complete { Outcome::Status(status(answer)) } else { Outcome::Cut }
}

fn cut_head(client: &Answers) -> Option<Outcome> {
    (!client.rest.is_empty()).then_some(Outcome::Cut)
}

fn words(outcomes: &[Outcome]) -> String {
    outcomes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Whether the client got what the upstream sent: for its last request, or for any where the client gets several answers.
fn passed(row: &Row, answer: &Message, record: &Record) -> bool {
    let sent = record.sent.iter().rev();
    let which = if row.expect.client.len() == 1 { 1 } else { usize::MAX };
    let method = record.methods.first().map_or("GET", String::as_str);
    sent.take(which).any(|sent| match strict::responses(sent, &[method], true) {
        Ok((messages, _)) => {
            messages.last().is_some_and(|sent| status(sent) == status(answer) && sent.body == answer.body)
        }
        // A spelling that only a tolerant reader knows: the row says what body it means.
        Err(_) => sent_status(sent) == Some(status(answer)),
    })
}

/// The status of the final answer among these bytes.
fn sent_status(mut bytes: &[u8]) -> Option<u16> {
    loop {
        let digits = bytes.strip_prefix(b"HTTP/1.")?.get(2..5)?;
        let status: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        if status == 101 || !(100..200).contains(&status) {
            return Some(status);
        }
        let end = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
        bytes = &bytes[end..];
    }
}

/// The normal requests worked, and arrived as what they are.
fn afterwards(record: &Record, normal: &[Arrived]) -> Result<(), String> {
    let fresh = answers(&record.fresh, &["GET".to_owned()]).map_err(|deviation| deviation.what.to_owned())?;
    let good = fresh.rest.is_empty() && matches!(&fresh.finals[..], [only] if is_plain(only, FRESH));
    if !good {
        return Err(format!("afterwards: a normal request got {}", shown(&record.fresh.bytes)));
    }
    let lines: Vec<String> = normal.iter().map(|(_, request)| line(request)).collect();
    if normal.len() != 1 + usize::from(record.probed) {
        return Err(format!("afterwards: normal requests arrived as {lines:?}"));
    }
    Ok(())
}

/// No eight bytes of a key's private part come to the client, and nothing of its token to an upstream.
fn secrets(row: &Row, record: &Record, names: Names<'_>) -> Result<(), String> {
    let holds = |seen: &Seen, part: &[u8]| memchr::memmem::find(&seen.bytes, part).is_some();
    for number in 1..=row.keys {
        let key = names(&format!("key{number}")).unwrap_or_default();
        let private = key.strip_prefix("sk-proj-").unwrap_or(&key).as_bytes();
        if private.windows(8).any(|part| holds(&record.client, part) || holds(&record.fresh, part)) {
            return Err(format!("client: it got a piece of key {number}"));
        }
    }
    let token = names("token").unwrap_or_default();
    match record.upstreams.iter().position(|seen| holds(seen, token.as_bytes())) {
        Some(at) => Err(format!("upstream connection {}: it got the client's token", at + 1)),
        None => Ok(()),
    }
}

fn upstream_connection(
    expect: &Expect,
    record: &Record,
    requests: &[Arrived],
    normal: &[Arrived],
    keywheel: bool,
) -> Result<(), String> {
    let Some((number, last)) = requests.last() else { return Ok(()) };
    let whole = last.complete;
    let ended = record.upstream_ended.get(number - 1).copied().unwrap_or(false);
    let reused = normal.iter().any(|(other, _)| other == number);
    match expect.upstream_connection {
        Some(Fate::Closes) if !ended || reused => Err("upstream: its connection did not close".into()),
        // No rule makes a proxy reuse one.
        Some(Fate::Stays) if keywheel && !reused => Err("upstream: its connection was not reused".into()),
        _ if expect.upstream.contains(&Arrival::Cut) && !ended && !whole => {
            Err("upstream: the cut request did not end".into())
        }
        _ => Ok(()),
    }
}

fn holds(check: &Check, message: &Message, names: Names<'_>) -> Result<(), String> {
    let any = |fields: &strict::Fields, name: &str, value| {
        fields.iter().any(|(n, v)| n.eq_ignore_ascii_case(name) && is(value, v, names))
    };
    let values = |fields: &strict::Fields, name: &str| {
        let all = fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        all.map(|(_, value)| shown(value)).collect::<Vec<_>>().join(", ")
    };
    let wrong = match check {
        Check::Line(wanted) if !is(wanted, line(message).as_bytes(), names) => line(message),
        Check::Body(wanted) if wanted.render(names).ok().as_deref() != Some(&message.body) => {
            format!("body {}", shown(&message.body))
        }
        Check::Field(name, wanted) if !any(&message.fields, name, wanted) => {
            format!("{name} is `{}`", values(&message.fields, name))
        }
        Check::Trailer(name, wanted) if !any(&message.trailers, name, wanted) => {
            format!("trailer {name} is `{}`", values(&message.trailers, name))
        }
        Check::Lacks(name) => match [&message.fields, &message.trailers].map(|fields| values(fields, name)) {
            [field, trailer] if field.is_empty() && trailer.is_empty() => return Ok(()),
            values => format!("{name} is there: {}", values.concat()),
        },
        _ => return Ok(()),
    };
    Err(wrong)
}

fn line(message: &Message) -> String {
    match &message.start {
        Start::Request { method, target } => format!("{method} {target}"),
        Start::Response { status, .. } => status.to_string(),
    }
}

fn verdict(requests: &[Arrived], client: &Answers) -> Verdict {
    let whole = |message: &Message| if message.complete { shown(&message.body) } else { "cut".into() };
    let arrived = requests.iter().map(|(_, request)| format!("{} {}", line(request), whole(request)));
    // Our own answers tell when and to whom they were given.
    let got = client.finals.iter().map(outcome).chain(cut_head(client)).map(|outcome| outcome.to_string());
    Verdict(arrived.chain(got).collect())
}

/// Bytes for a message to a human.
pub fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 600;
    let text = bytes[..bytes.len().min(MOST)].escape_ascii().to_string();
    if bytes.len() > MOST { format!("{text}… ({} bytes)", bytes.len()) } else { text }
}

/// All that was seen, for whoever has to find out why a row failed.
pub fn transcript(record: &Record) -> String {
    let end = |end: Option<End>| end.map_or_else(|| "open".to_owned(), |end| format!("{end:?}"));
    let mut lines = vec![format!("  client got ({}): {}", end(record.client.end), shown(&record.client.bytes))];
    for (at, seen) in record.upstreams.iter().enumerate() {
        lines.push(format!("  upstream {} got ({}): {}", at + 1, end(seen.end), shown(&seen.bytes)));
    }
    lines.join("\n")
}
