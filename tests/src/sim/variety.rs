//! The same in other words: what clients, providers and operators may write in several ways, right or nearly so. It draws
//! from streams of its own, so that a world without variety is what it was before there was any.

use super::dice::Dice;
use super::errand::{Errand, Upload};
use super::swarm::TOKEN;

/// How much of it there is in one world.
#[derive(Clone, Copy, Debug, Default)]
pub struct Variety {
    /// Per cent of errands that are said in other words.
    pub errands: u32,
    /// Errors may say when to come again in all ways that there are.
    pub hints: bool,
}

impl Variety {
    /// Draws it: most worlds have none.
    pub fn drawn(dice: &mut Dice, calm: bool) -> Self {
        let errands = if dice.chance(75) { 0 } else { dice.range(10, 80) as u32 };
        Variety { errands, hints: !calm && dice.chance(70) }
    }

    /// Says an errand in other words.
    pub fn vary(self, errand: &mut Errand, dice: &mut Dice) {
        if self.errands == 0 || errand.raw.is_some() || !dice.chance(self.errands) {
            return;
        }
        if errand.target.starts_with("/v1/") {
            errand.said = spelling(&errand.target, dice);
            errand.credential = (!errand.unauthorized).then(|| credential(errand, dice));
        }
        if dice.chance(40) {
            errand.fields.push((*dice.pick(&FIELDS)).to_owned());
        }
        if errand.body.starts_with(b"{") && errand.framing == Upload::Length && errand.pause.is_none() {
            escape(&mut errand.body, dice);
        }
        if self.hints && errand.spec.is_empty() && errand.target.starts_with("/v1/") && dice.chance(40) {
            errand.spec = hint(dice);
        }
    }
}

/// Fields that change nothing.
const FIELDS: [&str; 9] = [
    "Origin: https://app.example",
    "Origin: null",
    "Cookie: a=b; c=d",
    "OpenAI-Organization: org-of-the-client",
    "x-stainless-timeout: 900",
    "x-stainless-timeout: soon",
    "x-stainless-read-timeout: \u{e9}",
    "x-stainless-retry-count: 0",
    "Accept-Encoding: gzip, br",
];

/// Other ways to write the same target.
fn spelling(target: &str, dice: &mut Dice) -> Option<String> {
    match dice.range(0, 4) {
        0 => Some(format!("/proxy/default{target}")),
        1 => Some(format!("http://proxy.test{target}")),
        2 => Some(format!("/v1{target}")),
        3 => target.strip_prefix("/v1").map(str::to_owned),
        _ => None,
    }
}

/// A place for the token; with `?`, it stands in the query.
fn credential(errand: &Errand, dice: &mut Dice) -> String {
    match dice.range(0, 5) {
        0 => format!("?key={TOKEN}"),
        1 => format!("?a=b&api%2Dkey={}&c", TOKEN.replace('-', "%2d")),
        2 => format!("x-goog-api-key: {TOKEN}"),
        3 if !errand.frames.is_empty() => {
            format!("Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.{TOKEN}")
        }
        4 => format!("Authorization: BEARER   {TOKEN}"),
        _ => format!("X-API-Key: {TOKEN}"),
    }
}

/// JSON may write any letter as an escape, and holds more than what is looked for.
fn escape(body: &mut Vec<u8>, dice: &mut Dice) {
    let Ok(text) = std::str::from_utf8(body) else { return };
    let mut text = text.to_owned();
    if dice.chance(50) {
        text = text.replacen("\"model\"", "\"\\u006dod\\u0065l\"", 1);
    }
    if dice.chance(50) && !text.contains("\"stream\"") {
        text = text.replacen('{', "{\"stream\":false,", 1);
    }
    if dice.chance(50) {
        let more = *dice.pick(&[
            "{\"metadata\":{\"model\":\"\\ud83d\\ude00 \\\\ \\\"\",\"n\":[1,-2.5e3,null,true,[]]},",
            "{\"\\b\\f\\r\\t\\/\":\"\\b\\f\\n\\r\\t\\/\", \"user\" : \"a\\ud83d\" ,",
        ]);
        text = text.replacen('{', more, 1);
    }
    *body = text.into_bytes();
}

/// An error that says when to come again.
fn hint(dice: &mut Dice) -> String {
    let mut row = *dice.pick(&["rate_requests", "rate_tokens", "overloaded", "server_error"]);
    let name = *dice.pick(&["retry_after", "retry_after_ms", "reset_requests", "reset_tokens", "message"]);
    let mut text = match dice.range(0, 3) {
        0 => http_date(dice),
        1 => rfc3339(dice),
        2 => span(dice),
        _ => format!("{}", dice.range(0, 100_000)),
    };
    if name == "message" {
        // Words that say something else than the row would make it another row.
        row = "rate_requests";
        text = format!("Rate limit reached. \"Please\" try again in {text}. \\ \u{e9}");
    } else if dice.chance(25) {
        damage(&mut text, dice);
    }
    format!("error={row},{name}={}", text.replace(',', "%2C"))
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The three forms of RFC 9110 section 5.6.7, around the time of the worlds, now and then of a day that is none.
fn http_date(dice: &mut Dice) -> String {
    let (day, year) = (dice.range(0, 32), dice.range(2024, 2028));
    let month = *dice.pick(&MONTHS);
    let (hour, minute, second) = (dice.range(0, 24), dice.range(0, 60), dice.range(0, 61));
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    match dice.range(0, 2) {
        0 => format!("Sun, {day:02} {month} {year} {time} GMT"),
        1 => format!("Sunday, {day:02}-{month}-{:02} {time} GMT", year % 100),
        _ => format!("Sun {month} {day:2} {time} {year}"),
    }
}

fn rfc3339(dice: &mut Dice) -> String {
    let zone = *dice.pick(&["Z", "z", "+02:00", "-23:59", "+24:00", "", "-00:60"]);
    let fraction = *dice.pick(&["", "", ".5", ".123456789", "."]);
    let time = format!("{:02}:{:02}:{:02}", dice.range(0, 24), dice.range(0, 60), dice.range(0, 60));
    format!("2026-{:02}-{:02}T{time}{fraction}{zone}", dice.range(0, 13), dice.range(0, 32))
}

/// A span as Go and people write it.
fn span(dice: &mut Dice) -> String {
    let n = dice.range(0, 5_000);
    let unit = *dice.pick(&["ns", "us", "\u{b5}s", "ms", "s", "m", "h", "d", " seconds", ""]);
    match dice.range(0, 3) {
        0 => format!("{n}{unit}"),
        1 => format!("{}.{n}{unit}", n % 7),
        2 => format!("{}h{}m{n}{unit}", n % 3, n % 60),
        _ => format!("{n}{unit}{}ms", n % 1_000),
    }
}

/// Takes something away, or puts something in.
fn damage(text: &mut String, dice: &mut Dice) {
    let at = dice.below(text.len());
    let at = (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    match dice.range(0, 2) {
        0 => text.truncate(at),
        1 => text.insert(at, *dice.pick(&['-', '9', ' ', 'x', '.', ':', '\u{e9}'])),
        _ => text.push_str(dice.pick::<&str>(&[" GMT", " UTC x", "0", "s", " ago"])),
    }
}

/// What an operator may write behind a key for its upstream to see. Weights and priorities are the keyring's own model's:
/// here keys are equal, and it is judged that their turns are.
pub fn key_options(dice: &mut Dice) -> String {
    let mut options = String::new();
    for (name, values) in [("org", &["org-Of1", "org-Of2"][..]), ("project", &["proj-1", "proj-2"])] {
        if dice.chance(40) {
            options.push_str(&format!(" {name}={}", dice.pick(values)));
        }
    }
    if options.is_empty() { options } else { format!(" |{options}") }
}
