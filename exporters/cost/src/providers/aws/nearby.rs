//! Keys that are lent nearby: by the agent of a container, or by the machine itself.

use std::time::Duration;

use reqwest::{Method, Url};
use serde::Deserialize;
use tokio::time::timeout;
use toolkit::aws_sign::Credentials;
use toolkit::config::{Secret, SecretSource};

use crate::http::{FetchError, Http, Reason};

/// How long an agent or the machine may take: where there is none, nobody refuses the connection.
const NEARBY: Duration = Duration::from_secs(5);

/// Seconds that a token for the machine's data is good for.
const TOKEN_SECONDS: &str = "60";

/// An answer of an agent has some KiB.
const LIMIT: u64 = 64 << 10;

/// What an agent or the machine lends.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Lent {
    access_key_id: String,
    secret_access_key: String,
    token: String,
}

impl Lent {
    fn read(body: &[u8]) -> Result<Credentials, FetchError> {
        // serde's own words may quote the body, and it holds a key
        let lent: Self = serde_json::from_slice(body)
            .map_err(|_hidden| FetchError::malformed("the keys for AWS are not lent as they should be"))?;
        Ok(Credentials {
            access_key_id: lent.access_key_id,
            secret_access_key: Secret::from(lent.secret_access_key),
            session_token: Some(Secret::from(lent.token)),
        })
    }
}

pub(super) async fn agent(
    http: &Http,
    url: &str,
    token: Option<SecretSource>,
) -> Result<Credentials, FetchError> {
    if !is_near(url) {
        let message = "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor on this machine";
        return Err(FetchError::new(Reason::Secret, message));
    }
    let mut request = http.get("container_credentials", url).limit(LIMIT);
    if let Some(token) = token {
        request = request.secret_header("authorization", &token.read().await?);
    }
    Lent::read(&request.send().await?.body)
}

/// Whether keys may come from there, and a token may go there: encrypted, from this machine, or from the agents'
/// addresses.
fn is_near(url: &str) -> bool {
    const AGENTS: [&str; 7] = [
        "localhost",
        "127.0.0.1",
        "[::1]",
        "169.254.170.2",
        "169.254.170.23",
        "[fd00:ec2::23]",
        "169.254.169.254",
    ];
    Url::parse(url)
        .is_ok_and(|url| url.scheme() == "https" || url.host_str().is_some_and(|host| AGENTS.contains(&host)))
}

pub(super) async fn machine(http: &Http, base: &str) -> Result<Credentials, FetchError> {
    const PATH: &str = "/latest/meta-data/iam/security-credentials/";
    let token = http
        .request(Method::PUT, "instance_token", &format!("{base}/latest/api/token"))
        .header("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS)
        .limit(LIMIT);
    let token = Secret::from(token.send().await?.text()?);
    let get = async |path: &str| {
        let request = http.get("instance_credentials", &format!("{base}{PATH}{path}")).limit(LIMIT);
        request.secret_header("x-aws-ec2-metadata-token", &token).send().await
    };
    let roles = get("").await?;
    let role = roles.text()?.lines().next().unwrap_or_default().trim().to_owned();
    if role.is_empty() {
        return Err(FetchError::new(Reason::Secret, "this machine has no role in AWS"));
    }
    Lent::read(&get(&role).await?.body)
}

/// Asks nearby for keys, and does not wait for long.
pub(super) async fn in_time(
    lending: impl Future<Output = Result<Credentials, FetchError>>,
) -> Result<Credentials, FetchError> {
    let failed = |why: &str| {
        FetchError::new(Reason::Secret, format!("no keys for AWS are given, and none are lent here: {why}"))
    };
    match timeout(NEARBY, lending).await {
        Ok(Ok(credentials)) => Ok(credentials),
        Ok(Err(error)) => Err(failed(&error.message)),
        Err(_elapsed) => Err(failed("no answer in time")),
    }
}
