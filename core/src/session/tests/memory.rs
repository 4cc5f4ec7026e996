//! What a connection costs in memory, state by state: the table of ARCHITECTURE.md, held.

use super::*;

/// Buffer memory beside the struct, in the units it comes in.
fn held(rig: &Rig) -> String {
    let held = rig.session.held();
    let (blocks, rest) = (held / crate::turn::BLOCK, held % crate::turn::BLOCK);
    let scratch = if rest == 0 { "-".into() } else { format!("{} KiB", rest.div_ceil(1024)) };
    format!("{blocks} blocks, {scratch}")
}

#[test]
#[allow(clippy::disallowed_macros, reason = "the table is for a person to read")]
fn the_table_of_sizes_and_of_memory_held_in_each_state() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let event = "9\r\ndata: x\n\n\r\n";
    let mut table = String::new();
    let mut row = |state: &str, what: &str| table.push_str(&format!("{state:<34} {what}\n"));
    row("size of Session, at most", &format!("{} bytes", size_of::<Session>().next_multiple_of(256)));
    row("size of Exchange, at most", &format!("{} bytes", size_of::<Exchange>().next_multiple_of(256)));

    let mut rig = Rig::new(ONE);
    row("connected", &held(&rig));
    rig.client(&CHAT[..40]);
    row("head in part", &held(&rig));
    rig.client(&CHAT[40..]);
    row("request sent, answer awaited", &held(&rig));
    rig.upstream(head);
    row("answer begun, between events", &held(&rig));
    rig.upstream(event);
    rig.upstream(event);
    row("answer passing, between events", &held(&rig));
    rig.upstream("0\r\n\r\n");
    row("kept alive", &held(&rig));

    rig.client(CHAT);
    rig.upstream("HTTP/1.1 429 Slow\r\nContent-Length: 9\r\n\r\nslow");
    row("error held, its body in part", &held(&rig));
    rig.upstream(" down");
    row("kept alive after an error", &held(&rig));

    let expected = "\
size of Session, at most           1792 bytes
size of Exchange, at most          1024 bytes
connected                          0 blocks, -
head in part                       1 blocks, -
request sent, answer awaited       0 blocks, 1 KiB
answer begun, between events       0 blocks, -
answer passing, between events     0 blocks, -
kept alive                         0 blocks, -
error held, its body in part       0 blocks, 1 KiB
kept alive after an error          0 blocks, -
";
    println!("{table}");
    assert_eq!(table, expected);
}
