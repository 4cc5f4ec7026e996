//! What the demo shows: a table that is redrawn on a terminal, a line for each change elsewhere, and the sum.

use super::flow::Score;
use super::keys::SCRIPTS;
use super::watch::Row;
use std::fmt::Write as _;
use std::io::{self, Write};

const RESET: &str = "\x1b[0m";
const BOLD: &str = "\x1b[1m";
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";

/// Where it is shown.
pub(super) struct Screen<W> {
    out: W,
    /// A terminal: lines can be drawn over.
    terminal: bool,
    colour: bool,
    /// Lines of the table that stands there.
    drawn: usize,
    last: Vec<Row>,
}

impl<W: Write> Screen<W> {
    pub(super) fn new(out: W, terminal: bool, colour: bool) -> Self {
        Screen { out, terminal, colour, drawn: 0, last: Vec::new() }
    }

    /// Says something, once. A closed screen is no fault of the demo's: it goes on.
    pub(super) fn say(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
    }

    /// Shows how the keys stand now.
    pub(super) fn show(&mut self, rows: Vec<Row>, score: &Score) {
        let text = if self.terminal { self.redrawn(&rows, score) } else { self.changes(&rows) };
        self.last = rows;
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    fn redrawn(&mut self, rows: &[Row], score: &Score) -> String {
        let mut text = if self.drawn > 0 { format!("\x1b[{}A", self.drawn) } else { String::new() };
        let lines: Vec<String> =
            std::iter::once(self.heading(score)).chain(rows.iter().map(|row| self.line(row))).collect();
        // A line that wrapped would be two to draw over: what does not fit is cut by the terminal.
        text.push_str(NO_WRAP);
        for line in &lines {
            let _ = writeln!(text, "\x1b[2K{line}");
        }
        text.push_str(WRAP);
        self.drawn = lines.len();
        text
    }

    fn heading(&self, score: &Score) -> String {
        let Score { asked, good, retries, .. } = score;
        let planned = Score::planned();
        self.paint(BOLD, &format!("{asked:>3} of {planned} requests, {good} good, {retries} retries"))
    }

    /// A line for each key that stands otherwise than before.
    fn changes(&self, rows: &[Row]) -> String {
        let mut text = String::new();
        for row in rows {
            let before = self.last.iter().find(|old| old.index == row.index).map_or("ready", |old| &old.state);
            if before != row.state {
                let _ = writeln!(text, "Key[{}] {}: {before} -> {}{}", row.index, row.preview, row.state, because(row));
            }
        }
        text
    }

    fn line(&self, row: &Row) -> String {
        let colour = match row.state.as_str() {
            "ready" => GREEN,
            "cooling" | "probing" => YELLOW,
            _ => RED,
        };
        let state = self.paint(colour, &format!("{:<11}", row.state));
        format!(
            "Key[{}] {:<8} {:<17} {state} {:>3} good {:>3} failed{}",
            row.index,
            row.preview,
            about(row.index),
            row.ok,
            row.failed,
            because(row)
        )
    }

    /// The sum of the flow.
    pub(super) fn sum(&mut self, rows: &[Row], score: &Score) {
        let out = rows.iter().filter(|row| !row.eligible).count();
        let Score { asked, good, streamed, retries, .. } = score;
        self.say(&format!(
            "\n{asked} requests ({streamed} streamed): {good} good answers, {} failures seen by a client",
            score.failed()
        ));
        self.say(&format!("{retries} retries with another key; {out} of {} keys are out now", rows.len()));
        if !self.terminal {
            for row in rows {
                let line = self.line(row);
                self.say(&line);
            }
        }
        for failure in &score.failures {
            self.say(&self.paint(RED, &format!("failed: {failure}")));
        }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colour { format!("{colour}{text}{RESET}") } else { text.to_owned() }
    }
}

/// The screen of this process.
pub(super) fn stdout(no_color: bool) -> Screen<io::Stdout> {
    use std::io::IsTerminal;
    let out = io::stdout();
    let terminal = out.is_terminal();
    Screen::new(out, terminal, terminal && !no_color)
}

fn about(index: u64) -> &'static str {
    SCRIPTS.get(index as usize).map_or("", |script| script.about)
}

fn because(row: &Row) -> String {
    let why = if row.why.is_empty() { String::new() } else { format!("  {}", row.why) };
    match row.back {
        Some(seconds) if seconds >= 120 => format!("{why}, tried again in {} min", seconds / 60),
        Some(seconds) => format!("{why}, back in {seconds} s"),
        None => why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: &str) -> Row {
        let out = state != "ready";
        Row {
            index: 5,
            preview: "sk-…ffff".into(),
            state: state.into(),
            eligible: !out,
            why: if out { "rate (429 rate_limit_exceeded)".into() } else { String::new() },
            back: out.then_some(2),
            ok: 7,
            failed: 1,
        }
    }

    fn shown(terminal: bool, states: &[&str]) -> String {
        let mut screen = Screen::new(Vec::new(), terminal, terminal);
        for state in states {
            screen.show(vec![row(state)], &Score { asked: 3, good: 2, retries: 1, ..Score::default() });
        }
        String::from_utf8(screen.out).expect("text")
    }

    #[test]
    fn without_a_terminal_only_changes_are_told() {
        assert_eq!(
            shown(false, &["ready", "cooling", "cooling", "ready"]),
            "Key[5] sk-…ffff: ready -> cooling  rate (429 rate_limit_exceeded), back in 2 s\n\
             Key[5] sk-…ffff: cooling -> ready\n"
        );
    }

    #[test]
    fn on_a_terminal_the_table_is_drawn_over() {
        let text = shown(true, &["ready", "cooling"]);
        let tables: Vec<&str> = text.split("\x1b[2A").collect();
        assert_eq!(tables.len(), 2, "{text:?}");
        assert!(tables[0].contains("  3 of 120 requests, 2 good, 1 retries"), "{text:?}");
        assert!(tables[1].contains("\x1b[33mcooling    \x1b[0m   7 good   1 failed  rate (429"), "{text:?}");
        for table in tables {
            let lines = table.strip_prefix(NO_WRAP).and_then(|table| table.strip_suffix(WRAP)).expect("no line wraps");
            assert!(lines.lines().all(|line| line.starts_with("\x1b[2K")), "{text:?}");
        }
    }

    #[test]
    fn the_sum_names_what_failed() {
        let mut screen = Screen::new(Vec::new(), false, false);
        let score = Score {
            asked: 3,
            good: 2,
            streamed: 1,
            retries: 4,
            failures: vec!["status 503".into()],
            ..Score::default()
        };
        screen.sum(&[row("ready"), row("cooling")], &score);
        let text = String::from_utf8(screen.out).expect("text");
        assert!(text.contains("3 requests (1 streamed): 2 good answers, 1 failures seen by a client\n"), "{text}");
        assert!(text.contains("4 retries with another key; 1 of 2 keys are out now\n"), "{text}");
        assert!(text.ends_with("failed: status 503\n"), "{text}");
    }
}
