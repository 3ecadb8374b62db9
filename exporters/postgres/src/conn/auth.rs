//! Proving the password.
//!
//! Invariants: a method that is not allowed gets nothing; SCRAM is finished by checking the server's own proof; a
//! password in clear text needs TLS or the user's word.

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    ChannelBinding as Binding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use toolkit::config::Secret;

use super::error::ConnError;
use super::wire::{Message, Wire, message, put_text, server_error};

/// A way in which a server may ask who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Not at all: trust, peer, certificate.
    None,
    /// SCRAM-SHA-256: the server learns nothing that it could use elsewhere.
    Scram,
    /// A salted MD5, which can be guessed at offline.
    Md5,
    /// The password itself.
    Cleartext,
}

/// Which methods are answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// What the user said (`require_auth`); empty: the careful default.
    pub listed: Vec<Method>,
    /// Whether the target came from a request, so that MD5 and clear text need a verified certificate.
    pub strict: bool,
}

/// What is known of the connection that the password would go over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Protection {
    pub(crate) encrypted: bool,
    /// The server's certificate was checked.
    pub(crate) verified: bool,
    /// A unix socket.
    pub(crate) local: bool,
}

/// Whether and how SCRAM is bound to the TLS channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// When the server offers it.
    #[default]
    Prefer,
    /// Always.
    Require,
}

/// Who we are.
pub(crate) struct Identity<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: Option<&'a Secret>,
    pub(crate) allowed: &'a Allowed,
    pub(crate) protection: Protection,
    pub(crate) binding: ChannelBinding,
    /// The hash of the server's certificate, for SCRAM over TLS.
    pub(crate) end_point: Option<Vec<u8>>,
}

impl Allowed {
    fn permits(&self, method: Method, protection: Protection) -> Result<(), ConnError> {
        let Protection { encrypted, verified, local } = protection;
        let ok = match (self.listed.is_empty(), method) {
            (false, _) => self.listed.contains(&method),
            (true, Method::None | Method::Scram) => true,
            (true, Method::Md5) => !self.strict || verified || local,
            (true, Method::Cleartext) => {
                if self.strict {
                    verified
                } else {
                    encrypted || local
                }
            }
        };
        if ok {
            return Ok(());
        }
        Err(ConnError::Refused(match method {
            Method::Cleartext => {
                "the server asks for the password in clear text, which is refused without TLS \
                 (hint: sslmode=verify-full, or require_auth=password to allow it)"
            }
            Method::Md5 => {
                "the server asks for an MD5 of the password, which is refused here \
                 (hint: sslmode=verify-full, or require_auth=md5 to allow it)"
            }
            _ => "the server's way to ask for the password is not in require_auth",
        }))
    }
}

/// Answers the server until it is content.
pub(crate) async fn introduce(wire: &mut Wire, identity: &Identity<'_>) -> Result<(), ConnError> {
    let mut proved = Method::None;
    loop {
        let Message { tag, body } = wire.next().await?;
        match tag {
            b'E' => return Err(server_error(body)),
            b'N' | b'v' => continue,
            b'R' => {}
            _ => return Err(ConnError::Protocol("expected a request for authentication")),
        }
        let (kind, rest) =
            body.split_first_chunk::<4>().ok_or(ConnError::Protocol("a message is too short"))?;
        match u32::from_be_bytes(*kind) {
            0 => return finish(identity, proved),
            3 => {
                identity.allowed.permits(Method::Cleartext, identity.protection)?;
                let password = identity.password()?;
                wire.send(&message(b'p', |body| put_text(body, password.expose()))).await?;
                proved = Method::Cleartext;
            }
            5 => {
                let salt = *rest.first_chunk::<4>().ok_or(ConnError::Protocol("a message is too short"))?;
                identity.allowed.permits(Method::Md5, identity.protection)?;
                let password = identity.password()?;
                let hash = md5_hash(identity.user.as_bytes(), password.expose().as_bytes(), salt);
                wire.send(&message(b'p', |body| put_text(body, &hash))).await?;
                proved = Method::Md5;
            }
            10 => {
                let offered = String::from_utf8_lossy(rest).into_owned();
                identity.allowed.permits(Method::Scram, identity.protection)?;
                scram(wire, identity, &offered).await?;
                proved = Method::Scram;
            }
            _ => {
                return Err(ConnError::Refused(
                    "the server asks for a kind of authentication that is not supported (GSSAPI, SSPI or Kerberos)",
                ));
            }
        }
    }
}

fn finish(identity: &Identity<'_>, proved: Method) -> Result<(), ConnError> {
    if proved == Method::None {
        identity.allowed.permits(Method::None, identity.protection)?;
    }
    if identity.binding == ChannelBinding::Require && proved != Method::Scram {
        return Err(ConnError::Refused("channel_binding=require, and the server did not use SCRAM"));
    }
    Ok(())
}

async fn scram(wire: &mut Wire, identity: &Identity<'_>, offered: &str) -> Result<(), ConnError> {
    let offers = |wanted: &str| offered.split('\0').any(|name| name == wanted);
    let wants_binding = identity.binding != ChannelBinding::Disable;
    let (name, binding) = match &identity.end_point {
        Some(hash) if wants_binding && offers(SCRAM_SHA_256_PLUS) => {
            (SCRAM_SHA_256_PLUS, Binding::tls_server_end_point(hash.clone()))
        }
        _ if identity.binding == ChannelBinding::Require => {
            return Err(ConnError::Refused("channel_binding=require, and the server does not offer it"));
        }
        // we could bind, the server could not: SCRAM tells it so, and it would notice a meddler
        Some(_) if wants_binding => (SCRAM_SHA_256, Binding::unrequested()),
        _ => (SCRAM_SHA_256, Binding::unsupported()),
    };
    if !offers(name) {
        return Err(ConnError::Refused("the server offers no SASL mechanism that is supported"));
    }
    let mut scram = ScramSha256::new(identity.password()?.expose().as_bytes(), binding);
    let first = message(b'p', |body| {
        put_text(body, name);
        let length = u32::try_from(scram.message().len()).unwrap_or(u32::MAX);
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(scram.message());
    });
    wire.send(&first).await?;
    let wrong = |_| ConnError::Protocol("the server's SCRAM message is wrong");
    scram.update(sasl(wire, 11).await?).map_err(wrong)?;
    wire.send(&message(b'p', |body| body.extend_from_slice(scram.message()))).await?;
    let proof = sasl(wire, 12).await?;
    scram
        .finish(proof)
        .map_err(|_| ConnError::Refused("the server could not prove that it knows the password"))
}

/// The body of the SASL message that is due.
async fn sasl(wire: &mut Wire, due: u32) -> Result<&[u8], ConnError> {
    let Message { tag, body } = wire.next().await?;
    match (tag, body.split_first_chunk::<4>()) {
        (b'E', _) => Err(server_error(body)),
        (b'R', Some((kind, rest))) if u32::from_be_bytes(*kind) == due => Ok(rest),
        _ => Err(ConnError::Protocol("the server left the SCRAM exchange")),
    }
}

impl Identity<'_> {
    fn password(&self) -> Result<&Secret, ConnError> {
        let given = self.password.filter(|password| !password.is_empty());
        given.ok_or(ConnError::Refused("the server asks for a password, and none is configured"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allowed() {
        let plain = Protection { encrypted: false, verified: false, local: false };
        let tls = Protection { encrypted: true, ..plain };
        let verified = Protection { verified: true, ..tls };
        let local = Protection { local: true, ..plain };
        let usual = Allowed::default();
        let strict = Allowed { strict: true, ..Allowed::default() };
        let listed = Allowed { listed: vec![Method::Cleartext], strict: true };
        for (allowed, method, protection, expected) in [
            (&usual, Method::Scram, plain, true),
            (&usual, Method::Md5, plain, true),
            (&usual, Method::Cleartext, plain, false),
            (&usual, Method::Cleartext, tls, true),
            (&usual, Method::Cleartext, local, true),
            (&strict, Method::None, plain, true),
            (&strict, Method::Scram, plain, true),
            (&strict, Method::Md5, tls, false),
            (&strict, Method::Md5, verified, true),
            (&strict, Method::Cleartext, tls, false),
            (&strict, Method::Cleartext, verified, true),
            (&listed, Method::Cleartext, plain, true),
            (&listed, Method::Scram, verified, false),
        ] {
            assert_eq!(allowed.permits(method, protection).is_ok(), expected, "{method:?} {protection:?}");
        }
    }

    /// Plays a server that asks in this way; gives what the client says in the end and what it sent.
    async fn asked(request: &[u8], allowed: &Allowed, protection: Protection) -> (String, Vec<u8>) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};

        let (ours, mut theirs) = tokio::io::duplex(1000);
        theirs.write_all(&message(b'R', |body| body.extend_from_slice(request))).await.unwrap();
        theirs.write_all(&message(b'R', |body| body.extend_from_slice(&[0; 4]))).await.unwrap();
        let secret = Secret::from("canary");
        let identity = Identity {
            user: "u",
            password: Some(&secret),
            allowed,
            protection,
            binding: ChannelBinding::Prefer,
            end_point: None,
        };
        let mut wire = Wire::new(Box::new(ours));
        let said =
            introduce(&mut wire, &identity).await.map_or_else(|error| error.to_string(), |()| String::new());
        drop(wire);
        let mut sent = Vec::new();
        theirs.read_to_end(&mut sent).await.unwrap();
        (said, sent)
    }

    #[tokio::test]
    async fn a_server_that_asks_in_a_way_that_is_not_allowed_gets_nothing() {
        let plain = Protection { encrypted: false, verified: false, local: false };
        let strict = Allowed { strict: true, ..Allowed::default() };
        for (request, allowed, words) in [
            (&[0, 0, 0, 3][..], &Allowed::default(), "in clear text"),
            (&[0, 0, 0, 5, 1, 2, 3, 4], &strict, "an MD5 of the password"),
            (&[0, 0, 0, 7], &Allowed::default(), "GSSAPI"),
            (b"\0\0\0\x0aPLAIN\0\0", &Allowed::default(), "no SASL mechanism"),
        ] {
            let (said, sent) = asked(request, allowed, plain).await;
            assert!(said.contains(words) && sent.is_empty(), "{said}: {sent:?}");
        }
        let tls = Protection { encrypted: true, ..plain };
        let (said, sent) = asked(&[0, 0, 0, 3], &Allowed::default(), tls).await;
        assert_eq!((said.as_str(), sent.as_slice()), ("", &b"p\0\0\0\x0bcanary\0"[..]));
    }
}
