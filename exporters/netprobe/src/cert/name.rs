//! Names of subjects and issuers, in the text that Go's `pkix.Name` gives them, since that is what dashboards compare.

use super::der::{Element, Reader, encode, hex, oid_text, tag};

/// The attributes that Go knows by name, in the order in which it writes a name (the last comes first in the text).
const KNOWN: [(u8, &str); 9] = [
    (6, "C"),
    (10, "O"),
    (11, "OU"),
    (7, "L"),
    (8, "ST"),
    (9, "STREET"),
    (17, "POSTALCODE"),
    (3, COMMON_NAME),
    (5, SERIAL_NUMBER),
];
const COMMON_NAME: &str = "CN";
const SERIAL_NUMBER: &str = "SERIALNUMBER";
const UNIT: u8 = 11;

/// Attributes of one name that are looked at; a real name has fewer than twenty.
const MAX_ATTRIBUTES: usize = 256;

/// A subject or issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// All of it: `CN=example.com,OU=a+OU=b,O=Example`.
    pub text: String,
    /// Its (last) common name, or nothing.
    pub common_name: String,
    /// Its organizational units.
    pub organizational_units: Vec<String>,
}

/// One attribute: the object identifier and the value.
struct Attribute<'a> {
    oid: &'a [u8],
    value: Element<'a>,
}

impl Name {
    /// The name in a DER `Name`. What is malformed in it is left out.
    pub(crate) fn of(raw: &[u8]) -> Self {
        let attributes = attributes(raw);
        let mut name = Self::default();
        let mut known: [Vec<String>; KNOWN.len()] = Default::default();
        let mut others = Vec::new();
        for attribute in &attributes {
            let position = match attribute.oid {
                [0x55, 4, last] => KNOWN.iter().position(|(number, _)| number == last),
                _ => None,
            };
            match position.and_then(|position| known.get_mut(position)) {
                Some(values) => values.push(text(attribute.value)),
                None => others.push(unknown(attribute.oid, attribute.value)),
            }
        }
        for ((number, short), values) in KNOWN.iter().zip(&mut known).rev() {
            // Go keeps one common name and one serial number: the last
            if matches!(*short, COMMON_NAME | SERIAL_NUMBER) {
                values.drain(..values.len().saturating_sub(1));
                values.retain(|value| !value.is_empty());
            }
            if *short == COMMON_NAME {
                name.common_name = values.first().cloned().unwrap_or_default();
            }
            for (index, value) in values.iter().enumerate() {
                name.separate(index > 0);
                name.text.push_str(short);
                name.text.push('=');
                escape(&mut name.text, value);
            }
            if *number == UNIT {
                name.organizational_units = std::mem::take(values);
            }
        }
        for other in others.iter().rev() {
            name.separate(false);
            name.text.push_str(other);
        }
        name
    }

    fn separate(&mut self, same: bool) {
        if !self.text.is_empty() {
            self.text.push(if same { '+' } else { ',' });
        }
    }
}

fn attributes(raw: &[u8]) -> Vec<Attribute<'_>> {
    let mut found = Vec::new();
    let Ok(mut sets) = Reader::new(raw).sequence() else { return found };
    while let Ok(set) = sets.element(tag::SET) {
        let mut set = set.inside();
        while let Ok(mut pair) = set.sequence() {
            if let (Ok(oid), Ok(value)) = (pair.oid(), pair.any()) {
                found.push(Attribute { oid, value });
            }
            if found.len() == MAX_ATTRIBUTES {
                return found;
            }
        }
    }
    found
}

/// An attribute that Go has no name for: it encodes a text anew and prints the bytes.
fn unknown(oid: &[u8], value: Element<'_>) -> String {
    const UTF8: u8 = 0x0c;
    const PRINTABLE: u8 = 0x13;
    let encoded = if is_text(value.tag) {
        let text = text(value);
        let printable = |byte: u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte);
        encode(if text.bytes().all(printable) { PRINTABLE } else { UTF8 }, text.as_bytes())
    } else {
        value.whole.to_vec()
    };
    format!("{}=#{}", oid_text(oid), hex(&encoded))
}

fn is_text(tag: u8) -> bool {
    matches!(tag, 0x0c | 0x12..=0x16 | 0x1a..=0x1c | tag::BMP_STRING)
}

/// The text of a string of any of ASN.1's kinds. What is not text in it becomes the replacement character.
pub(crate) fn text(value: Element<'_>) -> String {
    match value.tag {
        tag::BMP_STRING => utf16(value.body),
        // UniversalString
        0x1c => value
            .body
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| char::from_u32(u32::from_be_bytes(*bytes)).unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
        // T61String: nearly ISO 8859-1, unless somebody wrote UTF-8 into it
        0x14 => match std::str::from_utf8(value.body) {
            Ok(text) => text.to_owned(),
            Err(_) => value.body.iter().copied().map(char::from).collect(),
        },
        _ => String::from_utf8_lossy(value.body).into_owned(),
    }
}

/// Text in UTF-16, big end first.
pub(crate) fn utf16(bytes: &[u8]) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// RFC 2253's escapes.
fn escape(out: &mut String, value: &str) {
    let last = value.chars().count().saturating_sub(1);
    for (index, letter) in value.chars().enumerate() {
        let special = match letter {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => index == 0 || index == last,
            '#' => index == 0,
            _ => false,
        };
        if special {
            out.push('\\');
        }
        out.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An attribute: the object identifier, the value's tag and the value.
    type Value<'a> = (&'a [u8], u8, &'a [u8]);

    /// A name of sets of attributes.
    fn name(sets: &[&[Value<'_>]]) -> Name {
        let sets = sets.iter().flat_map(|set| {
            let pairs = set.iter().flat_map(|(oid, tag, value)| {
                let pair = [encode(tag::OID, oid), encode(*tag, value)].concat();
                encode(tag::SEQUENCE, &pair)
            });
            encode(tag::SET, &pairs.collect::<Vec<_>>())
        });
        Name::of(&encode(tag::SEQUENCE, &sets.collect::<Vec<_>>()))
    }

    const C: &[u8] = &[0x55, 4, 6];
    const O: &[u8] = &[0x55, 4, 10];
    const OU: &[u8] = &[0x55, 4, 11];
    const CN: &[u8] = &[0x55, 4, 3];
    const MAIL: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1];
    const DC: &[u8] = &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25];

    #[test]
    fn a_name_reads_backwards_as_go_writes_it() {
        let ours = name(&[
            &[(C, 0x13, b"DE")],
            &[(O, 0x0c, b"Acme, Inc.")],
            &[(OU, 0x0c, b"one")],
            &[(OU, 0x0c, b"two")],
            &[(CN, 0x0c, b"first")],
            &[(CN, 0x0c, b"example.com")],
        ]);
        assert_eq!(ours.text, r"CN=example.com,OU=one+OU=two,O=Acme\, Inc.,C=DE");
        assert_eq!(ours.common_name, "example.com");
        assert_eq!(ours.organizational_units, ["one", "two"]);
    }

    #[test]
    fn attributes_without_a_name_are_bytes_and_come_last() {
        let ours = name(&[&[(DC, 0x16, b"example")], &[(MAIL, 0x16, b"a@b.c")], &[(CN, 0x0c, b"x")]]);
        assert_eq!(
            ours.text,
            "CN=x,1.2.840.113549.1.9.1=#0c056140622e63,0.9.2342.19200300.100.1.25=#13076578616d706c65"
        );
    }

    #[test]
    fn escapes_and_encodings() {
        for (tag, value, expected) in [
            (0x0c, &b" a b "[..], r"CN=\ a b\ "),
            (0x0c, b"#a#", r"CN=\#a#"),
            (0x0c, b"a<b>;\"\\+", r#"CN=a\<b\>\;\"\\\+"#),
            (0x0c, b"\xff", "CN=\u{fffd}"),
            (0x14, b"M\xfcller", "CN=Müller"),
            (0x1e, b"\x00M\x00\xfc", "CN=Mü"),
            (0x1c, b"\x00\x00\x00M", "CN=M"),
        ] {
            assert_eq!(name(&[&[(CN, tag, value)]]).text, expected);
        }
        assert_eq!(name(&[]), Name::default());
        assert_eq!(Name::of(b"\x30\x05xx"), Name::default());
    }
}
