//! Parties of a test: authorities and servers, with the faults that a test wants.

use std::sync::Arc;

use netprobe::cert::Certificate;
use netprobe::chain::{Against, Known, Revocation, Roots, Served, Verdict, judge};
use netprobe::read::certificates;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};

/// The clock of these tests: 2027-06-01.
pub(crate) const NOW: i64 = 1_811_808_000;

/// The name that servers here have.
pub(crate) const HOST: &str = "db.example.com";

/// A subject with its key, and how its certificates look.
pub(crate) struct Party {
    pub(crate) params: CertificateParams,
    pub(crate) key: KeyPair,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    params.use_authority_key_identifier_extension = true;
    params
}

impl Party {
    /// An authority.
    pub(crate) fn authority(name: &str) -> Self {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self { params, key: KeyPair::generate().unwrap() }
    }

    /// A server for [`HOST`].
    pub(crate) fn server() -> Self {
        let mut params = params("a server");
        params.subject_alt_names = vec![SanType::DnsName(HOST.try_into().unwrap())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Self { params, key: KeyPair::generate().unwrap() }
    }

    /// The same with another look.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        change(&mut self.params);
        self
    }

    /// The same with a key of another kind.
    pub(crate) fn with_key(mut self, kind: &'static rcgen::SignatureAlgorithm) -> Self {
        self.key = KeyPair::generate_for(kind).unwrap();
        self
    }

    pub(crate) fn years(self, from: i32, to: i32) -> Self {
        self.with(|params| {
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(to, 1, 1);
        })
    }

    pub(crate) fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }

    /// Its certificate, signed by itself.
    pub(crate) fn self_signed(&self) -> Vec<u8> {
        self.params.self_signed(&self.key).unwrap().der().to_vec()
    }

    /// Its certificate, signed by `other`.
    pub(crate) fn signed_by(&self, other: &Self) -> Vec<u8> {
        self.params.signed_by(&self.key, &other.issuer()).unwrap().der().to_vec()
    }
}

/// The extension that says where the issuer's certificate is.
pub(crate) fn issuer_url(params: &mut CertificateParams) {
    let url = b"http://ca.example.com/ca.der";
    let location = [&[0x86, 28][..], url].concat();
    let description = [&[0x30, 40, 6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2][..], &location].concat();
    let value = [&[0x30, 42][..], &description].concat();
    params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], value));
}

pub(crate) fn parse(der: &[u8]) -> Arc<Certificate> {
    Arc::new(Certificate::parse(der).unwrap())
}

/// The first certificate of a recorded file.
pub(crate) fn recorded(name: &str) -> Vec<u8> {
    let file = certificates(&data(name), None).unwrap();
    file.found[0].certificate.as_ref().unwrap().der().to_vec()
}

/// A recorded file.
pub(crate) fn data(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certificates/data");
    std::fs::read(format!("{folder}/{name}")).unwrap()
}

/// A chain to be judged.
#[derive(Default)]
pub(crate) struct Case {
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) roots: Vec<Vec<u8>>,
    pub(crate) staple: Option<Vec<u8>>,
    pub(crate) revocation: Revocation,
    pub(crate) known: Known,
}

impl Case {
    pub(crate) fn new(chain: &[&[u8]], roots: &[&[u8]]) -> Self {
        let owned = |all: &[&[u8]]| all.iter().map(|der| der.to_vec()).collect();
        Self { chain: owned(chain), roots: owned(roots), ..Self::default() }
    }

    pub(crate) fn judge(&self) -> Verdict {
        self.judge_for(Some(HOST), NOW)
    }

    pub(crate) fn judge_for(&self, name: Option<&str>, now: i64) -> Verdict {
        let (roots, bad) = Roots::of_der(&self.roots);
        assert_eq!(bad, 0);
        let served = Served::read(&self.chain, self.staple.as_deref());
        let known = Some(&self.known);
        judge(&served, &Against { roots: &roots, name, now, revocation: &self.revocation, known })
    }
}

/// The words for what is wrong.
pub(crate) fn words(verdict: &Verdict) -> Vec<&'static str> {
    verdict.faults.iter().map(|fault| fault.as_str()).collect()
}

/// The common names on each path.
pub(crate) fn names(verdict: &Verdict) -> Vec<Vec<&str>> {
    verdict
        .paths
        .iter()
        .map(|path| path.iter().map(|one| one.subject.common_name.as_str()).collect())
        .collect()
}
