//! What is asked of a server.

/// Bytes of a label.
const MAX_LABEL: usize = 63;

/// Labels and their lengths of a name, with the end.
const MAX_NAME: usize = 255;

/// A name in the form that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QueryName(Vec<u8>);

impl QueryName {
    /// Reads a name as people write it, with `\.` and `\DDD` for what is special; the dot at its end may be missing.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut sent = Vec::with_capacity(text.len() + 2);
        let mut label = Vec::new();
        let mut rest = text.as_bytes();
        if rest == b"." {
            return Ok(Self(vec![0]));
        }
        while let Some((byte, more)) = rest.split_first() {
            rest = more;
            match (byte, more) {
                (b'.', _) => end_label(&mut label, &mut sent)?,
                (b'\\', [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', more @ ..]) => {
                    let number = [a, b, c].iter().fold(0_u16, |n, digit| n * 10 + u16::from(**digit - b'0'));
                    let byte = u8::try_from(number).map_err(|_big| format!("\\{number} is no byte"))?;
                    label.push(byte);
                    rest = more;
                }
                (b'\\', [byte, more @ ..]) => {
                    label.push(*byte);
                    rest = more;
                }
                (b'\\', []) => return Err("a backslash at its end escapes nothing".to_owned()),
                (byte, _) => label.push(*byte),
            }
        }
        if !label.is_empty() {
            end_label(&mut label, &mut sent)?;
        }
        sent.push(0);
        match sent.len() {
            1 => Err("it is empty".to_owned()),
            length if length > MAX_NAME => Err(format!("it is longer than {MAX_NAME} bytes")),
            _ => Ok(Self(sent)),
        }
    }
}

fn end_label(label: &mut Vec<u8>, sent: &mut Vec<u8>) -> Result<(), String> {
    if label.is_empty() {
        return Err("it has an empty label".to_owned());
    }
    let length = u8::try_from(label.len()).ok().filter(|length| usize::from(*length) <= MAX_LABEL);
    sent.push(length.ok_or_else(|| format!("it has a label longer than {MAX_LABEL} bytes"))?);
    sent.append(label);
    Ok(())
}

/// What we say of ourselves by EDNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edns {
    /// Bytes of an answer over UDP that we take.
    pub(super) udp_size: u16,
    /// Whether the answer is to have the signatures of DNSSEC.
    pub(super) dnssec_ok: bool,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) name: QueryName,
    pub(super) kind: u16,
    pub(super) class: u16,
    pub(super) recursion_desired: bool,
    pub(super) edns: Option<Edns>,
}

impl Query {
    /// The message.
    pub(super) fn encode(&self, id: u16) -> Vec<u8> {
        let flags: u16 = if self.recursion_desired { 0x100 } else { 0 };
        let mut message = Vec::with_capacity(12 + self.name.0.len() + 4 + 11);
        for number in [id, flags, 1, 0, 0, u16::from(self.edns.is_some())] {
            message.extend(number.to_be_bytes());
        }
        message.extend(&self.name.0);
        message.extend(self.kind.to_be_bytes());
        message.extend(self.class.to_be_bytes());
        if let Some(edns) = self.edns {
            // the root's name, OPT, the size for a class, no bits but one, no options
            message.extend([0, 0, 41]);
            message.extend(edns.udp_size.to_be_bytes());
            message.extend([0, 0, if edns.dnssec_ok { 0x80 } else { 0 }, 0, 0, 0]);
        }
        message
    }

    /// Whether this is what an answer says that it answers. Servers repeat the name, not always its case.
    pub(super) fn is(&self, sent: &[u8], answer: &[u8]) -> bool {
        let question = 12..12 + self.name.0.len() + 4;
        match (sent.get(question.clone()), answer.get(question)) {
            (Some(asked), Some(repeated)) => asked.eq_ignore_ascii_case(repeated),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (text, expected) in [
            (".", &b"\0"[..]),
            ("example.com", b"\x07example\x03com\0"),
            ("example.com.", b"\x07example\x03com\0"),
            (r"a\.b.c", b"\x03a.b\x01c\0"),
            (r"a\065\\", b"\x03aA\\\0"),
            ("_sip._tcp.x", b"\x04_sip\x04_tcp\x01x\0"),
        ] {
            assert_eq!(QueryName::parse(text).as_ref().map(|name| &name.0[..]), Ok(expected), "{text}");
        }
        let (label, long) = ("a".repeat(64), "a.".repeat(127) + "b");
        for text in ["", "..", ".a", "a..b", "a\\", r"\256", &label, &long] {
            assert!(QueryName::parse(text).is_err(), "{text}");
        }
        assert!(QueryName::parse(&"a.".repeat(127)).is_ok());
    }

    #[test]
    fn the_message_is_a_question() {
        let name = QueryName::parse("x.").unwrap();
        let plain = Query { name, kind: 6, class: 1, recursion_desired: true, edns: None };
        let question = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x01x\0\0\x06\0\x01";
        assert_eq!(plain.encode(0x1234), question);
        let edns = Some(Edns { udp_size: 1232, dnssec_ok: true });
        let with_edns = Query { recursion_desired: false, edns, ..plain.clone() };
        let expected = b"\0\x01\0\0\0\x01\0\0\0\0\0\x01\x01x\0\0\x06\0\x01\0\0\x29\x04\xd0\0\0\x80\0\0\0";
        assert_eq!(with_edns.encode(1), expected);
        assert!(plain.is(question, b"\x99\x34\x81\x80\0\x01\0\0\0\0\0\0\x01X\0\0\x06\0\x01more"));
        assert!(!plain.is(question, b"\x12\x34\x81\x80\0\x01\0\0\0\0\0\0\x01y\0\0\x06\0\x01"));
        assert!(!plain.is(question, b"\x12\x34\x81\x80\0\x01\0\0\0\0\0\0"));
    }
}
