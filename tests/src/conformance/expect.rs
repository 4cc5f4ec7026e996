//! What a row lets each side see.

use crate::parity::template::{Match, Template};
use core::fmt;

/// All that a row expects.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// How much of the request reaches an upstream: any of these.
    pub upstream: Vec<Arrival>,
    /// Of the last request that arrives.
    pub request: Vec<Check>,
    /// What the client gets: for each answer, whatever of these.
    pub client: Vec<Vec<Outcome>>,
    /// Of the first answer.
    pub answer: Vec<Check>,
    /// The interim answers before the first: `None` says nothing of them.
    pub interim: Option<Vec<u16>>,
    /// What becomes of the client's connection.
    pub connection: Option<Fate>,
    /// What becomes of the upstream's.
    pub upstream_connection: Option<Fate>,
}

/// How much of a request reaches an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// So many requests, all whole.
    Whole(usize),
    /// One, visibly incomplete.
    Cut,
    /// Whatever.
    Any,
}

/// What a client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A whole answer of this status.
    Status(u16),
    /// A whole answer of this class of status.
    Class(u16),
    /// The upstream's answer as it was.
    Passed,
    /// An answer that is visibly incomplete.
    Cut,
    /// No answer.
    Nothing,
    /// Whatever.
    Any,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It ends.
    Closes,
    /// It stays, and another request works on it.
    Stays,
    /// Whatever.
    Any,
}

/// What is looked at in a message.
#[derive(Clone, Debug)]
pub enum Check {
    /// Method and target.
    Line(Template),
    /// The body.
    Body(Template),
    /// A field of this name and value is there.
    Field(String, Template),
    /// No field of this name is there, nor a trailer.
    Lacks(String),
    /// A trailer of this name and value is there.
    Trailer(String, Template),
}

impl Expect {
    /// Reads a line of what is expected; false when it is another.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(&mut self, line: &str) -> Result<bool, String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "upstream" => self.upstream(rest),
            "client" => self.client(rest),
            "connection" => fate(rest, "stays").map(|fate| self.connection = Some(fate)),
            "upstream-connection" => fate(rest, "reused").map(|fate| self.upstream_connection = Some(fate)),
            _ => return Ok(false),
        }
        .map(|()| true)
    }

    /// Whether it says enough; `gone`: the client leaves.
    ///
    /// # Errors
    /// What is missing.
    pub fn check(&self, gone: bool) -> Result<(), &'static str> {
        if self.upstream.is_empty() {
            return Err("does not say what reaches the upstream");
        }
        if self.client.is_empty() && !gone {
            return Err("does not say what the client gets");
        }
        self.connection.map(|_| ()).ok_or("does not say what becomes of the connection")
    }

    fn upstream(&mut self, rest: &str) -> Result<(), String> {
        if let Some(check) = check(rest, true)? {
            self.request.push(check);
            return Ok(());
        }
        if !self.upstream.is_empty() {
            return Err("the upstream was spoken of before".into());
        }
        self.upstream = rest.split_whitespace().map(arrival).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Whether a request may be cut on its way to the upstream.
    pub fn may_be_cut(&self) -> bool {
        self.upstream.iter().any(|arrival| matches!(arrival, Arrival::Cut | Arrival::Any))
    }

    fn client(&mut self, rest: &str) -> Result<(), String> {
        if let Some(check) = check(rest, false)? {
            self.answer.push(check);
            return Ok(());
        }
        if let Some(statuses) = rest.strip_prefix("interim") {
            let words = statuses.split_whitespace().filter(|word| *word != "none");
            let read = words.map(|word| word.parse().map_err(|_| "no status")).collect::<Result<_, _>>()?;
            self.interim = Some(read);
            return Ok(());
        }
        let (words, then) = rest.strip_prefix("then ").map_or((rest, false), |words| (words, true));
        if then == self.client.is_empty() {
            return Err("the first answer has no `then`, each further one has".into());
        }
        let outcomes: Vec<Outcome> = words.split_whitespace().map(outcome).collect::<Result<_, _>>()?;
        if outcomes.is_empty() {
            return Err("no outcome".into());
        }
        self.client.push(outcomes);
        Ok(())
    }
}

fn arrival(word: &str) -> Result<Arrival, String> {
    Ok(match word {
        "nothing" => Arrival::Whole(0),
        "one" => Arrival::Whole(1),
        "cut" => Arrival::Cut,
        "any" => Arrival::Any,
        number => Arrival::Whole(number.parse().map_err(|_| "nothing, one, a number, any, cut or a check")?),
    })
}

fn outcome(word: &str) -> Result<Outcome, String> {
    Ok(match word {
        "passed" => Outcome::Passed,
        "cut" => Outcome::Cut,
        "nothing" => Outcome::Nothing,
        "any" => Outcome::Any,
        _ => match word.strip_suffix("xx").map(str::parse) {
            Some(Ok(class @ 1..=9)) => Outcome::Class(class),
            _ => Outcome::Status(word.parse().map_err(|_| format!("`{word}` is no outcome"))?),
        },
    })
}

fn fate(word: &str, stays: &str) -> Result<Fate, String> {
    match word.trim() {
        "closes" => Ok(Fate::Closes),
        "any" => Ok(Fate::Any),
        word if word == stays => Ok(Fate::Stays),
        _ => Err(format!("closes, {stays} or any")),
    }
}

/// Reads `line …`, `body …`, `field NAME: VALUE`, `trailer NAME: VALUE`, `lacks NAME`.
fn check(rest: &str, is_request: bool) -> Result<Option<Check>, String> {
    let (word, value) = rest.split_once(' ').unwrap_or((rest, ""));
    Ok(Some(match word {
        "line" if is_request => Check::Line(template(value)?),
        "body" => Check::Body(template(value)?),
        "lacks" => Check::Lacks(value.trim().to_ascii_lowercase()),
        "field" | "trailer" => {
            let (name, value) = value.split_once(':').ok_or("no colon")?;
            let (name, value) = (name.to_ascii_lowercase(), template(value.trim())?);
            if word == "field" { Check::Field(name, value) } else { Check::Trailer(name, value) }
        }
        _ => return Ok(None),
    }))
}

fn template(text: &str) -> Result<Template, String> {
    let mut template = Template::default();
    template.add(text)?;
    Ok(template)
}

/// Whether `value` is what the template says, as a whole.
pub fn is(template: &Template, value: &[u8], names: &dyn Fn(&str) -> Option<String>) -> bool {
    // What stands for anything ends at a line's end, so both get one.
    let mut line = template.clone();
    line.text(b"\r\n");
    let value = [value, b"\r\n"].concat();
    line.compare(&value, names) == Match::Whole(value.len())
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Status(status) => write!(f, "{status}"),
            Outcome::Class(class) => write!(f, "{class}xx"),
            Outcome::Passed => f.write_str("passed"),
            Outcome::Cut => f.write_str("cut"),
            Outcome::Nothing => f.write_str("nothing"),
            Outcome::Any => f.write_str("any"),
        }
    }
}
