//! PostgreSQL, MySQL, LDAP.

use tokio::io::{AsyncRead, AsyncWrite};

use super::failure;
use super::lines::{Dialogue, said};
use crate::failure::{Failure, Reason};

/// PostgreSQL's request for TLS: its length, and a number that is no version.
const POSTGRES_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// MySQL's capability for TLS, in the lower half of its flags.
const MYSQL_TLS: u16 = 0x0800;

/// What we say we can: TLS, the protocol of 4.1, its passwords, plugins. The server learns no name before TLS.
const MYSQL_OURS: u32 = 0x0008_8a00;

/// Bytes of the longest greeting or answer; MySQL's has about hundred, LDAP's less.
const MAX_PACKET: usize = 4 << 10;

/// LDAP's extended request to start TLS: message 1, operation 23, its name.
const LDAP_REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// PostgreSQL.
pub(super) async fn postgres<S>(dialogue: &mut Dialogue<'_, S>) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    dialogue.send(&POSTGRES_REQUEST).await?;
    match dialogue.bytes(1).await?.as_slice() {
        b"S" => Ok(()),
        b"N" => Err(failure(Reason::StartTlsNotOffered)),
        // an error message: too many connections, or a server that is older than TLS
        b"E" => Err(failure(Reason::StartTlsRefused)),
        other => Err(said(Reason::Protocol, &String::from_utf8_lossy(other))),
    }
}

/// MySQL: there is no go-ahead, so that nothing may lie behind the greeting when TLS is asked for.
pub(super) async fn mysql<S>(dialogue: &mut Dialogue<'_, S>) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let header = dialogue.bytes(4).await?;
    let &[low, middle, high, sequence] = header.as_slice() else { return Err(failure(Reason::Protocol)) };
    let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
    if !(1..=MAX_PACKET).contains(&length) || sequence != 0 {
        return Err(failure(Reason::Protocol).because("it does not greet as MySQL does"));
    }
    let greeting = dialogue.bytes(length).await?;
    match greeting.first() {
        Some(10) => {}
        // an error: a number of two bytes and a text; too many connections, or a host that is blocked
        Some(0xff) => {
            let text = greeting.get(3..).unwrap_or_default();
            return Err(said(Reason::StartTlsRefused, &String::from_utf8_lossy(text)));
        }
        _ => return Err(failure(Reason::Protocol).because("it does not greet as MySQL does")),
    }
    if !mysql_offers(&greeting) {
        return Err(failure(Reason::StartTlsNotOffered));
    }
    dialogue.ends_here()?;
    let mut request = vec![32, 0, 0, 1];
    request.extend_from_slice(&MYSQL_OURS.to_le_bytes());
    request.extend_from_slice(&(1_u32 << 24).to_le_bytes());
    // utf8mb4
    request.push(45);
    request.resize(4 + 32, 0);
    dialogue.send(&request).await
}

/// The flags stand behind the version's text, a thread's number, eight bytes of challenge and a zero.
fn mysql_offers(greeting: &[u8]) -> bool {
    let Some(end) = greeting.iter().skip(1).position(|byte| *byte == 0) else { return false };
    let flags = end + 2 + 4 + 8 + 1;
    matches!(greeting.get(flags..flags + 2), Some(&[low, high]) if u16::from_le_bytes([low, high]) & MYSQL_TLS != 0)
}

/// LDAP.
pub(super) async fn ldap<S>(dialogue: &mut Dialogue<'_, S>) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    dialogue.send(LDAP_REQUEST).await?;
    let head = dialogue.bytes(2).await?;
    let &[0x30, short] = head.as_slice() else {
        return Err(failure(Reason::Protocol).because("it does not answer as LDAP does"));
    };
    let length = match short {
        0..=127 => usize::from(short),
        0x81..=0x84 => {
            let bytes = dialogue.bytes(usize::from(short & 0x7f)).await?;
            bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
        }
        _ => return Err(failure(Reason::Protocol)),
    };
    if length > MAX_PACKET {
        return Err(failure(Reason::TooLong));
    }
    let message = dialogue.bytes(length).await?;
    match ldap_result(&message) {
        Some((1, 0)) => Ok(()),
        // protocol error: the operation is not known
        Some((1, 2)) => Err(failure(Reason::StartTlsNotOffered)),
        Some((_, code)) => Err(failure(Reason::StartTlsRefused).because(format!("LDAP result {code}"))),
        None => Err(failure(Reason::Protocol).because("it does not answer as LDAP does")),
    }
}

/// The number of the message and the result of an extended response.
fn ldap_result(message: &[u8]) -> Option<(u8, u8)> {
    let [2, 1, number, 0x78, rest @ ..] = message else { return None };
    let skip = match rest.first()? {
        length @ 0x80.. => usize::from(length & 0x7f) + 1,
        _ => 1,
    };
    match rest.get(skip..)? {
        [0x0a, 1, code, ..] => Some((*number, *code)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_of_a_greeting() {
        let greeting = |flags: u16| {
            let mut bytes = b"\x0a8.4.0\0\x01\0\0\0saltsalt\0".to_vec();
            bytes.extend_from_slice(&flags.to_le_bytes());
            bytes
        };
        assert!(mysql_offers(&greeting(0xffff)));
        assert!(!mysql_offers(&greeting(0xf7ff)));
        assert!(!mysql_offers(b"\x0a8.4.0"));
        assert!(!mysql_offers(b"\x0a8.4.0\0\x01\0\0\0saltsalt\0\xff"));
    }

    #[test]
    fn results_of_ldap() {
        for (message, expected) in [
            (&b"\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"[..], Some((1, 0))),
            (b"\x02\x01\x01\x78\x81\x07\x0a\x01\x34\x04\x00\x04\x00", Some((1, 52))),
            (b"\x02\x01\x00\x78\x84\x00\x00\x00\x07\x0a\x01\x02", Some((0, 2))),
            (b"\x02\x01\x01\x65\x07\x0a\x01\x00", None),
            (b"\x02\x01\x01\x78\xff", None),
            (b"", None),
        ] {
            assert_eq!(ldap_result(message), expected);
        }
    }
}
