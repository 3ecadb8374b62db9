//! A double of the Kubernetes API, as far as secrets are listed: it checks who asks, takes no selector it does not know,
//! and gives its list in pages whose continuations run out.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use rustls::ServerConfig;
use serde_json::{Value, json};

use crate::http::percent_decode;
use crate::tls::{self, Identity};
use crate::tls_server::Serve;
use crate::web::{Answer, Reply, Request, Web};

/// The largest page that the real one gives.
const MAX_PAGE: usize = 500;

/// A secret.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its type; those with certificates are `kubernetes.io/tls`.
    pub kind: String,
    /// Its parts.
    pub data: Vec<(String, Vec<u8>)>,
}

/// The API; dropping it closes its port.
pub struct Kubernetes {
    web: Web,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    secrets: Vec<Secret>,
    /// None where a client certificate says who asks.
    token: Option<String>,
    /// Namespaces whose secrets the token may list; all when there are none.
    only: Vec<String>,
    /// How many continuations are still refused as too old.
    expire: usize,
}

impl Kubernetes {
    /// Starts it over TLS; it takes this token.
    pub async fn start(identity: &Identity, token: &str, secrets: Vec<Secret>) -> Result<Self> {
        let config = tls::server_config(identity)?;
        let token = Some(token.to_owned());
        Self::start_with(config, State { secrets, token, ..State::default() }).await
    }

    /// Starts it over TLS; it takes client certificates of this authority.
    pub async fn start_mutual(
        identity: &Identity,
        authority_pem: &str,
        secrets: Vec<Secret>,
    ) -> Result<Self> {
        let serve = Serve {
            client_authority_pem: Some(authority_pem.to_owned()),
            ..Serve::chain(&[&identity.certificate_pem], &identity.key_pem)
        };
        let config = Arc::new(serve.config()?);
        Self::start_with(config, State { secrets, ..State::default() }).await
    }

    async fn start_with(config: Arc<ServerConfig>, state: State) -> Result<Self> {
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let answer = move |request: &Request| -> Answer {
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            match state.answer(request) {
                Ok(list) => Reply::json(200, &list).into(),
                Err((code, reason)) => {
                    let status =
                        json!({"kind": "Status", "status": "Failure", "reason": reason, "code": code});
                    Reply::json(code, &status).into()
                }
            }
        };
        Ok(Self { web: Web::start_with(config, answer).await?, state })
    }

    /// The URL of the API.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.web.address().port())
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.web.requests()
    }

    /// Lets the token list these namespaces only.
    pub fn allow_only(&self, namespaces: &[&str]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.only = namespaces.iter().map(|&name| name.to_owned()).collect();
    }

    /// Refuses the next so many continuations as too old.
    pub fn expire(&self, count: usize) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).expire = count;
    }
}

type Refusal = (u16, &'static str);

impl State {
    fn answer(&mut self, request: &Request) -> Result<Value, Refusal> {
        let expected = self.token.as_ref().map(|token| format!("Bearer {token}")).unwrap_or_default();
        if request.header("authorization") != expected {
            return Err((401, "Unauthorized"));
        }
        if request.method != "GET" {
            return Err((405, "MethodNotAllowed"));
        }
        let namespace = match request.path.strip_prefix("/api/v1/") {
            Some("secrets") => None,
            Some(path) => {
                let path = path.strip_prefix("namespaces/").and_then(|path| path.strip_suffix("/secrets"));
                Some(path.ok_or((404, "NotFound"))?)
            }
            None => return Err((404, "NotFound")),
        };
        let allowed = self.only.is_empty()
            || namespace.is_some_and(|wanted| self.only.iter().any(|name| name == wanted));
        if !allowed {
            return Err((403, "Forbidden"));
        }
        self.list(namespace, &request.query)
    }

    fn list(&mut self, namespace: Option<&str>, query: &str) -> Result<Value, Refusal> {
        let (mut limit, mut from, mut selectors) = (MAX_PAGE, 0, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or((400, "BadRequest"))?;
            let value = percent_decode(value).ok_or((400, "BadRequest"))?;
            match key {
                "limit" => limit = value.parse().map_err(|_| (400, "BadRequest"))?,
                "continue" => from = self.continuation(&value)?,
                "fieldSelector" => selectors = selected(&value)?,
                _ => return Err((400, "BadRequest")),
            }
        }
        let wanted = |secret: &&Secret| {
            namespace.is_none_or(|namespace| secret.namespace == namespace)
                && selectors.iter().all(|(field, value)| match field.as_str() {
                    "type" => secret.kind == *value,
                    "metadata.name" => secret.name == *value,
                    _ => secret.namespace == *value,
                })
        };
        let found: Vec<&Secret> = self.secrets.iter().filter(wanted).collect();
        let page: Vec<Value> =
            found.iter().skip(from).take(limit.min(MAX_PAGE)).map(|secret| item(secret)).collect();
        let next = from + page.len();
        let next = if next < found.len() { format!("page/{next}=") } else { String::new() };
        Ok(
            json!({"kind": "SecretList", "apiVersion": "v1", "metadata": {"resourceVersion": "1", "continue": next}, "items": page}),
        )
    }

    fn continuation(&mut self, token: &str) -> Result<usize, Refusal> {
        if self.expire > 0 {
            self.expire -= 1;
            return Err((410, "Expired"));
        }
        let number = token.strip_prefix("page/").and_then(|token| token.strip_suffix('='));
        number.and_then(|number| number.parse().ok()).ok_or((400, "BadRequest"))
    }
}

/// `type=kubernetes.io/tls,metadata.name=x`; the real one refuses fields that secrets do not have.
fn selected(text: &str) -> Result<Vec<(String, String)>, Refusal> {
    text.split(',')
        .map(|part| {
            let (field, value) = part.split_once('=').ok_or((400, "BadRequest"))?;
            if !["type", "metadata.name", "metadata.namespace"].contains(&field) {
                return Err((400, "BadRequest"));
            }
            Ok((field.to_owned(), value.to_owned()))
        })
        .collect()
}

fn item(secret: &Secret) -> Value {
    let data: serde_json::Map<String, Value> =
        secret.data.iter().map(|(key, bytes)| (key.clone(), crate::base64::encode(bytes).into())).collect();
    json!({
        "metadata": {"name": secret.name, "namespace": secret.namespace, "uid": "x", "managedFields": [{"a": 1}]},
        "type": secret.kind,
        "data": data,
    })
}
