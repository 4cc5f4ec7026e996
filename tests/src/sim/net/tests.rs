use super::super::pipe::Fault;
use super::*;

/// Lets everything arrive.
fn settle(net: &mut Net) {
    loop {
        let due: Vec<_> = net.take_arrivals().collect();
        if due.is_empty() {
            return;
        }
        for (at, end) in due {
            net.arrive(end, at);
        }
    }
}

fn write(net: &mut Net, end: End, bytes: &[u8]) -> Write {
    let wrote = net.write(end, &[IoSlice::new(bytes)], 0);
    settle(net);
    wrote
}

fn read(net: &mut Net, end: End) -> Read {
    net.read(end, &mut [0; 64])
}

#[test]
fn closing_with_unread_bytes_resets() {
    let mut net = Net::new(Dice::new(1));
    let (dialler, acceptor) = net.connect(Fate::calm());
    write(&mut net, dialler, b"request");
    write(&mut net, acceptor, b"answer");
    net.close(acceptor, 0);
    settle(&mut net);
    assert_eq!(read(&mut net, dialler), Read::Got(6));
    assert_eq!(read(&mut net, dialler), Read::Reset);
    assert_eq!(write(&mut net, dialler, b"more"), Write::Reset);
}

#[test]
fn closing_in_order_ends_in_order_and_later_bytes_are_reset() {
    let mut net = Net::new(Dice::new(1));
    let (dialler, acceptor) = net.connect(Fate::calm());
    net.close(acceptor, 0);
    settle(&mut net);
    assert_eq!(read(&mut net, dialler), Read::Eof);
    assert_eq!(write(&mut net, dialler, b"late"), Write::Took(4));
    assert_eq!(read(&mut net, dialler), Read::Reset);
}

#[test]
fn a_cut_kills_the_sender_and_its_peer_sees_it() {
    let fate = Fate { back: Some(Break { at: 3, how: Fault::Fin }), ..Fate::calm() };
    let mut net = Net::new(Dice::new(1));
    let (dialler, acceptor) = net.connect(fate);
    write(&mut net, acceptor, b"answer");
    assert_eq!(read(&mut net, dialler), Read::Got(3));
    assert_eq!(read(&mut net, dialler), Read::Eof);
    assert_eq!(read(&mut net, acceptor), Read::Reset);
}

#[test]
fn half_closing_leaves_the_other_direction_open() {
    let mut net = Net::new(Dice::new(1));
    let (dialler, acceptor) = net.connect(Fate::calm());
    net.shutdown(dialler, 0);
    settle(&mut net);
    assert_eq!(read(&mut net, acceptor), Read::Eof);
    assert_eq!(write(&mut net, acceptor, b"answer"), Write::Took(6));
    assert_eq!(read(&mut net, dialler), Read::Got(6));
}
