//! One SMTP dialogue: connect, TLS, log in, one mail, and the answer for each recipient.
//!
//! Invariants: a login never goes over an unencrypted connection, and mail does not either unless the user said so;
//! each step has a deadline; one refused recipient must not keep the mail from the others.

use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};

use crate::config::EmailSettings;
use crate::notify::Cause;

/// For each step but the last: a server that takes longer is asked again later.
const STEP: Duration = Duration::from_secs(30);

/// For the answer to the final dot: giving up there makes doubles, so it is long.
const FINAL_DOT: Duration = Duration::from_mins(2);

/// What became of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Recipient {
    /// The server has taken responsibility.
    Taken,
    /// It may take it later.
    Later(String),
    /// It never will.
    Never(String),
}

/// Why no recipient got anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// Later it may work.
    Later(Cause),
    /// Somebody must repair something.
    Setup(Cause),
    /// The server does not want this mail.
    Mail(Cause),
}

/// Sends one mail; gives the outcome for each recipient in order.
pub(super) async fn send(
    settings: &EmailSettings,
    credentials: Option<Credentials>,
    to: &[Mailbox],
    mail: &[u8],
) -> Result<Vec<Recipient>, Failure> {
    let mut connection = connect(settings).await?;
    let result = dialogue(&mut connection, settings, credentials, to, mail).await;
    // politeness only: what counts has been said
    let _closed = tokio::time::timeout(Duration::from_secs(2), connection.quit()).await;
    result
}

async fn connect(settings: &EmailSettings) -> Result<AsyncSmtpConnection, Failure> {
    let hello = ClientId::Domain(settings.hello.clone());
    let tls = tls_parameters(settings).await?;
    let implicit = settings.implicit_tls.then(|| tls.clone());
    let server = (settings.host.as_str(), settings.port);
    let connecting = AsyncSmtpConnection::connect_tokio1(server, Some(STEP), &hello, implicit, None);
    let mut connection = step(connecting, "connect").await?;
    if !settings.implicit_tls {
        if connection.can_starttls() {
            step(connection.starttls(tls, &hello), "tls").await?;
        } else if settings.require_tls {
            let detail =
                "the server does not offer STARTTLS; hint: require_tls: false allows mail in clear text";
            return Err(Failure::Setup(Cause::new("tls", detail)));
        }
    }
    Ok(connection)
}

async fn dialogue(
    connection: &mut AsyncSmtpConnection,
    settings: &EmailSettings,
    credentials: Option<Credentials>,
    to: &[Mailbox],
    mail: &[u8],
) -> Result<Vec<Recipient>, Failure> {
    if let Some(credentials) = credentials {
        log_in(connection, &credentials).await?;
    }
    let mut options = Vec::new();
    let ascii = |address: &Address| address.to_string().is_ascii();
    if !to.iter().map(|mailbox| &mailbox.email).chain([&settings.from.email]).all(ascii) {
        options.push(MailParameter::SmtpUtfEight);
    }
    if !mail.is_ascii() && connection.server_info().supports_feature(Extension::EightBitMime) {
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    step(connection.command(Mail::new(Some(settings.from.email.clone()), options)), "sender").await?;
    let mut recipients = Vec::with_capacity(to.len());
    for mailbox in to {
        let answer =
            step(connection.command(Rcpt::new(mailbox.email.clone(), Vec::new())), "recipient").await;
        recipients.push(match answer {
            Ok(_) => Recipient::Taken,
            Err(Failure::Mail(cause)) => Recipient::Never(cause.detail),
            Err(failure) if connection.has_broken() => return Err(failure),
            Err(Failure::Later(cause)) => Recipient::Later(cause.detail),
            Err(failure) => return Err(failure),
        });
    }
    if !recipients.contains(&Recipient::Taken) {
        return Ok(recipients);
    }
    step(connection.command(Data), "data").await?;
    let sent = tokio::time::timeout(FINAL_DOT, connection.message(mail)).await;
    match sent {
        Ok(Ok(_)) => Ok(recipients),
        Ok(Err(error)) => Err(failure(&error, "content")),
        Err(_) => Err(Failure::Later(Cause::new("timeout", "no answer to the end of the mail"))),
    }
}

async fn log_in(connection: &mut AsyncSmtpConnection, credentials: &Credentials) -> Result<(), Failure> {
    if !connection.is_encrypted() {
        let detail =
            "the connection is not encrypted, so the password is not sent; hint: use a server with STARTTLS";
        return Err(Failure::Setup(Cause::new("auth", detail)));
    }
    match step(connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials), "auth").await {
        Ok(_) => Ok(()),
        // what the server says may repeat what it was told
        Err(Failure::Mail(_) | Failure::Setup(_)) => {
            Err(Failure::Setup(Cause::new("auth", "the server refused user name and password")))
        }
        Err(later) => Err(later),
    }
}

async fn tls_parameters(settings: &EmailSettings) -> Result<TlsParameters, Failure> {
    let tls = &settings.tls;
    let name = tls.server_name.clone().unwrap_or_else(|| settings.host.clone());
    let mut builder = TlsParameters::builder(name);
    if let Some(path) = &tls.ca_file {
        let wrong = |why: String| {
            Failure::Setup(Cause::new("tls", format!("ca_file {} cannot be used: {why}", path.display())))
        };
        let pem = tokio::fs::read(path).await.map_err(|error| wrong(error.to_string()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| wrong(error.to_string()))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    if tls.insecure_skip_verify {
        builder = builder.dangerous_accept_invalid_certs(true).dangerous_accept_invalid_hostnames(true);
    }
    builder.build().map_err(|error| Failure::Setup(Cause::new("tls", error.to_string())))
}

/// One step with its deadline.
async fn step<T>(
    what: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
    name: &'static str,
) -> Result<T, Failure> {
    match tokio::time::timeout(STEP, what).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(failure(&error, name)),
        Err(_) => Err(Failure::Later(Cause::new("timeout", format!("the server did not answer ({name})")))),
    }
}

fn failure(error: &lettre::transport::smtp::Error, name: &'static str) -> Failure {
    let mut detail = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let next = error.to_string();
        if !detail.contains(&next) {
            detail = format!("{detail}: {next}");
        }
        source = error.source();
    }
    let detail: String = detail.chars().filter(|c| !c.is_control()).take(300).collect();
    let permanent = error.is_permanent();
    match name {
        "tls" if error.is_transient() => Failure::Later(Cause::new("tls", detail)),
        // a certificate does not get better by itself, but servers get repaired: the breaker tries on
        "tls" => Failure::Setup(Cause::new("tls", detail)),
        _ if error.is_tls() => Failure::Setup(Cause::new("tls", detail)),
        "auth" if permanent || error.is_client() => Failure::Setup(Cause::new("auth", detail)),
        "connect" | "sender" if permanent => Failure::Setup(Cause::new("refused", detail)),
        _ if permanent => Failure::Mail(Cause::new("message_refused", detail)),
        _ if error.is_transient() => Failure::Later(Cause::new("later", detail)),
        _ if error.is_timeout() => Failure::Later(Cause::new("timeout", detail)),
        _ => Failure::Later(Cause::new(if name == "connect" { "connect" } else { "network" }, detail)),
    }
}
