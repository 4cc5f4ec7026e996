use super::*;
use crate::message::Written;

const CHROME: (&str, &str) = ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)");

fn admin(host: &str, fields: &[(&str, &str)], changes: bool) -> bool {
    strange_admin(Written::of(fields).fields(), host.as_bytes(), &["box.example".into()], changes)
}

#[test]
fn programs_are_never_strange() {
    for host in ["127.0.0.1:3000", "proxy.example", "x", "", "[::1]:3000"] {
        for fields in [&[][..], &[("User-Agent", "curl/8.5.0"), ("Accept", "*/*")], &[("X-A", "b")]] {
            assert!(!admin(host, fields, true) && !admin(host, fields, false), "{host} {fields:?}");
        }
    }
    // fetch of Node says this much.
    let node = [("accept-language", "*"), ("sec-fetch-mode", "cors"), ("user-agent", "node")];
    assert!(!admin("localhost:3000", &node, true));
}

#[test]
fn pages_of_other_sites_are() {
    for (fields, what) in [
        (&[("Sec-Fetch-Site", "cross-site"), CHROME][..], "an image"),
        (&[("Sec-Fetch-Site", "same-site"), CHROME], "another port of this host"),
        (&[("Sec-Fetch-Site", "")], "what no browser says"),
        (&[("Origin", "https://evil.test"), CHROME], "a form"),
        (&[("Origin", "null"), CHROME], "a sandbox"),
        (&[("Origin", "http://127.0.0.1:3001")], "another port"),
        (&[("Origin", "http://127.0.0.1:3000.evil.test")], "a longer name"),
        (&[("Origin", "ftp://127.0.0.1:3000")], "another scheme"),
        (&[("Origin", "http://127.0.0.1:3000"), ("Sec-Fetch-Site", "cross-site")], "two words for it"),
    ] {
        assert!(admin("127.0.0.1:3000", fields, true) && admin("127.0.0.1:3000", fields, false), "{what}");
    }
}

#[test]
fn the_user_and_pages_of_this_site_are_not() {
    for fields in [
        &[("Sec-Fetch-Site", "none"), CHROME][..],
        &[("Sec-Fetch-Site", "same-origin"), ("Origin", "http://127.0.0.1:3000"), CHROME],
        &[("Origin", "http://127.0.0.1:3000"), CHROME],
        &[("Origin", "HTTPS://127.0.0.1:3000")],
    ] {
        assert!(!admin("127.0.0.1:3000", fields, true), "{fields:?}");
    }
}

#[test]
fn a_browser_that_does_not_say_which_site_may_only_read() {
    assert!(admin("192.168.1.5:3000", &[CHROME], true));
    assert!(!admin("192.168.1.5:3000", &[CHROME], false));
}

#[test]
fn a_name_that_anybody_could_have_led_here_is_no_site_of_ours() {
    for host in ["evil.test", "evil.test:3000", "evil.test.", "localhost.evil.test", "127.0.0.1.evil.test", "", "a.b"] {
        for mark in [CHROME, ("Accept-Language", "*"), ("Referer", "http://evil.test/"), ("Sec-Fetch-Site", "none")] {
            assert!(admin(host, &[mark], false), "{host} {mark:?}");
        }
    }
    for host in ["localhost:3000", "LOCALHOST.", "app.localhost", "10.0.0.1", "[fe80::1]", "box", "Box.Example:80"] {
        assert!(!admin(host, &[CHROME], false), "{host}");
    }
}

#[test]
fn proxied_paths_are_for_the_pages_that_are_listed() {
    let listed = Cors { origins: Some(vec!["https://app.test".into()]) };
    let proxied =
        |host: &str, fields: &[(&str, &str)], cors| strange(Written::of(fields).fields(), host.as_bytes(), &[], cors);
    assert!(!proxied("proxy.test", &[("Origin", "https://app.test"), CHROME], Some(&listed)));
    assert!(proxied("127.0.0.1", &[("Origin", "https://evil.test")], Some(&listed)));
    assert!(proxied("evil.test", &[("Origin", "http://evil.test"), CHROME], Some(&listed)));
    assert!(proxied("evil.test", &[CHROME], Some(&listed)));
    assert!(!proxied("evil.test", &[("User-Agent", "openai")], Some(&listed)));
    for cors in [None, Some(&Cors { origins: None })] {
        assert!(!proxied("evil.test", &[("Origin", "https://evil.test"), CHROME], cors));
    }
}
