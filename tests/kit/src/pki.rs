//! Whole public-key infrastructures for tests: roots, intermediates, cross signs, and leaves of every kind, good and bad.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P521_SHA512, PKCS_ED25519, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::CertificateDer;

use crate::tls::Identity;

/// The kinds of key that a test can make; short RSA keys come from openssl.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Key {
    /// NIST's curve of 256 bits.
    #[default]
    P256,
    /// NIST's curve of 521 bits.
    P521,
    /// Edwards' curve.
    Ed25519,
}

/// What a certificate shall say.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The common name.
    pub name: String,
    /// Names and addresses it is for.
    pub names: Vec<String>,
    /// From the first day of this year …
    pub from: i32,
    /// … to the first day of that one; 9999 means its last second.
    pub to: i32,
    /// The kind of key.
    pub key: Key,
    /// Its serial number.
    pub serial: u64,
    /// How long ago it began, instead of a year.
    pub began: Option<Duration>,
    /// How long from now to its end, instead of a year.
    pub ends_in: Option<Duration>,
    /// Where its revocation list is.
    pub crl: Option<String>,
    /// Where its issuer's certificate is.
    pub issuer_url: Option<String>,
    /// Whether it demands a stapled OCSP response.
    pub must_staple: bool,
}

impl Recipe {
    /// A certificate for these names that is good for most of this century.
    pub fn new(name: &str, names: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
            from: 2020,
            to: 2100,
            key: Key::P256,
            serial: 4711,
            began: None,
            ends_in: None,
            crl: None,
            issuer_url: None,
            must_staple: false,
        }
    }

    /// Good from the first day of one year to that of another.
    #[must_use]
    pub fn years(mut self, from: i32, to: i32) -> Self {
        (self.from, self.to) = (from, to);
        self
    }

    /// Good since so long, and for so long from now on.
    #[must_use]
    pub fn aged(mut self, began: Duration, ends_in: Duration) -> Self {
        (self.began, self.ends_in) = (Some(began), Some(ends_in));
        self
    }

    fn params(&self) -> Result<CertificateParams> {
        let mut params = CertificateParams::new(self.names.clone())?;
        params.distinguished_name.push(DnType::CommonName, self.name.as_str());
        params.not_before = date_time_ymd(self.from, 1, 1);
        params.not_after = date_time_ymd(self.to, 1, 1);
        if self.to == 9999 {
            // RFC 5280's "no end": the last second of the last year
            let day = Duration::from_secs(86_399);
            params.not_after = date_time_ymd(9999, 12, 31) + day;
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if let Some(age) = self.began {
            params.not_before = date_time_ymd(1970, 1, 1) + now.saturating_sub(age);
        }
        if let Some(left) = self.ends_in {
            params.not_after = date_time_ymd(1970, 1, 1) + (now + left);
        }
        params.serial_number = Some(SerialNumber::from(self.serial));
        params.use_authority_key_identifier_extension = true;
        if let Some(url) = &self.crl {
            params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![url.clone()] }];
        }
        if let Some(url) = &self.issuer_url {
            // RFC 5280's authority information access, with `caIssuers`
            let issuers = [0x06, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2].to_vec();
            let access = der(0x30, &[issuers, der(0x86, url.as_bytes())].concat());
            let oid = [1, 3, 6, 1, 5, 5, 7, 1, 1];
            let extension = rcgen::CustomExtension::from_oid_content(&oid, der(0x30, &access));
            params.custom_extensions.push(extension);
        }
        if self.must_staple {
            // RFC 7633: the feature `status_request`
            let oid = [1, 3, 6, 1, 5, 5, 7, 1, 24];
            let content = vec![0x30, 3, 2, 1, 5];
            params.custom_extensions.push(rcgen::CustomExtension::from_oid_content(&oid, content));
        }
        Ok(params)
    }

    fn authority_params(&self) -> Result<CertificateParams> {
        let mut params = self.params()?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(params)
    }
}

/// An authority: a root or an intermediate.
pub struct Signer {
    recipe: Recipe,
    key: KeyPair,
    /// Its certificate in PEM.
    pub pem: String,
}

impl Signer {
    /// A root.
    pub fn root(recipe: Recipe) -> Result<Self> {
        let key = generate(recipe.key)?;
        let pem = recipe.authority_params()?.self_signed(&key)?.pem();
        Ok(Self { recipe, key, pem })
    }

    /// An authority below this one.
    pub fn below(&self, recipe: Recipe) -> Result<Self> {
        let key = generate(recipe.key)?;
        let pem = recipe.authority_params()?.signed_by(&key, &self.issuer()?)?.pem();
        Ok(Self { recipe, key, pem })
    }

    /// The same authority, name and key, in a certificate of its own from another issuer (a cross sign), or of other
    /// years.
    pub fn again(&self, issuer: Option<&Self>, from: i32, to: i32) -> Result<Self> {
        let recipe = self.recipe.clone().years(from, to);
        let key = KeyPair::from_pem(&self.key.serialize_pem())?;
        let params = recipe.authority_params()?;
        let pem = match issuer {
            Some(issuer) => params.signed_by(&key, &issuer.issuer()?)?.pem(),
            None => params.self_signed(&key)?.pem(),
        };
        Ok(Self { recipe, key, pem })
    }

    /// A server's certificate.
    pub fn leaf(&self, recipe: &Recipe) -> Result<Identity> {
        let mut params = recipe.params()?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = generate(recipe.key)?;
        let certificate = params.signed_by(&key, &self.issuer()?)?;
        Ok(Identity { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }

    /// A list, in DER, that revokes these serial numbers.
    pub fn revoke(&self, serials: &[u64]) -> Result<Vec<u8>> {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(list.signed_by(&self.issuer()?)?.der().to_vec())
    }

    /// An OCSP response without the times that are optional, and without those that are not but that Go's library leaves
    /// at the year 1: it says that `serial` is good.
    pub fn ocsp_without_dates(&self, serial: u64) -> Result<Vec<u8>> {
        use rcgen::SigningKey;
        let null_time = der(0x18, b"00010101000000Z");
        let sha1 = der(0x30, &[0x06, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0]);
        let digest = der(4, &[0; 20]);
        let mut number = serial.to_be_bytes().to_vec();
        number.insert(0, 0);
        let id = der(0x30, &[sha1, digest.clone(), digest, der(2, &number)].concat());
        let single = der(0x30, &[id, vec![0x80, 0], null_time.clone()].concat());
        // the responder by its key's digest
        let responder = der(0xa2, &der(4, &[1; 20]));
        let data = der(0x30, &[responder, null_time, der(0x30, &single)].concat());
        let signature = self.key.sign(&data).context("cannot sign")?;
        let ecdsa = der(0x30, &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]);
        let basic = der(0x30, &[data, ecdsa, der(3, &[vec![0], signature].concat())].concat());
        let kind = [0x06, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1].to_vec();
        let bytes = der(0x30, &[kind, der(4, &basic)].concat());
        Ok(der(0x30, &[vec![0x0a, 1, 0], der(0xa0, &bytes)].concat()))
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>> {
        let key = KeyPair::from_pem(&self.key.serialize_pem())?;
        Ok(Issuer::new(self.recipe.authority_params()?, key))
    }
}

/// A certificate that signed itself and is for these names: neither trusted nor an authority.
pub fn self_signed(recipe: &Recipe) -> Result<Identity> {
    let key = generate(recipe.key)?;
    let certificate = recipe.params()?.self_signed(&key)?;
    Ok(Identity { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
}

/// A certificate that signed itself, is an authority and a server at once, and is trusted by those who have it: what
/// most tests of Go programs use.
pub fn self_signed_authority(recipe: &Recipe) -> Result<Identity> {
    let key = generate(recipe.key)?;
    let mut params = recipe.authority_params()?;
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.key_usages.push(KeyUsagePurpose::DigitalSignature);
    let certificate = params.self_signed(&key)?;
    Ok(Identity { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
}

fn generate(key: Key) -> Result<KeyPair> {
    let algorithm = match key {
        Key::P256 => &PKCS_ECDSA_P256_SHA256,
        Key::P521 => &PKCS_ECDSA_P521_SHA512,
        Key::Ed25519 => &PKCS_ED25519,
    };
    Ok(KeyPair::generate_for(algorithm)?)
}

/// One element of DER, with a length of up to two bytes.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [.., high, low] = content.len().to_be_bytes();
    let length = match (high, low) {
        (0, 0..0x80) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag], length.as_slice(), content].concat()
}

/// The DER of the first certificate in a text.
pub fn first_der(pem: &str) -> Result<CertificateDer<'static>> {
    use rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_slice(pem.as_bytes()).context("not a certificate in PEM")
}
