//! What guards the listener, where a program's own flags say it because its peer has such flags. The web config file
//! can do all of it and more; both are read into the same settings and followed alike when a file changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::aws_lc_rs::{DEFAULT_CIPHER_SUITES, DEFAULT_KX_GROUPS};
use secrecy::zeroize::Zeroizing;

use super::basic_auth::Users;
use super::client_cert::ClientAuth;
use super::files::Files;
use super::settings::{Reading, Settings};
use super::tls::Tls;
use super::tls_names::Version;
use super::tls_settings::{Clients, TlsSettings, parse_certificates, parse_key};
use crate::config::{ConfigError, Secret};

/// A flag and its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given<T> {
    /// The flag as the user writes it: `--basic-auth-username`.
    pub flag: &'static str,
    /// What it was given; an empty one is as good as none.
    pub value: T,
}

/// The flags that guard the listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// The listener's certificate; with its key it speaks TLS.
    pub cert_file: Given<PathBuf>,
    /// The key of the certificate.
    pub key_file: Given<PathBuf>,
    /// The authorities of clients; with them a client certificate is required.
    pub client_ca_file: Given<PathBuf>,
    /// Whether TLS 1.2 is not spoken.
    pub only_tls13: bool,
    /// The user who may come in.
    pub user: Given<String>,
    /// The password as it is.
    pub password: Given<Secret>,
    /// The bcrypt hash of the password.
    pub password_hash: Given<Secret>,
}

/// Every problem so far.
type Problems = Option<ConfigError>;

impl Guard {
    /// The first of the flags that was given.
    pub fn given(&self) -> Option<&'static str> {
        let Self { cert_file, key_file, client_ca_file, user, password, password_hash, .. } = self;
        let paths =
            [cert_file, key_file, client_ca_file].map(|given| (given.flag, given.value == Path::new("")));
        let secrets = [password, password_hash].map(|given| (given.flag, given.value.is_empty()));
        let mut flags = paths.into_iter().chain([(user.flag, user.value.is_empty())]).chain(secrets);
        flags.find(|(_, empty)| !empty).map(|(flag, _)| flag)
    }

    /// Reads the files; tells every problem at once. Blocks on the disk.
    pub(super) fn read(&self) -> Reading {
        let mut files = Files::default();
        let mut problems = None;
        let tls = self.tls(&mut files, &mut problems);
        let users = self.users(&mut problems);
        let settings = Settings { tls, users: users.map(Arc::new), ..Settings::default() };
        Reading { files, settings: problems.map_or(Ok(settings), Err) }
    }

    fn tls(&self, files: &mut Files, problems: &mut Problems) -> Option<Tls> {
        let chain = read(&self.cert_file, files, problems, parse_certificates);
        let key = read(&self.key_file, files, problems, parse_key);
        let cas = read(&self.client_ca_file, files, problems, parse_certificates);
        let wanted = [&self.cert_file, &self.key_file, &self.client_ca_file]
            .into_iter()
            .find(|given| given.value != Path::new(""))?;
        for missing in [&self.cert_file, &self.key_file] {
            if missing.value == Path::new("") {
                note(problems, wanted.flag, format!("needs {} beside it", missing.flag));
            }
        }
        let auth = if cas.is_some() { ClientAuth::RequireAndVerifyClientCert } else { ClientAuth::default() };
        let versions =
            if self.only_tls13 { vec![Version::Tls13] } else { vec![Version::Tls13, Version::Tls12] };
        let settings = TlsSettings {
            chain: chain?,
            key: key?,
            clients: Clients { auth, cas: cas.unwrap_or_default(), sans: None },
            versions,
            suites: DEFAULT_CIPHER_SUITES.to_vec(),
            groups: DEFAULT_KX_GROUPS.to_vec(),
            server_order: true,
            http2: true,
        };
        Tls::new(settings).map_err(|problem| note(problems, self.cert_file.flag, problem)).ok()
    }

    fn users(&self, problems: &mut Problems) -> Option<Users> {
        let Self { user, password, password_hash, .. } = self;
        let given = [password, password_hash].map(|given| !given.value.is_empty());
        let users = match (user.value.as_str(), given) {
            ("", [false, false]) => return None,
            (_, [true, true]) => {
                Err((password.flag, format!("cannot be used beside {}", password_hash.flag)))
            }
            ("", [true, _]) => Err((password.flag, format!("needs {} beside it", user.flag))),
            ("", _) => Err((password_hash.flag, format!("needs {} beside it", user.flag))),
            (_, [false, false]) => {
                Err((user.flag, format!("needs {} or {} beside it", password.flag, password_hash.flag)))
            }
            (name, [true, false]) => Users::with_password(name, password.value.expose())
                .map_err(|problem| (user.flag, problem.to_owned())),
            (name, [false, true]) => Users::with_hash(name, password_hash.value.expose())
                .map(|user| Users::new(vec![user]))
                .map_err(|problem| (password_hash.flag, problem.to_owned())),
        };
        users.map_err(|(flag, problem)| note(problems, flag, problem)).ok()
    }
}

/// What is in a file that a flag names; nothing when it names none.
fn read<T>(
    given: &Given<PathBuf>,
    files: &mut Files,
    problems: &mut Problems,
    parse: impl FnOnce(&[u8]) -> Result<T, &'static str>,
) -> Option<T> {
    if given.value == Path::new("") {
        return None;
    }
    let path = given.value.display();
    let parsed = match files.read(&given.value, SystemTime::now()).map(Zeroizing::new) {
        Ok(bytes) => parse(&bytes).map_err(|problem| format!("{path}: {problem}")),
        Err(error) => Err(format!("{path} cannot be read: {error}")),
    };
    parsed.map_err(|problem| note(problems, given.flag, problem)).ok()
}

fn note(problems: &mut Problems, flag: &str, problem: impl Into<String>) {
    let error = ConfigError::flag(flag, problem);
    *problems = Some(match problems.take() {
        Some(earlier) => earlier.merge(error),
        None => error,
    });
}
