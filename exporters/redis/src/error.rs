//! What can go wrong between us and a server, and the closed set of words for it.

use std::io;

use toolkit::config::SecretError;
use toolkit::trouble::{Trouble, is_hangup};

use crate::reply::Refusal;
use crate::tls::TlsError;

/// The words that `exporter_last_scrape_error{err}` and logs use. A closed set: no text from outside gets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The host name has no address.
    Dns,
    /// Nobody listens there.
    Refused,
    /// The network has no way there.
    Unreachable,
    /// The deadline or the connection timeout passed.
    Timeout,
    /// The server's certificate is not trusted for this name.
    TlsVerify,
    /// TLS failed before that.
    TlsHandshake,
    /// The server wants a password and got none.
    NoAuth,
    /// The server refuses the user or password.
    WrongPass,
    /// The ACL forbids the command.
    NoPerm,
    /// The server loads its data and does not answer this yet.
    Loading,
    /// The server has too many clients.
    MaxClients,
    /// The server runs a script and answers nothing else.
    Busy,
    /// Protected mode.
    Denied,
    /// The server does not have the command.
    Unsupported,
    /// A Sentinel says that too few Sentinels can be reached to agree on anything.
    NoQuorum,
    /// Another error reply.
    Server,
    /// What came back is not the Redis protocol, or more than we take.
    Protocol,
    /// The server closed the connection.
    Closed,
    /// Another failure of the network.
    Io,
    /// Our own configuration: a certificate or secret that cannot be read.
    Config,
}

impl Reason {
    /// The word itself.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::TlsVerify => "tls_verify",
            Self::TlsHandshake => "tls_handshake",
            Self::NoAuth => "noauth",
            Self::WrongPass => "wrongpass",
            Self::NoPerm => "noperm",
            Self::Loading => "loading",
            Self::MaxClients => "maxclients",
            Self::Busy => "busy",
            Self::Denied => "denied",
            Self::Unsupported => "unsupported",
            Self::NoQuorum => "noquorum",
            Self::Server => "server",
            Self::Protocol => "protocol",
            Self::Closed => "closed",
            Self::Io => "io",
            Self::Config => "config",
        }
    }
}

impl Reason {
    /// Whether asking again soon is of no use: the ACL or the server's version says no.
    pub fn is_lasting(self) -> bool {
        matches!(self, Self::NoPerm | Self::Unsupported)
    }
}

/// Why a server could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The host name has no address.
    #[error("the host name was not found")]
    Dns(#[source] io::Error),
    /// TCP or the unix socket did not connect.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// TLS failed.
    #[error("TLS failed")]
    Tls(#[source] TlsError),
    /// The password could not be read.
    #[error("the password cannot be read")]
    Secret(#[source] SecretError),
    /// The password file holds nothing usable.
    #[error("{0}")]
    PasswordFile(String),
    /// The time was up.
    #[error("no answer in time while {0}")]
    Timeout(&'static str),
    /// The server refused us.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The server refused AUTH.
    #[error("the server refused the user or password")]
    Auth(Reason),
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// What came back is not the Redis protocol, or more than we take.
    #[error("the answer is not the Redis protocol: {0}")]
    Protocol(&'static str),
    /// Reading or writing failed.
    #[error("the connection broke")]
    Io(#[source] io::Error),
}

impl LinkError {
    /// The word for labels.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Dns(_) => Reason::Dns,
            Self::Connect(source) | Self::Io(source) => reason_of_io(source),
            Self::Tls(error) => error.reason(),
            Self::Secret(_) | Self::PasswordFile(_) => Reason::Config,
            Self::Timeout(_) => Reason::Timeout,
            Self::Refused(refusal) => refusal.reason(),
            Self::Auth(reason) => *reason,
            Self::Closed => Reason::Closed,
            Self::Protocol(_) => Reason::Protocol,
        }
    }

    /// When the certificate ends that the server showed before the connection failed, in Unix time.
    pub fn not_after(&self) -> Option<i64> {
        match self {
            Self::Tls(error) => error.not_after(),
            _ => None,
        }
    }

    /// The failure of a read or write: an orderly or abrupt end by the server is [`LinkError::Closed`].
    pub fn from_io(error: io::Error) -> Self {
        if is_hangup(&error) { Self::Closed } else { Self::Io(error) }
    }

    /// The error and its causes on one line.
    pub fn chain(&self) -> String {
        toolkit::chain::chain(self)
    }
}

fn reason_of_io(error: &io::Error) -> Reason {
    match Trouble::of(error) {
        Trouble::Refused => Reason::Refused,
        Trouble::Unreachable => Reason::Unreachable,
        Trouble::Timeout => Reason::Timeout,
        Trouble::Closed => Reason::Closed,
        Trouble::Other => Reason::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_have_a_reason_from_a_closed_set() {
        let io = |kind| io::Error::from(kind);
        for (error, expected) in [
            (LinkError::Dns(io(io::ErrorKind::Other)), "dns"),
            (LinkError::Connect(io(io::ErrorKind::ConnectionRefused)), "refused"),
            (LinkError::Connect(io(io::ErrorKind::NotFound)), "refused"),
            (LinkError::Connect(io(io::ErrorKind::NetworkUnreachable)), "unreachable"),
            (LinkError::Connect(io(io::ErrorKind::PermissionDenied)), "io"),
            (LinkError::from_io(io(io::ErrorKind::BrokenPipe)), "closed"),
            (LinkError::from_io(io(io::ErrorKind::Other)), "io"),
            (LinkError::Timeout("connecting"), "timeout"),
            (LinkError::Protocol("x"), "protocol"),
            (LinkError::Refused(Refusal::new("NOAUTH", "")), "noauth"),
        ] {
            assert_eq!(error.reason().as_str(), expected, "{error}");
        }
    }

    #[test]
    fn a_chain_stands_on_one_line() {
        let error = LinkError::Connect(io::Error::other("no route"));
        assert_eq!(error.chain(), "cannot connect: no route");
    }
}
