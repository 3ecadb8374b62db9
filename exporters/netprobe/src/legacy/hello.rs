//! The greeting, by hand.

use crate::failure::{Failure, Reason};
use crate::phase::Phase;
use crate::tls::{Version, older_ciphers, sni};

/// "No renegotiation", as a cipher suite (RFC 5746), which the oldest servers take.
const NO_RENEGOTIATION: u16 = 0x00ff;

/// Cipher suites of TLS 1.3.
const MODERN_CIPHERS: [u16; 3] = [0x1301, 0x1302, 0x1303];

/// x25519, P-256, P-384, P-521, x448, Brainpool: a server of TLS 1.2 whose key lies in none of them is silent.
const GROUPS: [u16; 8] = [0x001d, 0x0017, 0x0018, 0x0019, 0x001e, 0x001a, 0x001b, 0x001c];

/// The group of our share of a key in TLS 1.3.
const X25519: u16 = 0x001d;

/// ECDSA, Ed25519, Ed448, RSA-PSS, RSA, DSA; SHA-2 before SHA-1 before MD5.
const SIGNATURES: [u16; 22] = [
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501,
    0x0601, 0x0402, 0x0303, 0x0301, 0x0203, 0x0201, 0x0202, 0x0101, 0x081a,
];

/// A record with a greeting whose highest version is this.
pub(super) fn hello(version: Version, server_name: Option<&str>) -> Result<Vec<u8>, Failure> {
    let mut random = [0; 96];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| Failure::new(Phase::Tls, Reason::Local))?;
    let (ours, rest) = random.split_at(32);
    let (session, share) = rest.split_at(32);
    let modern = version == Version::Tls13;
    let mut body = Vec::with_capacity(512);
    body.extend_from_slice(&version.code().min(Version::Tls12.code()).to_be_bytes());
    body.extend_from_slice(ours);
    // TLS 1.3 looks like a resumption to boxes on the way
    with_length_8(&mut body, |body| {
        if modern {
            body.extend_from_slice(session);
        }
    });
    with_length(&mut body, |body| {
        if modern {
            put_all(body, MODERN_CIPHERS);
        } else {
            put_all(body, older_ciphers());
            put_all(body, [NO_RENEGOTIATION]);
        }
    });
    // no compression
    body.extend_from_slice(&[1, 0]);
    with_length(&mut body, |body| extensions(body, version, server_name, share));

    let mut record = vec![22, 3, 1];
    with_length(&mut record, |record| {
        record.extend_from_slice(&[1, 0]);
        with_length(record, |message| message.extend_from_slice(&body));
    });
    Ok(record)
}

fn extensions(body: &mut Vec<u8>, version: Version, server_name: Option<&str>, share: &[u8]) {
    if let Some(name) = server_name.and_then(sni) {
        extension(body, 0x0000, |body| {
            with_length(body, |body| {
                body.push(0);
                with_length(body, |body| body.extend_from_slice(name.as_ref().as_bytes()));
            });
        });
    }
    // the certificate's status
    extension(body, 0x0005, |body| body.extend_from_slice(&[1, 0, 0, 0, 0]));
    extension(body, 0x000a, |body| with_length(body, |body| put_all(body, GROUPS)));
    // points are not compressed
    extension(body, 0x000b, |body| body.extend_from_slice(&[1, 0]));
    // older versions have no choice of signatures
    if version >= Version::Tls12 {
        extension(body, 0x000d, |body| with_length(body, |body| put_all(body, SIGNATURES)));
    }
    if version == Version::Tls13 {
        extension(body, 0x002b, |body| with_length_8(body, |body| put_all(body, [version.code()])));
        // any 32 bytes are a public key of x25519; nobody will use what is agreed on
        extension(body, 0x0033, |body| {
            with_length(body, |body| {
                put_all(body, [X25519]);
                with_length(body, |body| body.extend_from_slice(share));
            });
        });
    }
}

fn extension(body: &mut Vec<u8>, kind: u16, content: impl FnOnce(&mut Vec<u8>)) {
    put_all(body, [kind]);
    with_length(body, content);
}

fn put_all(body: &mut Vec<u8>, values: impl IntoIterator<Item = u16>) {
    for value in values {
        body.extend_from_slice(&value.to_be_bytes());
    }
}

/// Writes what `content` writes behind its length in two bytes.
fn with_length(body: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    content(&mut inner);
    // a greeting has some hundred bytes in all
    let length = u16::try_from(inner.len()).unwrap_or(u16::MAX);
    body.extend_from_slice(&length.to_be_bytes());
    body.append(&mut inner);
}

fn with_length_8(body: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    content(&mut inner);
    body.push(u8::try_from(inner.len()).unwrap_or(u8::MAX));
    body.append(&mut inner);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_fit_and_the_name_is_there() {
        for version in [Version::Tls10, Version::Tls11, Version::Tls12, Version::Tls13] {
            let record = hello(version, Some("db.example.com.")).unwrap();
            let record_length = usize::from(u16::from_be_bytes([record[3], record[4]]));
            assert_eq!(record.len(), 5 + record_length);
            let message_length = usize::from(u16::from_be_bytes([record[7], record[8]]));
            assert_eq!(record.len(), 9 + message_length);
            assert!(record.windows(17).any(|bytes| bytes == b"\0\x0edb.example.com\0"), "{version:?}");
        }
        let without = hello(Version::Tls12, Some("192.0.2.1")).unwrap();
        assert!(!without.windows(9).any(|bytes| bytes == b"192.0.2.1"));
    }
}
