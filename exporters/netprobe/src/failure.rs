//! Why a connection did not come to be: a phase and a word of a closed list.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::phase::{Phase, Timings};

/// What was wrong. A closed list: no text from outside gets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The name cannot be resolved.
    Dns,
    /// The name has no address of the family that is wanted.
    NoAddress,
    /// The address is not one that may be connected to.
    Denied,
    /// Nobody listens there.
    Refused,
    /// The network has no way there.
    Unreachable,
    /// The deadline passed.
    Timeout,
    /// The connection was cut.
    Reset,
    /// The server closed the connection.
    Closed,
    /// Our own machine could not: no descriptor, no port, no such source address.
    Local,
    /// The proxy did not make the tunnel.
    ProxyRefused,
    /// The proxy wants other credentials.
    ProxyAuthentication,
    /// The server does not offer to go on in TLS.
    StartTlsNotOffered,
    /// The server offers TLS, and refused it when it was asked.
    StartTlsRefused,
    /// More plaintext came after the go-ahead for TLS: somebody in the middle may have put it there.
    StartTlsInjected,
    /// What came is not the protocol.
    Protocol,
    /// What came is longer than any honest answer.
    TooLong,
    /// The server speaks none of the TLS versions that we do.
    TlsVersion,
    /// The server has no cipher suite, group or signature in common with us.
    TlsParameters,
    /// The server wants a client certificate, and we showed none.
    ClientCertificateRequired,
    /// The server does not take our client certificate.
    ClientCertificateRefused,
    /// The server ended the handshake with another alert.
    TlsAlert,
    /// The server does not hold the key of its certificate.
    TlsSignature,
    /// The handshake failed otherwise.
    TlsHandshake,
    /// Something else.
    Other,
}

impl Reason {
    /// Its word in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::NoAddress => "no_address",
            Self::Denied => "denied",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Local => "local",
            Self::ProxyRefused => "proxy_refused",
            Self::ProxyAuthentication => "proxy_authentication",
            Self::StartTlsNotOffered => "starttls_not_offered",
            Self::StartTlsRefused => "starttls_refused",
            Self::StartTlsInjected => "starttls_injected",
            Self::Protocol => "protocol",
            Self::TooLong => "too_long",
            Self::TlsVersion => "tls_version",
            Self::TlsParameters => "tls_parameters",
            Self::ClientCertificateRequired => "client_cert_required",
            Self::ClientCertificateRefused => "client_cert_refused",
            Self::TlsAlert => "tls_alert",
            Self::TlsSignature => "tls_signature",
            Self::TlsHandshake => "tls_handshake",
            Self::Other => "other",
        }
    }

    /// The word for a failure of the system while connecting, reading or writing.
    pub fn of_io(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            return Self::of_tls(tls);
        }
        match error.kind() {
            Kind::ConnectionRefused => Self::Refused,
            Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => Self::Unreachable,
            Kind::TimedOut => Self::Timeout,
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => Self::Reset,
            Kind::UnexpectedEof | Kind::NotConnected => Self::Closed,
            Kind::AddrNotAvailable | Kind::AddrInUse | Kind::OutOfMemory | Kind::PermissionDenied => {
                Self::Local
            }
            // too many open files, of this process or of the machine (EMFILE, ENFILE)
            _ if matches!(error.raw_os_error(), Some(23 | 24)) => Self::Local,
            _ => Self::Other,
        }
    }

    /// The word for what ended TLS after its handshake: what a server says of certificates then is about ours.
    fn of_tls(error: &rustls::Error) -> Self {
        use rustls::{AlertDescription, Error};
        match error {
            Error::AlertReceived(AlertDescription::CertificateRequired) => Self::ClientCertificateRequired,
            Error::AlertReceived(alert) if crate::tls::is_about_us(*alert) => Self::ClientCertificateRefused,
            Error::AlertReceived(_) => Self::TlsAlert,
            _ => Self::Protocol,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why a connection did not come to be.
#[derive(Debug)]
pub struct Failure {
    /// How far it had come.
    pub phase: Phase,
    /// What was wrong.
    pub reason: Reason,
    /// What lies beneath. It may hold a server's own words, bounded and without control characters.
    pub source: Option<Box<dyn Error + Send + Sync>>,
    /// The alert with which the server ended TLS.
    pub alert: Option<u8>,
    /// The address that was tried last, when it came to that.
    pub peer: Option<SocketAddr>,
    /// What the phases took; [`crate::dial()`] fills it in.
    pub timings: Timings,
}

impl Failure {
    /// A failure with nothing beneath it.
    pub fn new(phase: Phase, reason: Reason) -> Self {
        Self { phase, reason, source: None, alert: None, peer: None, timings: Timings::NONE }
    }

    /// Names what lies beneath.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// A failure of the system.
    pub fn io(phase: Phase, error: io::Error) -> Self {
        Self::new(phase, Reason::of_io(&error)).because(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.phase.as_str(), self.reason)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.source {
            Some(source) => Some(&**source),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_s_failures_have_words() {
        for (kind, word) in [
            (io::ErrorKind::ConnectionRefused, "refused"),
            (io::ErrorKind::HostUnreachable, "unreachable"),
            (io::ErrorKind::BrokenPipe, "reset"),
            (io::ErrorKind::UnexpectedEof, "closed"),
            (io::ErrorKind::AddrNotAvailable, "local"),
            (io::ErrorKind::InvalidData, "other"),
        ] {
            assert_eq!(Reason::of_io(&kind.into()).as_str(), word);
        }
        assert_eq!(Reason::of_io(&io::Error::from_raw_os_error(24)), Reason::Local);
        for (alert, word) in [
            (rustls::AlertDescription::CertificateRequired, "client_cert_required"),
            (rustls::AlertDescription::UnknownCA, "client_cert_refused"),
            (rustls::AlertDescription::InternalError, "tls_alert"),
        ] {
            let error = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::AlertReceived(alert));
            assert_eq!(Reason::of_io(&error).as_str(), word);
        }
    }

    #[test]
    fn a_failure_reads_with_its_cause() {
        let failure = Failure::io(Phase::Connect, io::ErrorKind::ConnectionRefused.into());
        assert_eq!(toolkit::chain::chain(&failure), "connect: refused: connection refused");
    }
}
