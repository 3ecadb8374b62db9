//! For which hosts a certificate is.

use rcgen::SanType;

use crate::party::{Party, parse};

#[test]
fn hosts_and_addresses() {
    let party = Party::server().with(|params| {
        params.subject_alt_names = vec![
            SanType::DnsName("Www.Example.com".try_into().unwrap()),
            SanType::DnsName("*.wild.example.com".try_into().unwrap()),
            SanType::DnsName("under_score.example.com".try_into().unwrap()),
            SanType::IpAddress("192.0.2.7".parse().unwrap()),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
        ];
    });
    let certificate = parse(&party.self_signed());
    for (host, expected) in [
        ("www.example.com", true),
        ("WWW.EXAMPLE.COM", true),
        ("www.example.com.", true),
        ("example.com", false),
        ("a.wild.example.com", true),
        ("a.b.wild.example.com", false),
        ("wild.example.com", false),
        (".wild.example.com", false),
        ("under_score.example.com", true),
        ("192.0.2.7", true),
        ("::ffff:192.0.2.7", true),
        ("2001:db8::1", true),
        ("[2001:db8::1]", true),
        ("2001:db8::2", false),
        ("a server", false),
        ("", false),
        (".", false),
        // no host name, so it is only itself: Go says the same
        ("*.wild.example.com", true),
    ] {
        assert_eq!(certificate.is_for(host), expected, "{host:?}");
    }
}
