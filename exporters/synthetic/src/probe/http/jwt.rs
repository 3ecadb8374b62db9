//! A statement that is signed by an RSA key of ours, to get a token for it (RFC 7523).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use crate::config::{Algorithm, OAuth2, Statement};

/// How long a statement holds, in seconds.
const HOLDS: i64 = 600;

/// Makes and signs a statement. What goes wrong is told without the key.
pub(super) fn statement(
    settings: &Statement,
    client: &OAuth2,
    key: &str,
    now: i64,
) -> Result<String, &'static str> {
    let (name, algorithm): (_, &'static dyn RsaEncoding) = match settings.algorithm {
        Algorithm::Rs256 => ("RS256", &RSA_PKCS1_SHA256),
        Algorithm::Rs384 => ("RS384", &RSA_PKCS1_SHA384),
        Algorithm::Rs512 => ("RS512", &RSA_PKCS1_SHA512),
    };
    let mut head = Map::new();
    head.insert("alg".to_owned(), name.into());
    head.insert("typ".to_owned(), "JWT".into());
    if let Some(id) = &settings.key_id {
        head.insert("kid".to_owned(), id.as_str().into());
    }
    let mut id = [0; 16];
    aws_lc_rs::rand::fill(&mut id).map_err(|_unlikely| "there are no random numbers")?;
    let url = &client.token_url;
    let scheme = if url.secure { "https" } else { "http" };
    let audience =
        settings.audience.clone().unwrap_or_else(|| format!("{scheme}://{}{}", url.authority, url.path));
    let mut claims = Map::new();
    claims.insert("iss".to_owned(), settings.issuer.as_deref().unwrap_or(&client.client_id).into());
    claims.insert("sub".to_owned(), client.client_id.as_str().into());
    claims.insert("jti".to_owned(), URL_SAFE_NO_PAD.encode(id).into());
    claims.insert("aud".to_owned(), audience.into());
    claims.insert("iat".to_owned(), json!(now));
    claims.insert("exp".to_owned(), json!(now + HOLDS));
    if !client.scopes.is_empty() {
        claims.insert("scope".to_owned(), client.scopes.join(" ").into());
    }
    claims.extend(settings.claims.clone());
    let part = |map: Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(map).to_string());
    let signed = format!("{}.{}", part(head), part(claims));
    let key = key_pair(key).ok_or("the key is no RSA key in PEM")?;
    let mut signature = vec![0; key.public_modulus_len()];
    let done = key.sign(algorithm, &SystemRandom::new(), signed.as_bytes(), &mut signature);
    done.map_err(|_refused| "the key cannot sign")?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Reads a key: PKCS #8, or PKCS #1.
fn key_pair(pem: &str) -> Option<RsaKeyPair> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (kind, rest) = rest.split_once("-----")?;
    let (text, _) = rest.split_once("-----END ")?;
    let text: String = text.split_ascii_whitespace().collect();
    let der = STANDARD.decode(text).ok()?;
    match kind {
        "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&der).ok(),
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der).ok(),
        _ => None,
    }
}
