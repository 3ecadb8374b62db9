//! What the system says of a connection that we opened, in few words.

use std::io::{self, ErrorKind};

/// Why connecting, reading or writing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody listens there, or the unix socket is not there.
    Refused,
    /// The network has no way there.
    Unreachable,
    /// The system gave up waiting.
    Timeout,
    /// The other end broke the connection off.
    Closed,
    /// Anything else.
    Other,
}

impl Trouble {
    /// Sorts an error of the system.
    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::NotFound => Self::Refused,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
                Self::Unreachable
            }
            ErrorKind::TimedOut => Self::Timeout,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Self::Closed,
            _ => Self::Other,
        }
    }
}

/// Whether an open connection was ended by the other side, orderly or not.
pub fn is_hangup(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof
            | ErrorKind::BrokenPipe
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::NotConnected
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system() {
        for (kind, trouble, hangup) in [
            (ErrorKind::ConnectionRefused, Trouble::Refused, false),
            (ErrorKind::NotFound, Trouble::Refused, false),
            (ErrorKind::NetworkUnreachable, Trouble::Unreachable, false),
            (ErrorKind::TimedOut, Trouble::Timeout, false),
            (ErrorKind::ConnectionReset, Trouble::Closed, true),
            (ErrorKind::BrokenPipe, Trouble::Other, true),
            (ErrorKind::UnexpectedEof, Trouble::Other, true),
            (ErrorKind::PermissionDenied, Trouble::Other, false),
        ] {
            let error = io::Error::from(kind);
            assert_eq!((Trouble::of(&error), is_hangup(&error)), (trouble, hangup), "{kind:?}");
        }
    }
}
