//! SMTP and LMTP, IMAP, POP3, ManageSieve.

use tokio::io::{AsyncRead, AsyncWrite};

use super::lines::{Dialogue, first_word, said, unexpected};
use crate::failure::{Failure, Reason};

/// SMTP, where `hello` is EHLO; LMTP, where it is LHLO.
pub(super) async fn smtp<S>(dialogue: &mut Dialogue<'_, S>, hello: &str) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let greeting = dialogue.reply().await?;
    if greeting.code != 220 {
        return Err(greeting.refuses(Reason::StartTlsRefused));
    }
    dialogue.say(&format!("{hello} localhost")).await?;
    let reply = dialogue.reply().await?;
    // a server that does not know EHLO has no extensions
    if reply.code != 250 || !reply.offers("STARTTLS") {
        return Err(reply.refuses(Reason::StartTlsNotOffered));
    }
    dialogue.say("STARTTLS").await?;
    let reply = dialogue.reply().await?;
    if reply.code == 220 { Ok(()) } else { Err(reply.refuses(Reason::StartTlsRefused)) }
}

/// IMAP.
pub(super) async fn imap<S>(dialogue: &mut Dialogue<'_, S>) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let greeting = dialogue.line().await?;
    match status(&greeting, "*").as_deref() {
        Some("OK") => {}
        // one who is logged in already may not start TLS any more
        Some("PREAUTH") => return Err(said(Reason::StartTlsNotOffered, &greeting)),
        Some("BYE") => return Err(said(Reason::StartTlsRefused, &greeting)),
        _ => return Err(unexpected(&greeting)),
    }
    dialogue.say("a1 CAPABILITY").await?;
    let mut offered = false;
    loop {
        let line = dialogue.line().await?;
        if status(&line, "*").as_deref() == Some("CAPABILITY") {
            offered |= line.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("STARTTLS"));
        }
        if status(&line, "a1").is_some() {
            break;
        }
    }
    if !offered {
        return Err(said(Reason::StartTlsNotOffered, "no STARTTLS among the capabilities"));
    }
    dialogue.say("a2 STARTTLS").await?;
    loop {
        let line = dialogue.line().await?;
        match status(&line, "a2").as_deref() {
            Some("OK") => return Ok(()),
            Some(_) => return Err(said(Reason::StartTlsRefused, &line)),
            None => {}
        }
    }
}

/// The word behind the tag, in capitals.
fn status(line: &str, tag: &str) -> Option<String> {
    let rest = line.strip_prefix(tag)?.strip_prefix(' ')?;
    Some(first_word(rest).to_ascii_uppercase())
}

/// POP3.
pub(super) async fn pop3<S>(dialogue: &mut Dialogue<'_, S>) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let greeting = dialogue.line().await?;
    match first_word(&greeting) {
        "+OK" => {}
        "-ERR" => return Err(said(Reason::StartTlsRefused, &greeting)),
        _ => return Err(unexpected(&greeting)),
    }
    dialogue.say("CAPA").await?;
    let known = first_word(&dialogue.line().await?) == "+OK";
    if known {
        let offered = dialogue.list().await?;
        if !offered.iter().any(|line| first_word(line).eq_ignore_ascii_case("STLS")) {
            return Err(said(Reason::StartTlsNotOffered, "no STLS among the capabilities"));
        }
    }
    dialogue.say("STLS").await?;
    let line = dialogue.line().await?;
    match first_word(&line) {
        "+OK" => Ok(()),
        // a server without CAPA says by this that it has none
        _ if !known => Err(said(Reason::StartTlsNotOffered, &line)),
        _ => Err(said(Reason::StartTlsRefused, &line)),
    }
}

/// ManageSieve.
pub(super) async fn sieve<S>(dialogue: &mut Dialogue<'_, S>) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut offered = false;
    loop {
        let line = dialogue.line().await?;
        // capabilities are quoted, the end of the greeting is not
        if let Some(capability) = line.strip_prefix('"') {
            let name = capability.split('"').next().unwrap_or_default();
            offered |= name.eq_ignore_ascii_case("STARTTLS");
            continue;
        }
        match first_word(&line).to_ascii_uppercase().as_str() {
            "OK" => break,
            "NO" | "BYE" => return Err(said(Reason::StartTlsRefused, &line)),
            _ => return Err(unexpected(&line)),
        }
    }
    if !offered {
        return Err(said(Reason::StartTlsNotOffered, "no STARTTLS among the capabilities"));
    }
    dialogue.say("STARTTLS").await?;
    let line = dialogue.line().await?;
    if first_word(&line).eq_ignore_ascii_case("OK") {
        Ok(())
    } else {
        Err(said(Reason::StartTlsRefused, &line))
    }
}
