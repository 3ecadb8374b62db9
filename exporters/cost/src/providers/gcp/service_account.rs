//! A service account's key, and a token for it: a claim that is signed with the key (RFC 7523).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use toolkit::config::Secret;

use super::super::oauth;
use crate::http::{FetchError, Http, Reason};

/// Enough to query; it reads and never writes.
const SCOPE: &str = "https://www.googleapis.com/auth/bigquery.readonly";

/// Where tokens come from when the key does not say.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Seconds that a claim is good for, which is also the longest that Google takes.
const GOOD_FOR: i64 = 3_600;

/// The file that Google gives out for a key.
#[derive(Deserialize)]
pub(super) struct ServiceAccount {
    client_email: String,
    private_key: Secretly,
    private_key_id: Option<String>,
    pub(super) project_id: Option<String>,
    token_uri: Option<String>,
}

/// A text that is kept secret as soon as it is read.
struct Secretly(Secret);

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

impl<'de> Deserialize<'de> for Secretly {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::from(text)))
    }
}

impl ServiceAccount {
    pub(super) fn parse(key: &Secret) -> Result<Self, FetchError> {
        // serde's own words may quote the key
        serde_json::from_str(key.expose()).map_err(|_hidden| {
            FetchError::new(Reason::Secret, "service_account_key is no JSON of a service account's key")
        })
    }

    /// Asks for a token, at the place that the key names or at another.
    pub(super) async fn token(&self, http: &Http, elsewhere: Option<&str>) -> Result<Secret, FetchError> {
        let audience = self.token_uri.as_deref().unwrap_or(TOKEN_URI);
        // the true time, whatever the clock of a test says: Google refuses what is signed at another one
        let claim = self.claim(audience, Timestamp::now())?;
        let form = [("grant_type", GRANT), ("assertion", claim.expose())];
        oauth::token(http.post("token", elsewhere.unwrap_or(audience)).form(&form)).await
    }

    fn claim(&self, audience: &str, now: Timestamp) -> Result<Secret, FetchError> {
        let header = Header { alg: "RS256", typ: "JWT", kid: self.private_key_id.as_deref() };
        let claims = Claims {
            iss: &self.client_email,
            scope: SCOPE,
            aud: audience,
            iat: now.as_second(),
            exp: now.as_second() + GOOD_FOR,
        };
        let text = format!("{}.{}", encoded(&header)?, encoded(&claims)?);
        let key = self.key()?;
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).map_err(
            |_unspecified| FetchError::new(Reason::Secret, "the service account's key cannot sign"),
        )?;
        Ok(Secret::from(format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))))
    }

    fn key(&self) -> Result<RsaKeyPair, FetchError> {
        let wrong = || {
            FetchError::new(
                Reason::Secret,
                "private_key of the service account's key is no RSA key (PKCS #8, PEM)",
            )
        };
        let lines = self.private_key.0.expose().lines().map(str::trim);
        let text: String = lines.filter(|line| !line.starts_with("-----")).collect();
        let der = BASE64_STANDARD.decode(text).map_err(|_hidden| wrong())?;
        RsaKeyPair::from_pkcs8(&der).map_err(|_hidden| wrong())
    }
}

fn encoded(part: &impl Serialize) -> Result<String, FetchError> {
    let json = serde_json::to_vec(part)
        .map_err(|error| FetchError::new(Reason::Internal, format!("a claim cannot be written: {error}")))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(json))
}
