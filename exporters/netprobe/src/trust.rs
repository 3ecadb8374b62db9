//! Whom we trust and who we are: root certificates and client certificates, read again when their files change.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::Metadata;
use std::hash::{Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use toolkit::config::Secret;

use crate::chain::Roots;
use crate::read;
use crate::tls::{Client, ClientSettings, Identity, Versions};

/// Bytes of a file with roots, a certificate or a key: a whole machine's roots are 250 kB.
pub const MAX_FILE: u64 = 5 << 20;

/// Where a text in PEM is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In a file, which may be replaced.
    File(PathBuf),
    /// Here. It may be a key.
    Inline(Secret),
}

impl Hash for Source {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::File(path) => path.hash(state),
            Self::Inline(text) => text.expose().hash(state),
        }
    }
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

/// What our part of TLS is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientSources {
    /// The certificate that we show, and its key.
    pub identity: Option<(Source, Source)>,
    /// Protocols on top of TLS, the preferred first (ALPN).
    pub alpn: Vec<Vec<u8>>,
    /// The versions that are offered.
    pub versions: Versions,
}

/// What cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The trusted certificates.
    Roots,
    /// Our certificate.
    Certificate,
    /// Its key.
    Key,
    /// TLS itself.
    Tls,
}

impl Part {
    /// Its word in labels and messages: the key of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Roots => "ca_file",
            Self::Certificate => "cert_file",
            Self::Key => "key_file",
            Self::Tls => "tls",
        }
    }
}

/// Why roots or a client cannot be had. Holds nothing of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", part.as_str())]
pub struct TrustError {
    /// What cannot be used.
    pub part: Part,
    /// Why, and the file where it is one.
    pub problem: String,
}

/// Roots and clients that were made, by what they were made of: as many as the configuration names.
#[derive(Default)]
pub struct Trust {
    system: Mutex<Option<Arc<Roots>>>,
    roots: Mutex<HashMap<Source, (Stamp, Arc<Roots>)>>,
    clients: Mutex<HashMap<ClientSources, Made>>,
}

struct Made {
    stamps: [Stamp; 2],
    client: Client,
}

impl Trust {
    /// The certificates to trust: these, or the machine's own.
    ///
    /// # Errors
    /// They cannot be read, or there are none.
    pub fn roots(&self, source: Option<&Source>) -> Result<Arc<Roots>, TrustError> {
        let Some(source) = source else {
            return Ok(Arc::clone(lock(&self.system).get_or_insert_with(|| Arc::new(system()))));
        };
        let stamp = source.stamp(Part::Roots)?;
        let mut known = lock(&self.roots);
        if let Some((old, roots)) = known.get(source)
            && *old == stamp
        {
            return Ok(Arc::clone(roots));
        }
        let text = source.text(Part::Roots)?;
        let read =
            read::certificates(&text, None).map_err(|error| source.failed(Part::Roots, error.to_string()))?;
        let certificates = read.found.into_iter().filter_map(|found| found.certificate.ok());
        let roots = Arc::new(Roots::new(certificates.map(Arc::new)));
        if roots.is_empty() {
            return Err(source.failed(Part::Roots, "it holds no certificate"));
        }
        known.insert(source.clone(), (stamp, Arc::clone(&roots)));
        Ok(roots)
    }

    /// Our part of TLS; with a certificate and key of ours where they are given.
    ///
    /// # Errors
    /// They cannot be read, or do not fit.
    pub fn client(&self, wanted: &ClientSources) -> Result<Client, TrustError> {
        let stamps = match &wanted.identity {
            Some((certificate, key)) => [certificate.stamp(Part::Certificate)?, key.stamp(Part::Key)?],
            None => Default::default(),
        };
        let mut clients = lock(&self.clients);
        if let Some(made) = clients.get(wanted)
            && made.stamps == stamps
        {
            return Ok(made.client.clone());
        }
        let identity = match &wanted.identity {
            Some((certificate, key)) => {
                let pair = (certificate.text(Part::Certificate)?, key.text(Part::Key)?);
                let made = Identity::from_pem(&pair.0, &pair.1);
                Some(made.map_err(|error| certificate.failed(Part::Certificate, error.to_string()))?)
            }
            None => None,
        };
        let settings = ClientSettings { alpn: wanted.alpn.clone(), identity, versions: wanted.versions };
        let client = Client::new(&settings)
            .map_err(|error| TrustError { part: Part::Tls, problem: error.to_string() })?;
        clients.insert(wanted.clone(), Made { stamps, client: client.clone() });
        Ok(client)
    }

    /// Forgets all, so that the machine's own roots are read again too.
    pub fn clear(&self) {
        *lock(&self.system) = None;
        lock(&self.roots).clear();
        lock(&self.clients).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn system() -> Roots {
    let found = rustls_native_certs::load_native_certs();
    for problem in &found.errors {
        tracing::warn!(%problem, "cannot read all trusted certificates of this machine");
    }
    Roots::of_der(&found.certs).0
}

impl Source {
    fn stamp(&self, part: Part) -> Result<Stamp, TrustError> {
        // what is here does not change
        let Self::File(path) = self else { return Ok(Stamp::default()) };
        let metadata = std::fs::metadata(path).map_err(|error| self.failed(part, error.to_string()))?;
        if metadata.len() > MAX_FILE {
            return Err(self.failed(part, "it is too large"));
        }
        Ok(Stamp::of(&metadata))
    }

    fn text(&self, part: Part) -> Result<Cow<'_, [u8]>, TrustError> {
        match self {
            Self::Inline(text) => Ok(Cow::Borrowed(text.expose().as_bytes())),
            Self::File(path) => {
                std::fs::read(path).map(Cow::Owned).map_err(|error| self.failed(part, error.to_string()))
            }
        }
    }

    fn failed(&self, part: Part, why: impl Into<String>) -> TrustError {
        let why = why.into();
        let problem = match self {
            Self::File(path) => format!("{}: {why}", path.display()),
            Self::Inline(_) => why,
        };
        TrustError { part, problem }
    }
}

/// What tells a changed file from an unchanged one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    changed: (i64, i64),
    size: u64,
    node: (u64, u64),
}

impl Stamp {
    /// That of a file as it is now.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            changed: (metadata.mtime(), metadata.mtime_nsec()),
            size: metadata.len(),
            node: (metadata.dev(), metadata.ino()),
        }
    }
}

#[cfg(test)]
mod tests {
    use kit::pki::{Recipe, Signer};

    use super::*;

    fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> Source {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Source::File(path)
    }

    #[test]
    fn roots_are_read_once_and_again_when_they_change() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (Recipe::new("one", &[]), Recipe::new("another root", &[]));
        let (one, two) = (Signer::root(one).unwrap(), Signer::root(two).unwrap());
        let trust = Trust::default();
        let source = file(&folder, "ca.pem", &one.pem);
        let first = trust.roots(Some(&source)).unwrap();
        assert!(Arc::ptr_eq(&first, &trust.roots(Some(&source)).unwrap()));
        std::fs::write(folder.path().join("new"), format!("{}{}", one.pem, two.pem)).unwrap();
        std::fs::rename(folder.path().join("new"), folder.path().join("ca.pem")).unwrap();
        assert_eq!((first.len(), trust.roots(Some(&source)).unwrap().len()), (1, 2));

        let inline = Source::Inline(Secret::from(one.pem.as_str()));
        assert_eq!(trust.roots(Some(&inline)).unwrap().len(), 1);
        let system = trust.roots(None).unwrap();
        assert!(Arc::ptr_eq(&system, &trust.roots(None).unwrap()));
        trust.clear();
        assert!(!Arc::ptr_eq(&system, &trust.roots(None).unwrap()));
    }

    #[test]
    fn clients_are_shared_by_those_who_want_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let root = Signer::root(Recipe::new("root", &[])).unwrap();
        let leaf = root.leaf(&Recipe::new("us", &["us.example"])).unwrap();
        let certificate = file(&folder, "us.pem", &leaf.certificate_pem);
        let key = Source::Inline(Secret::from(leaf.key_pem.as_str()));
        let trust = Trust::default();
        let plain = ClientSources::default();
        let http = ClientSources { alpn: vec![b"h2".to_vec()], ..plain.clone() };
        let ours = ClientSources { identity: Some((certificate.clone(), key)), ..plain.clone() };
        for wanted in [&plain, &http, &ours, &plain, &ours] {
            trust.client(wanted).unwrap();
        }
        assert_eq!(lock(&trust.clients).len(), 3);

        let mixed = ClientSources { identity: Some((certificate, file(&folder, "k", "no key"))), ..plain };
        let error = trust.client(&mixed).unwrap_err();
        assert_eq!(error.part, Part::Certificate);
    }

    #[test]
    fn what_is_wrong_is_named_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let trust = Trust::default();
        let missing = Source::File(folder.path().join("none.pem"));
        let error = trust.roots(Some(&missing)).unwrap_err().to_string();
        assert!(error.starts_with("ca_file: ") && error.contains("none.pem: No such file"), "{error}");
        let inline = Source::Inline(Secret::from("s3cret"));
        let error = trust.roots(Some(&inline)).unwrap_err();
        assert!(!error.to_string().contains("s3cret") && !format!("{inline:?}").contains("s3cret"));
        let pair = (Source::Inline(Secret::from("s3cret")), Source::Inline(Secret::from("s3cret")));
        let ours = ClientSources { identity: Some(pair), ..ClientSources::default() };
        let error = trust.client(&ours).unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
