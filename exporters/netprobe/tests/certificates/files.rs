//! Certificates in files as OpenSSL and Java write them, and as people leave them lying about.

use std::fmt::Write as _;

use netprobe::cert::NotACertificate;
use netprobe::read::{File, Form, MAX_CERTIFICATES, MAX_FILE, ReadError, certificates};

use crate::party::{Party, data, recorded};

const PASSWORD: &str = "watchfire";

/// Position, alias and common name of what was found.
fn seen(file: &File) -> Vec<(usize, Option<&str>, &str)> {
    file.found
        .iter()
        .map(|found| {
            let name = found.certificate.as_ref().map_or("broken", |read| read.subject.common_name.as_str());
            (found.position, found.alias.as_deref(), name)
        })
        .collect()
}

fn check(bytes: &[u8], password: Option<&str>, form: Form, expected: &[(Option<&str>, &str)]) {
    let file = certificates(bytes, password).unwrap();
    let expected: Vec<_> =
        expected.iter().enumerate().map(|(at, (alias, name))| (at, *alias, *name)).collect();
    assert_eq!((file.form, seen(&file)), (form, expected));
    assert!(!file.wrong_password);
}

#[test]
fn pem_of_all_sorts() {
    let text = |name| String::from_utf8(data(name)).unwrap();
    let (server, root) = (text("server.pem"), text("root.pem"));
    check(server.as_bytes(), None, Form::Pem, &[(None, "server")]);
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let mixed = format!("0 s:CN = server\nsubject\n{server}\n{key}garbage\n{}", root.replace('\n', "\r\n"));
    check(mixed.as_bytes(), None, Form::Pem, &[(None, "server"), (None, "root")]);
    check(&data("trusted.pem"), None, Form::Pem, &[(None, "server")]);
    let broken = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    check(format!("{broken}{server}").as_bytes(), None, Form::Pem, &[(None, "broken"), (None, "server")]);
    let marked = format!("\u{feff}{server}{server}");
    check(marked.as_bytes(), None, Form::Pem, &[(None, "server"), (None, "server")]);
    for (text, expected) in [
        ("", ReadError::Unknown),
        ("no certificate", ReadError::Unknown),
        (key, ReadError::Empty(Form::Pem)),
        ("-----BEGIN CERTIFICATE-----\nMIIB\n", ReadError::Unknown),
    ] {
        assert_eq!(certificates(text.as_bytes(), None).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn der_alone_and_in_a_row() {
    let (server, root) = (recorded("server.pem"), recorded("root.pem"));
    check(&server, None, Form::Der, &[(None, "server")]);
    check(&[&server[..], &root].concat(), None, Form::Der, &[(None, "server"), (None, "root")]);
    check(&[&server[..], b"\n"].concat(), None, Form::Der, &[(None, "server")]);
    let cut = &server[..server.len() - 1];
    assert_eq!(certificates(cut, None).unwrap_err(), ReadError::Empty(Form::Der));
    let file = certificates(&[0x30, 2, 0x30, 0], None).unwrap();
    assert_eq!(file.found[0].certificate.as_ref().unwrap_err(), &NotACertificate::Malformed);
}

#[test]
fn pkcs7_in_both_forms_and_in_ber() {
    let both = [(None, "server"), (None, "root")];
    check(&data("both.p7b"), None, Form::Pkcs7, &both);
    check(&data("both.p7b.pem"), None, Form::Pem, &both);
    check(&indefinite(&data("both.p7b"), 3), None, Form::Pkcs7, &both);
}

/// The same with the lengths of the outer elements left out, as Java and Windows write envelopes.
fn indefinite(der: &[u8], depth: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = der;
    while rest.len() > 1 {
        let head = if rest[1] < 0x80 { 2 } else { 2 + usize::from(rest[1] & 0x7f) };
        let length = match head {
            2 => usize::from(rest[1]),
            _ => rest[2..head].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
        };
        let (element, after) = rest.split_at(head + length);
        if depth > 0 && element[0] & 0x20 != 0 {
            out.extend([element[0], 0x80]);
            out.extend(indefinite(&element[head..], depth - 1));
            out.extend([0, 0]);
        } else if depth > 0 && element[0] == 4 {
            out.extend([0x24, 0x80]);
            for piece in element[head..].chunks(100) {
                out.extend([4, u8::try_from(piece.len()).unwrap()]);
                out.extend(piece);
            }
            out.extend([0, 0]);
        } else {
            out.extend(element);
        }
        rest = after;
    }
    out
}

#[test]
fn pkcs12_of_today_and_of_old() {
    let expected = [(Some("the server"), "server"), (None, "root")];
    for name in [
        "aes.p12",
        "aes-no-mac.p12",
        "old-rc2.p12",
        "old-rc2-128.p12",
        "old-3des.p12",
        "old-2des.p12",
        "pbes2-3des.p12",
    ] {
        let bytes = data(name);
        check(&bytes, Some(PASSWORD), Form::Pkcs12, &expected);
        for wrong in [Some("wrong"), Some(""), None] {
            let error = certificates(&bytes, wrong).map(|file| file.found.len());
            assert_eq!(error, Err(ReadError::Password(Form::Pkcs12)), "{name} {wrong:?}");
        }
    }
    for password in [None, Some("")] {
        check(&data("empty.p12"), password, Form::Pkcs12, &expected);
        check(&data("plain.p12"), password, Form::Pkcs12, &[(None, "server"), (None, "root")]);
    }
    check(&indefinite(&data("aes.p12"), 4), Some(PASSWORD), Form::Pkcs12, &expected);
}

#[test]
fn stores_of_java() {
    let expected = [(Some("server"), "server"), (Some("authority"), "root")];
    for (name, form) in [("java.jks", Form::Jks), ("java.jceks", Form::Jceks), ("java.pkcs12", Form::Pkcs12)]
    {
        let bytes = data(name);
        let mut file = certificates(&bytes, Some(PASSWORD)).unwrap();
        assert!(!file.wrong_password, "{name}");
        file.found.sort_by_key(|found| found.alias.as_deref() == Some("authority"));
        let found: Vec<_> = seen(&file).into_iter().map(|(_, alias, name)| (alias, name)).collect();
        assert_eq!((file.form, found), (form, expected.to_vec()));
    }
    for name in ["java.jks", "java.jceks"] {
        check_count(&data(name), None, false);
        check_count(&data(name), Some("wrong"), true);
        let bytes = data(name);
        let cut = &bytes[..bytes.len() / 2];
        assert!(matches!(certificates(cut, None).unwrap_err(), ReadError::Malformed(_)));
    }
}

/// Java's stores are read without their password; a wrong one is told.
fn check_count(bytes: &[u8], password: Option<&str>, wrong: bool) {
    let file = certificates(bytes, password).unwrap();
    assert_eq!((file.found.len(), file.wrong_password), (2, wrong));
}

#[test]
fn files_have_bounds() {
    assert_eq!(certificates(&vec![0x30; MAX_FILE + 1], None).unwrap_err(), ReadError::TooLong);
    let many = [0x30, 0].repeat(MAX_CERTIFICATES + 7);
    let file = certificates(&[&[0x30, 2, 0x30, 0][..], &many].concat(), None).unwrap();
    assert_eq!((file.found.len(), file.ignored), (MAX_CERTIFICATES, 8));
}

#[test]
fn an_alias_is_as_long_as_a_label_may_be() {
    let der = Party::server().self_signed();
    let mut store = vec![0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    let mut alias = String::new();
    for number in 0..200 {
        write!(alias, "{number} ").unwrap();
    }
    store.extend(u16::try_from(alias.len()).unwrap().to_be_bytes());
    store.extend(alias.as_bytes());
    store.extend([0, 0, 1, 0, 0, 0, 0, 0, 0, 5]);
    store.extend(b"X.509");
    store.extend(u32::try_from(der.len()).unwrap().to_be_bytes());
    store.extend(&der);
    store.extend([0; 20]);
    let file = certificates(&store, None).unwrap();
    assert_eq!(file.found[0].alias.as_ref().unwrap().len(), 256);
    assert!(file.found[0].certificate.is_ok());
}

#[test]
fn a_password_may_be_hashed_only_so_often() {
    // 2,048 rounds become two thousand million
    let mut bytes = data("aes.p12");
    let at: Vec<usize> = (0..=bytes.len() - 4).filter(|at| bytes[*at..*at + 4] == [2, 2, 8, 0]).collect();
    assert_eq!(at.len(), 3);
    for at in at {
        bytes[at + 2] = 0x7f;
    }
    // 32,512 rounds: wrong, but worked through
    assert_eq!(certificates(&bytes, Some(PASSWORD)).unwrap_err(), ReadError::Password(Form::Pkcs12));
    let endless = [2, 4, 0x7f, 0xff, 0xff, 0xff];
    let long = replace_rounds(&data("aes.p12"), &endless);
    assert_eq!(certificates(&long, Some(PASSWORD)).unwrap_err(), ReadError::Cipher(Form::Pkcs12));
}

/// The store with another number of rounds for its code, which stands at the very end.
fn replace_rounds(der: &[u8], rounds: &[u8]) -> Vec<u8> {
    let body = &der[4..der.len() - 4];
    let mac = body.windows(4).rposition(|window| window == [0x30, 0x41, 0x30, 0x31]).unwrap();
    let mut out = body[..mac].to_vec();
    out.extend([0x30, 0x43]);
    out.extend(&body[mac + 2..]);
    out.extend(rounds);
    let length = u16::try_from(out.len()).unwrap().to_be_bytes();
    [&[0x30, 0x82][..], &length, &out].concat()
}

/// An element in DER, shorter than 65,536 bytes.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[tag, 0x82][..], &length, &body].concat()
}

#[test]
fn the_authentication_code_of_newer_stores() {
    const HMAC_SHA256: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 9];
    const PBKDF2: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
    const PBMAC1: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 14];
    let plain = data("plain.p12");
    // SEQUENCE, version, then a SEQUENCE of an identifier and [0] of an OCTET STRING: all lengths have two bytes
    let body = &plain[4..];
    let safe = &body[3 + 4 + 11 + 4 + 4..];
    let mut key = [0; 32];
    let rounds = std::num::NonZeroU32::new(1_000).unwrap();
    aws_lc_rs::pbkdf2::derive(
        aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA256,
        rounds,
        b"salt",
        PASSWORD.as_bytes(),
        &mut key,
    );
    let code = aws_lc_rs::hmac::sign(&aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key), safe);
    let derivation = der(0x30, &[&[4, 4], b"salt", &[2, 2, 3, 0xe8, 2, 1, 32], HMAC_SHA256]);
    let parameters = der(0x30, &[&der(0x30, &[PBKDF2, &derivation]), HMAC_SHA256]);
    let info = der(0x30, &[&der(0x30, &[PBMAC1, &parameters]), &der(4, &[code.as_ref()])]);
    let store = der(0x30, &[body, &der(0x30, &[&info, &[4, 1, 0, 2, 1, 1]])]);
    check(&store, Some(PASSWORD), Form::Pkcs12, &[(None, "server"), (None, "root")]);
    let error = certificates(&store, Some("wrong")).map(|file| file.found.len());
    assert_eq!(error, Err(ReadError::Password(Form::Pkcs12)));
}
