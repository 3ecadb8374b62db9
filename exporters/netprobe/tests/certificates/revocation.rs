//! Lists of revoked certificates and stapled responses: recorded from OpenSSL, and made here.

use std::sync::Arc;

use netprobe::cert::Checked;
use netprobe::chain::RevocationError;
use netprobe::crl::{Crl, CrlError};
use netprobe::ocsp::{Genuine, OcspError, Status, read};
use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, CrlIssuingDistributionPoint, KeyIdMethod,
    RevokedCertParams, SerialNumber, date_time_ymd,
};

use crate::party::{Case, NOW, Party, data, parse, recorded, words};

/// A list by `issuer` of these serial numbers.
fn list(issuer: &Party, serials: &[&[u8]], part: Option<&str>) -> Vec<u8> {
    let revoked = |serial: &&[u8]| RevokedCertParams {
        serial_number: SerialNumber::from_slice(serial),
        revocation_time: date_time_ymd(2027, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2027, 1, 1),
        next_update: date_time_ymd(2027, 2, 1),
        crl_number: SerialNumber::from_slice(&[7]),
        issuing_distribution_point: part.map(|url| CrlIssuingDistributionPoint {
            distribution_point: CrlDistributionPoint { uris: vec![url.to_owned()] },
            scope: None,
        }),
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&issuer.issuer()).unwrap().der().to_vec()
}

#[test]
fn a_list_says_who_is_revoked() {
    let authority = Party::authority("root");
    let crl = Crl::parse(&list(&authority, &[&[9], &[1, 2, 3], &[0x80, 1]], None)).unwrap();
    assert_eq!((crl.len(), crl.number.as_deref()), (3, Some("07")));
    assert_eq!((crl.this_update, crl.next_update), (1_798_761_600, Some(1_801_440_000)));
    assert!(crl.is_stale(NOW) && !crl.is_stale(crl.this_update));
    assert_eq!(crl.issuer.common_name, "root");
    for (serial, expected) in [
        (&[9][..], true),
        (&[0, 9], true),
        (&[1, 2, 3], true),
        (&[0, 0x80, 1], true),
        (&[1, 2], false),
        (&[], false),
    ] {
        assert_eq!(crl.contains(serial), expected, "{serial:?}");
    }
    assert_eq!(crl.signed_by(&parse(&authority.self_signed())), Checked::Good);
    assert_eq!(crl.signed_by(&parse(&Party::authority("root").self_signed())), Checked::Bad);
    assert!(crl.size() > 100);
}

#[test]
fn lists_of_openssl_in_pem() {
    let (root, server) = (parse(&recorded("root.pem")), parse(&recorded("server.pem")));
    for (name, revoked) in [("crl.pem", true), ("crl-empty.pem", false)] {
        let crl = Crl::parse(&data(name)).unwrap();
        assert_eq!(crl.signed_by(&root), Checked::Good);
        assert_eq!((crl.contains(server.serial_raw()), crl.is_empty()), (revoked, !revoked));
    }
}

#[test]
fn a_revoked_certificate_is_revoked_wherever_it_stands() {
    let (root, middle, leaf) = (Party::authority("root"), Party::authority("middle"), Party::server());
    let (root_der, middle_der, leaf_der) =
        (root.self_signed(), middle.signed_by(&root), leaf.signed_by(&middle));
    let case = |crl: &[u8], issuer: &[u8], roots: &[&[u8]]| {
        let mut case = Case::new(&[&leaf_der, &middle_der], roots);
        case.revocation.add(Arc::new(Crl::parse(crl).unwrap()), &parse(issuer)).unwrap();
        words(&case.judge())
    };
    let leaf_serial = parse(&leaf_der).serial_raw().to_vec();
    let middle_serial = parse(&middle_der).serial_raw().to_vec();
    let of_leaf = list(&middle, &[&leaf_serial], None);
    assert_eq!(case(&of_leaf, &middle_der, &[&root_der]), ["revoked"]);
    assert_eq!(case(&of_leaf, &middle_der, &[]), ["unknown_authority", "revoked"]);
    assert_eq!(case(&list(&root, &[&middle_serial], None), &root_der, &[&root_der]), ["revoked"]);
    assert!(case(&list(&root, &[&leaf_serial], None), &root_der, &[&root_der]).is_empty());
    assert!(case(&list(&middle, &[&[1]], None), &middle_der, &[&root_der]).is_empty());
}

#[test]
fn only_an_issuer_s_own_lists_count() {
    let authority = Party::authority("root");
    let own = parse(&authority.self_signed());
    let mut case = Case::default();
    let mut add = |der: &[u8]| case.revocation.add(Arc::new(Crl::parse(der).unwrap()), &own);
    assert_eq!(add(&list(&Party::authority("other"), &[], None)), Err(RevocationError::OtherIssuer));
    assert_eq!(add(&list(&Party::authority("root"), &[], None)), Err(RevocationError::BadSignature));
    // parts of one issuer's list stand beside each other, and a newer one replaces its part
    add(&list(&authority, &[&[1]], Some("http://crl.example.com/1"))).unwrap();
    add(&list(&authority, &[&[2]], Some("http://crl.example.com/2"))).unwrap();
    add(&list(&authority, &[&[3]], Some("http://crl.example.com/2"))).unwrap();
    let serial = |number: u8| {
        let party = Party::server().with(|params| params.serial_number = Some(vec![number].into()));
        parse(&party.signed_by(&authority))
    };
    let revoked = [1, 2, 3].map(|number| case.revocation.has(&serial(number), &own));
    assert_eq!(revoked, [true, false, true]);
}

#[test]
fn lists_that_are_not_understood_are_refused() {
    let authority = Party::authority("root");
    let good = list(&authority, &[&[1]], Some("http://crl.example.com/1"));
    // the number's extension becomes that of a delta (2.5.29.27), the distribution point's an unknown one
    for (from, to, expected) in [
        ([0x55, 0x1d, 20], [0x55, 0x1d, 27], CrlError::Delta),
        ([0x55, 0x1d, 28], [0x55, 0x1d, 99], CrlError::UnknownCritical),
    ] {
        let mut bad = good.clone();
        let at = bad.windows(3).position(|window| window == from).unwrap();
        bad[at..at + 3].copy_from_slice(&to);
        assert_eq!(Crl::parse(&bad).unwrap_err(), expected);
    }
    for bad in [&b""[..], b"text", &good[1..], &good[..good.len() - 1]] {
        assert_eq!(Crl::parse(bad).unwrap_err(), CrlError::Malformed);
    }
    assert_eq!(Crl::parse(&vec![0; netprobe::crl::MAX_CRL + 1]).unwrap_err(), CrlError::TooLong);
}

/// A recorded response that was made a second earlier or later than its signature says.
fn forged(name: &str) -> Vec<u8> {
    let mut response = data(name);
    let time = response.windows(2).position(|window| window == [0x18, 15]).unwrap();
    response[time + 2 + 13] ^= 1;
    response
}

#[test]
fn responses_of_openssl() {
    let root = parse(&recorded("root.pem"));
    let server = parse(&recorded("server.pem"));
    for (name, status, next) in [
        ("good.ocsp", "good", true),
        ("good-no-next.ocsp", "good", false),
        ("unknown.ocsp", "unknown", true),
        ("revoked.ocsp", "revoked", true),
        ("delegated.ocsp", "revoked", true),
    ] {
        let response = read(&data(name), &server, Some(&root)).unwrap();
        assert_eq!(response.status.as_str(), status, "{name}");
        assert_eq!(response.genuine, Genuine::Yes, "{name}");
        assert!(response.produced_at.is_some() && response.this_update.is_some());
        assert_eq!(response.next_update.is_some(), next, "{name}");
        assert_eq!(response.revoked_at().is_some(), status == "revoked");
        let this = response.this_update.unwrap();
        assert!(response.is_current(this) && !response.is_current(this - 1));
        assert_eq!(response.is_current(this + 8 * 86_400), !next);
        // without the issuer's certificate nobody can say
        assert_eq!(read(&data(name), &server, None).unwrap().genuine, Genuine::Unknown);
        assert_eq!(read(&data(name), &root, None).unwrap_err(), OcspError::OtherCertificate);
        assert_eq!(read(&forged(name), &server, Some(&root)).unwrap().genuine, Genuine::No, "{name}");
    }
    let revoked = read(&data("revoked.ocsp"), &server, Some(&root)).unwrap();
    assert!(matches!(revoked.status, Status::Revoked { reason: Some(1), .. }));
    assert_eq!(revoked.status.code(), 1);
}

#[test]
fn a_genuine_staple_revokes_and_a_forged_one_does_not() {
    let chain = [&recorded("server.pem")[..]];
    let root = recorded("root.pem");
    for (name, expected) in
        [("good.ocsp", vec![]), ("revoked.ocsp", vec!["revoked"]), ("unknown.ocsp", vec![])]
    {
        let case = Case { staple: Some(data(name)), ..Case::new(&chain, &[&root]) };
        let verdict = case.judge_for(Some("localhost"), NOW);
        assert_eq!(words(&verdict), expected, "{name}");
        assert!(verdict.staple.unwrap().unwrap().is_genuine());
    }
    let verdict = Case { staple: Some(forged("revoked.ocsp")), ..Case::new(&chain, &[&root]) }
        .judge_for(Some("localhost"), NOW);
    assert!(verdict.success());
    assert_eq!(verdict.staple.unwrap().unwrap().genuine, Genuine::No);
    let empty = Case { staple: Some(Vec::new()), ..Case::new(&chain, &[&root]) };
    assert!(empty.judge().staple.is_none());
}

/// An element in DER.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = body.len();
    let header = match u8::try_from(length) {
        Ok(short @ 0..0x80) => vec![tag, short],
        _ => [&[tag, 0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
    };
    [header, body].concat()
}

/// A response with these dates (in text), which nobody signed.
fn response(serial: &[u8], produced: Option<&str>, this: Option<&str>) -> Vec<u8> {
    let time = |text: Option<&str>| text.map_or_else(Vec::new, |text| der(0x18, &[text.as_bytes()]));
    let sha1 = der(0x30, &[&der(6, &[&[0x2b, 0x0e, 3, 2, 0x1a]])]);
    let id = der(0x30, &[&sha1, &der(4, &[&[0; 20]]), &der(4, &[&[0; 20]]), &der(2, &[serial])]);
    let single = der(0x30, &[&id, &[0x80, 0], &time(this)]);
    let responder = der(0xa2, &[&der(4, &[&[0; 20]])]);
    let data = der(0x30, &[&responder, &time(produced), &der(0x30, &[&single])]);
    let algorithm = der(0x30, &[&der(6, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]])]);
    let basic = der(0x30, &[&data, &algorithm, &der(3, &[&[0, 1, 2, 3]])]);
    let kind = der(6, &[&[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1]]);
    let bytes = der(0x30, &[&kind, &der(4, &[&basic])]);
    der(0x30, &[&[0x0a, 1, 0], &der(0xa0, &[&bytes])])
}

#[test]
fn a_response_without_dates_has_none() {
    let server = parse(&recorded("server.pem"));
    // Go writes the first second of the year 1 for a time that is not set
    for dates in [(None, None), (Some("00010101000000Z"), Some("00010101000000Z"))] {
        let read = read(&response(server.serial_raw(), dates.0, dates.1), &server, None).unwrap();
        assert_eq!(read.status, Status::Good);
        assert_eq!((read.produced_at, read.this_update, read.next_update), (None, None, None));
        assert!(read.is_current(NOW));
    }
    for (bytes, expected) in [
        (&[0x30, 3, 0x0a, 1, 3][..], OcspError::Failed(3)),
        (&[0x30, 3, 0x0a, 1, 0], OcspError::Malformed),
        (&[], OcspError::Malformed),
        (&vec![0; netprobe::ocsp::MAX_RESPONSE + 1], OcspError::TooLong),
    ] {
        assert_eq!(read(bytes, &server, None).unwrap_err(), expected);
    }
}
