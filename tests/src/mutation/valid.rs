//! Valid requests and answers, of which streams are made.

use super::credential;
use crate::differential::KEY;
use fastrand::Rng;

const REQUESTS: &[&str] = &[
    "GET /v1/models HTTP/1.1\r\nHost: a\r\n{auth}X-A: 1\r\n\r\n",
    "HEAD /v1/models?limit=2 HTTP/1.1\r\nHost: a:80\r\n{auth}\r\n",
    "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n{auth}Content-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"model\":\"gpt-x\"}",
    "POST /v1/files HTTP/1.1\r\nHost: a\r\n{auth}Transfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n",
    "POST /v1/files HTTP/1.1\r\nHost: a\r\n{auth}Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
    "PUT http://a/v1/files/1 HTTP/1.1\r\nHost: a\r\n{auth}Content-Length: 0\r\n\r\n",
    "DELETE /v1/files/1 HTTP/1.1\r\nHost: a\r\n{auth}Connection: keep-alive, X-B\r\nX-B: 2\r\nTE: trailers\r\n\r\n",
    "GET /v1/models HTTP/1.0\r\n{auth}Connection: keep-alive\r\n\r\n",
    "GET /stats HTTP/1.1\r\nHost: a\r\n{auth}\r\n",
    "OPTIONS /v1/models HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\nAccess-Control-Request-Method: POST\r\n\r\n",
];

const ANSWERS: &[&str] = &[
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\ne\r\ndata: {\"a\":1}\n\r\n1\r\n\n\r\n0\r\nX-Sum: 1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n5;a=b\r\nhello\r\n00a\r\n0123456789\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
    "HTTP/1.0 200 OK\r\nServer: old\r\n\r\nuntil the end",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Created\r\nLocation: /v1/x\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\n",
    "HTTP/1.1 400 Bad Request\r\nContent-Length: 27\r\n\r\n{\"error\":{\"message\":\"no\"}}\n",
    "HTTP/1.1 401 Unauthorized\r\nContent-Length: {length}\r\n\r\n{\"error\":{\"message\":\"{key}\"}}",
    "HTTP/1.1 403 Forbidden\r\nX-Key: {key}\r\nContent-Length: {length}\r\n\r\n{\"error\":{\"message\":\"{key}\"}}",
    "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\nKeep-Alive: timeout=5\r\n\r\noops",
];

/// One to three requests on one connection.
pub(crate) fn session(dice: &mut Rng) -> Vec<u8> {
    let requests =
        (0..dice.usize(1..=3)).map(|_| REQUESTS[dice.usize(..REQUESTS.len())].replace("{auth}", &credential()));
    requests.collect::<String>().into_bytes()
}

/// An answer.
pub(crate) fn answer(dice: &mut Rng) -> Vec<u8> {
    let length = "{\"error\":{\"message\":\"\"}}".len() + KEY.len();
    let answer = ANSWERS[dice.usize(..ANSWERS.len())];
    answer.replace("{length}", &length.to_string()).replace("{key}", KEY).into_bytes()
}
