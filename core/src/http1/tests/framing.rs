//! RFC 9112 section 6.3.

use super::super::framing::FramingError;
use super::super::head::{RequestError, ResponseError};
use super::{request, response_to};
use crate::message::Length;
use http::Method;

fn of_request(version: &str, fields: &[&str]) -> Result<Length, FramingError> {
    let fields: String = fields.iter().map(|f| format!("{f}\r\n")).collect();
    match request(format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n")) {
        Ok(got) => Ok(got.length),
        Err(RequestError::Framing(e)) => Err(e),
        Err(other) => panic!("{other}"),
    }
}

fn of_response(method: Method, line: &str, fields: &[&str]) -> Result<Length, FramingError> {
    let fields: String = fields.iter().map(|f| format!("{f}\r\n")).collect();
    match response_to(method, format!("HTTP/{line} x\r\n{fields}\r\n")) {
        Ok(got) => Ok(got.length),
        Err(ResponseError::Framing(e)) => Err(e),
        Err(other) => panic!("{other}"),
    }
}

/// Asks for a request and for a response.
fn both(fields: &[&str]) -> Result<Length, FramingError> {
    let request = of_request("1.1", fields);
    assert_eq!(of_response(Method::GET, "1.1 200", fields), request, "{fields:?}");
    request
}

#[test]
fn a_request_without_either_field_has_no_body_and_a_response_ends_with_its_connection() {
    assert_eq!(of_request("1.1", &[]), Ok(Length::Exact(0)));
    assert_eq!(of_request("1.0", &[]), Ok(Length::Exact(0)));
    assert_eq!(of_response(Method::GET, "1.1 200", &[]), Ok(Length::UntilClose));
}

#[test]
fn a_length_is_digits() {
    for (value, length) in [("0", 0), ("5", 5), ("007", 7), (" 5\t", 5), ("18446744073709551615", u64::MAX)] {
        assert_eq!(both(&[&format!("Content-Length:{value}")]), Ok(Length::Exact(length)), "{value}");
    }
    for value in [
        "",
        "+5",
        "-5",
        "5 5",
        "0x5",
        "5.0",
        "5e1",
        "18446744073709551616",
        "99999999999999999999999",
        "\u{b2}",
        "5;a",
        "'5'",
        "five",
    ] {
        assert_eq!(both(&[&format!("Content-Length: {value}")]), Err(FramingError::LengthValue), "{value}");
    }
}

#[test]
fn a_repeated_length_counts_once_and_two_never() {
    assert_eq!(both(&["Content-Length: 5", "content-length: 5"]), Ok(Length::Exact(5)));
    assert_eq!(both(&["Content-Length: 5, 5 ,5"]), Ok(Length::Exact(5)));
    assert_eq!(both(&["Content-Length: 5, 6"]), Err(FramingError::LengthsDiffer));
    assert_eq!(both(&["Content-Length: 5", "Content-Length: 6"]), Err(FramingError::LengthsDiffer));
    for value in ["5,", ",5", "5,,5", ",", "5, +5", "5, x", "5;5"] {
        assert_eq!(both(&[&format!("Content-Length: {value}")]), Err(FramingError::LengthValue), "{value}");
    }
    assert_eq!(both(&["Content-Length: 5", "Content-Length:"]), Err(FramingError::LengthValue));
}

#[test]
fn chunked_is_the_one_coding() {
    for value in ["chunked", "CHUNKED", " Chunked\t"] {
        assert_eq!(both(&[&format!("Transfer-Encoding:{value}")]), Ok(Length::Marked));
    }
    for value in ["gzip, chunked", "identity, chunked", "gzip , deflate,chunked", "\u{e9}, chunked"] {
        assert_eq!(both(&[&format!("Transfer-Encoding: {value}")]), Err(FramingError::CodingUnknown), "{value}");
    }
    for value in [
        "",
        "gzip",
        "identity",
        "chunked, gzip",
        "chunked, chunked",
        "xchunked",
        "chunked;q=1",
        "chunked ,",
        ", chunked",
        "\"chunked\"",
        "chun ked",
        "chunked\u{b}x",
    ] {
        let field = format!("Transfer-Encoding: {value}");
        if value.contains('\u{b}') {
            assert!(matches!(
                request(format!("POST / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n")),
                Err(RequestError::FieldValue { line: 3 })
            ));
            continue;
        }
        assert_eq!(both(&[&field]), Err(FramingError::CodingNotFinal), "{value}");
    }
    assert_eq!(both(&["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]), Err(FramingError::CodingNotFinal));
    assert_eq!(both(&["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"]), Err(FramingError::CodingNotFinal));
}

#[test]
fn length_and_coding_together_are_refused_whatever_they_say() {
    for (length, coding) in [("5", "chunked"), ("0", "chunked"), ("x", "chunked"), ("5", "gzip"), ("5", "")] {
        let fields = [format!("Content-Length: {length}"), format!("Transfer-Encoding: {coding}")];
        assert_eq!(both(&[&fields[0], &fields[1]]), Err(FramingError::Both));
        assert_eq!(both(&[&fields[1], &fields[0]]), Err(FramingError::Both));
    }
    assert_eq!(of_request("1.0", &["Content-Length: 5", "Transfer-Encoding: chunked"]), Err(FramingError::Both));
}

#[test]
fn http10_has_no_transfer_encoding() {
    let fields = ["Transfer-Encoding: chunked"];
    assert_eq!(of_request("1.0", &fields), Err(FramingError::CodingInHttp10));
    assert_eq!(of_response(Method::GET, "1.0 200", &fields), Err(FramingError::CodingInHttp10));
    assert_eq!(of_request("1.0", &["Content-Length: 5"]), Ok(Length::Exact(5)));
}

#[test]
fn some_answers_never_have_a_body() {
    for line in ["1.1 100", "1.1 101", "1.1 103", "1.1 199", "1.1 204", "1.1 304"] {
        for fields in [&[][..], &["Content-Length: 5"], &["Transfer-Encoding: chunked"]] {
            assert_eq!(of_response(Method::GET, line, fields), Ok(Length::Exact(0)), "{line} {fields:?}");
        }
        // But their fields must not be doubtful either.
        assert_eq!(of_response(Method::GET, line, &["Content-Length: +5"]), Err(FramingError::LengthValue));
        let both = ["Content-Length: 5", "Transfer-Encoding: chunked"];
        assert_eq!(of_response(Method::GET, line, &both), Err(FramingError::Both));
    }
    assert_eq!(of_response(Method::HEAD, "1.1 200", &["Content-Length: 5"]), Ok(Length::Exact(0)));
    assert_eq!(of_response(Method::HEAD, "1.1 200", &[]), Ok(Length::Exact(0)));
    // 205 is framed like any other (RFC 9110 section 15.3.6).
    assert_eq!(of_response(Method::GET, "1.1 205", &["Content-Length: 0"]), Ok(Length::Exact(0)));
    assert_eq!(of_response(Method::GET, "1.1 205", &[]), Ok(Length::UntilClose));
}

#[test]
fn refusals_say_what_and_how() {
    for (error, status) in [
        (FramingError::Both, 400),
        (FramingError::CodingInHttp10, 400),
        (FramingError::CodingUnknown, 501),
        (FramingError::CodingNotFinal, 400),
        (FramingError::LengthValue, 400),
        (FramingError::LengthsDiffer, 400),
    ] {
        let whole = RequestError::Framing(error);
        assert_eq!(
            (whole.status().as_u16(), whole.code(), whole.to_string()),
            (status, error.code(), error.to_string())
        );
    }
}
