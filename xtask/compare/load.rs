//! What is asked by many at once, and what is probed: plain threads, so that neither holds up the exporter between them
//! even where this program is not optimised.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

/// Threads of one target: one accepts while another answers.
const THREADS: usize = 4;

/// How long anything may take; an exporter that hangs ends the comparison.
const WAIT: Duration = Duration::from_mins(1);

/// What a target says to everybody.
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\nConnection: close\r\n\r\nhello, world\n";

/// Starts a web server that answers until this program ends.
pub(crate) fn target() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    for _ in 0..THREADS {
        let listener = listener.try_clone()?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // whoever goes away is told by his own numbers
                drop(answer(stream));
            }
        });
    }
    Ok(address)
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(WAIT))?;
    let mut request = [0; 4096];
    let mut filled = 0;
    while !request.get(..filled).is_some_and(|head| head.ends_with(b"\r\n\r\n")) {
        match stream.read(request.get_mut(filled..).unwrap_or_default())? {
            0 => return Ok(()),
            read => filled += read,
        }
    }
    stream.write_all(ANSWER)
}

/// Asks for a path as many times over `connections` that stay open; gives answers a second.
pub(crate) fn rate(port: u16, path: &str, connections: u32, each: u32) -> Result<f64> {
    let begun = Instant::now();
    thread::scope(|scope| {
        let asking: Vec<_> = (0..connections).map(|_| scope.spawn(|| ask(port, path, each))).collect();
        asking
            .into_iter()
            .try_for_each(|one| one.join().unwrap_or_else(|_| Err(anyhow::anyhow!("who asks has panicked"))))
    })?;
    Ok(f64::from(connections * each) / begun.elapsed().as_secs_f64())
}

fn ask(port: u16, path: &str, times: u32) -> Result<()> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(WAIT))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    for _ in 0..times {
        (&stream).write_all(request.as_bytes())?;
        let page = read_answer(&mut reader)?;
        ensure!(page.contains("\nprobe_success 1\n"), "port {port}: the probe failed");
    }
    Ok(())
}

/// Reads an answer to its end, however its length is told.
fn read_answer(reader: &mut impl BufRead) -> Result<String> {
    let status = read_line(reader)?;
    ensure!(status.starts_with("HTTP/1.1 200"), "{status}");
    let (mut length, mut chunked) = (0, false);
    loop {
        let line = read_line(reader)?.to_ascii_lowercase();
        match line.split_once(": ") {
            None => break,
            Some(("content-length", value)) => length = value.parse()?,
            Some(("transfer-encoding", value)) => chunked = value == "chunked",
            Some(_) => {}
        }
    }
    let mut page = Vec::new();
    if !chunked {
        reader.take(length).read_to_end(&mut page)?;
        return Ok(String::from_utf8(page)?);
    }
    loop {
        let size = u64::from_str_radix(&read_line(reader)?, 16).context("not the size of a chunk")?;
        reader.take(size).read_to_end(&mut page)?;
        read_line(reader)?;
        if size == 0 {
            return Ok(String::from_utf8(page)?);
        }
    }
}

fn read_line(reader: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    ensure!(reader.read_line(&mut line)? > 0, "the exporter closed the connection");
    Ok(line.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_to_their_end() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP".as_slice();
        assert_eq!(read_answer(&mut &*whole).unwrap(), "hello");
        let pieces =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n1\r\no\r\n0\r\n\r\nHTTP";
        assert_eq!(read_answer(&mut pieces.as_slice()).unwrap(), "hello");
        assert!(read_answer(&mut b"HTTP/1.1 503 Busy\r\n\r\n".as_slice()).is_err());
    }

    #[test]
    fn a_target_answers() {
        let mut stream = TcpStream::connect(target().unwrap()).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(read_answer(&mut BufReader::new(stream)).unwrap(), "hello, world\n");
    }
}
