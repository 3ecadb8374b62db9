//! FTP, NNTP, IRC.

use tokio::io::{AsyncRead, AsyncWrite};

use super::lines::{Dialogue, first_word, said};
use crate::failure::{Failure, Reason};

/// FTP.
pub(super) async fn ftp<S>(dialogue: &mut Dialogue<'_, S>) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut greeting = dialogue.reply().await?;
    // "ready in a moment"
    while greeting.code == 120 {
        greeting = dialogue.reply().await?;
    }
    if greeting.code != 220 {
        return Err(greeting.refuses(Reason::StartTlsRefused));
    }
    dialogue.say("AUTH TLS").await?;
    let reply = dialogue.reply().await?;
    match reply.code {
        234 => Ok(()),
        // unknown command, not implemented, not with this parameter, log in first
        500 | 502 | 504 | 530 => Err(reply.refuses(Reason::StartTlsNotOffered)),
        _ => Err(reply.refuses(Reason::StartTlsRefused)),
    }
}

/// NNTP.
pub(super) async fn nntp<S>(dialogue: &mut Dialogue<'_, S>) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let greeting = dialogue.reply().await?;
    if !matches!(greeting.code, 200 | 201) {
        return Err(greeting.refuses(Reason::StartTlsRefused));
    }
    dialogue.say("CAPABILITIES").await?;
    let reply = dialogue.reply().await?;
    if reply.code != 101 {
        return Err(reply.refuses(Reason::StartTlsNotOffered));
    }
    let offered = dialogue.list().await?;
    if !offered.iter().any(|line| first_word(line).eq_ignore_ascii_case("STARTTLS")) {
        return Err(said(Reason::StartTlsNotOffered, "no STARTTLS among the capabilities"));
    }
    dialogue.say("STARTTLS").await?;
    let reply = dialogue.reply().await?;
    if reply.code == 382 { Ok(()) } else { Err(reply.refuses(Reason::StartTlsRefused)) }
}

/// IRC, before anybody has a name there.
pub(super) async fn irc<S>(dialogue: &mut Dialogue<'_, S>) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    dialogue.say("STARTTLS").await?;
    loop {
        let line = dialogue.line().await?;
        let message = match line.strip_prefix(':') {
            Some(rest) => rest.split_once(' ').map_or("", |(_, message)| message),
            None => line.as_str(),
        };
        match first_word(message).to_ascii_uppercase().as_str() {
            "670" => return Ok(()),
            "691" | "ERROR" => return Err(said(Reason::StartTlsRefused, &line)),
            // unknown command, not registered
            "421" | "451" => return Err(said(Reason::StartTlsNotOffered, &line)),
            "PING" => {
                let token = message.split_once(' ').map_or("", |(_, token)| token);
                dialogue.say(&format!("PONG {token}")).await?;
            }
            // greetings of all kinds
            _ => {}
        }
    }
}
