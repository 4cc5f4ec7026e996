//! Whether a text looks like a key or token: those are written into the wrong setting now and then.
//!
//! What is configured is told in messages, pages and log lines by one rule. A value that is wrong is never quoted: its name
//! and place say where it stands. A file's name is told once the file was found. Hosts, URLs and names of keys are shown
//! while all is well, so one that looks like a credential is refused here.

/// How keys and tokens of providers begin.
const PREFIXES: [&str; 13] =
    ["sk-", "sk_", "pk-", "rk-", "csk-", "gsk_", "xai-", "pplx-", "nvapi-", "hf_", "ghp_", "AIza", "eyJ"];
/// Shortest run of letters and digits that is random and no word.
const RUN: usize = 12;

/// Whether a word of this text begins as keys do and goes on as words do not. In any case, as hosts have none.
pub(super) fn is_like(text: &str) -> bool {
    let of_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let random = |run: &str| run.len() >= RUN && run.contains(|c: char| c.is_ascii_digit()) && run.contains(letter);
    text.split(|c| !of_word(c)).any(|word| {
        let begins = |prefix: &&str| word.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        let rest = PREFIXES.iter().find(|prefix| begins(prefix)).and_then(|prefix| word.get(prefix.len()..));
        rest.is_some_and(|rest| rest.split(['-', '_']).any(random))
    })
}

fn letter(c: char) -> bool {
    c.is_ascii_alphabetic()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tokens_wherever_they_stand() {
        for text in [
            "sk-proj-Qm7xW2vB9nLk4aaaa",
            "sk-0123456789abcdef",
            "SK-0123456789ABCDEF",
            "sk-ant-api03-Qm7xW2vB9nLk4-x",
            "gsk_Qm7xW2vB9nLk4",
            "AIzaSyA1234567890bcdef",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln",
            "/v1/sk-proj-Qm7xW2vB9nLk4aaaa",
            "team sk-proj-Qm7xW2vB9nLk4aaaa",
            "logs/sk-proj-Qm7xW2vB9nLk4aaaa.log",
        ] {
            assert!(is_like(text), "{text}");
        }
    }

    #[test]
    fn hosts_paths_and_names_are_none() {
        for text in [
            "",
            "é",
            "0.0.0.0",
            "api.openai.com",
            "sk-stockholm-region-1.internal",
            "/etc/keywheel/sk-proj-team-alpha-2024-keys.txt",
            "/v1/0123456789abcdef0123456789abcdef/openai",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "task-0123456789abcdef",
            "sk-communications",
        ] {
            assert!(!is_like(text), "{text}");
        }
    }
}
