//! Whether a request is signed as AWS has it (signature version 4 in the header `Authorization`), written from its
//! documentation and not from any program that is tested with it.

use aws_lc_rs::{digest, hmac};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::web::Request;

/// Seconds that a request's clock may differ from the store's.
const SKEW: i64 = 15 * 60;

/// A key, and what it is used for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signer<'a> {
    /// The key's name.
    pub(crate) id: &'a str,
    /// The key.
    pub(crate) secret: &'a str,
    /// What comes with a key that was lent.
    pub(crate) token: Option<&'a str>,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
}

/// Whose key a request names.
pub(crate) fn key_of(request: &Request) -> Option<&str> {
    Some(request.header("authorization").split_once("Credential=")?.1.split_once('/')?.0)
}

/// Gives the code of what is wrong, in S3's words.
pub(crate) fn check(request: &Request, signer: &Signer<'_>, now: Timestamp) -> Result<(), &'static str> {
    let Signer { id, secret, token, region, service } = *signer;
    let authorization = request.header("authorization");
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("AccessDenied")?;
    let field = |name: &str| {
        let mut fields = fields.split(", ").filter_map(|field| field.split_once('='));
        fields.find(|(key, _)| *key == name).map(|(_, value)| value).ok_or("AuthorizationHeaderMalformed")
    };
    let (credential, names, signature) = (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
    let (key, scope) = credential.split_once('/').ok_or("AuthorizationHeaderMalformed")?;
    if key != id {
        return Err("InvalidAccessKeyId");
    }
    let time = request.header("x-amz-date");
    let sent = DateTime::strptime("%Y%m%dT%H%M%SZ", time).map_err(|_| "AccessDenied")?;
    let sent = sent.to_zoned(TimeZone::UTC).map_err(|_| "AccessDenied")?.timestamp();
    if (sent.as_second() - now.as_second()).abs() > SKEW {
        return Err("RequestTimeTooSkewed");
    }
    let day = time.split('T').next().unwrap_or_default();
    if scope != format!("{day}/{region}/{service}/aws4_request") {
        return Err("AuthorizationHeaderMalformed");
    }
    let signed: Vec<&str> = names.split(';').collect();
    if !signed.is_sorted() || !all_signed(request, &signed, service) {
        return Err("AccessDenied");
    }
    if request.header("x-amz-security-token") != token.unwrap_or_default() {
        return Err("InvalidToken");
    }
    let body = hex(digest::digest(&digest::SHA256, &request.body).as_ref());
    if service == "s3" && request.header("x-amz-content-sha256") != body {
        return Err("XAmzContentSHA256Mismatch");
    }
    let canonical = canonical(request, &signed, names, &body, service)?;
    let digested = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digested}");
    let day_key = mac(format!("AWS4{secret}").as_bytes(), day);
    let region_key = mac(day_key.as_ref(), region);
    let service_key = mac(region_key.as_ref(), service);
    let signing_key = mac(service_key.as_ref(), "aws4_request");
    let expected = hex(mac(signing_key.as_ref(), &text).as_ref());
    if expected == signature { Ok(()) } else { Err("SignatureDoesNotMatch") }
}

/// Whether `host` and every header of Amazon's own is signed.
fn all_signed(request: &Request, signed: &[&str], service: &str) -> bool {
    let must =
        request.headers.iter().map(|(name, _)| name.as_str()).filter(|name| name.starts_with("x-amz-"));
    let always =
        ["host", "x-amz-date"].into_iter().chain((service == "s3").then_some("x-amz-content-sha256"));
    must.chain(always).all(|name| signed.contains(&name))
}

fn canonical(
    request: &Request,
    signed: &[&str],
    names: &str,
    body: &str,
    service: &str,
) -> Result<String, &'static str> {
    if !is_encoded(&request.path, b"/") || !is_encoded(&request.query, b"&=") {
        return Err("SignatureDoesNotMatch");
    }
    let mut query: Vec<String> = request
        .query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
        .collect();
    query.sort();
    let line = |name: &&str| {
        let values = request.headers.iter().filter(|(key, _)| key == name);
        let values: Vec<String> =
            values.map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        format!("{name}:{}", values.join(","))
    };
    let headers: Vec<String> = signed.iter().map(line).collect();
    let (headers, query) = (headers.join("\n"), query.join("&"));
    // all services but S3 sign the path encoded once more than it is sent
    let path = if service == "s3" { request.path.clone() } else { request.path.replace('%', "%25") };
    Ok(format!("{}\n{path}\n{query}\n{headers}\n\n{names}\n{body}", request.method))
}

/// Whether every byte that must be encoded is, and is so in capital digits.
fn is_encoded(text: &str, free: &[u8]) -> bool {
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let good = match byte {
            b'%' => {
                let mut digit = || rest.next().is_some_and(|digit| b"0123456789ABCDEF".contains(&digit));
                digit() && digit()
            }
            byte => byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || free.contains(&byte),
        };
        if !good {
            return false;
        }
    }
    true
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
