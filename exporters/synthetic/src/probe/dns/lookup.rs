//! The addresses of a name, asked of one name server: for modules with a `resolver` of their own.
//!
//! The name is taken as it is: no search domains, no files of this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::codes::{CLASS_IN, NOERROR};
use super::message::{self, Message};
use super::query::{Query, QueryName};
use super::random_id;
use crate::outcome::Failed;
use crate::probe::datagram::connected;
use crate::reason::Reason;

/// How long an answer is waited for before it is asked for again; a datagram may get lost.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// How long a server is waited for in the end, where the caller has more time.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// The code of an answer that says that there is no such name (RFC 1035, 4.1.1).
const NXDOMAIN: u16 = 3;

/// Types of records that are addresses.
const A: u16 = 1;
const AAAA: u16 = 28;

/// Both kinds of addresses, IPv6 last. What one kind fails for counts only when there are none of the other.
pub(crate) async fn addresses(server: SocketAddr, host: &str) -> Result<Vec<IpAddr>, Failed> {
    let name = QueryName::parse(host).map_err(|problem| {
        Failed::new("resolve", Reason::TargetInvalid, format!("{host} is no host name: {problem}"))
    })?;
    let (four, six) = tokio::join!(ask(server, &name, A), ask(server, &name, AAAA));
    let failure = match (&four, &six) {
        (Err(failure), Ok(found)) | (Ok(found), Err(failure)) if found.is_empty() => Some(failure.clone()),
        (Err(failure), Err(_)) => Some(failure.clone()),
        _ => None,
    };
    let found: Vec<IpAddr> = [four, six].into_iter().flatten().flatten().collect();
    match failure {
        Some(failure) => Err(failure),
        None if found.is_empty() => {
            Err(Failed::new("resolve", Reason::DnsNoAddress, format!("{host} has no address")))
        }
        None => Ok(found),
    }
}

async fn ask(server: SocketAddr, name: &QueryName, kind: u16) -> Result<Vec<IpAddr>, Failed> {
    let query = Query { name: name.clone(), kind, class: CLASS_IN, recursion_desired: true, edns: None };
    let question = query.encode(random_id()?);
    let mut answer = over_udp(server, &query, &question).await?;
    if answer.flags.is_truncated() {
        let asking = timeout(LAST_WAIT, over_tcp(server, &question));
        let bytes = asking.await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        answer = read(&query, &question, &bytes.map_err(|error| silent(server, &error))?).ok_or_else(odd)?;
    }
    match answer.rcode {
        NOERROR => Ok(answer.answer.iter().filter_map(|record| address(record.kind, &record.text)).collect()),
        NXDOMAIN => Err(Failed::new("resolve", Reason::DnsNxdomain, "the name does not exist")),
        code => {
            let message = format!("the name server {server} failed with code {code}");
            Err(Failed::new("resolve", Reason::DnsServfail, message))
        }
    }
}

async fn over_udp(server: SocketAddr, query: &Query, question: &[u8]) -> Result<Message, Failed> {
    let socket = connected(None, server).await.map_err(|error| silent(server, &error))?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    for wait in AGAIN_AFTER.into_iter().chain([LAST_WAIT]) {
        socket.send(question).await.map_err(|error| silent(server, &error))?;
        let answer = async {
            loop {
                let length = socket.recv(&mut buffer).await?;
                let bytes = buffer.get(..length).unwrap_or_default();
                // what answers something else is old, or forged
                if let Some(message) = read(query, question, bytes) {
                    return Ok::<_, std::io::Error>(message);
                }
            }
        };
        if let Ok(answer) = timeout(wait, answer).await {
            return answer.map_err(|error| silent(server, &error));
        }
    }
    Err(silent(server, &std::io::ErrorKind::TimedOut.into()))
}

async fn over_tcp(server: SocketAddr, question: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).unwrap_or(u16::MAX);
    stream.write_all(&[&length.to_be_bytes(), question].concat()).await?;
    let mut answer = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// The answer to this very question.
fn read(query: &Query, question: &[u8], bytes: &[u8]) -> Option<Message> {
    let message = Message::parse(bytes).ok()?;
    let ours = Some(message.id) == message::id(question) && message.flags.is_answer();
    // some servers refuse without repeating the question
    let fits = message.questions.is_empty() || query.is(question, bytes);
    (ours && fits).then_some(message)
}

/// The address of a record: the last word of its text.
fn address(kind: u16, text: &str) -> Option<IpAddr> {
    let word = text.rsplit('\t').next()?;
    match kind {
        A => word.parse::<Ipv4Addr>().ok().map(IpAddr::from),
        AAAA => word.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        _ => None,
    }
}

fn silent(server: SocketAddr, error: &std::io::Error) -> Failed {
    let reason =
        if error.kind() == std::io::ErrorKind::TimedOut { Reason::DnsTimeout } else { Reason::DnsServfail };
    Failed::new("resolve", reason, format!("the name server {server} does not answer: {error}"))
}

fn odd() -> Failed {
    Failed::new("resolve", Reason::DnsServfail, "the name server's answer is none")
}
