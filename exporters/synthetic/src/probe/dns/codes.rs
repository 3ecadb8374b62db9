//! The names of DNS's numbers, as the Go library behind blackbox_exporter has them: they stand in configurations, and in
//! the text of records that regular expressions see.

/// Types of records that matter to the code.
pub(super) mod kind {
    pub(in super::super) const SOA: u16 = 6;
    pub(in super::super) const OPT: u16 = 41;
    pub(in super::super) const ANY: u16 = 255;
}

/// The class of the internet.
pub(super) const CLASS_IN: u16 = 1;

/// The answer is good.
pub(super) const NOERROR: u16 = 0;

const TYPES: &[(u16, &str)] = &[
    (0, "None"),
    (1, "A"),
    (2, "NS"),
    (3, "MD"),
    (4, "MF"),
    (5, "CNAME"),
    (kind::SOA, "SOA"),
    (7, "MB"),
    (8, "MG"),
    (9, "MR"),
    (10, "NULL"),
    (12, "PTR"),
    (13, "HINFO"),
    (14, "MINFO"),
    (15, "MX"),
    (16, "TXT"),
    (17, "RP"),
    (18, "AFSDB"),
    (19, "X25"),
    (20, "ISDN"),
    (21, "RT"),
    (23, "NSAP-PTR"),
    (24, "SIG"),
    (25, "KEY"),
    (26, "PX"),
    (27, "GPOS"),
    (28, "AAAA"),
    (29, "LOC"),
    (30, "NXT"),
    (31, "EID"),
    (32, "NIMLOC"),
    (33, "SRV"),
    (34, "ATMA"),
    (35, "NAPTR"),
    (36, "KX"),
    (37, "CERT"),
    (39, "DNAME"),
    (kind::OPT, "OPT"),
    (42, "APL"),
    (43, "DS"),
    (44, "SSHFP"),
    (45, "IPSECKEY"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (49, "DHCID"),
    (50, "NSEC3"),
    (51, "NSEC3PARAM"),
    (52, "TLSA"),
    (53, "SMIMEA"),
    (55, "HIP"),
    (56, "NINFO"),
    (57, "RKEY"),
    (58, "TALINK"),
    (59, "CDS"),
    (60, "CDNSKEY"),
    (61, "OPENPGPKEY"),
    (62, "CSYNC"),
    (63, "ZONEMD"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (99, "SPF"),
    (100, "UINFO"),
    (101, "UID"),
    (102, "GID"),
    (103, "UNSPEC"),
    (104, "NID"),
    (105, "L32"),
    (106, "L64"),
    (107, "LP"),
    (108, "EUI48"),
    (109, "EUI64"),
    (128, "NXNAME"),
    (249, "TKEY"),
    (250, "TSIG"),
    (251, "IXFR"),
    (252, "AXFR"),
    (253, "MAILB"),
    (254, "MAILA"),
    (kind::ANY, "ANY"),
    (256, "URI"),
    (257, "CAA"),
    (258, "AVC"),
    (260, "AMTRELAY"),
    (261, "RESINFO"),
    (32768, "TA"),
    (32769, "DLV"),
    (65535, "Reserved"),
];

const CLASSES: &[(u16, &str)] =
    &[(CLASS_IN, "IN"), (2, "CS"), (3, "CH"), (4, "HS"), (254, "NONE"), (255, "ANY")];

/// The first name of a number is the one that is shown.
const RCODES: &[(u16, &str)] = &[
    (NOERROR, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (4, "NOTIMPL"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
    (11, "DSOTYPENI"),
    (16, "BADSIG"),
    (16, "BADVERS"),
    (17, "BADKEY"),
    (18, "BADTIME"),
    (19, "BADMODE"),
    (20, "BADNAME"),
    (21, "BADALG"),
    (22, "BADTRUNC"),
    (23, "BADCOOKIE"),
];

/// Kinds of certificates in CERT records.
pub(super) const CERTIFICATES: &[(u16, &str)] = &[
    (1, "PKIX"),
    (2, "SPKI"),
    (3, "PGP"),
    (4, "IPIX"),
    (5, "ISPKI"),
    (6, "IPGP"),
    (7, "ACPKIX"),
    (8, "IACPKIX"),
    (253, "URI"),
    (254, "OID"),
];

/// Algorithms of DNSSEC in CERT records.
pub(super) const ALGORITHMS: &[(u16, &str)] = &[
    (1, "RSAMD5"),
    (2, "DH"),
    (3, "DSA"),
    (5, "RSASHA1"),
    (6, "DSA-NSEC3-SHA1"),
    (7, "RSASHA1-NSEC3-SHA1"),
    (8, "RSASHA256"),
    (10, "RSASHA512"),
    (12, "ECC-GOST"),
    (13, "ECDSAP256SHA256"),
    (14, "ECDSAP384SHA384"),
    (15, "ED25519"),
    (16, "ED448"),
    (252, "INDIRECT"),
    (253, "PRIVATEDNS"),
    (254, "PRIVATEOID"),
];

/// The name of a number in a table.
pub(super) fn name_in(table: &[(u16, &'static str)], number: u16) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

fn number_in(table: &[(u16, &str)], name: &str) -> Option<u16> {
    table.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
}

/// The type's number.
pub(super) fn type_number(name: &str) -> Option<u16> {
    number_in(TYPES, name)
}

/// The class's number.
pub(super) fn class_number(name: &str) -> Option<u16> {
    number_in(CLASSES, name)
}

/// The code's number.
pub(super) fn rcode_number(name: &str) -> Option<u16> {
    number_in(RCODES, name)
}

/// All names of codes, for a person who wrote another one.
pub(super) fn rcode_names() -> impl Iterator<Item = &'static str> {
    RCODES.iter().map(|(_, name)| *name)
}

/// The type as records show it.
pub(super) fn type_text(number: u16) -> String {
    name_in(TYPES, number).map_or_else(|| format!("TYPE{number}"), str::to_owned)
}

/// The class as records show it. A name that is a type's as well is not used.
pub(super) fn class_text(number: u16) -> String {
    let name = name_in(CLASSES, number).filter(|name| type_number(name).is_none());
    name.map_or_else(|| format!("CLASS{number}"), str::to_owned)
}

/// The code as labels show it: a closed list.
pub(super) fn rcode_text(number: u16) -> &'static str {
    name_in(RCODES, number).unwrap_or("UNKNOWN")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (number, expected) in [(1, "A"), (65, "HTTPS"), (0, "None"), (23, "NSAP-PTR"), (4711, "TYPE4711")]
        {
            assert_eq!(type_text(number), expected);
        }
        for (number, expected) in [(1, "IN"), (3, "CH"), (254, "NONE"), (255, "CLASS255"), (7, "CLASS7")] {
            assert_eq!(class_text(number), expected);
        }
        for (number, expected) in [(0, "NOERROR"), (4, "NOTIMP"), (16, "BADSIG"), (3841, "UNKNOWN")] {
            assert_eq!(rcode_text(number), expected);
        }
        assert_eq!(rcode_number("NOTIMPL"), Some(4));
        assert_eq!(rcode_number("noerror"), None);
        assert_eq!(type_number("NOT_A_VALID_QUERY_TYPE"), None);
        assert_eq!(class_number("ANY"), Some(255));
    }

    #[test]
    fn every_name_stands_once() {
        for table in [TYPES, CLASSES, RCODES, CERTIFICATES, ALGORITHMS] {
            let names: std::collections::HashSet<&str> = table.iter().map(|(_, name)| *name).collect();
            assert_eq!(names.len(), table.len());
        }
    }
}
