//! TLS secrets of a Kubernetes cluster, listed page by page. Private keys in them are passed over unread.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use netprobe::chain::{self, Against, Revocation, Roots};
use netprobe::failure::Failure;
use netprobe::phase::Timings;
use netprobe::tls::{Client, ClientSettings, Identity, TlsOptions, Versions, handshake};
use netprobe::{Dial, dial, read};
use serde::Deserialize;
use tokio::time::Instant;
use toolkit::config::Secret;
use toolkit::glob;

use super::file::nothing_in;
use super::{Engine, Job, bad_target};
use crate::address::Url;
use crate::files::FileContent;
use crate::http::{self, Answer, Ask, HTTP};
use crate::kubeconfig::{Cluster, Kubeconfig, Pem, User};
use crate::report::{Content, Failed, Place, Report, Store, Stored};

/// Secrets in one page: at some 10 kB each, a page is far below its limit of bytes.
const PAGE: usize = 100;

/// Bytes of one page.
const MAX_PAGE: usize = 64 << 20;

/// Pages of one probe.
const MAX_PAGES: usize = 1_000;

/// Where a pod finds who it is.
const IN_CLUSTER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The parts of a secret that hold certificates.
const KEYS: [&str; 2] = ["tls.crt", "ca.crt"];

/// The certificates of all secrets that the target, `NAMESPACE/NAME`, means.
pub(super) async fn probe(engine: &Arc<Engine>, job: Job<'_>, deadline: Instant) -> Report {
    let prober = job.module.prober_name;
    let Some(wanted) = Wanted::parse(job.target) else {
        return bad_target(job, "the target secret must be provided in the form <namespace>/<name>");
    };
    let mut timings = Timings::NONE;
    let listed = async {
        let api = Api::find(job.module.kubeconfig.as_deref()).await?;
        list(engine, &api, &wanted, &mut timings, deadline).await
    };
    match listed.await {
        Err(failure) => Report { timings, ..Report::failed(prober, failure) },
        Ok(places) => {
            let failure = nothing_in(&places, job.target);
            Report {
                success: failure.is_none(),
                failure,
                timings,
                content: Content::Stored(Stored { kind: Store::Kubernetes, places }),
                prober,
            }
        }
    }
}

/// Which secrets are wanted.
struct Wanted<'a> {
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Wanted<'a> {
    fn parse(target: &'a str) -> Option<Self> {
        let (namespace, name) = target.split_once('/')?;
        let good = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-.*?[]{},!^".contains(c))
        };
        (good(namespace) && good(name)).then_some(Self { namespace, name })
    }

    /// The page of the API: as narrow as the target, so that it needs no more rights than that.
    fn path(&self, from: &str) -> String {
        let scope = if glob::is_pattern(self.namespace) {
            "/api/v1/secrets".to_owned()
        } else {
            format!("/api/v1/namespaces/{}/secrets", self.namespace)
        };
        let name = if glob::is_pattern(self.name) {
            String::new()
        } else {
            format!("%2Cmetadata.name%3D{}", self.name)
        };
        let from = if from.is_empty() { String::new() } else { format!("&continue={}", escape(from)) };
        format!("{scope}?fieldSelector=type%3Dkubernetes.io%2Ftls{name}&limit={PAGE}{from}")
    }

    fn means(&self, secret: &Metadata) -> bool {
        let matches = |pattern: &str, text: &str| {
            glob::expand(pattern)
                .is_ok_and(|patterns| patterns.iter().any(|pattern| glob::matches(pattern, text)))
        };
        matches(self.namespace, &secret.namespace) && matches(self.name, &secret.name)
    }
}

/// What stands in a query for what may not.
fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// A cluster's API and who we are there.
struct Api {
    url: String,
    server_name: Option<String>,
    roots: Option<Roots>,
    skip_verify: bool,
    identity: Option<Identity>,
    token: Option<Secret>,
}

/// A page of a list; what is not named here is not kept, private keys above all.
#[derive(Deserialize)]
struct SecretList {
    #[serde(default)]
    metadata: ListMetadata,
    #[serde(default)]
    items: Vec<KubeSecret>,
}

#[derive(Default, Deserialize)]
struct ListMetadata {
    #[serde(default, rename = "continue")]
    next: String,
}

#[derive(Deserialize)]
struct KubeSecret {
    metadata: Metadata,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default, rename = "tls.crt")]
    certificate: String,
    #[serde(default, rename = "ca.crt")]
    authority: String,
}

async fn list(
    engine: &Engine,
    api: &Api,
    wanted: &Wanted<'_>,
    timings: &mut Timings,
    deadline: Instant,
) -> Result<Vec<Place>, Failed> {
    let mut places = Vec::new();
    let (mut from, mut restarted) = (String::new(), false);
    for _ in 0..MAX_PAGES {
        let answer = api.get(engine, &wanted.path(&from), timings, deadline).await?;
        match answer.status {
            200 => {}
            // the list is older than the server keeps it: once more from the beginning
            410 if !restarted => {
                (from, restarted) = (String::new(), true);
                places.clear();
                continue;
            }
            status => return Err(refusal(status)),
        }
        let page: SecretList = serde_json::from_slice(&answer.body)
            .map_err(|_invalid| Failed::new("list", "malformed", "the API's answer is no list of secrets"))?;
        for secret in page.items.iter().filter(|secret| wanted.means(&secret.metadata)) {
            places.extend(contents(engine, secret));
        }
        from = page.metadata.next;
        if from.is_empty() {
            return Ok(places);
        }
    }
    Err(Failed::new("list", "too_long", "the list of secrets has no end"))
}

fn refusal(status: u16) -> Failed {
    let reason = match status {
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        429 => "rate_limited",
        _ => "http_status",
    };
    Failed::new(
        "list",
        reason,
        format!("the API answers with {status} (hint: the user must be able to list secrets)"),
    )
}

fn contents(engine: &Engine, secret: &KubeSecret) -> Vec<Place> {
    let Some(data) = &secret.data else { return Vec::new() };
    let place = |(key, text): (&str, &String)| {
        let content = match STANDARD.decode(text) {
            Ok(bytes) => FileContent::of(&bytes, None, &engine.pool),
            Err(_) => FileContent::of_problem("bad_base64"),
        };
        let labels = [secret.metadata.namespace.as_str(), &secret.metadata.name, key];
        Place {
            labels: Box::new(labels.map(Arc::from)),
            certificates: content.certificates,
            problem: content.problem,
            credential: None,
        }
    };
    let parts = KEYS.into_iter().zip([&data.certificate, &data.authority]);
    parts.filter(|(_, text)| !text.is_empty()).map(place).collect()
}

impl Api {
    /// That of the module's kubeconfig, else `KUBECONFIG`, else the one at home, else that of the pod we run in.
    async fn find(own: Option<&std::path::Path>) -> Result<Self, Failed> {
        let own = own.map(std::path::Path::to_path_buf);
        // disks block
        let read = tokio::task::spawn_blocking(move || {
            let named = own
                .or_else(|| std::env::var_os("KUBECONFIG").filter(|path| !path.is_empty()).map(Into::into));
            let home = || {
                let path = std::path::PathBuf::from(std::env::var_os("HOME")?).join(".kube/config");
                path.is_file().then_some(path)
            };
            match named.or_else(home) {
                Some(path) => Self::of_file(&path),
                None => Self::in_cluster(),
            }
        });
        read.await.unwrap_or_else(|_panicked| Err(credentials("the kubeconfig cannot be read")))
    }

    fn of_file(path: &std::path::Path) -> Result<Self, Failed> {
        let config = Kubeconfig::read(path).map_err(credentials)?;
        let missing = || credentials(format!("{}: the current context has no cluster", path.display()));
        let (cluster, user) = config.current().ok_or_else(missing)?;
        let nobody = User::default();
        Self::of(cluster, user.map_or(&nobody, |user| user))
    }

    fn of(cluster: &Cluster, user: &User) -> Result<Self, Failed> {
        if let Some(maker) = &user.maker {
            let message = format!(
                "the user's credentials come from {maker}, which is never started here (hint: a token, a token file or a client certificate)"
            );
            return Err(Failed::new("local", maker.as_str(), message));
        }
        let roots = match &cluster.authority {
            Some(pem) => Some(roots(&bytes(pem)?)?),
            None => None,
        };
        let identity = match (&user.certificate, &user.key) {
            (Some(certificate), Some(key)) => {
                let made = Identity::from_pem(
                    bytes(certificate)?.expose().as_bytes(),
                    bytes(key)?.expose().as_bytes(),
                );
                Some(made.map_err(|error| credentials(error.to_string()))?)
            }
            _ => None,
        };
        let token = match (&user.token_file, &user.token) {
            (Some(file), _) => Some(token(file)?),
            (None, token) => token.clone(),
        };
        Ok(Self {
            url: cluster.server.trim_end_matches('/').to_owned(),
            server_name: cluster.server_name.clone(),
            roots,
            skip_verify: cluster.skip_verify,
            identity,
            token,
        })
    }

    fn in_cluster() -> Result<Self, Failed> {
        let get = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (Some(host), Some(port)) = (get("KUBERNETES_SERVICE_HOST"), get("KUBERNETES_SERVICE_PORT"))
        else {
            return Err(credentials("there is no kubeconfig, and this is no pod"));
        };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let folder = std::path::Path::new(IN_CLUSTER);
        Ok(Self {
            url: format!("https://{host}:{port}"),
            server_name: None,
            roots: Some(roots(&bytes(&Pem::File(folder.join("ca.crt")))?)?),
            skip_verify: false,
            identity: None,
            token: Some(token(&folder.join("token"))?),
        })
    }

    async fn get(
        &self,
        engine: &Engine,
        path: &str,
        timings: &mut Timings,
        deadline: Instant,
    ) -> Result<Answer, Failed> {
        let url = Url::parse(&format!("{}{path}", self.url)).map_err(credentials)?;
        let bearer = self.token.as_ref().map(|token| Secret::from(format!("Bearer {}", token.expose())));
        let mut headers = vec![("accept", "application/json")];
        if let Some(bearer) = &bearer {
            headers.push(("authorization", bearer.expose()));
        }
        let ask = Ask { url: &url, headers: &headers, body: Some(MAX_PAGE) };
        let of = |failure: Failure| Failed::of(&failure);
        let dialed =
            dial(&Dial::new(url.address.host.as_str(), url.address.port), deadline).await.map_err(of)?;
        timings.join(&dialed.timings);
        if !url.secure {
            // a token never goes out in clear text; `kubectl proxy` needs none
            if bearer.is_some() {
                return Err(credentials("the API's URL is http, where a token must not go"));
            }
            return http::exchange(dialed.stream, ask, timings, deadline).await.map_err(of);
        }
        let settings = ClientSettings {
            alpn: vec![HTTP.to_vec()],
            identity: self.identity.clone(),
            versions: Versions::default(),
        };
        let client = Client::new(&settings).map_err(|error| credentials(error.to_string()))?;
        let name = self.server_name.as_deref().unwrap_or(&url.address.host);
        let options = TlsOptions { client, server_name: Some(name.to_owned()), learn_refusal: false };
        let done = handshake(dialed.stream, &options, deadline).await;
        timings.join(&done.timings);
        if let Some(failure) = done.failure {
            return Err(of(failure));
        }
        let trusted = self.skip_verify || self.trusts(engine, &done.seen.chain, name)?;
        let Some(stream) = done.stream.filter(|_| trusted) else {
            return Err(Failed::new(
                "verify",
                "untrusted",
                format!("the API's certificate is not trusted for {name}"),
            ));
        };
        http::exchange(stream, ask, timings, deadline).await.map_err(of)
    }

    fn trusts(&self, engine: &Engine, served: &[Vec<u8>], name: &str) -> Result<bool, Failed> {
        let system = engine.trust.roots(None).map_err(|error| Failed::of_trust(&error));
        let roots = match (&self.roots, &system) {
            (Some(roots), _) => roots,
            (None, Ok(system)) => system,
            (None, Err(failed)) => return Err(failed.clone()),
        };
        let nobody = Revocation::default();
        let against =
            Against { roots, name: Some(name), now: engine.now(), revocation: &nobody, known: None };
        Ok(chain::judge(&chain::Served::read(served, None), &against).success_in_go())
    }
}

fn roots(pem: &Secret) -> Result<Roots, Failed> {
    let found =
        read::certificates(pem.expose().as_bytes(), None).map_err(|error| credentials(error.to_string()))?;
    let certificates = found.found.into_iter().filter_map(|found| found.certificate.ok());
    Ok(Roots::new(certificates.map(Arc::new)))
}

fn bytes(pem: &Pem) -> Result<Secret, Failed> {
    match pem {
        Pem::Data(data) => data.clone().ok_or_else(|| credentials("the kubeconfig has bad base64")),
        Pem::File(path) => text(path),
    }
}

fn token(path: &std::path::Path) -> Result<Secret, Failed> {
    let token = text(path)?;
    Ok(Secret::from(token.expose().trim()))
}

fn text(path: &std::path::Path) -> Result<Secret, Failed> {
    let read = std::fs::read_to_string(path);
    read.map(Secret::from).map_err(|error| credentials(format!("{}: {error}", path.display())))
}

fn credentials(message: impl Into<String>) -> Failed {
    Failed::new("local", "kubeconfig", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_as_narrow_as_the_target() {
        for (target, expected) in [
            (
                "bar/foo",
                Some(
                    "/api/v1/namespaces/bar/secrets?fieldSelector=type%3Dkubernetes.io%2Ftls%2Cmetadata.name%3Dfoo&limit=100",
                ),
            ),
            (
                "bar/*",
                Some("/api/v1/namespaces/bar/secrets?fieldSelector=type%3Dkubernetes.io%2Ftls&limit=100"),
            ),
            (
                "ba*/foo",
                Some(
                    "/api/v1/secrets?fieldSelector=type%3Dkubernetes.io%2Ftls%2Cmetadata.name%3Dfoo&limit=100",
                ),
            ),
            ("bar", None),
            ("/foo", None),
            ("bar/", None),
            ("a/b/c", None),
            ("a?x=/b", None),
            ("a&b/c", None),
        ] {
            assert_eq!(Wanted::parse(target).map(|wanted| wanted.path("")).as_deref(), expected, "{target}");
        }
        assert!(Wanted { namespace: "a", name: "*" }.path("x=&y").ends_with("&continue=x%3D%26y"));
    }

    #[test]
    fn keys_are_not_kept() {
        let page = r#"{"metadata":{"continue":"more"},"items":[{"metadata":{"name":"a","namespace":"b"},"data":{"tls.crt":"YQ==","tls.key":"c2VjcmV0"}}]}"#;
        let page: SecretList = serde_json::from_str(page).unwrap();
        let kept: std::collections::HashMap<&str, &str> = page
            .items
            .iter()
            .filter_map(|item| Some((item.metadata.name.as_str(), item.data.as_ref()?.certificate.as_str())))
            .collect();
        assert_eq!(kept["a"], "YQ==");
        assert_eq!(page.metadata.next, "more");
    }
}
