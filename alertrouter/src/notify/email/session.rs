//! One SMTP session: connect, TLS, log in, one mail, and the answer for each recipient.
//!
//! Invariants: a login never goes over an unencrypted connection, and mail does not either unless the user said so;
//! each step has a deadline; one refused recipient must not keep the mail from the others.

use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use tokio::net::TcpStream;

use super::failure::{Failure, Step, Trouble, failure};
use super::login::Login;
use crate::config::EmailSettings;
use crate::notify::Cause;

/// To connect to one address of the server.
const CONNECT: Duration = Duration::from_secs(10);

/// For connection, greeting and EHLO together: some servers let strangers wait on purpose.
const GREETING: Duration = Duration::from_mins(1);

/// For each step after it but the last: a server that takes longer is asked again later.
const STEP: Duration = Duration::from_secs(30);

/// For the mail and the answer to its final dot: giving up there makes doubles, so it is long.
const FINAL_DOT: Duration = Duration::from_mins(3);

/// For the goodbye, which is politeness only.
const GOODBYE: Duration = Duration::from_secs(2);

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

/// An open connection to a mail server that knows us.
pub(super) struct Session {
    connection: AsyncSmtpConnection,
}

impl Session {
    /// Connects, encrypts, logs in.
    pub(super) async fn open(settings: &EmailSettings, login: Option<&Login>) -> Result<Self, Failure> {
        let mut session = Self { connection: connect(settings).await? };
        if let Some(login) = login
            && let Err(failure) = login.log_in(&mut session.connection).await
        {
            session.close().await;
            return Err(failure);
        }
        Ok(session)
    }

    /// Whether addresses may have letters beyond ASCII.
    pub(super) fn takes_utf8(&self) -> bool {
        self.connection.server_info().supports_feature(Extension::SmtpUtfEight)
    }

    /// Sends a mail; gives the outcome for each recipient in order. When the server takes only so many at once, the
    /// others get it in another go.
    pub(super) async fn deliver(
        &mut self,
        from: &Address,
        to: &[&Address],
        mail: &[u8],
    ) -> Result<Vec<Recipient>, Failure> {
        let mut outcomes: Vec<Option<Recipient>> = vec![None; to.len()];
        loop {
            let open: Vec<usize> =
                outcomes.iter().enumerate().filter(|(_, known)| known.is_none()).map(|(at, _)| at).collect();
            if open.is_empty() {
                break;
            }
            let addresses: Vec<&Address> = open.iter().filter_map(|at| to.get(*at).copied()).collect();
            match self.transaction(from, &addresses, mail).await {
                Ok(answers) => {
                    for (at, answer) in open.iter().zip(answers) {
                        if let Some(outcome) = outcomes.get_mut(*at) {
                            *outcome = answer;
                        }
                    }
                }
                // what was taken before stays taken
                Err(Failure::Later(cause) | Failure::Setup(cause) | Failure::Mail(cause))
                    if outcomes.contains(&Some(Recipient::Taken)) =>
                {
                    return Ok(filled(outcomes, &cause.detail));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(filled(outcomes, "not asked"))
    }

    /// Says goodbye.
    pub(super) async fn close(mut self) {
        let _closed = tokio::time::timeout(GOODBYE, self.connection.quit()).await;
    }

    /// One mail to those that the server takes at once; none for those who are one too many.
    async fn transaction(
        &mut self,
        from: &Address,
        to: &[&Address],
        mail: &[u8],
    ) -> Result<Vec<Option<Recipient>>, Failure> {
        let connection = &mut self.connection;
        let mut options = Vec::new();
        if !to.iter().chain([&from]).all(|address| is_ascii(address)) {
            options.push(MailParameter::SmtpUtfEight);
        }
        if !mail.is_ascii() && connection.server_info().supports_feature(Extension::EightBitMime) {
            options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        checked(connection.command(Mail::new(Some(from.clone()), options)), Step::Sender).await?;
        let mut answers: Vec<Option<Recipient>> = Vec::with_capacity(to.len());
        for address in to {
            let command = Rcpt::new((*address).clone(), Vec::new());
            let answer = match step(connection.command(command)).await {
                Ok(_) => Some(Recipient::Taken),
                Err(trouble) => match trouble.answer() {
                    // RFC 5321 4.5.3.1.10: too many at once, whichever of the two it says
                    Some((452 | 552, text))
                        if !text.contains(".2.2") && answers.contains(&Some(Recipient::Taken)) =>
                    {
                        None
                    }
                    Some((400..=499, text)) => Some(Recipient::Later(text)),
                    Some((_, text)) => Some(Recipient::Never(text)),
                    None => return Err(failure(Step::Recipient, trouble)),
                },
            };
            answers.push(answer);
        }
        if !answers.contains(&Some(Recipient::Taken)) {
            // nothing depends on it: the session ends here
            let _reset = step(connection.command(Rset)).await;
            return Ok(answers);
        }
        checked(connection.command(Data), Step::Data).await?;
        match tokio::time::timeout(FINAL_DOT, connection.message(mail)).await {
            Ok(Ok(_)) => Ok(answers),
            Ok(Err(error)) => Err(failure(Step::Content, Trouble::Error(error))),
            Err(_elapsed) => Err(failure(Step::Content, Trouble::Silence)),
        }
    }
}

/// Those who were not reached may be later.
fn filled(outcomes: Vec<Option<Recipient>>, detail: &str) -> Vec<Recipient> {
    let later = || Recipient::Later(detail.to_owned());
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(later)).collect()
}

/// Whether every server can be asked for it.
pub(super) fn is_ascii(address: &Address) -> bool {
    AsRef::<str>::as_ref(address).is_ascii()
}

async fn connect(settings: &EmailSettings) -> Result<AsyncSmtpConnection, Failure> {
    let hello = ClientId::Domain(settings.hello.clone());
    let tls = tls_parameters(settings).await?;
    let greeted = tokio::time::timeout(GREETING, greet(settings, &hello, &tls)).await;
    let mut connection = greeted.map_err(|_elapsed| failure(Step::Connect, Trouble::Silence))??;
    if settings.implicit_tls {
        return Ok(connection);
    }
    if connection.can_starttls() {
        // this says EHLO again, so that what was offered in clear does not count
        checked(connection.starttls(tls, &hello), Step::Tls).await?;
    } else if settings.require_tls {
        Session { connection }.close().await;
        let detail = "the server does not offer STARTTLS; hint: require_tls: false allows mail in clear text";
        return Err(Failure::Setup(Cause::new("tls", detail)));
    }
    Ok(connection)
}

async fn greet(
    settings: &EmailSettings,
    hello: &ClientId,
    tls: &TlsParameters,
) -> Result<AsyncSmtpConnection, Failure> {
    let server = (settings.host.as_str(), settings.port);
    let connection = if settings.implicit_tls {
        AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT), hello, Some(tls.clone()), None).await
    } else {
        let unreached = |detail: String| Failure::Later(Cause::new("connect", detail));
        let connecting = tokio::time::timeout(CONNECT, TcpStream::connect(server)).await;
        let stream = connecting
            .map_err(|_elapsed| unreached(format!("no connection in {} s", CONNECT.as_secs())))?
            .map_err(|error| unreached(error.to_string()))?;
        // the end of a mail is a small write after a large one, which would wait 40 ms for an acknowledgement
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a mail will be slower than it could be");
        }
        AsyncSmtpConnection::connect_with_transport(Box::new(stream), hello).await
    };
    connection.map_err(|error| failure(Step::Connect, Trouble::Error(error)))
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
pub(super) async fn step<T>(
    what: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(STEP, what).await {
        Ok(done) => done.map_err(Trouble::Error),
        Err(_elapsed) => Err(Trouble::Silence),
    }
}

/// A step without which nothing goes on.
async fn checked<T>(
    what: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
    at: Step,
) -> Result<T, Failure> {
    step(what).await.map_err(|trouble| failure(at, trouble))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_step_waits_for_ever() {
        let silent = std::future::pending::<Result<(), _>>();
        let failed = checked(silent, Step::Recipient).await.unwrap_err();
        let words = "the server did not answer (RCPT)";
        assert_eq!(failed, Failure::Later(Cause::new("timeout", words)));
        assert!(FINAL_DOT >= Duration::from_mins(1), "giving up at the final dot makes doubles");
    }
}
