//! Percent escapes in connection strings.

/// `%41` becomes `A`; a `%` that starts no escape stays. A text that would not be UTF-8 is left as it is.
pub fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match tail {
            [high, low, ..] if *first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            bytes.push(high << 4 | low);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        for (text, expected) in [
            ("a%41b", "aAb"),
            ("%c3%BC", "ü"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%zz%40", "%zz@"),
            ("%ff", "%ff"),
        ] {
            assert_eq!(percent_decode(text), expected);
        }
    }
}
