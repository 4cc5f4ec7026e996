use super::expect::{Arrival, Fate, Outcome};
use super::row::Level;
use super::run::all_hold;
use super::stages::Place;
use super::table::{self, of};
use std::collections::BTreeSet;

const ROW: &str = "level must\nrule RFC 9112 6.3\n=== one\nset LIMIT_LINGER=1s\nc> GET / HTTP/1.1\nc> Host: x\nc>\nc pause\nc>| a\n\
    u> HTTP/1.1 200 OK\nu answer early\nu silent\nupstream one\nupstream line GET /\nclient 400 5xx cut\nclient then 200\nconnection any\n";

#[test]
fn every_row_holds_in_core_at_every_split() {
    all_hold(Place::Core);
}

#[test]
fn every_row_holds_in_the_simulator() {
    all_hold(Place::Simulator);
}

#[test]
fn every_family_has_its_rows() {
    let rows = table::rows().expect("a table that can be read");
    assert!(rows.len() >= 1_000, "{} rows", rows.len());
    let families = "framing chunked fields targets methods connection answer-framing answer-heads truncation upstream-reuse limits \
        slow-peers cancellation credentials admin cors security key-faults";
    for family in families.split_whitespace() {
        let count = rows.iter().filter(|row| row.family == family).count();
        assert!(count >= 20, "{family}: {count} rows");
    }
}

#[test]
fn no_row_is_lost_between_the_files_and_the_places() {
    let rows = table::rows().expect("a table that can be read");
    let families: BTreeSet<&str> = rows.iter().map(|row| row.family.as_str()).collect();
    for family in families {
        let text = table::text(&format!("{family}.txt")).expect("a family's file");
        let headings = text.lines().filter(|line| line.starts_with("=== ")).count();
        let names: BTreeSet<&str> = rows.iter().filter(|r| r.family == family).map(|r| r.name.as_str()).collect();
        assert_eq!(names.len(), headings, "{family}: each row is read, and has a name of its own");
    }
    for place in Place::ALL {
        let peer = matches!(place, Place::Peer(_));
        assert!(rows.iter().all(|row| place.takes(row) != (peer && row.only_keywheel)), "{}", place.name());
    }
}

#[test]
fn each_row_that_shows_a_rule_is_there() {
    let rows = table::rows().expect("a table that can be read");
    let rows: BTreeSet<String> = rows.iter().map(|row| format!("{}/{}", row.family, row.name)).collect();
    let text = table::text("RULES.md").expect("the list of rules");
    let rules =
        text.lines().filter_map(|line| line.strip_suffix(" |")?.rsplit_once(" | ")).filter(|(_, last)| *last != "rows");
    let mut count = 0;
    for (rule, shown) in rules {
        count += 1;
        for row in shown.split(" · ") {
            assert!(rows.contains(row), "{rule}: no row {row}");
        }
    }
    assert!(count >= 80, "{count} rules");
}

#[test]
fn a_row_is_read() {
    let rows = of("family", "", ROW).expect("a good row");
    let row = &rows[0];
    assert_eq!((row.name.as_str(), row.line, row.level, row.keys), ("one", 3, Level::Must, 1));
    assert_eq!((row.client.len(), row.answers.len(), row.answers[1].early), (3, 2, true));
    assert_eq!((&row.expect.upstream[..], row.expect.connection), (&[Arrival::Whole(1)][..], Some(Fate::Any)));
    assert_eq!(
        row.expect.client,
        [vec![Outcome::Status(400), Outcome::Class(5), Outcome::Cut], vec![Outcome::Status(200)]]
    );
}

#[test]
fn what_cannot_be_read_is_named_with_file_and_line() {
    for (line, why) in [
        ("upstrem one", "no such line"),
        ("upstream nothing", "spoken of before"),
        ("client then perhaps", "no outcome"),
        ("client 200", "`then`"),
        ("connection sleeps", "closes"),
        ("c sleeps", "a client's act"),
        ("u sleeps", "an upstream's act"),
        ("set NO_SUCH_SETTING=1", "no setting"),
        ("level may", "a level"),
        ("keys many", "no number"),
        ("only here", "no such line"),
        ("c> {open", "`{`"),
        ("c> \\q", "no escape"),
        ("do what", "not defined"),
    ] {
        let error = of("family", "", &format!("{ROW}{line}\n")).expect_err(line);
        assert!(error.starts_with("family.txt:") && error.contains(why) && error.contains("18"), "{line}: {error}");
    }
    let error = of("family", "", &ROW.replace("upstream one", "upstream some")).expect_err("no such number");
    assert!(error.contains("nothing, one"), "{error}");
    for lacking in ["rule", "level", "c> ", "upstream one", "client ", "connection"] {
        let rest: Vec<&str> = ROW.lines().filter(|line| !line.starts_with(lacking)).collect();
        let rest = rest.join("\n").replace("c pause\n", "").replace("c>\n", "");
        let rest = if lacking == "c> " { rest.replace("c>| a\n", "") } else { rest };
        assert!(of("family", "", &rest).is_err(), "{lacking}");
    }
}

#[test]
fn a_key_or_a_token_on_the_wrong_side_is_found() {
    let head =
        "level must\nrule x\n=== one\nc> GET /v1/models HTTP/1.1\nc> Host: x\nc> Authorization: Bearer {token}\n";
    let seen = "upstream any\nclient any\nconnection any\n";
    let answer = |body: &str| format!("c>\nu> HTTP/1.1 200 OK\nu> Connection: close\nu>\nu>|{body}\nu end\n");
    for (middle, why) in [
        (answer("KeyOfScenari"), "a piece of key 1"),
        (format!("c> X-Mine: a {{token}}\n{}", answer("ok")), "the client's token"),
    ] {
        let rows = of("family", "", &format!("{head}{middle}{seen}")).expect("a good row");
        let error = Place::Simulator.run(&rows[0]).expect_err(why);
        assert!(error.contains(why), "{error}");
    }
}
