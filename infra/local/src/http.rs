//! The requests that are needed to see whether a program on loopback is ready and to tell it something.

use std::io::{Read as _, Result, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
/// Only the first line counts.
const ANSWER_BYTES_MAX: u64 = 1024;

/// Whether it answers a GET with success.
pub(crate) fn get(port: u16, path: &str) -> bool {
    succeeds(port, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
}

/// Whether it takes some JSON.
pub(crate) fn put_json(port: u16, path: &str, body: &str) -> bool {
    send_json("PUT", port, path, body)
}

/// Whether it takes some JSON.
pub(crate) fn post_json(port: u16, path: &str, body: &str) -> bool {
    send_json("POST", port, path, body)
}

fn send_json(method: &str, port: u16, path: &str, body: &str) -> bool {
    let length = body.len();
    succeeds(
        port,
        &format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ),
    )
}

fn succeeds(port: u16, request: &str) -> bool {
    exchange(port, request).is_ok_and(|answer| answer.split(' ').nth(1).is_some_and(|status| status.starts_with('2')))
}

fn exchange(port: u16, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
    stream.set_write_timeout(Some(ANSWER_TIME_MAX))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
