//! Whom we trust and who we are: root certificates and client certificates, read again when their files change.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use netprobe::chain::Roots;
use netprobe::read;
use netprobe::tls::{Client, ClientSettings, Identity, Versions};

use crate::files::Stamp;
use crate::report::Failed;

/// Bytes of a file with roots, a certificate or a key: a whole machine's roots are 250 kB.
pub const MAX_FILE: u64 = 5 << 20;

/// Roots and clients that were made, by what they were made of.
#[derive(Default)]
pub struct Trust {
    system: Mutex<Option<Arc<Roots>>>,
    files: Mutex<HashMap<PathBuf, (Stamp, Arc<Roots>)>>,
    clients: Mutex<HashMap<Key, Made>>,
}

/// Certificate and key, the versions, and whether HTTP is spoken.
type Key = (Option<(PathBuf, PathBuf)>, bool);

struct Made {
    stamps: [Stamp; 2],
    client: Client,
}

impl Trust {
    /// The roots of a file, or the machine's own.
    ///
    /// # Errors
    /// The file cannot be read, or has no certificate.
    pub fn roots(&self, file: Option<&Path>) -> Result<Arc<Roots>, Failed> {
        let Some(file) = file else {
            let mut known = self.system.lock().unwrap_or_else(PoisonError::into_inner);
            return Ok(Arc::clone(known.get_or_insert_with(|| Arc::new(system()))));
        };
        let stamp = stamp(file, "ca_file")?;
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, roots)) = files.get(file)
            && *known == stamp
        {
            return Ok(Arc::clone(roots));
        }
        let bytes = bytes(file, "ca_file")?;
        let read =
            read::certificates(&bytes, None).map_err(|error| failed("ca_file", file, &error.to_string()))?;
        let certificates = read.found.into_iter().filter_map(|found| found.certificate.ok());
        let roots = Arc::new(Roots::new(certificates.map(Arc::new)));
        if roots.is_empty() {
            return Err(failed("ca_file", file, "it holds no certificate"));
        }
        files.insert(file.to_owned(), (stamp, Arc::clone(&roots)));
        Ok(roots)
    }

    /// Forgets all, so that the machine's own roots are read again too.
    pub fn clear(&self) {
        *self.system.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.files.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Our part of TLS; with a certificate and key of ours where they are given.
    ///
    /// # Errors
    /// The files cannot be read, or do not fit.
    pub fn client(&self, identity: Option<&(PathBuf, PathBuf)>, http: bool) -> Result<Client, Failed> {
        let stamps = match identity {
            Some((certificate, key)) => [stamp(certificate, "cert_file")?, stamp(key, "key_file")?],
            None => Default::default(),
        };
        let wanted = (identity.cloned(), http);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = clients.get(&wanted)
            && made.stamps == stamps
        {
            return Ok(made.client.clone());
        }
        let identity = match identity {
            Some((certificate, key)) => {
                let pair = (bytes(certificate, "cert_file")?, bytes(key, "key_file")?);
                let made = Identity::from_pem(&pair.0, &pair.1);
                Some(made.map_err(|error| failed("cert_file", certificate, &error.to_string()))?)
            }
            None => None,
        };
        let alpn = if http { vec![b"http/1.1".to_vec()] } else { Vec::new() };
        let settings = ClientSettings { alpn, identity, versions: Versions::default() };
        let client =
            Client::new(&settings).map_err(|error| Failed::new("local", "tls", error.to_string()))?;
        clients.insert(wanted, Made { stamps, client: client.clone() });
        Ok(client)
    }
}

fn system() -> Roots {
    let found = rustls_native_certs::load_native_certs();
    for problem in &found.errors {
        tracing::warn!(%problem, "cannot read all trusted certificates of this machine");
    }
    Roots::of_der(&found.certs).0
}

fn stamp(file: &Path, what: &'static str) -> Result<Stamp, Failed> {
    let metadata = std::fs::metadata(file).map_err(|error| failed(what, file, &error.to_string()))?;
    if metadata.len() > MAX_FILE {
        return Err(failed(what, file, "it is too large"));
    }
    Ok(Stamp::of(&metadata))
}

fn bytes(file: &Path, what: &'static str) -> Result<Vec<u8>, Failed> {
    std::fs::read(file).map_err(|error| failed(what, file, &error.to_string()))
}

fn failed(what: &'static str, file: &Path, why: &str) -> Failed {
    Failed::new("local", what, format!("{what} {}: {why}", file.display()))
}
