use super::*;
use crate::origin::Origin;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Line and key of each entry.
fn keys(all: &Keys) -> Vec<(u32, String)> {
    all.keys.iter().map(|k| (k.line, text(k.secret.expose()))).collect()
}

fn one(line: &str) -> KeyEntry {
    let mut all = file(line.as_bytes());
    assert!(all.wrong.is_empty(), "{line}: {:?}", all.wrong);
    let pool = Arc::from([BaseUrl::new(Origin::new(true, "pool", 443), "")]);
    all.keys.remove(0).entry(4, &pool).unwrap()
}

#[test]
fn comments_blanks_bom_and_crlf_are_tolerated() {
    let all = file(b"\xef\xbb\xbf# head\r\n\r\nsk-a\r\n  sk-b  \n\t# x\nsk-c # why\n#sk-d\nsk-e");
    let expected = [(3, "sk-a"), (4, "sk-b"), (6, "sk-c"), (8, "sk-e")];
    assert_eq!(keys(&all), expected.map(|(line, key)| (line, key.to_owned())));
    assert!(all.skipped.is_empty() && all.repeated.is_empty() && all.wrong.is_empty());
    assert!(file(b"").keys.is_empty() && file(b"\n#\n").keys.is_empty());
}

#[test]
fn a_key_that_is_not_visible_ascii_is_skipped_by_line() {
    let all = file("sk-a\nsk-é\nsk b\nsk-\u{7f}\nsk-\u{0}\n\u{200b}sk-c\nsk-d".as_bytes());
    assert_eq!(keys(&all), [(1, "sk-a".to_owned()), (7, "sk-d".to_owned())]);
    assert_eq!(all.skipped, [2, 3, 4, 5, 6]);
    assert_eq!(file(b"[\nsk-a\n\"sk-b\",\n'sk-c'\n]").skipped, [1, 3, 4, 5]);
    let all = file(b"\xff\xfes\0k\0\n\0");
    assert_eq!((all.keys.len(), all.skipped), (0, vec![1, 2]));
}

#[test]
fn a_key_that_comes_again_is_kept_once() {
    let all = file(b"sk-a\nsk-b\nsk-a | again\n\nsk-a\n");
    assert_eq!(keys(&all), [(1, "sk-a".to_owned()), (2, "sk-b".to_owned())]);
    assert_eq!(all.repeated, [(3, 1), (5, 1)]);
}

#[test]
fn optional_fields() {
    let key = one("sk-a | team A | weight=3");
    assert_eq!((&*key.name, key.weight, key.priority, key.line, key.index), ("team A", 3, 0, 1, 4));
    let key = one("sk-a | backup | priority=1 models=gpt-4o*,o3 # note");
    assert_eq!((&*key.name, key.priority, key.weight), ("backup", 1, 1));
    assert_eq!(key.models, ["gpt-4o*".into(), "o3".into()]);
    let key = one("sk-a | models=a, b, c | base_url=https://x/v1,https://y org=org-1 project=p");
    assert_eq!(key.models.len(), 3);
    assert_eq!(key.bases.iter().map(|b| &*b.authority).collect::<Vec<_>>(), ["x", "y"]);
    assert_eq!((key.organization.as_deref(), key.project.as_deref()), (Some("org-1"), Some("p")));
    let key = one("sk-a | | ");
    assert_eq!((&*key.name, &*key.bases[0].authority), ("", "pool"));
    let key = one("sk|a\t|é ü");
    assert_eq!((&*key.name, key.secret.expose()), ("é ü", &b"sk|a"[..]));
}

#[test]
fn fields_that_do_not_parse_are_named() {
    for (line, field, word) in [
        ("sk-a | weight=0", "weight", "from 1"),
        ("sk-a | weight=x", "weight", "whole number"),
        ("sk-a | priority=-1", "priority", "from 0"),
        ("sk-a | models=", "models", "separated by commas"),
        ("sk-a | models=g*t", "models", "ends in *"),
        ("sk-a | base_url=x", "base_url", "https://"),
        ("sk-a | org=", "org", "visible"),
        ("sk-a | project=é", "project", "visible"),
        ("sk-a | wieght=2", "field", "weight="),
        ("sk-a | one | two", "name", "one name"),
        ("sk-a | a\u{1}b", "name", "control"),
    ] {
        let all = file(format!("\n{line}").as_bytes());
        let [(2, name, right)] = &all.wrong[..] else { panic!("{line}: {:?}", all.wrong) };
        assert!(*name == field && right.contains(word), "{line}: {name} {right}");
    }
    assert_eq!(file(b"sk-a | \xff").wrong.len(), 1);
    let long = format!("sk-a | {}", "x".repeat(65));
    assert_eq!(file(long.as_bytes()).wrong.len(), 1);
}

#[test]
fn keys_of_a_list() {
    let all = inline("sk-a, sk-b,,sk-a,sk é");
    assert_eq!(keys(&all), [(1, "sk-a".to_owned()), (2, "sk-b".to_owned())]);
    assert_eq!((all.repeated, all.skipped), (vec![(3, 1)], vec![4]));
}
