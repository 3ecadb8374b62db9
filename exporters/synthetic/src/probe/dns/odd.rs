//! Fields of records that are neither a number nor a name nor bytes.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::codes::type_text;
use super::rdata::{Line, u8_or_zero, u32_or_zero};
use super::reader::{Malformed, Reader, escaped};

/// Digits in one piece of a long certificate.
const PIECE: usize = 1024;

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _never_fails = write!(out, "{byte:02x}");
        out
    })
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Base 32 with the digits in front, without padding.
pub(super) fn base32(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
    let mut out = String::with_capacity(bytes.len() * 2);
    for group in bytes.chunks(5) {
        let bits = group.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        let missing = 5 - group.len();
        let bits = bits << (8 * missing);
        let digits = (group.len() * 8).div_ceil(5);
        for place in 0..digits {
            let index = (bits >> (35 - 5 * place)) & 31;
            out.extend(DIGITS.get(usize::try_from(index).unwrap_or_default()).copied().map(char::from));
        }
    }
    out
}

/// Long digits with spaces in them; a last piece that is whole has an empty one after it.
pub(super) fn in_pieces(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / PIECE + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index.is_multiple_of(PIECE) {
            out.push(' ');
        }
        out.push(digit);
    }
    if !digits.is_empty() && digits.len().is_multiple_of(PIECE) {
        out.push(' ');
    }
    out
}

/// A moment of Unix time, in fourteen digits.
pub(super) fn date(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_second(seconds) {
        Ok(moment) => moment.strftime("%Y%m%d%H%M%S").to_string(),
        // beyond the year 9999
        Err(_) => seconds.to_string(),
    }
}

pub(super) fn node(value: u64) -> String {
    let digits = |shift: u32| (value >> shift) & 0xffff;
    format!("{:04x}:{:04x}:{:04x}:{:04x}", digits(48), digits(32), digits(16), digits(0))
}

pub(super) fn eui(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join("-")
}

/// A text up to the record's end. Backslashes in it are read as they are in a file.
pub(super) fn octets(text: &[u8], out: &mut String) {
    out.push('"');
    let mut rest = text;
    loop {
        rest = match rest {
            [] | [b'\\'] => break,
            [b'\\', b'.', more @ ..] => {
                out.push_str("\\.");
                more
            }
            [b'\\', a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', more @ ..] => {
                let digit = |byte: &u8| byte - b'0';
                // as there, a number beyond a byte wraps
                let byte = digit(a).wrapping_mul(100).wrapping_add(digit(b) * 10).wrapping_add(digit(c));
                in_text(byte, out);
                more
            }
            [b'\\', byte, more @ ..] | [byte, more @ ..] => {
                in_text(*byte, out);
                more
            }
        };
    }
    out.push('"');
}

fn in_text(byte: u8, out: &mut String) {
    escaped(byte, matches!(byte, b'"' | b'\\'), out);
}

/// A set of types, in windows of 256.
pub(super) fn bitmap(data: &mut Reader<'_>, line: &mut Line<'_>) -> Result<(), Malformed> {
    let mut last = None;
    while !data.is_at_end() {
        let window = data.u8()?;
        let length = data.u8()?;
        if last.is_some_and(|last| window <= last) || !(1..=32).contains(&length) {
            return Err(Malformed("a set of types is in disorder"));
        }
        last = Some(window);
        for (index, byte) in (0_u16..).zip(data.bytes(length.into())?) {
            let set = (0..8).filter(|bit| byte & (0x80 >> bit) != 0);
            for bit in set {
                line.next().push_str(&type_text(u16::from(window) * 256 + index * 8 + bit));
            }
        }
    }
    Ok(())
}

/// An address or name of a gateway.
pub(super) fn gateway(kind: u16, data: &mut Reader<'_>, out: &mut String) -> Result<(), Malformed> {
    let absent = data.is_at_end();
    match kind {
        1 | 2 if absent => out.push_str("<nil>"),
        3 if absent => {}
        1 => out.push_str(&data.v4()?.to_string()),
        2 => out.push_str(&data.v6()?.to_canonical().to_string()),
        3 => data.name(out)?,
        _ => out.push('.'),
    }
    Ok(())
}

/// A place on earth: latitude, longitude, altitude, size and precision.
pub(super) fn location(data: &mut Reader<'_>, line: &mut Line<'_>) -> Result<(), Malformed> {
    let _version = u8_or_zero(data)?;
    let sizes = [u8_or_zero(data)?, u8_or_zero(data)?, u8_or_zero(data)?];
    let (latitude, longitude) = (u32_or_zero(data)?, u32_or_zero(data)?);
    let altitude = i64::from(u32_or_zero(data)?) - 10_000_000;
    line.next().push_str(&angle(latitude, 'N', 'S'));
    line.next().push_str(&angle(longitude, 'E', 'W'));
    let sign = if altitude < 0 { "-" } else { "" };
    let (metres, rest) = (altitude.abs() / 100, altitude.abs() % 100);
    let altitude = if rest == 0 { format!("{sign}{metres}m") } else { format!("{sign}{metres}.{rest:02}m") };
    line.next().push_str(&altitude);
    for size in sizes {
        line.next().push_str(&metres_of(size));
    }
    Ok(())
}

/// Thousandths of a second of arc, from the middle of the range.
fn angle(value: u32, after: char, before: char) -> String {
    const MIDDLE: u32 = 1 << 31;
    let side = if value > MIDDLE { after } else { before };
    let value = value.abs_diff(MIDDLE);
    let (degrees, rest) = (value / 3_600_000, value % 3_600_000);
    let (minutes, rest) = (rest / 60_000, rest % 60_000);
    format!("{degrees:02} {minutes:02} {}.{:03} {side}", rest / 1000, rest % 1000)
}

/// A size of one digit and a power of ten, in centimetres.
fn metres_of(size: u8) -> String {
    let (digit, power) = (size >> 4, usize::from(size & 15));
    match power {
        0 => format!("0.{digit:02}m"),
        1 => format!("0.{:02}m", digit * 10),
        _ => format!("{digit}{}m", "0".repeat(power - 2)),
    }
}

/// Networks, each perhaps with a `!` for "not".
pub(super) fn prefixes(data: &mut Reader<'_>, line: &mut Line<'_>) -> Result<(), Malformed> {
    while !data.is_at_end() {
        let (family, prefix, length) = (data.u16()?, data.u8()?, data.u8()?);
        let (not, length) = (length & 0x80 != 0, usize::from(length & 0x7f));
        let width: usize = match family {
            1 => 4,
            2 => 16,
            _ => return Err(Malformed("a network is of no known family")),
        };
        let bytes = data.bytes(length)?;
        if length > width || usize::from(prefix) > width * 8 || bytes.last() == Some(&0) {
            return Err(Malformed("a network is malformed"));
        }
        let mut address = [0; 16];
        address.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        let [a, b, c, d, ..] = address;
        let address = match family {
            1 => Ipv4Addr::from([a, b, c, d]).to_string(),
            _ => Ipv6Addr::from(address).to_string(),
        };
        let not = if not { "!" } else { "" };
        let _never_fails = write!(line.next(), "{not}{family}:{address}/{prefix}");
    }
    Ok(())
}
