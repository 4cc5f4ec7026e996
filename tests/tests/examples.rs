//! The proofs that core embeds in code without async: both examples are run as a reader would run them.

use keywheel_runtime::fake::{Behaviour, Provider, threads};
use keywheel_tests::process::binary;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

/// Ends the process however the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ask(proxy: &str, request: &str) -> String {
    let mut socket = TcpStream::connect(proxy).expect("the proxy listens");
    socket.write_all(request.as_bytes()).expect("the proxy reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("the proxy answers and closes");
    answer
}

#[test]
fn the_blocking_example_is_a_working_proxy() {
    let provider = Provider::new(Default::default());
    provider.set_key("sk-dead-0000000001", Behaviour::Invalid);
    provider.set_key("sk-good-0000000002", Behaviour::Good);
    let (upstream, _server) = threads::spawn(provider).expect("a loopback port");
    let child = binary("examples/blocking")
        .args(["127.0.0.1:0", &format!("http://{upstream}"), "sk-dead-0000000001,sk-good-0000000002"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the example starts");
    let mut child = Running(child);
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().expect("piped")).read_line(&mut line).expect("its first line");
    let proxy = line.trim().strip_prefix("listening on ").expect("where it listens").to_owned();
    for stream in [false, true] {
        let body =
            format!(r#"{{"model":"gpt-4o-mini","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#);
        let length = body.len();
        let answer = ask(
            &proxy,
            &format!(
                "POST /v1/chat/completions HTTP/1.1\r\nHost: {proxy}\r\nConnection: close\r\n\
                 Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            ),
        );
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let end = if stream { "data: [DONE]\n\n\r\n0\r\n\r\n" } else { "}" };
        assert!(answer.trim_end_matches('\n').ends_with(end.trim_end_matches('\n')), "{answer}");
    }
    let models = ask(&proxy, "GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(models.contains("\"object\":\"list\"") || models.contains("\"object\": \"list\""), "{models}");
}

#[test]
fn the_advising_example_finds_the_good_key_and_leaves_the_others() {
    let output = binary("examples/advise").output().expect("the example runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    let first = last.strip_prefix("keys tried per request: [").and_then(|l| l.split(',').next());
    assert_eq!(first, Some("4"), "the first request tries all keys: {last}");
}
