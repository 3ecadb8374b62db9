//! Serial numbers in decimal, as Go prints them: of any length, and negative if somebody made one so.

use std::fmt::Write as _;

/// Digits that one step of the conversion yields.
const CHUNK: u32 = 1_000_000_000;

/// Longest serial number that is converted (the conversion is quadratic); an honest one has at most 20 bytes.
const MAX_BYTES: usize = 256;

/// The decimal text of an INTEGER's bytes.
pub(super) fn decimal(bytes: &[u8]) -> String {
    if bytes.len() > MAX_BYTES {
        return String::new();
    }
    let negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let mut number = bytes.to_vec();
    if negative {
        let mut carry = true;
        for byte in number.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    let mut chunks = Vec::new();
    while number.iter().any(|byte| *byte != 0) {
        let mut rest = 0_u64;
        for byte in &mut number {
            let value = rest << 8 | u64::from(*byte);
            // both fit: the remainder is below CHUNK, so the quotient is below 256
            *byte = u8::try_from(value / u64::from(CHUNK)).unwrap_or(u8::MAX);
            rest = value % u64::from(CHUNK);
        }
        chunks.push(rest);
    }
    let mut out = String::from(if negative { "-" } else { "" });
    out.push_str(&chunks.pop().unwrap_or_default().to_string());
    for chunk in chunks.iter().rev() {
        write!(out, "{chunk:09}").ok();
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn serials_of_all_sizes() {
        for (bytes, expected) in [
            (&[][..], "0"),
            (&[0], "0"),
            (&[1], "1"),
            (&[0xff], "-1"),
            (&[0x80, 0], "-32768"),
            (&[0, 0x80], "128"),
            (&[0x3b, 0x9a, 0xca, 0], "1000000000"),
            (&[0x0f; 20], "85970684548876642247275578395075471744466620175"),
        ] {
            assert_eq!(decimal(bytes), expected);
        }
        assert_eq!(decimal(&[1; 257]), "");
    }

    proptest! {
        #[test]
        fn as_the_machine_prints_them(number: i128) {
            prop_assert_eq!(decimal(&number.to_be_bytes()), number.to_string());
        }
    }
}
