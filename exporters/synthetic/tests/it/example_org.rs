//! Certificates as blackbox_exporter's own tests make them: RSA, all with the same subject, issuer and key identifier,
//! authority and server at once where they signed themselves.

use std::time::Duration;

use jiff::Timestamp;
use kit::tls::Identity;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, SerialNumber, date_time_ymd,
};

/// A key of the usual size.
pub(crate) fn key() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
}

/// What a certificate shall say.
pub(crate) struct Template {
    /// When it ends, in Unix time.
    pub(crate) end: i64,
    /// Whether it is for loopback's addresses, too.
    pub(crate) addresses: bool,
    /// Whether it is an authority.
    pub(crate) is_ca: bool,
}

/// A template whose certificate ends in some days.
pub(crate) fn template(days: i64) -> Template {
    Template { end: Timestamp::now().as_second() + days * 86_400, addresses: false, is_ca: false }
}

impl Template {
    /// For loopback's addresses, too.
    pub(crate) fn with_addresses(self) -> Self {
        Self { addresses: true, ..self }
    }

    /// An authority.
    pub(crate) fn authority(self) -> Self {
        Self { is_ca: true, ..self }
    }

    fn params(&self) -> CertificateParams {
        let mut names = vec!["localhost".to_owned()];
        if self.addresses {
            names.extend(["127.0.0.1".to_owned(), "::1".to_owned()]);
        }
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Example Org");
        params.distinguished_name.push(DnType::CommonName, "Example");
        params.serial_number = Some(SerialNumber::from(1_u64));
        params.key_identifier_method = KeyIdMethod::PreSpecified(vec![1]);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        params.is_ca =
            if self.is_ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
        let epoch = date_time_ymd(1970, 1, 1);
        let now = Timestamp::now().as_second();
        params.not_before = epoch + Duration::from_secs(u64::try_from(now - 1).unwrap());
        params.not_after = epoch + Duration::from_secs(u64::try_from(self.end).unwrap());
        params
    }

    /// Signed by itself.
    pub(crate) fn self_signed(&self, key: &KeyPair) -> Identity {
        let certificate = self.params().self_signed(key).unwrap();
        Identity { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() }
    }

    /// Signed by the key of another of the same name.
    pub(crate) fn signed_by(&self, parent: &KeyPair) -> Identity {
        let key = key();
        let parent = KeyPair::from_pem(&parent.serialize_pem()).unwrap();
        let issuer = Issuer::new(self.params(), parent);
        let certificate = self.params().signed_by(&key, &issuer).unwrap();
        Identity { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() }
    }
}
