//! What can go wrong between us and a server, and the closed set of words for it.

use std::io;

use toolkit::config::SecretError;
use toolkit::trouble::{Trouble, is_hangup};

/// The words that logs and metrics use. A closed set: no text from outside gets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The host name has no address.
    Dns,
    /// Nobody listens there.
    Refused,
    /// The network has no way there.
    Unreachable,
    /// The time was up, ours or the server's (`statement_timeout`).
    Timeout,
    /// TLS failed, or the certificate is not trusted.
    Tls,
    /// The server refuses the user or password, or asked for it in a way that we refuse.
    Auth,
    /// The server has too many connections.
    TooManyConnections,
    /// The server starts, recovers or stops and answers nothing yet.
    NotReady,
    /// There is no such database, or it takes no connections.
    NoDatabase,
    /// A right is missing.
    NotPermitted,
    /// The server does not have what is asked for.
    Unsupported,
    /// A lock was not free in time.
    Locked,
    /// The standby had to replay what the query still looked at.
    RecoveryConflict,
    /// Another error of the server.
    Server,
    /// What came back is not the PostgreSQL protocol, or more than we take.
    Protocol,
    /// The server closed the connection.
    Closed,
    /// Another failure of the network.
    Io,
    /// Our own configuration: a certificate or secret that cannot be read.
    Config,
    /// There was more than a collector may give.
    Limit,
}

impl Reason {
    /// The word itself.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::TooManyConnections => "too_many_connections",
            Self::NotReady => "not_ready",
            Self::NoDatabase => "no_database",
            Self::NotPermitted => "not_permitted",
            Self::Unsupported => "unsupported",
            Self::Locked => "locked",
            Self::RecoveryConflict => "recovery_conflict",
            Self::Server => "server",
            Self::Protocol => "protocol",
            Self::Closed => "closed",
            Self::Io => "io",
            Self::Config => "config",
            Self::Limit => "limit",
        }
    }

    /// The class of an SQLSTATE.
    pub fn of_sqlstate(code: &str) -> Self {
        match code {
            "28000" | "28P01" => Self::Auth,
            "53300" => Self::TooManyConnections,
            "57P01" | "57P02" | "57P03" => Self::NotReady,
            "3D000" => Self::NoDatabase,
            "42501" => Self::NotPermitted,
            // feature, function, table, column, type or setting that is not there; wrong state for a function, as
            // when a standby is asked for what only a primary has
            "0A000" | "42883" | "42P01" | "42703" | "42704" | "55000" => Self::Unsupported,
            "55P03" => Self::Locked,
            "57014" => Self::Timeout,
            "40001" | "40P01" => Self::RecoveryConflict,
            _ => Self::Server,
        }
    }
}

/// Why a server could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ConnError {
    /// The host name has no address.
    #[error("the host name was not found")]
    Dns(#[source] io::Error),
    /// TCP or the unix socket did not connect.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// TLS failed.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// A secret could not be read.
    #[error("a secret cannot be read")]
    Secret(#[from] SecretError),
    /// Settings that cannot be used, as found when connecting (passfile, service file, certificates).
    #[error("{0}")]
    Settings(String),
    /// The time was up.
    #[error("no answer in time while {0}")]
    Timeout(&'static str),
    /// The server asked for the password in a way that is not allowed.
    #[error("{0}")]
    Refused(&'static str),
    /// The server answered with an error.
    #[error("{message} (SQLSTATE {code})")]
    Server {
        /// The SQLSTATE.
        code: String,
        /// The first line of its message.
        message: String,
    },
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// What came back is not the PostgreSQL protocol, or more than we take.
    #[error("the answer is not the PostgreSQL protocol: {0}")]
    Protocol(&'static str),
    /// Reading or writing failed.
    #[error("the connection broke")]
    Io(#[source] io::Error),
}

impl ConnError {
    /// The word for logs and metrics.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Dns(_) => Reason::Dns,
            Self::Connect(source) | Self::Io(source) => reason_of_io(source),
            Self::Tls(_) => Reason::Tls,
            Self::Secret(_) | Self::Settings(_) => Reason::Config,
            Self::Timeout(_) => Reason::Timeout,
            Self::Refused(_) => Reason::Auth,
            Self::Server { code, .. } => Reason::of_sqlstate(code),
            Self::Closed => Reason::Closed,
            Self::Protocol(_) => Reason::Protocol,
        }
    }

    /// Whether the session can still be used: the server said no to a query and waits for the next.
    pub fn leaves_session_usable(&self) -> bool {
        match self {
            Self::Server { code, .. } => !code.starts_with("57P") && !code.starts_with("08"),
            _ => false,
        }
    }

    /// The failure of a read or write: an orderly or abrupt end by the server is [`ConnError::Closed`].
    pub(super) fn from_io(error: io::Error) -> Self {
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
    fn sqlstates() {
        for (code, expected) in [
            ("28P01", "auth"),
            ("53300", "too_many_connections"),
            ("57P03", "not_ready"),
            ("3D000", "no_database"),
            ("42501", "not_permitted"),
            ("42883", "unsupported"),
            ("55000", "unsupported"),
            ("55P03", "locked"),
            ("57014", "timeout"),
            ("40001", "recovery_conflict"),
            ("XX000", "server"),
        ] {
            assert_eq!(Reason::of_sqlstate(code).as_str(), expected, "{code}");
        }
    }

    #[test]
    fn a_chain_stands_on_one_line() {
        assert_eq!(ConnError::Connect(io::Error::other("no route")).chain(), "cannot connect: no route");
    }
}
