//! The keys of the prober `udp`.

use std::net::IpAddr;

use toolkit::config::Fields;
use toolkit::regexp;

use crate::probe::script::{self, Expect};
use crate::probe::{Preference, tcp};

/// Bytes of the largest datagram over IPv4.
const LARGEST: usize = 65507;

/// What is sent, and waited for.
#[derive(Clone, Debug)]
pub struct Udp {
    pub(super) preference: Preference,
    pub(super) source: Option<IpAddr>,
    pub(super) send: Vec<u8>,
    /// What the answer must be like, in every respect.
    pub(super) expect: Vec<Expect>,
}

impl Udp {
    /// Reads the section.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let preference = Preference::decode(fields);
        let source = tcp::source(fields);
        let pattern = fields.parsed("expect", regexp::compile).map(Expect::Regex);
        let start = fields.item("expect_bytes").and_then(|item| script::bytes(&item)).map(Expect::Bytes);
        fields.require("send");
        let send = fields.item("send").and_then(|item| script::bytes(&item))?;
        if send.len() > LARGEST {
            fields.problem("send", format!("a datagram has {LARGEST} bytes at most"));
        }
        Some(Self { preference, source, send, expect: pattern.into_iter().chain(start).collect() })
    }
}

impl Expect {
    /// Whether a datagram matches, or begins with the bytes.
    pub(super) fn is_met_by(&self, datagram: &[u8]) -> bool {
        match self {
            Self::Regex(pattern) => script::find(pattern, datagram).is_some(),
            Self::Bytes(bytes) => datagram.starts_with(bytes),
        }
    }

    /// That it does not.
    pub(super) fn unmet(&self) -> &'static str {
        match self {
            Self::Regex(_) => "the answer does not match `expect`",
            Self::Bytes(_) => "the answer does not begin with `expect_bytes`",
        }
    }
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::*;

    fn read(text: &str) -> Result<Udp, String> {
        let document = Document::parse("x.yml", text).unwrap();
        let decoded = document.decode(|mut fields| Udp::decode(&mut fields));
        decoded.map(Option::unwrap).map_err(|error| error.to_string())
    }

    #[test]
    fn keys() {
        let udp = read("{send: !!binary AAEC, expect: '^ok', expect_bytes: !!binary b2s=}").unwrap();
        assert_eq!(udp.send, [0, 1, 2]);
        for (datagram, expected) in [(&b"ok!"[..], true), (b"OK", false), (b"\xffok", false)] {
            assert_eq!(udp.expect.iter().all(|expect| expect.is_met_by(datagram)), expected, "{datagram:?}");
        }
        assert!(read("{send: ping}").unwrap().expect.is_empty());
        for (text, expected) in
            [("{}", "missing required key `send`"), ("{send: x, expect: '('}", "regular expression")]
        {
            assert!(read(text).unwrap_err().contains(expected), "{text}");
        }
    }
}
