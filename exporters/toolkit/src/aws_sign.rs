//! AWS' signature, version 4: a request becomes its path and headers, signed.
//!
//! What is signed and what is sent must be the same to the letter, so this encodes the path and the query too. A path is
//! encoded once and left as it is otherwise, which is S3's rule; other services are asked at `/`.

use std::fmt::Write;

use aws_lc_rs::{digest, hmac};
use jiff::{Timestamp, tz::TimeZone};

use crate::config::Secret;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The key's name, which is no secret.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: Secret,
    /// What comes with a key that was lent for a while.
    pub session_token: Option<Secret>,
}

/// Whom is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// As in `eu-central-1`.
    pub region: &'a str,
    /// As in `s3`.
    pub service: &'a str,
}

/// What is asked. Nothing of it is encoded yet.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// As in `GET`.
    pub method: &'a str,
    /// The header `Host`, with the port where it is not the usual one.
    pub host: &'a str,
    /// The path, from its `/` on.
    pub path: &'a str,
    /// The query's names and values.
    pub query: &'a [(&'a str, &'a str)],
    /// More headers that are sent and signed.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

/// A request that is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Path and query, encoded: to be sent as they are.
    pub path_and_query: String,
    /// Headers to send beside `Host` and those of the request.
    pub headers: Vec<(&'static str, Secret)>,
}

/// How the signature is made; the only way that there is.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Signs a request as of `now`, which may differ from AWS' time by some minutes.
pub fn sign(request: &Request<'_>, scope: Scope<'_>, credentials: &Credentials, now: Timestamp) -> Signed {
    let now = now.to_zoned(TimeZone::UTC);
    let (time, day) = (now.strftime("%Y%m%dT%H%M%SZ").to_string(), now.strftime("%Y%m%d").to_string());
    let body = hex(digest::digest(&digest::SHA256, request.body).as_ref());
    let mut ours = vec![("x-amz-date", Secret::from(time.as_str()))];
    if scope.service == "s3" {
        ours.push(("x-amz-content-sha256", Secret::from(body.as_str())));
    }
    if let Some(token) = &credentials.session_token {
        ours.push(("x-amz-security-token", token.clone()));
    }

    let (path, query) = (encode(request.path, "/"), query(request.query));
    let headers = Headers::new(request, &ours);
    let canonical =
        format!("{}\n{path}\n{query}\n{}\n{}\n{body}", request.method, headers.canonical, headers.names);
    let place = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let canonical = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let text = format!("{ALGORITHM}\n{time}\n{place}\n{canonical}");

    let secret = Secret::from(format!("AWS4{}", credentials.secret_access_key.expose()));
    let mut key = mac(secret.expose().as_bytes(), day.as_bytes());
    for part in [scope.region, scope.service, "aws4_request"] {
        key = mac(key.as_ref(), part.as_bytes());
    }
    let signature = hex(mac(key.as_ref(), text.as_bytes()).as_ref());
    let authorization = format!(
        "{ALGORITHM} Credential={}/{place}, SignedHeaders={}, Signature={signature}",
        credentials.access_key_id, headers.names
    );
    ours.push(("authorization", Secret::from(authorization)));
    Signed { path_and_query: joined(path, &query), headers: ours }
}

/// The same without a signature, for what everybody may read.
pub fn unsigned(request: &Request<'_>) -> Signed {
    let (path, query) = (encode(request.path, "/"), query(request.query));
    Signed { path_and_query: joined(path, &query), headers: Vec::new() }
}

fn joined(path: String, query: &str) -> String {
    if query.is_empty() { path } else { format!("{path}?{query}") }
}

/// The headers as they are signed: sorted, in small letters, each name once.
struct Headers {
    canonical: String,
    names: String,
}

impl Headers {
    fn new(request: &Request<'_>, ours: &[(&str, Secret)]) -> Self {
        let ours = ours.iter().map(|(name, value)| (*name, value.expose()));
        let all = [("host", request.host)].into_iter().chain(request.headers.iter().copied()).chain(ours);
        let mut all: Vec<(String, &str)> =
            all.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        // values of the same name stay in their order
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let (mut canonical, mut names) = (String::new(), String::new());
        for group in all.chunk_by(|a, b| a.0 == b.0) {
            let Some((name, _)) = group.first() else { continue };
            let values: Vec<String> = group.iter().map(|(_, value)| one_blank(value)).collect();
            // writing to a String cannot fail
            let _ignored = writeln!(canonical, "{name}:{}", values.join(","));
            names.push_str(if names.is_empty() { "" } else { ";" });
            names.push_str(name);
        }
        Self { canonical, names }
    }
}

/// Blanks in a row become one; those around go.
fn one_blank(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn query(pairs: &[(&str, &str)]) -> String {
    let mut pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encode(name, ""), encode(value, ""))).collect();
    // by encoded name, then by value: `=` sorts before all that an encoded name may go on with but `-`, `.` and digits
    pairs.sort_by(|a, b| a.split_once('=').cmp(&b.split_once('=')));
    pairs.join("&")
}

/// Encodes all but letters, digits, `-`, `.`, `_`, `~` and what is `free`.
fn encode(text: &str, free: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || free.as_bytes().contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // writing to a String cannot fail
            let _ignored = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn mac(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // writing to a String cannot fail
        let _ignored = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "example.amazonaws.com";

    fn credentials(id: &str, key: &str, token: Option<&str>) -> Credentials {
        Credentials {
            access_key_id: id.to_owned(),
            secret_access_key: Secret::from(key),
            session_token: token.map(Secret::from),
        }
    }

    fn signature(signed: &Signed) -> String {
        let (_, value) = signed.headers.iter().find(|(name, _)| *name == "authorization").unwrap();
        value.expose().rsplit_once("Signature=").unwrap().1.to_owned()
    }

    /// The rows of AWS' signing test suite (awslabs/aws-c-auth, `tests/aws-signing-test-suite/v4`, signed by header) that
    /// do not put `.` and `..` out of a path: name, method, path, query, headers and session token; the signature.
    const SUITE: [(&str, &str); 26] = [
        ("get-vanilla|GET|/|||", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "get-header-key-duplicate|GET|/||My-Header1=value2&My-Header1=value2&My-Header1=value1|",
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        ),
        (
            "get-header-value-multiline|GET|/||My-Header1=value1\n  value2\n     value3|",
            "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd",
        ),
        (
            "get-header-value-order|GET|/||My-Header1=value4&My-Header1=value1&My-Header1=value3&My-Header1=value2|",
            "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
        ),
        (
            "get-header-value-trim|GET|/||My-Header1= value1&My-Header2= \"a   b   c\"|",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            "get-relative-unnormalized|GET|/example/..|||",
            "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282",
        ),
        (
            "get-relative-relative-unnormalized|GET|/example1/example2/../..|||",
            "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b",
        ),
        (
            "get-slash-unnormalized|GET|//|||",
            "c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e",
        ),
        (
            "get-slash-dot-slash-unnormalized|GET|/./|||",
            "68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145",
        ),
        (
            "get-slashes-unnormalized|GET|//example//|||",
            "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5",
        ),
        (
            "get-slash-pointless-dot-unnormalized|GET|/./example|||",
            "beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff",
        ),
        (
            "get-space-unnormalized|GET|/example space/|||",
            "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
        ),
        (
            "get-unreserved|GET|/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz|||",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        ("get-utf8|GET|/ሴ|||", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        (
            "get-vanilla-empty-query-key|GET|/|Param1=value1||",
            "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
        ),
        (
            "get-vanilla-query-order-encoded|GET|/|Param-3=Value3&Param=Value2&ሴ=Value1||",
            "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        ),
        (
            "get-vanilla-query-order-key-case|GET|/|Param2=value2&Param1=value1||",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "get-vanilla-query-unreserved|GET|/|-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz||",
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
        (
            "get-vanilla-utf8-query|GET|/|ሴ=bar||",
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        ),
        (
            "get-vanilla-with-session-token|GET|/|||6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
            "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
        ),
        ("post-vanilla|POST|/|||", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "post-header-key-sort|POST|/||My-Header1=value1|",
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        ),
        (
            "post-header-value-case|POST|/||My-Header1=VALUE1|",
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
        ),
        (
            "post-vanilla-query|POST|/|Param1=value1||",
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        ),
        (
            "post-x-www-form-urlencoded|POST|/||Content-Type=application/x-www-form-urlencoded&Content-Length=13&x-amz-content-sha256=9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e|",
            "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        ),
        (
            "post-x-www-form-urlencoded-parameters|POST|/||Content-Type=application/x-www-form-urlencoded; charset=utf-8&Content-Length=13&x-amz-content-sha256=9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e|",
            "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422",
        ),
    ];

    fn pairs(text: &str) -> Vec<(&str, &str)> {
        text.split('&').filter_map(|pair| pair.split_once('=')).collect()
    }

    #[test]
    fn aws_own_test_suite() {
        let scope = Scope { region: "us-east-1", service: "service" };
        let now = "2015-08-30T12:36:00Z".parse().unwrap();
        for (row, expected) in SUITE {
            let [name, method, path, query, headers, token] =
                row.split('|').collect::<Vec<_>>().try_into().unwrap();
            let (query, headers) = (pairs(query), pairs(headers));
            let body: &[u8] = if name.starts_with("post-x-www") { b"Param1=value1" } else { b"" };
            let request = Request { method, host: HOST, path, query: &query, headers: &headers, body };
            let token = Some(token).filter(|token| !token.is_empty());
            let known = credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token);
            assert_eq!(signature(&sign(&request, scope, &known, now)), expected, "{name}");
        }
    }

    /// The examples of the S3 reference, "Signature Calculations for the Authorization Header".
    #[test]
    fn the_examples_of_the_s3_reference() {
        let known = credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None);
        let scope = Scope { region: "us-east-1", service: "s3" };
        let now = "2013-05-24T00:00:00Z".parse().unwrap();
        let get = Request {
            method: "GET",
            host: "examplebucket.s3.amazonaws.com",
            path: "/",
            query: &[],
            headers: &[],
            body: b"",
        };
        let put: &[_] =
            &[("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")];
        for (request, expected, sent) in [
            (
                Request { path: "/test.txt", headers: &[("Range", "bytes=0-9")], ..get },
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
                "/test.txt",
            ),
            (
                Request {
                    method: "PUT",
                    path: "/test$file.text",
                    headers: put,
                    body: b"Welcome to Amazon S3.",
                    ..get
                },
                "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
                "/test%24file.text",
            ),
            (
                Request { query: &[("lifecycle", "")], ..get },
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
                "/?lifecycle=",
            ),
            (
                Request { query: &[("prefix", "J"), ("max-keys", "2")], ..get },
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
                "/?max-keys=2&prefix=J",
            ),
        ] {
            let signed = sign(&request, scope, &known, now);
            assert_eq!((signature(&signed).as_str(), signed.path_and_query.as_str()), (expected, sent));
        }
    }

    #[test]
    fn nothing_that_is_signed_shows_a_secret() {
        let known = credentials("id", "the-key", Some("the-token"));
        let request = Request { method: "GET", host: HOST, path: "/", query: &[], headers: &[], body: b"" };
        let now = "2013-05-24T00:00:00Z".parse().unwrap();
        let signed = sign(&request, Scope { region: "r", service: "s3" }, &known, now);
        let shown = format!("{known:?} {signed:?}");
        assert!(!shown.contains("the-key") && !shown.contains("the-token"), "{shown}");
        assert!(signed.headers.iter().any(|(_, value)| value.expose() == "the-token"));
    }
}
