//! Who we are on a server, and where the proof of it is read from.
//!
//! Invariant: a password is read anew for each connection, so that a rotated one takes effect without a reload; it
//! never stands in an error or a log line.

use std::path::{Path, PathBuf};

use toolkit::config::{Secret, SecretSource};
use tracing::warn;

use crate::conn::{ConnError, Place};
use crate::dsn::service;

/// A user and where the password is read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// Where the password comes from.
    pub password: Password,
}

/// Where a password comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Password {
    /// There is none.
    #[default]
    None,
    /// Text, file, environment variable or command.
    Given(SecretSource),
    /// A section of a service file.
    Service {
        /// The file.
        file: PathBuf,
        /// The section.
        name: String,
    },
    /// The line of a passfile that fits the connection.
    PassFile {
        /// The file.
        file: PathBuf,
        /// The user named it, so it must be there.
        required: bool,
    },
}

impl Credentials {
    /// The password as it is now, for a connection to this database.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn password(&self, place: &Place, database: &str) -> Result<Option<Secret>, ConnError> {
        match &self.password {
            Password::None => Ok(None),
            Password::Given(source) => Ok(Some(source.read().await?)),
            Password::Service { file, name } => {
                let text = read(file).await?;
                let section = service::section(&text, name).map_err(ConnError::Settings)?;
                Ok(section.and_then(|section| section.password))
            }
            Password::PassFile { file, required } => {
                if !required && !file.is_file() {
                    return Ok(None);
                }
                if is_open_to_others(file) {
                    warn!(file = %file.display(), "the passfile is not used: others may read it (hint: chmod 600)");
                    return Ok(None);
                }
                let text = read(file).await?;
                let (host, port) = match place {
                    Place::Tcp { host, port, .. } => (host.clone(), *port),
                    // libpq looks for localhost unless the socket lies in an unusual folder
                    Place::Unix { folder, port } if is_usual(folder) => ("localhost".to_owned(), *port),
                    Place::Unix { folder, port } => (folder.display().to_string(), *port),
                };
                Ok(find(&text, [&host, &port.to_string(), database, &self.user]))
            }
        }
    }
}

async fn read(file: &Path) -> Result<String, ConnError> {
    tokio::fs::read_to_string(file)
        .await
        .map_err(|error| ConnError::Settings(format!("{} cannot be read: {error}", file.display())))
}

fn is_usual(folder: &Path) -> bool {
    folder == Path::new("/tmp")
        || folder == Path::new("/var/run/postgresql")
        || folder == Path::new("/run/postgresql")
}

fn is_open_to_others(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    std::fs::metadata(file).is_ok_and(|facts| facts.permissions().mode() & 0o077 != 0)
}

/// The password of the first line whose host, port, database and user fit.
fn find(text: &str, wanted: [&str; 4]) -> Option<Secret> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let (password, places) = fields.split_last()?;
        let fits = |(field, wanted): (&String, &str)| field == "*" || field == wanted;
        (places.len() == 4 && places.iter().zip(wanted).all(fits)).then(|| Secret::from(password.as_str()))
    })
}

/// Fields are divided by `:`; a backslash takes the next character as it is.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let Some(last) = fields.last_mut() else { break };
        match character {
            '\\' => last.extend(characters.next()),
            ':' => fields.push(String::new()),
            other => last.push(other),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passfile_lines() {
        let text =
            "# h:1:d:u:no\nh:5432:d:u:p:extra\nh:5432:d:u:first\nh:*:*:*:any\\:\\\\\n*:1:d:a\\:b:colon\n";
        for (wanted, expected) in [
            (["h", "5432", "d", "u"], Some("first")),
            (["h", "9", "x", "y"], Some("any:\\")),
            (["z", "1", "d", "a:b"], Some("colon")),
            (["z", "2", "d", "u"], None),
        ] {
            assert_eq!(
                find(text, wanted).map(|secret| secret.expose().to_owned()),
                expected.map(str::to_owned)
            );
        }
    }

    #[tokio::test]
    async fn a_passfile_that_others_may_read_is_not_used() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pgpass");
        std::fs::write(&file, "*:*:*:*:pw\n").unwrap();
        let credentials = Credentials {
            user: "u".to_owned(),
            password: Password::PassFile { file: file.clone(), required: true },
        };
        let place = Place::Tcp { host: "h".to_owned(), address: None, port: 1 };
        for (mode, expected) in [(0o644, None), (0o600, Some("pw"))] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let found = credentials.password(&place, "d").await.unwrap();
            assert_eq!(found.as_ref().map(Secret::expose), expected);
        }
        std::fs::write(&file, "*:*:*:*:rotated\n").unwrap();
        assert_eq!(credentials.password(&place, "d").await.unwrap(), Some(Secret::from("rotated")));
    }
}
