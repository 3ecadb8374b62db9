//! Parameters of a service, as SVCB and HTTPS records hold them (RFC 9460).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::odd::base64;
use super::rdata::Line;
use super::reader::{Malformed, Reader, escape_byte, escaped};

const KEYS: [&str; 9] =
    ["mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp"];

/// Writes each as `key="value"`.
pub(super) fn write(data: &mut Reader<'_>, line: &mut Line<'_>) -> Result<(), Malformed> {
    let mut last = None;
    while !data.is_at_end() {
        let (key, length) = (data.u16()?, data.u16()?);
        let value = data.bytes(length.into())?;
        if key == u16::MAX || last.is_some_and(|last| key <= last) {
            return Err(Malformed("a service's parameters are in disorder"));
        }
        last = Some(key);
        let out = line.next();
        out.push_str(&key_text(key));
        out.push_str("=\"");
        parameter(key, value, out)?;
        out.push('"');
    }
    Ok(())
}

fn key_text(key: u16) -> String {
    match KEYS.get(usize::from(key)) {
        Some(name) => (*name).to_owned(),
        None if key == u16::MAX => String::new(),
        None => format!("key{key}"),
    }
}

fn parameter(key: u16, value: &[u8], out: &mut String) -> Result<(), Malformed> {
    const WRONG: Malformed = Malformed("a service's parameter is malformed");
    let listed = match (key, value.len()) {
        (0, length) if length.is_multiple_of(2) => pairs(value).map(key_text).collect(),
        (1, _) => protocols(value).ok_or(WRONG)?,
        (2 | 8, 0) => Vec::new(),
        (3, 2) => pairs(value).map(|port| port.to_string()).collect(),
        (4, 4..) => addresses::<4, Ipv4Addr>(value).ok_or(WRONG)?.iter().map(Ipv4Addr::to_string).collect(),
        (5, _) => vec![base64(value)],
        (6, 16..) => {
            let found = addresses::<16, Ipv6Addr>(value).ok_or(WRONG)?;
            if found.iter().any(|address| address.to_ipv4_mapped().is_some()) {
                return Err(WRONG);
            }
            found.iter().map(Ipv6Addr::to_string).collect()
        }
        (0..=6 | 8, _) => return Err(WRONG),
        _ => vec![escaped_value(value)],
    };
    out.push_str(&listed.join(","));
    Ok(())
}

fn pairs(value: &[u8]) -> impl Iterator<Item = u16> {
    value.as_chunks().0.iter().map(|pair| u16::from_be_bytes(*pair))
}

fn addresses<const N: usize, A: From<[u8; N]>>(value: &[u8]) -> Option<Vec<A>> {
    let (chunks, rest) = value.as_chunks::<N>();
    rest.is_empty().then(|| chunks.iter().map(|chunk| A::from(*chunk)).collect())
}

/// The protocols of a list; `None` when it is cut off.
fn protocols(mut value: &[u8]) -> Option<Vec<String>> {
    let mut found = Vec::new();
    while let Some((length, rest)) = value.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        value = rest;
        let mut text = String::new();
        for byte in name {
            match byte {
                // in a list, both are escaped twice
                b',' => text.push_str(r"\\\044"),
                b'\\' => text.push_str(r"\\\092"),
                _ => in_value(*byte, &mut text),
            }
        }
        found.push(text);
    }
    Some(found)
}

fn escaped_value(value: &[u8]) -> String {
    let mut text = String::new();
    for byte in value {
        in_value(*byte, &mut text);
    }
    text
}

fn in_value(byte: u8, out: &mut String) {
    match byte {
        b' '..=b'~' => escaped(byte, matches!(byte, b'"' | b';' | b' ' | b'\\'), out),
        _ => escape_byte(byte, out),
    }
}
