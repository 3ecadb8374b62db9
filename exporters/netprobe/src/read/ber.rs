//! Envelopes in BER, made DER: Java, Windows and Firefox write stores with lengths that are not given in advance.

use crate::cert::der::{Malformed, header_of, tag};

/// How deep elements may be in each other.
const MAX_DEPTH: usize = 32;

const INDEFINITE: u8 = 0x80;
const CONSTRUCTED: u8 = 0x20;
const OCTETS: u8 = tag::OCTET_STRING | CONSTRUCTED;

/// The length of the tag and length of the first element.
pub(super) fn header_length(bytes: &[u8]) -> Option<usize> {
    match *bytes.get(1)? {
        length @ 0x81..=0x84 => Some(2 + usize::from(length & 0x7f)),
        0..=INDEFINITE => Some(2),
        _ => None,
    }
}

/// The first element with all lengths given, and octet strings in one piece.
pub(super) fn to_der(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    element(&mut rest, &mut out, None, 0)?;
    Ok(out)
}

/// Writes the next element to `out`; only its contents if it is a piece of an octet string.
fn element(rest: &mut &[u8], out: &mut Vec<u8>, parent: Option<u8>, depth: usize) -> Result<(), Malformed> {
    let (&tag, &first) = rest.first().zip(rest.get(1)).ok_or(Malformed)?;
    if depth > MAX_DEPTH || tag & 0x1f == 0x1f {
        return Err(Malformed);
    }
    let head = header_length(rest).ok_or(Malformed)?;
    let length = rest.get(2..head).ok_or(Malformed)?;
    let length = length
        .iter()
        .fold(usize::from(first & 0x7f) * usize::from(head == 2), |sum, byte| sum << 8 | usize::from(*byte));
    *rest = rest.get(head..).ok_or(Malformed)?;
    let start = out.len();
    if first == INDEFINITE {
        if tag & CONSTRUCTED == 0 {
            return Err(Malformed);
        }
        while !rest.starts_with(&[0, 0]) {
            element(rest, out, Some(tag), depth + 1)?;
        }
        *rest = rest.get(2..).ok_or(Malformed)?;
    } else {
        let (mut body, after) = rest.split_at_checked(length).ok_or(Malformed)?;
        *rest = after;
        if tag & CONSTRUCTED == 0 {
            out.extend_from_slice(body);
        } else {
            while !body.is_empty() {
                element(&mut body, out, Some(tag), depth + 1)?;
            }
        }
    }
    if parent != Some(OCTETS) {
        let tag = if tag == OCTETS { tag::OCTET_STRING } else { tag };
        let header = header_of(tag, out.len() - start);
        out.splice(start..start, header);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn indefinite_lengths_become_definite() {
        for (ber, der) in [
            (&[0x30, 0x80, 2, 1, 5, 0, 0][..], &[0x30, 3, 2, 1, 5][..]),
            (&[0x24, 0x80, 4, 1, 7, 4, 2, 8, 9, 0, 0], &[4, 3, 7, 8, 9]),
            (&[0x30, 0x80, 0xa0, 0x80, 0x24, 3, 4, 1, 7, 0, 0, 0, 0], &[0x30, 5, 0xa0, 3, 4, 1, 7]),
            (&[0x30, 0x81, 3, 2, 1, 5], &[0x30, 3, 2, 1, 5]),
            (&[0x30, 0], &[0x30, 0]),
        ] {
            assert_eq!(to_der(ber).unwrap(), der);
        }
        for bad in [&[][..], &[0x30], &[0x30, 0x80], &[0x04, 0x80, 0, 0], &[0x30, 0x85], &[0x30, 3, 2]] {
            assert_eq!(to_der(bad), Err(Malformed), "{bad:?}");
        }
        assert_eq!(to_der(&[0x30, 0x80].repeat(1000)), Err(Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(der) = to_der(&bytes) {
                prop_assert_eq!(to_der(&der), Ok(der), "DER stays as it is");
            }
        }
    }
}
