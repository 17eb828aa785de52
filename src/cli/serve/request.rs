//! A request, as far as it is understood: a method, a path, a query, and the headers that say who
//! asks. Bodies are not read.

use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longest request; the page's own are a few hundred bytes.
const LONGEST: usize = 16 << 10;
/// Most headers.
const HEADERS: usize = 64;

/// Pause between two looks at whether the server ends.
const LOOK: Duration = Duration::from_millis(200);

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not HTTP.
    Malformed,
    /// Longer than any of ours.
    TooLong,
}

/// A request.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path as it was sent: nothing in it is decoded, since no path of ours needs it.
    pub(super) path: String,
    /// Names and values, decoded.
    pub(super) query: Vec<(String, String)>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Request {
    /// Reads one, within a time and until the server ends. The outer error is that of the
    /// connection.
    pub(super) fn read(
        stream: &mut TcpStream,
        patience: Duration,
        ending: &AtomicBool,
    ) -> io::Result<Result<Self, Fault>> {
        let end = Instant::now() + patience;
        stream.set_read_timeout(Some(LOOK))?;
        let mut bytes = Vec::new();
        let mut piece = [0; 2048];
        loop {
            if Instant::now() >= end || ending.load(Ordering::SeqCst) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let count = match stream.read(&mut piece) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock
                            | io::ErrorKind::TimedOut
                            | io::ErrorKind::Interrupted
                    ) =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            };
            bytes.extend_from_slice(piece.get(..count).unwrap_or(&[]));
            match Self::parse(&bytes) {
                Ok(None) if bytes.len() < LONGEST => {}
                Ok(None) => return Ok(Err(Fault::TooLong)),
                Ok(Some(request)) => return Ok(Ok(request)),
                Err(fault) => return Ok(Err(fault)),
            }
        }
    }

    /// A request, or nothing if its headers have not ended yet.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        match parsed.parse(bytes) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Fault::TooLong),
            Err(_) => return Err(Fault::Malformed),
        }
        let target = parsed.path.unwrap_or_default();
        if !target.starts_with('/') {
            return Err(Fault::Malformed);
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Ok(Some(Self {
            method: parsed.method.unwrap_or_default().to_owned(),
            path: path.to_owned(),
            query: pairs(query),
            headers: parsed
                .headers
                .iter()
                .map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec()))
                .collect(),
        }))
    }

    /// The value of a header. One that occurs twice has none: which of the two would count?
    pub(super) fn header(&self, name: &str) -> Option<&[u8]> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let (_, value) = found.next()?;
        found.next().is_none().then_some(value)
    }

    /// Whether a header was sent at all.
    pub(super) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known == name)
    }

    /// The first value of a name in the query.
    pub(super) fn value(&self, name: &str) -> &str {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// `a=1&b=x+y%2Fz`.
fn pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let digit = |byte: &u8| {
            char::from(*byte)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_and_paths_are_not() {
        let text = b"GET /a/..%2fb?q=x+y%2Fz%zz&q=2&empty HTTP/1.1\r\nHost: h\r\n\r\n";
        let request = Request::parse(text).unwrap().unwrap();
        assert_eq!(request.path, "/a/..%2fb");
        assert_eq!(request.value("q"), "x y/z%zz");
        assert_eq!(request.value("empty"), "");
        assert_eq!(request.header("host"), Some(&b"h"[..]));
    }

    #[test]
    fn what_is_no_request_is_refused_and_what_is_not_whole_is_awaited() {
        assert!(
            Request::parse(b"GET / HTTP/1.1\r\nHost: h\r\n")
                .unwrap()
                .is_none()
        );
        for text in [
            "\0\0\0\0\r\n\r\n",
            "GET http://evil/ HTTP/1.1\r\n\r\n",
            "GET\r\n\r\n",
        ] {
            let refused = Request::parse(text.as_bytes()).unwrap_err();
            assert_eq!(refused, Fault::Malformed, "{text:?}");
        }
        let many = "GET / HTTP/1.1\r\n".to_owned() + &"a: b\r\n".repeat(HEADERS + 1) + "\r\n";
        assert_eq!(Request::parse(many.as_bytes()).unwrap_err(), Fault::TooLong);
    }

    #[test]
    fn a_header_that_is_sent_twice_counts_for_nothing() {
        let text = b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n";
        let request = Request::parse(text).unwrap().unwrap();
        assert_eq!(request.header("host"), None);
        assert!(request.has("host"));
    }
}
