//! The keys of the prober `artifact`.

use std::time::Duration;

use toolkit::config::{Fields, SecretSource};

use super::content::Format;
use crate::config::TlsSettings;
use crate::probe::Preference;

/// What an artifact (a backup, an export, a report) shall be like.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// How old the newest may be.
    pub max_age: Option<Duration>,
    /// How small it may be, in bytes.
    pub min_size: u64,
    /// How few there may be.
    pub min_count: u64,
    /// What must be readable in it.
    pub format: Format,
    /// How `s3://` targets are asked.
    pub s3: S3,
}

/// How a store that speaks S3's protocol is asked.
#[derive(Clone, Debug)]
pub struct S3 {
    /// The region.
    pub region: String,
    /// Where the store is when it is not Amazon's.
    pub endpoint: Option<Endpoint>,
    /// Who asks; nobody where there is none.
    pub key: Option<Key>,
    /// What TLS shall be like.
    pub tls_config: TlsSettings,
    /// The IP protocol.
    pub preference: Preference,
}

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether TLS is spoken.
    pub secure: bool,
    /// A name, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Key {
    /// The name of the key.
    pub id: SecretSource,
    /// The key.
    pub secret: SecretSource,
    /// What comes with a key that was lent for a while.
    pub token: Option<SecretSource>,
}

/// The region that stores other than Amazon's take.
const USUAL_REGION: &str = "us-east-1";

impl Artifact {
    /// Reads the section.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        let formats = [("any", Format::Any), ("gzip", Format::Gzip), ("pg_dump", Format::PgDump)];
        let max_age = fields.duration("max_age").filter(|age| !age.is_zero());
        let min_size = fields.parsed("min_size", size).unwrap_or(1);
        let min_count = fields.integer("min_count", 0..=1_000_000).unwrap_or(1);
        let format = fields.choice("readable", &formats).unwrap_or(Format::Any);
        let s3 = match fields.fields("s3") {
            Some(mut fields) => S3::decode(&mut fields),
            None => S3::default(),
        };
        Self { max_age, min_size, min_count: u64::try_from(min_count).unwrap_or(1), format, s3 }
    }
}

impl Default for S3 {
    /// Amazon's, asked by nobody.
    fn default() -> Self {
        Self {
            region: USUAL_REGION.to_owned(),
            endpoint: None,
            key: None,
            tls_config: TlsSettings::default(),
            preference: Preference::default(),
        }
    }
}

impl S3 {
    fn decode(fields: &mut Fields<'_>) -> Self {
        let (id, secret) = (fields.secret("access_key_id"), fields.secret("secret_access_key"));
        let token = fields.secret("session_token");
        let key = match (id, secret) {
            (Some(id), Some(secret)) => Some(Key { id, secret, token }),
            (None, None) => {
                if token.is_some() {
                    fields.problem("session_token", "a session token comes with a key");
                }
                None
            }
            _ => {
                fields.problem("access_key_id", "`access_key_id` and `secret_access_key` come together");
                None
            }
        };
        let region = fields.parsed("region", |text| {
            let good = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if good && !text.is_empty() { Ok(text.to_owned()) } else { Err("a region is like eu-central-1") }
        });
        Self {
            region: region.unwrap_or_else(|| USUAL_REGION.to_owned()),
            endpoint: fields.parsed("endpoint", Endpoint::parse),
            key,
            tls_config: TlsSettings::of(fields),
            preference: Preference::decode(fields),
        }
    }
}

impl Endpoint {
    fn parse(text: &str) -> Result<Self, String> {
        let expected = || "an endpoint is https://HOST or https://HOST:PORT, without a path".to_owned();
        let (scheme, rest) = text.split_once("://").ok_or_else(expected)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(expected()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(expected());
        }
        let usual = if secure { 443 } else { 80 };
        let (host, port) =
            crate::probe::open::authority(rest, &[], usual).map_err(|failed| failed.message)?;
        Ok(Self { secure, host: host.to_owned(), port })
    }
}

/// Bytes, as `1048576`, `512kB`, `1MB` or `1GiB`: powers of 1024, as with the other sizes of this file.
fn size(text: &str) -> Result<u64, &'static str> {
    const UNITS: [(&str, u32); 13] = [
        ("", 0),
        ("B", 0),
        ("KB", 10),
        ("kB", 10),
        ("KiB", 10),
        ("k", 10),
        ("MB", 20),
        ("MiB", 20),
        ("GB", 30),
        ("GiB", 30),
        ("TB", 40),
        ("TiB", 40),
        ("M", 20),
    ];
    const EXPECTED: &str = "expected a size such as 512kB, 1MB or 2GiB";
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = text.strip_prefix(digits).unwrap_or_default();
    let (_, shift) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(EXPECTED)?;
    let number: u64 = digits.trim_end().parse().map_err(|_no_number| EXPECTED)?;
    number.checked_mul(1 << shift).ok_or(EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("0", Ok(0)),
            ("12", Ok(12)),
            ("12B", Ok(12)),
            ("1kB", Ok(1024)),
            ("2MB", Ok(2 << 20)),
            ("3 GiB", Ok(3 << 30)),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
        for text in ["", "MB", "1.5MB", "-1", "1XB", "99999999999TB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn endpoints() {
        let endpoint = |secure, host: &str, port| Ok(Endpoint { secure, host: host.to_owned(), port });
        for (text, expected) in [
            ("https://minio.internal", endpoint(true, "minio.internal", 443)),
            ("http://127.0.0.1:9000/", endpoint(false, "127.0.0.1", 9000)),
            ("http://[::1]:9000", endpoint(false, "::1", 9000)),
        ] {
            assert_eq!(Endpoint::parse(text), expected);
        }
        for text in ["minio", "ftp://minio", "https://minio/path", "https://", "https://user:x@minio"] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }
}
