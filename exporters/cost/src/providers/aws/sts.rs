//! Signed requests, and AWS' service that lends keys.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::header::HeaderName;
use toolkit::aws_sign::{self, Credentials, Scope};
use toolkit::config::Secret;

use crate::http::{BaseUrl, FetchError, Http, Reason, Unsigned};

/// The version of the protocol; there is no other.
const VERSION: (&str, &str) = ("Version", "2011-06-15");

/// What the sessions are called in AWS' logs.
const SESSION: (&str, &str) = ("RoleSessionName", "watchfire-cost-exporter");

/// An answer has some KiB.
const LIMIT: u64 = 256 << 10;

/// A role to take on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) external_id: Option<String>,
}

/// Takes on a role with keys.
pub(super) async fn assume(
    http: &Http,
    sts: &BaseUrl,
    region: &str,
    credentials: Credentials,
    role: &Role,
) -> Result<Credentials, FetchError> {
    let mut form = vec![("Action", "AssumeRole"), VERSION, ("RoleArn", role.arn.as_str()), SESSION];
    form.extend(role.external_id.as_deref().map(|id| ("ExternalId", id)));
    let request = http.post("assume_role", &sts.at("/")).form(&form).limit(LIMIT);
    let answer = request.sign(signer(credentials, region, "sts")).send().await.map_err(classified)?;
    lent(answer.text()?)
}

/// Takes on a role with a token of an identity provider: a pod's, in EKS.
pub(super) async fn assume_with_token(
    http: &Http,
    sts: &BaseUrl,
    role: &str,
    token: &Secret,
) -> Result<Credentials, FetchError> {
    let token = ("WebIdentityToken", token.expose().trim());
    let form = [("Action", "AssumeRoleWithWebIdentity"), VERSION, ("RoleArn", role), SESSION, token];
    let request = http.post("assume_role_with_web_identity", &sts.at("/")).form(&form).limit(LIMIT);
    lent(request.send().await.map_err(classified)?.text()?)
}

/// Asks whose keys these are: free, and nobody is refused who has a good key.
pub(super) async fn who(
    http: &Http,
    sts: &BaseUrl,
    region: &str,
    credentials: &Credentials,
) -> Result<(), FetchError> {
    let request =
        http.post("get_caller_identity", &sts.at("/")).form(&[("Action", "GetCallerIdentity"), VERSION]);
    let request = request.limit(LIMIT).sign(signer(credentials.clone(), region, "sts"));
    request.send().await.map_err(classified).map(drop)
}

/// Signs each attempt as of its own time.
pub(crate) fn signer(
    credentials: Credentials,
    region: &str,
    service: &'static str,
) -> impl Fn(&Unsigned<'_>) -> Result<Vec<(HeaderName, String)>, FetchError> + Send + Sync + 'static {
    let region: Arc<str> = region.into();
    move |unsigned| {
        let host = unsigned.url.host_str().unwrap_or_default();
        let host = unsigned.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let headers: Vec<(&str, &str)> = unsigned
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        let request = aws_sign::Request {
            method: unsigned.method.as_str(),
            host: &host,
            path: unsigned.url.path(),
            query: &[],
            headers: &headers,
            body: unsigned.body,
        };
        // the true time, whatever the clock of a test says: AWS refuses what is signed at another one
        let signed =
            aws_sign::sign(&request, Scope { region: &region, service }, &credentials, Timestamp::now());
        let headers = signed.headers.into_iter();
        Ok(headers.map(|(name, value)| (HeaderName::from_static(name), value.expose().to_owned())).collect())
    }
}

/// AWS says with 400 what others say with 401, 403 and 429; its body begins with the word.
pub(super) fn classified(mut error: FetchError) -> FetchError {
    const WORDS: [(&str, Reason); 11] = [
        ("AccessDenied", Reason::Forbidden),
        ("OptInRequired", Reason::Forbidden),
        ("UnrecognizedClient", Reason::Unauthorized),
        ("InvalidClientTokenId", Reason::Unauthorized),
        ("InvalidSignature", Reason::Unauthorized),
        ("IncompleteSignature", Reason::Unauthorized),
        ("MissingAuthenticationToken", Reason::Unauthorized),
        ("ExpiredToken", Reason::Unauthorized),
        ("Throttling", Reason::RateLimited),
        ("LimitExceeded", Reason::RateLimited),
        ("DataUnavailable", Reason::Incomplete),
    ];
    if error.reason == Reason::Refused {
        let found = WORDS.iter().find(|(word, _)| error.message.contains(word));
        error.reason = found.map_or(Reason::Refused, |(_, reason)| *reason);
    }
    error
}

/// The keys in an answer. Its values are letters, digits and `+/=`, so that nothing in them is escaped.
fn lent(xml: &str) -> Result<Credentials, FetchError> {
    let value = |name: &str| {
        let (_, rest) = xml.split_once(&format!("<{name}>"))?;
        Some(rest.split_once("</")?.0.trim())
    };
    let (id, key, token) = (value("AccessKeyId"), value("SecretAccessKey"), value("SessionToken"));
    let (Some(id), Some(key), Some(token)) = (id, key, token) else {
        // what came is not quoted: it may hold a key
        return Err(FetchError::malformed("the answer of STS holds no keys"));
    };
    Ok(Credentials {
        access_key_id: id.to_owned(),
        secret_access_key: Secret::from(key),
        session_token: Some(Secret::from(token)),
    })
}
