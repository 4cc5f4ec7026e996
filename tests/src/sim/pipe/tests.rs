use super::*;

fn write(pipe: &mut Pipe, bytes: &[u8], now: u64) -> usize {
    pipe.write(&[IoSlice::new(bytes)], now, &mut Dice::new(0))
}

fn read(pipe: &mut Pipe) -> (Read, Vec<u8>) {
    let mut buffer = [0; 64];
    let got = pipe.read(&mut buffer, &mut Dice::new(0));
    let n = if let Read::Got(n) = got { n } else { 0 };
    (got, buffer[..n].to_vec())
}

/// What arrives until nothing is on its way, with the times.
fn drain(pipe: &mut Pipe) -> Vec<(u64, Read, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(at) = pipe.next_at() {
        pipe.arrive(at);
        let (got, bytes) = read(pipe);
        all.push((at, got, bytes));
    }
    all
}

#[test]
fn bytes_arrive_after_their_delay_and_in_order() {
    let mut pipe = Pipe::new(Weather { delay: (10, 10), ..Weather::calm() }, None);
    write(&mut pipe, b"ab", 0);
    assert_eq!(read(&mut pipe).0, Read::Empty);
    write(&mut pipe, b"cd", 5);
    pipe.finish(5, &mut Dice::new(0));
    let seen = drain(&mut pipe);
    assert_eq!(seen[0], (10, Read::Got(2), b"ab".to_vec()));
    assert_eq!(seen[1], (15, Read::Got(2), b"cd".to_vec()));
    assert_eq!(read(&mut pipe).0, Read::Eof);
}

#[test]
fn the_window_bounds_what_is_unread() {
    let mut pipe = Pipe::new(Weather { window: 3, ..Weather::calm() }, None);
    assert_eq!(write(&mut pipe, b"abcde", 0), 3);
    assert_eq!(write(&mut pipe, b"de", 0), 0);
    pipe.arrive(1000);
    assert_eq!(read(&mut pipe).1, b"abc");
    assert_eq!(write(&mut pipe, b"de", 0), 2);
}

#[test]
fn a_cut_replaces_the_byte_at_its_offset() {
    for (how, last) in [(Fault::Fin, Read::Eof), (Fault::Reset, Read::Reset)] {
        let mut pipe = Pipe::new(Weather::calm(), Some(Break { at: 2, how }));
        assert_eq!(write(&mut pipe, b"abc", 0), 3);
        assert!(pipe.take_severed());
        let at = pipe.next_at().unwrap();
        pipe.arrive(at);
        assert_eq!(read(&mut pipe).1, b"ab");
        assert_eq!(read(&mut pipe).0, last);
    }
}

#[test]
fn silence_holds_back_and_healing_lets_go() {
    let mut pipe = Pipe::new(Weather::calm(), Some(Break { at: 1, how: Fault::Mute }));
    write(&mut pipe, b"abc", 0);
    assert_eq!(pipe.next_at(), None);
    pipe.heal(7);
    pipe.arrive(1_000);
    assert_eq!(read(&mut pipe).1, b"abc");
}

#[test]
fn cutting_byte_by_byte_makes_one_segment_a_byte_when_times_differ() {
    let mut pipe = Pipe::new(Weather { delay: (1, 1000), cut: Cut::Bytes(3), ..Weather::calm() }, None);
    pipe.write(&[IoSlice::new(b"abcdef")], 0, &mut Dice::new(3));
    let seen = drain(&mut pipe);
    let bytes: Vec<u8> = seen.iter().flat_map(|(_, _, bytes)| bytes.clone()).collect();
    assert_eq!(bytes, b"abcdef");
    assert!(seen.len() >= 2);
}
