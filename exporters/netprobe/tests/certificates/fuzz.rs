//! Bytes from anywhere: nothing panics, and nothing takes more than its bounds.

use std::sync::OnceLock;

use netprobe::cert::Certificate;
use netprobe::crl::Crl;
use netprobe::ocsp;
use netprobe::read::certificates;
use proptest::prelude::*;

use crate::party::{Case, HOST, NOW, data, parse, recorded};

const FILES: [&str; 14] = [
    "server.pem",
    "trusted.pem",
    "both.p7b",
    "both.p7b.pem",
    "aes.p12",
    "old-rc2.p12",
    "old-3des.p12",
    "plain.p12",
    "java.jks",
    "java.jceks",
    "crl.pem",
    "good.ocsp",
    "delegated.ocsp",
    "pss.pem",
];

/// The recorded files, and the DER inside those in PEM.
fn seeds() -> &'static [Vec<u8>] {
    static SEEDS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let mut seeds: Vec<Vec<u8>> = FILES.iter().map(|name| data(name)).collect();
        seeds.extend(["server.pem", "pss.pem", "root.pem", "sha1.pem"].map(recorded));
        seeds
    })
}

fn read_everything(bytes: &[u8]) {
    for password in [None, Some("watchfire")] {
        drop(certificates(bytes, password));
    }
    let server = parse(&recorded("server.pem"));
    let root = parse(&recorded("root.pem"));
    drop(ocsp::read(bytes, &server, Some(&root)));
    if let Ok(crl) = Crl::parse(bytes) {
        let _ = (crl.contains(server.serial_raw()), crl.signed_by(&root), crl.size());
    }
    if let Ok(certificate) = Certificate::parse(bytes) {
        let _ = (certificate.dns_names_label(), certificate.ips_label(), certificate.emails_label());
        let _ = (certificate.units_label(), certificate.serial_hex(), certificate.weaknesses());
        let _ = (certificate.is_for(HOST), certificate.is_self_signed(), certificate.remaining_ratio(NOW));
    }
    let mut case = Case::new(&[bytes, bytes, root.der()], &[root.der()]);
    case.staple = Some(bytes.to_vec());
    let _ = case.judge();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        read_everything(&bytes);
    }

    #[test]
    fn any_bytes_behind_a_store_s_first_ones(
        magic in prop::sample::select(vec![&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2][..], &[0xce, 0xce, 0xce, 0xce, 0, 0, 0, 2], &[0x30, 0x80], &[0x30, 0x82, 2, 0, 2, 1, 3]]),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        read_everything(&[magic, &bytes].concat());
    }

    #[test]
    fn recorded_bytes_with_changes(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = which.get(seeds()).clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_everything(&bytes);
    }
}
