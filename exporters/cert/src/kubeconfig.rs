//! A kubeconfig: the certificates in it and beside it, and how its cluster is reached.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use toolkit::config::{Document, Fields, Item, Secret};

/// What a kubeconfig says, as far as it concerns us.
#[derive(Debug, Default)]
pub struct Kubeconfig {
    /// Clusters by name.
    pub clusters: Vec<(String, Cluster)>,
    /// Users by name.
    pub users: Vec<(String, User)>,
    /// Contexts by name: cluster, user.
    contexts: Vec<(String, String, String)>,
    /// The context in use.
    current: String,
}

/// A cluster.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// The URL of its API.
    pub server: String,
    /// Who signs its certificate.
    pub authority: Option<Pem>,
    /// The name in its certificate, instead of the URL's host.
    pub server_name: Option<String>,
    /// Whether its certificate may be anybody's.
    pub skip_verify: bool,
}

/// A user.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// The client certificate.
    pub certificate: Option<Pem>,
    /// Its key.
    pub key: Option<Pem>,
    /// A bearer token.
    pub token: Option<Secret>,
    /// A file with one.
    pub token_file: Option<PathBuf>,
    /// What makes its credentials, where they are not in the file.
    pub maker: Option<Maker>,
}

/// What makes credentials. It is told about and never started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Maker {
    /// A program, by its path or name.
    Exec(String),
    /// A provider within kubectl, by its name.
    AuthProvider(String),
}

impl Maker {
    /// Its word in labels.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Exec(_) => "exec",
            Self::AuthProvider(_) => "auth_provider",
        }
    }
}

impl fmt::Display for Maker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exec(command) => write!(formatter, "the program `{command}` (exec)"),
            Self::AuthProvider(name) => write!(formatter, "the provider `{name}` (auth-provider)"),
        }
    }
}

impl User {
    /// What it logs in with, in a word of a closed list.
    pub fn credential(&self) -> &'static str {
        match &self.maker {
            Some(maker) => maker.as_str(),
            None if self.certificate.is_some() => "certificate",
            None if self.token.is_some() || self.token_file.is_some() => "token",
            None => "none",
        }
    }
}

/// Text in PEM, or where it is.
#[derive(Clone)]
pub enum Pem {
    /// In the kubeconfig itself; `None` when it is no base64.
    Data(Option<Secret>),
    /// In a file.
    File(PathBuf),
}

impl fmt::Debug for Pem {
    /// A key may be in it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(_) => formatter.write_str("Data"),
            Self::File(path) => write!(formatter, "File({})", path.display()),
        }
    }
}

impl Kubeconfig {
    /// Reads a kubeconfig; paths in it are taken from its folder.
    ///
    /// # Errors
    /// One sentence without secrets.
    pub fn read(path: &Path) -> Result<Self, String> {
        let document = Document::read(path).map_err(|error| error.to_string())?;
        document.decode(|mut fields| decode(&mut fields)).map_err(|error| error.to_string())
    }

    /// The cluster and the user of the context in use.
    pub fn current(&self) -> Option<(&Cluster, Option<&User>)> {
        let (_, cluster, user) = self.contexts.iter().find(|(name, ..)| *name == self.current)?;
        let (_, cluster) = self.clusters.iter().find(|(name, _)| name == cluster)?;
        let user = self.users.iter().find(|(name, _)| name == user);
        Some((cluster, user.map(|(_, user)| user)))
    }
}

fn decode(fields: &mut Fields<'_>) -> Kubeconfig {
    let config = Kubeconfig {
        clusters: fields.list("clusters", |item| named(&item, "cluster", cluster)),
        users: fields.list("users", |item| named(&item, "user", user)),
        contexts: fields
            .list("contexts", |item| {
                named(&item, "context", |fields| (text(fields, "cluster"), text(fields, "user")))
            })
            .into_iter()
            .map(|(name, (cluster, user))| (name, cluster, user))
            .collect(),
        current: text(fields, "current-context"),
    };
    ignore_rest(fields);
    config
}

fn named<T: Default>(
    item: &Item<'_>,
    key: &str,
    decode: impl FnOnce(&mut Fields<'_>) -> T,
) -> Option<(String, T)> {
    let mut fields = item.fields()?;
    let name = text(&mut fields, "name");
    let value = fields.fields(key).map(|mut inside| {
        let value = decode(&mut inside);
        ignore_rest(&mut inside);
        value
    });
    ignore_rest(&mut fields);
    Some((name, value.unwrap_or_default()))
}

fn cluster(fields: &mut Fields<'_>) -> Cluster {
    Cluster {
        server: text(fields, "server"),
        authority: pem(fields, "certificate-authority"),
        server_name: fields.string("tls-server-name").filter(|name| !name.is_empty()),
        skip_verify: fields.bool("insecure-skip-tls-verify").unwrap_or(false),
    }
}

fn user(fields: &mut Fields<'_>) -> User {
    let exec = maker(fields, "exec", "command").map(Maker::Exec);
    User {
        certificate: pem(fields, "client-certificate"),
        key: pem(fields, "client-key"),
        token: fields.item("token").and_then(|item| item.secret()).filter(|token| !token.is_empty()),
        token_file: fields.item("tokenFile").and_then(|item| item.path()),
        maker: exec.or_else(|| maker(fields, "auth-provider", "name").map(Maker::AuthProvider)),
    }
}

/// The name of what makes credentials; its arguments and settings may be secret.
fn maker(fields: &mut Fields<'_>, key: &str, name: &str) -> Option<String> {
    let mut inside = fields.fields(key)?;
    let name = text(&mut inside, name);
    ignore_rest(&mut inside);
    Some(name)
}

/// `KEY-data` in the file, else the file that `KEY` names.
fn pem(fields: &mut Fields<'_>, key: &str) -> Option<Pem> {
    let data = fields.item(&format!("{key}-data")).and_then(|item| item.secret());
    let file = fields.string(key).filter(|path| !path.is_empty());
    let file = file.and_then(|_| fields.path(key));
    match data.filter(|data| !data.is_empty()) {
        Some(data) => {
            let bytes = STANDARD.decode(data.expose().trim()).ok();
            Some(Pem::Data(bytes.and_then(|bytes| String::from_utf8(bytes).ok()).map(Secret::from)))
        }
        None => file.map(Pem::File),
    }
}

fn text(fields: &mut Fields<'_>, key: &str) -> String {
    fields.string(key).unwrap_or_default()
}

/// A kubeconfig has much that is none of our business.
fn ignore_rest(fields: &mut Fields<'_>) {
    for key in fields.keys().collect::<Vec<_>>() {
        fields.ignore(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_file_and_data_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let text = "apiVersion: v1\nkind: Config\nclusters:\n  - name: example\n    cluster:\n      certificate-authority: certs/example/ca.pem\n      server: https://master.example.com\nusers:\n  - name: example\n    user: {client-certificate: test/us.pem, client-certificate-data: aGk=, token: s3cret, exec: {command: aws}}\n  - name: broken\n    user: {client-certificate-data: '?'}\ncontexts:\n  - {name: main, context: {cluster: example, user: example, namespace: x}}\ncurrent-context: main\npreferences: {}\n";
        std::fs::write(&file, text).unwrap();
        let config = Kubeconfig::read(&file).unwrap();
        let (cluster, user) = config.current().unwrap();
        assert!(
            matches!(&cluster.authority, Some(Pem::File(path)) if *path == folder.path().join("certs/example/ca.pem"))
        );
        let user = user.unwrap();
        assert!(matches!(&user.certificate, Some(Pem::Data(Some(data))) if data.expose() == "hi"));
        assert_eq!(user.maker, Some(Maker::Exec("aws".to_owned())));
        assert_eq!(user.credential(), "exec");
        assert!(matches!(config.users[1].1.certificate, Some(Pem::Data(None))));
        assert!(!format!("{config:?}").contains("s3cret"));
    }

    #[test]
    fn a_broken_file_is_named_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, "users: [{name: a, user: {token: s3cret}\n").unwrap();
        let error = Kubeconfig::read(&file).unwrap_err();
        assert!(error.contains("config") && !error.contains("s3cret"), "{error}");
    }
}
