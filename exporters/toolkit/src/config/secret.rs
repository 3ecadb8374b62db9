//! Secrets: where they come from, and a type that cannot be shown.
//!
//! A secret is read when it is used, so that a rotated file or token takes effect without a reload. Errors name the
//! file, variable or program, and must never show what was read or what a program wrote to its standard error.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt};

/// A text that is wiped when dropped and prints as `<secret>`.
#[derive(Clone, Default)]
pub struct Secret(SecretString);

/// Where a secret comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The configuration itself.
    Inline(Secret),
    /// A file; line ends after the secret are not part of it.
    File(PathBuf),
    /// An environment variable of this process.
    Env(String),
    /// The standard output of a program (and its arguments); line ends after the secret are not part of it.
    Command(Vec<String>),
}

/// Why a secret could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("secret file {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The environment variable is not set.
    #[error("environment variable {0} with the secret is not set")]
    Env(String),
    /// The program cannot be run.
    #[error("secret command {program} cannot be run")]
    Command {
        /// The program, without its arguments.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The program ended with a failure.
    #[error("secret command {program} failed: {status}")]
    CommandFailed {
        /// The program, without its arguments.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The program took too long and was killed.
    #[error("secret command {program} took longer than {} s", COMMAND_LIMIT.as_secs())]
    CommandTimeout {
        /// The program, without its arguments.
        program: String,
    },
    /// The secret is not text, or too long.
    #[error("secret from {origin} is {problem}")]
    Content {
        /// The file, variable or program.
        origin: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Secret {
    /// The secret itself: only for handing it to the one who needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether there is nothing to keep secret.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(SecretString::from(text))
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(SecretString::from(text))
    }
}

impl PartialEq for Secret {
    /// Takes as long for any text of the same length, so that time tells nothing.
    fn eq(&self, other: &Self) -> bool {
        let (left, right) = (self.expose().as_bytes(), other.expose().as_bytes());
        let difference =
            left.iter().zip(right).fold(0, |difference, (left, right)| difference | (left ^ right));
        left.len() == right.len() && difference == 0
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(SHOWN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(SHOWN)
    }
}

impl SecretSource {
    /// Reads the secret as it is now.
    pub async fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(path) => read_file(path).await,
            Self::Env(name) => read_env(name),
            Self::Command(words) => run_command(words).await,
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(secret) => write!(formatter, "{secret}"),
            Self::File(path) => write!(formatter, "file {}", path.display()),
            Self::Env(name) => write!(formatter, "environment variable {name}"),
            Self::Command(words) => write!(formatter, "command {}", program(words)),
        }
    }
}

impl fmt::Debug for SecretSource {
    /// As `Display`: a command's arguments may hold a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SecretSource({self})")
    }
}

impl SecretError {
    /// The class of the error, from a closed list, for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Env(_) => "env",
            Self::Command { .. } | Self::CommandFailed { .. } => "command",
            Self::CommandTimeout { .. } => "timeout",
            Self::Content { .. } => "content",
        }
    }
}

async fn read_file(path: &Path) -> Result<Secret, SecretError> {
    let failed = |source| SecretError::File { path: path.to_owned(), source };
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let bytes = read_limited(file).await.map_err(failed)?;
    text_of(&bytes, || format!("file {}", path.display()))
}

fn read_env(name: &str) -> Result<Secret, SecretError> {
    match std::env::var(name) {
        Ok(text) => Ok(Secret::from(text)),
        Err(std::env::VarError::NotPresent) => Err(SecretError::Env(name.to_owned())),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(SecretError::Content { origin: format!("environment variable {name}"), problem: NOT_TEXT })
        }
    }
}

async fn run_command(words: &[String]) -> Result<Secret, SecretError> {
    let program = program(words).to_owned();
    match tokio::time::timeout(COMMAND_LIMIT, output_of(words)).await {
        Err(_elapsed) => Err(SecretError::CommandTimeout { program }),
        Ok(Err(source)) => Err(SecretError::Command { program, source }),
        Ok(Ok((bytes, status))) => {
            if bytes.len() <= MAX_BYTES && !status.success() {
                return Err(SecretError::CommandFailed { program, status });
            }
            text_of(&bytes, || format!("command {program}"))
        }
    }
}

/// Standard error is dropped: programs like to repeat there what they were given. The program is killed when this
/// future is dropped.
async fn output_of(words: &[String]) -> io::Result<(Zeroizing<Vec<u8>>, ExitStatus)> {
    let mut child = tokio::process::Command::new(program(words))
        .args(words.get(1..).unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let bytes = match child.stdout.take() {
        Some(output) => read_limited(output).await?,
        None => Zeroizing::default(),
    };
    Ok((bytes, child.wait().await?))
}

/// Reads one byte more than is allowed, so that too long can be told from just right.
async fn read_limited(reader: impl AsyncRead + Unpin) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    let limit = u64::try_from(MAX_BYTES + 1).unwrap_or(u64::MAX);
    reader.take(limit).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

fn text_of(bytes: &[u8], origin: impl Fn() -> String) -> Result<Secret, SecretError> {
    let wrong = |problem| SecretError::Content { origin: origin(), problem };
    if bytes.len() > MAX_BYTES {
        return Err(wrong("longer than 64 KiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_invalid| wrong(NOT_TEXT))?;
    Ok(Secret::from(text.trim_end_matches(['\r', '\n'])))
}

fn program(words: &[String]) -> &str {
    words.first().map_or("", String::as_str)
}

/// What stands for a secret in every text.
const SHOWN: &str = "<secret>";
const NOT_TEXT: &str = "not UTF-8 text";

/// Bytes of a secret: keys and tokens have a few KiB, and a wrong path must not fill the memory.
const MAX_BYTES: usize = 64 << 10;
/// A credential helper that asks a cloud takes a second or two; a scrape cannot wait longer than this.
const COMMAND_LIMIT: Duration = Duration::from_secs(10);
