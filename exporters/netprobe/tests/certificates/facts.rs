//! What a certificate says, in the words that dashboards compare.

use netprobe::cert::{Certificate, NotACertificate};
use rcgen::{
    CrlDistributionPoint, CustomExtension, DnType, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512,
    PKCS_ED25519, PKCS_RSA_SHA256, SanType, SerialNumber, date_time_ymd,
};

use crate::party::{Party, issuer_url, parse, recorded};

#[test]
fn a_certificate_s_facts_in_ssl_exporter_s_words() {
    let party = Party::server().with(|params| {
        params.serial_number = Some(SerialNumber::from_slice(&[0x01, 0, 0, 0, 0, 0, 0, 0, 0]));
        params.distinguished_name.push(DnType::OrganizationalUnitName, "ops");
        params.distinguished_name.push(DnType::OrganizationName, "Acme, Inc.");
        params.subject_alt_names.push(SanType::DnsName("*.example.org".try_into().unwrap()));
        params.subject_alt_names.push(SanType::IpAddress("192.0.2.7".parse().unwrap()));
        params.subject_alt_names.push(SanType::IpAddress("2001:db8::1".parse().unwrap()));
        params.subject_alt_names.push(SanType::IpAddress("::ffff:192.0.2.8".parse().unwrap()));
        params.subject_alt_names.push(SanType::Rfc822Name("ops@example.com".try_into().unwrap()));
        params.crl_distribution_points =
            vec![CrlDistributionPoint { uris: vec!["http://crl.example.com/1".to_owned()] }];
        issuer_url(params);
        let must_staple =
            CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], vec![0x30, 3, 2, 1, 5]);
        params.custom_extensions.push(must_staple);
    });
    let authority = Party::authority("root");
    let certificate = parse(&party.signed_by(&authority));
    assert_eq!(certificate.serial, "18446744073709551616");
    assert_eq!(certificate.serial_hex(), "010000000000000000");
    assert_eq!(certificate.subject.common_name, "a server");
    assert_eq!(certificate.subject.text, r"CN=a server,OU=ops,O=Acme\, Inc.");
    assert_eq!(certificate.issuer.common_name, "root");
    assert_eq!(certificate.dns_names_label(), ",db.example.com,*.example.org,");
    assert_eq!(certificate.ips_label(), ",192.0.2.7,2001:db8::1,192.0.2.8,");
    assert_eq!(certificate.emails_label(), ",ops@example.com,");
    assert_eq!(certificate.units_label(), ",ops,");
    assert_eq!((certificate.not_before, certificate.not_after), (1_767_225_600, 1_893_456_000));
    assert_eq!(certificate.crl_urls, ["http://crl.example.com/1"]);
    assert_eq!(certificate.issuer_urls, ["http://ca.example.com/ca.der"]);
    assert!(certificate.must_staple);
    assert!(!certificate.is_ca() && !certificate.is_self_issued() && !certificate.is_self_signed());
    assert_eq!(certificate.authority_key_id, parse(&authority.self_signed()).subject_key_id);
    assert!(parse(&authority.self_signed()).is_self_signed());
    assert_eq!(certificate.version, 3);
    assert!(certificate.unknown_critical.is_empty());
    assert_eq!(certificate.fingerprint_text().len(), 64);
}

#[test]
fn nothing_is_an_empty_text() {
    let bare = Party::server().with(|params| {
        params.subject_alt_names.clear();
        params.distinguished_name = rcgen::DistinguishedName::new();
    });
    let certificate = parse(&bare.signed_by(&Party::authority("root")));
    for text in [
        certificate.subject.text.as_str(),
        &certificate.subject.common_name,
        &certificate.dns_names_label(),
        &certificate.ips_label(),
        &certificate.emails_label(),
        &certificate.units_label(),
    ] {
        assert_eq!(text, "");
    }
}

#[test]
fn keys_signatures_and_weaknesses_have_names() {
    let made = |kind| Party::server().with_key(kind).self_signed();
    let rsa = Party {
        key: KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, rcgen::RsaKeySize::_3072).unwrap(),
        ..Party::server()
    };
    for (der, key, bits, signature, weak) in [
        (Party::server().self_signed(), "P-256", 256, "ECDSA-SHA256", vec![]),
        (made(&PKCS_ECDSA_P384_SHA384), "P-384", 384, "ECDSA-SHA384", vec![]),
        (made(&PKCS_ECDSA_P521_SHA512), "P-521", 521, "ECDSA-SHA512", vec![]),
        (made(&PKCS_ED25519), "Ed25519", 256, "Ed25519", vec![]),
        (rsa.self_signed(), "RSA", 3072, "SHA256-RSA", vec![]),
        (recorded("rsa1024.pem"), "RSA", 1024, "ECDSA-SHA256", vec!["weak_key"]),
        (recorded("sha1.pem"), "P-256", 256, "ECDSA-SHA1", vec!["weak_signature"]),
        (recorded("md5.pem"), "RSA", 2048, "MD5-RSA", vec!["weak_signature"]),
        (recorded("under-rsa1024.pem"), "P-256", 256, "SHA256-RSA", vec![]),
        (recorded("secp256k1.pem"), "secp256k1", 256, "ECDSA-SHA256", vec![]),
        (recorded("ed448.pem"), "Ed448", 456, "ECDSA-SHA256", vec![]),
        (recorded("pss.pem"), "RSA", 2048, "SHA256-RSAPSS", vec![]),
    ] {
        let certificate = parse(&der);
        assert_eq!((certificate.key.name(), certificate.key.bits), (key, bits));
        assert_eq!(certificate.signature_algorithm.name, signature);
        let found: Vec<&str> = certificate.weaknesses().iter().map(|weakness| weakness.as_str()).collect();
        assert_eq!(found, weak, "{key} {signature}");
        if certificate.is_self_issued() {
            assert!(certificate.is_self_signed(), "{key}");
        }
    }
}

#[test]
fn dates_before_1970_and_far_away() {
    let party = Party::server().with(|params| {
        params.not_before = date_time_ymd(1951, 1, 1);
        params.not_after = date_time_ymd(9999, 12, 31);
    });
    let certificate = parse(&party.self_signed());
    assert_eq!((certificate.not_before, certificate.not_after), (-599_616_000, 253_402_214_400));
    assert!(certificate.is_valid_at(0));
}

#[test]
fn labels_of_many_names_are_bounded_and_end_in_a_whole_name() {
    let many = Party::server().with(|params| {
        let names = (0..1_000).map(|number| format!("{}-{number}.example.com", "long".repeat(10)));
        params.subject_alt_names = names.map(|name| SanType::DnsName(name.try_into().unwrap())).collect();
    });
    let certificate = parse(&many.self_signed());
    assert_eq!(certificate.dns_names.len(), 1_000);
    let label = certificate.dns_names_label();
    assert!(label.len() <= netprobe::cert::MAX_LABEL && label.ends_with(".example.com,"));
}

#[test]
fn bytes_after_a_certificate_are_refused() {
    let mut der = Party::server().self_signed();
    der.push(0);
    assert_eq!(Certificate::parse(&der).unwrap_err(), NotACertificate::Trailing);
}
