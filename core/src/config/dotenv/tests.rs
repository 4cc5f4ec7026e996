use super::*;

/// The assignments as (name, value, line); no line may be bad.
fn read(text: &str) -> Vec<(String, String, u32)> {
    let (found, bad) = parse(text.as_bytes());
    assert_eq!(bad, [], "{text:?}");
    found.into_iter().map(|a| (a.name, a.value.expose_text().unwrap().to_owned(), a.line)).collect()
}

/// The one value of a text.
fn value(text: &str) -> String {
    let found = read(text);
    assert_eq!(found.len(), 1, "{text:?}");
    found.into_iter().next().unwrap().1
}

#[test]
fn values_and_their_comments() {
    for (text, expected) in [
        ("A=b", "b"),
        ("A=", ""),
        ("A= ", ""),
        ("A = b c ", "b c"),
        ("A=b # c", "b"),
        ("A=b\t#c", "b"),
        ("A=b#c", "b#c"),
        ("A=#c", ""),
        ("A=b=c", "b=c"),
        ("export A=b", "b"),
        ("  export\tA = b", "b"),
        ("A=$HOME/`x`", "$HOME/`x`"),
        ("A=b'c\"d", "b'c\"d"),
        ("A=é", "é"),
    ] {
        assert_eq!(value(text), expected, "{text:?}");
    }
}

#[test]
fn quoted_values() {
    for (text, expected) in [
        ("A='b # c'", "b # c"),
        ("A='b' # c", "b"),
        ("A=''", ""),
        (r"A='\n'", r"\n"),
        (r#"A="\n\t\r\"\\\$""#, "\n\t\r\"\\$"),
        (r#"A="\q""#, r"\q"),
        ("A=\"b\nc\" # d", "b\nc"),
        ("A='b\r\nc'", "b\nc"),
        ("A=\"b\\\nc\"", "b\\\nc"),
    ] {
        assert_eq!(value(text), expected, "{text:?}");
    }
}

#[test]
fn names_keep_their_lines() {
    let text = "\u{feff}# head\r\n\r\nPORT=1\r\n'x' = 1\nAUTH_KEY='a\nb'\nexport=2\nexportA=3";
    let (found, bad) = parse(text.as_bytes());
    let places: Vec<_> = found.iter().map(|a| (a.name.as_str(), a.line)).collect();
    assert_eq!(places, [("PORT", 3), ("AUTH_KEY", 5), ("export", 7), ("exportA", 8)]);
    assert_eq!(bad.iter().map(|b| b.line).collect::<Vec<_>>(), [4]);
}

#[test]
fn bad_lines_are_named_and_the_others_read() {
    for (line, word) in [
        ("PORT", "NAME=value"),
        ("=x", "name"),
        ("1A=x", "name"),
        ("A-B=x", "name"),
        ("A B=x", "name"),
        ("A='x' y", "closing quote"),
        ("A=\"x\"y\"", "closing quote"),
    ] {
        let text = format!("X=1\n{line}\nY=2");
        let (found, bad) = parse(text.as_bytes());
        assert_eq!(found.len(), 2, "{line}");
        assert_eq!(bad.len(), 1, "{line}");
        assert!(bad[0].line == 2 && bad[0].what.contains(word), "{line}: {bad:?}");
    }
    let (found, bad) = parse(b"A=1\nB='open\nC=2");
    assert_eq!((found.len(), bad[0].line, bad[0].what), (1, 2, "the quote is not closed"));
    let (_, bad) = parse(b"A=\xff\nB='\xff'");
    assert!(bad.iter().all(|b| b.what.contains("UTF-8")) && bad.len() == 2);
}

#[test]
fn debug_output_holds_no_value() {
    let (found, _) = parse(b"AUTH_KEY=hunter22");
    let shown = format!("{found:?}");
    assert!(shown.contains("AUTH_KEY") && !shown.contains("hunter22"), "{shown}");
}
