//! Certificates in files of every form that servers and stores keep them in.
//!
//! The form is recognised by the contents, never by the file's name. Private keys in the files are passed over without
//! being decrypted. Nothing here reads a file: the bytes are given, and their length is bounded.

mod ber;
mod jks;
pub(crate) mod pem;
mod pkcs12;
mod pkcs7;

use thiserror::Error;

use crate::cert::der::{Reader, tag};
use crate::cert::{Certificate, NotACertificate};

/// Longest file that is read. A bundle of all public authorities has 250 kB.
pub const MAX_FILE: usize = 10 << 20;

/// Certificates of one file that are read.
pub const MAX_CERTIFICATES: usize = 5_000;

/// Longest alias that is kept, in characters.
const MAX_ALIAS: usize = 256;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Blocks of base64 between lines with dashes.
    Pem,
    /// Certificates as they are, one after the other.
    Der,
    /// A signed message without a message (`.p7b`, `.p7c`).
    Pkcs7,
    /// A store with a password (`.p12`, `.pfx`, and Java's since version 9).
    Pkcs12,
    /// Java's old store.
    Jks,
    /// Java's old store with better ciphers.
    Jceks,
}

impl Form {
    /// Its word in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pem => "pem",
            Self::Der => "der",
            Self::Pkcs7 => "pkcs7",
            Self::Pkcs12 => "pkcs12",
            Self::Jks => "jks",
            Self::Jceks => "jceks",
        }
    }
}

/// Why a file has no certificates to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// It is longer than [`MAX_FILE`].
    #[error("the file is longer than {MAX_FILE} bytes")]
    TooLong,
    /// It is in no form that is known.
    #[error("the file has no certificate in a form that is known")]
    Unknown,
    /// It breaks off, or breaks the rules of its form.
    #[error("the {} file is malformed", .0.as_str())]
    Malformed(Form),
    /// The password does not open it.
    #[error("the password does not open the {} file", .0.as_str())]
    Password(Form),
    /// It is encrypted in a way that is not supported.
    #[error("the {} file is encrypted in a way that is not supported", .0.as_str())]
    Cipher(Form),
    /// It is well, and has no certificate.
    #[error("the {} file has no certificate", .0.as_str())]
    Empty(Form),
}

impl ReadError {
    /// Its word in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Unknown => "unknown_format",
            Self::Malformed(_) => "malformed",
            Self::Password(_) => "bad_password",
            Self::Cipher(_) => "unsupported_cipher",
            Self::Empty(_) => "no_certificate",
        }
    }
}

/// A certificate that was found.
#[derive(Debug)]
pub struct Found {
    /// Its place among the file's certificates, those that cannot be read included.
    pub position: usize,
    /// Its name in a store.
    pub alias: Option<String>,
    /// What it says, or why it cannot be read.
    pub certificate: Result<Certificate, NotACertificate>,
}

/// The certificates of a file.
#[derive(Debug)]
pub struct File {
    /// Its form.
    pub form: Form,
    /// What it has.
    pub found: Vec<Found>,
    /// Certificates beyond [`MAX_CERTIFICATES`], which nobody looked at.
    pub ignored: usize,
    /// The password was given and is wrong, although the certificates can be read without one (Java's stores).
    pub wrong_password: bool,
}

/// A certificate's bytes, and its name in a store.
struct Raw {
    der: Vec<u8>,
    alias: Option<String>,
}

/// What a reader of one form gives.
#[derive(Default)]
struct Contents {
    raw: Vec<Raw>,
    ignored: usize,
    wrong_password: bool,
}

impl Contents {
    fn push(&mut self, der: &[u8], alias: Option<String>) {
        if self.raw.len() < MAX_CERTIFICATES {
            self.raw.push(Raw { der: der.to_vec(), alias });
        } else {
            self.ignored += 1;
        }
    }
}

/// Reads a file's certificates. The password opens a store; without one, no password and the empty one are tried.
pub fn certificates(bytes: &[u8], password: Option<&str>) -> Result<File, ReadError> {
    if bytes.len() > MAX_FILE {
        return Err(ReadError::TooLong);
    }
    let form = form(bytes).ok_or(ReadError::Unknown)?;
    let mut contents = Contents::default();
    match form {
        Form::Pem => pem::certificates(bytes, &mut contents),
        Form::Der => concatenated(bytes, &mut contents),
        Form::Pkcs7 => pkcs7::certificates(bytes, &mut contents).map_err(|_| ReadError::Malformed(form))?,
        Form::Pkcs12 => pkcs12::certificates(bytes, password, &mut contents)?,
        Form::Jks | Form::Jceks => {
            jks::certificates(bytes, password, &mut contents).map_err(|_| ReadError::Malformed(form))?;
        }
    }
    if contents.raw.is_empty() {
        return Err(ReadError::Empty(form));
    }
    let found = contents.raw.into_iter().enumerate().map(|(position, raw)| Found {
        position,
        alias: raw.alias.map(|alias| alias.chars().take(MAX_ALIAS).collect()),
        certificate: Certificate::parse(&raw.der),
    });
    Ok(File {
        form,
        found: found.collect(),
        ignored: contents.ignored,
        wrong_password: contents.wrong_password,
    })
}

/// The form by the first bytes.
fn form(bytes: &[u8]) -> Option<Form> {
    if bytes.starts_with(&jks::MAGIC) {
        return Some(Form::Jks);
    }
    if bytes.starts_with(&jks::MAGIC_JCEKS) {
        return Some(Form::Jceks);
    }
    let binary = if bytes.first() == Some(&tag::SEQUENCE) { envelope(bytes) } else { None };
    // a text may begin with the digit 0, which is the tag of a sequence
    binary.or_else(|| pem::blocks(bytes).next().map(|_| Form::Pem))
}

/// The form by the first element inside a sequence, whose length may be indefinite.
fn envelope(bytes: &[u8]) -> Option<Form> {
    let inside = bytes.get(ber::header_length(bytes)?..)?;
    match *inside.first()? {
        tag::SEQUENCE => Some(Form::Der),
        tag::OID => Some(Form::Pkcs7),
        tag::INTEGER => Some(Form::Pkcs12),
        _ => None,
    }
}

/// Certificates one after the other. What follows the last one and is none, is passed over.
fn concatenated(bytes: &[u8], contents: &mut Contents) {
    let mut reader = Reader::new(bytes);
    while let Ok(element) = reader.element(tag::SEQUENCE) {
        contents.push(element.whole, None);
    }
}
