//! The keys of the prober `dns`: blackbox_exporter's, and a few of our own.

use std::net::IpAddr;

use toolkit::config::Fields;

use super::codes::{self, CLASS_IN, NOERROR, kind};
use super::query::{Edns, Query, QueryName};
use super::validate::Rules;
use crate::config::TlsSettings;
use crate::probe::{Preference, tcp};

/// Bytes of an answer over UDP that every network carries whole; what resolvers ask for (DNS flag day 2020).
const USUAL_UDP_SIZE: u16 = 1232;

/// Least size that EDNS may announce (RFC 6891).
const LEAST_UDP_SIZE: i64 = 512;

/// How the question goes to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
    Tls,
}

/// How a name server is asked.
#[derive(Clone, Debug)]
pub struct Dns {
    pub(super) preference: Preference,
    pub(super) source: Option<IpAddr>,
    pub(super) transport: Transport,
    pub(super) tls: TlsSettings,
    pub(super) query: Query,
    /// Whether an answer that was cut off is asked for again over TCP.
    pub(super) retry_over_tcp: bool,
    /// Codes that are good.
    pub(super) rcodes: Vec<u16>,
    pub(super) answer: Rules,
    pub(super) authority: Rules,
    pub(super) additional: Rules,
}

impl Dns {
    /// Reads the section.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        fields.require("query_name");
        let name = fields.parsed("query_name", |text| {
            QueryName::parse(text).map_err(|problem| format!("no domain name: {problem}"))
        });
        let kind =
            numbered(fields, "query_type", codes::type_number, "type of records (hint: as in A, MX, SOA)");
        let class = numbered(fields, "query_class", codes::class_number, "class (hint: IN)");
        let recursion_desired = fields.bool("recursion_desired").unwrap_or(true);
        let edns = edns(fields);
        let query = name.map(|name| Query {
            name,
            kind: kind.unwrap_or(kind::ANY),
            class: class.unwrap_or(CLASS_IN),
            recursion_desired,
            edns,
        });
        Some(Self {
            preference: Preference::decode(fields),
            source: tcp::source(fields),
            transport: transport(fields),
            tls: TlsSettings::of(fields),
            retry_over_tcp: fields.bool("retry_over_tcp").unwrap_or(false),
            rcodes: rcodes(fields),
            answer: Rules::of(fields, "validate_answer_rrs"),
            authority: Rules::of(fields, "validate_authority_rrs"),
            additional: Rules::of(fields, "validate_additional_rrs"),
            query: query?,
        })
    }
}

fn numbered(fields: &mut Fields<'_>, key: &str, number: fn(&str) -> Option<u16>, what: &str) -> Option<u16> {
    let given = fields.string(key).is_some_and(|text| !text.is_empty());
    if !given {
        return None;
    }
    fields.parsed(key, |text| number(text).ok_or_else(|| format!("`{text}` is no {what}")))
}

fn rcodes(fields: &mut Fields<'_>) -> Vec<u16> {
    let known: Vec<&str> = codes::rcode_names().collect();
    let number = |text: &str| {
        let wrong = || format!("`{text}` is no code of an answer (hint: one of {})", known.join(", "));
        codes::rcode_number(text).ok_or_else(wrong)
    };
    let rcodes = fields.list("valid_rcodes", |item| item.parsed(number));
    if rcodes.is_empty() { vec![NOERROR] } else { rcodes }
}

/// DNS over TLS runs on TCP, also when nobody says so.
fn transport(fields: &mut Fields<'_>) -> Transport {
    let over_tls = fields.bool("dns_over_tls").unwrap_or(false);
    let words = [("udp", Some(Transport::Udp)), ("tcp", Some(Transport::Tcp)), ("", None)];
    match fields.choice("transport_protocol", &words).flatten() {
        Some(Transport::Udp) if over_tls => {
            fields.problem("transport_protocol", "`dns_over_tls` needs `transport_protocol: tcp`");
            Transport::Tls
        }
        _ if over_tls => Transport::Tls,
        transport => transport.unwrap_or(Transport::Udp),
    }
}

/// EDNS is spoken when one of its keys is set.
fn edns(fields: &mut Fields<'_>) -> Option<Edns> {
    let size = fields.integer("edns_udp_size", LEAST_UDP_SIZE..=u16::MAX.into());
    let dnssec_ok = fields.bool("dnssec_ok").unwrap_or(false);
    let udp_size = size.and_then(|size| u16::try_from(size).ok());
    (udp_size.is_some() || dnssec_ok)
        .then(|| Edns { udp_size: udp_size.unwrap_or(USUAL_UDP_SIZE), dnssec_ok })
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::*;

    fn read(text: &str) -> Result<Dns, String> {
        let document = Document::parse("x.yml", text).unwrap();
        let decoded = document.decode(|mut fields| Dns::decode(&mut fields));
        decoded.map(Option::unwrap).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_is_as_in_blackbox_exporter() {
        let dns = read("query_name: example.com").unwrap();
        assert_eq!((dns.query.kind, dns.query.class, dns.query.recursion_desired), (255, 1, true));
        assert_eq!((dns.transport, dns.rcodes, dns.query.edns), (Transport::Udp, vec![0], None));
        assert_eq!((dns.preference, dns.source, dns.retry_over_tcp), (Preference::default(), None, false));
    }

    #[test]
    fn what_is_said_is_taken() {
        let dns = read(concat!(
            "{query_name: x, query_type: MX, query_class: CH, recursion_desired: false, dns_over_tls: true,\n",
            "source_ip_address: 127.0.0.2, valid_rcodes: [NXDOMAIN, NOTIMPL], dnssec_ok: true, retry_over_tcp: true,\n",
            "tls_config: {server_name: y}}",
        ))
        .unwrap();
        assert_eq!((dns.query.kind, dns.query.class, dns.query.recursion_desired), (15, 3, false));
        assert_eq!((dns.transport, dns.rcodes), (Transport::Tls, vec![3, 4]));
        assert_eq!(dns.source, Some([127, 0, 0, 2].into()));
        assert_eq!(dns.query.edns, Some(Edns { udp_size: 1232, dnssec_ok: true }));
        assert_eq!(dns.tls.server_name.as_deref(), Some("y"));
    }

    #[test]
    fn what_cannot_be_is_told_when_the_file_is_read() {
        for (text, expected) in [
            ("query_type: A", "missing required key `query_name`"),
            ("query_name: a..b", "no domain name: it has an empty label"),
            (
                "{query_name: x, query_type: NOT_A_VALID_QUERY_TYPE}",
                "`NOT_A_VALID_QUERY_TYPE` is no type of records",
            ),
            ("{query_name: x, query_class: XX}", "`XX` is no class"),
            (
                "{query_name: x, valid_rcodes: [NOT_A_VALID_RCODE]}",
                "`NOT_A_VALID_RCODE` is no code of an answer",
            ),
            ("{query_name: x, transport_protocol: quic}", "transport_protocol"),
            (
                "{query_name: x, transport_protocol: udp, dns_over_tls: true}",
                "needs `transport_protocol: tcp`",
            ),
            ("{query_name: x, source_ip_address: x}", "source_ip_address"),
            ("{query_name: x, edns_udp_size: 511}", "512"),
            ("{query_name: x, validate_answer_rrs: {fail_if_matches_regexp: ['(']}}", "regular expression"),
            ("{query_name: x, validate_answer_rrs: {fail_if_match_regexp: []}}", "unknown key"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
