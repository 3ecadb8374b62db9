//! From the error that ended a handshake to its reason.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use super::{Seen, alert_name};
use crate::failure::{Failure, Reason};
use crate::phase::Phase;

/// Alerts by which servers answer a client certificate that is missing or not to their liking.
const ABOUT_US: [AlertDescription; 11] = [
    AlertDescription::HandshakeFailure,
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
    AlertDescription::CertificateRequired,
    AlertDescription::NoCertificate,
    // what vouches for ours has another key, or we do not hold that of ours
    AlertDescription::DecryptError,
];

/// Whether an alert is how a server answers a client certificate.
pub(crate) fn is_about_us(alert: AlertDescription) -> bool {
    ABOUT_US.contains(&alert)
}

/// Why the handshake failed, seen what was seen until then.
pub(super) fn failure(error: io::Error, seen: &Seen, showed_ours: bool) -> Failure {
    let asked = seen.requested_client_certificate;
    let ours = if showed_ours { Reason::ClientCertificateRefused } else { Reason::ClientCertificateRequired };
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let Some(cause) = cause else {
        let reason = match Reason::of_io(&error) {
            // servers that hang up on us without a word after we have shown nothing
            Reason::Reset | Reason::Closed if asked => ours,
            reason => reason,
        };
        return Failure::new(Phase::Tls, reason).because(error);
    };
    match cause {
        Error::AlertReceived(alert) => {
            let code = u8::from(*alert);
            let reason = match alert {
                AlertDescription::CertificateRequired => ours,
                alert if asked && is_about_us(*alert) => ours,
                AlertDescription::ProtocolVersion => Reason::TlsVersion,
                AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
                    Reason::TlsParameters
                }
                _ => Reason::TlsAlert,
            };
            let failure = Failure::new(Phase::Tls, reason).because(alert_name(code));
            Failure { alert: Some(code), ..failure }
        }
        cause => Failure::new(Phase::Tls, reason_of(cause, seen)).because(cause.clone()),
    }
}

fn reason_of(cause: &Error, seen: &Seen) -> Reason {
    match cause {
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => Reason::TlsVersion,
        Error::PeerIncompatible(_) => Reason::TlsParameters,
        Error::InvalidCertificate(CertificateError::BadSignature) => Reason::TlsSignature,
        // the very first bytes are no TLS
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } if seen.version.is_none() => {
            Reason::Protocol
        }
        _ => Reason::TlsHandshake,
    }
}

#[cfg(test)]
mod tests {
    use rustls::InvalidMessage;

    use super::super::Version;
    use super::*;

    fn reason(error: Error, seen: &Seen, showed_ours: bool) -> &'static str {
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        failure(error, seen, showed_ours).reason.as_str()
    }

    #[test]
    fn reasons() {
        let fresh = Seen::default();
        let begun = Seen { version: Some(Version::Tls13), ..Seen::default() };
        let asked = Seen { requested_client_certificate: true, ..begun.clone() };
        let alert = Error::AlertReceived;
        for (error, seen, showed_ours, expected) in [
            (alert(AlertDescription::CertificateRequired), &begun, false, "client_cert_required"),
            (alert(AlertDescription::HandshakeFailure), &asked, false, "client_cert_required"),
            (alert(AlertDescription::UnknownCA), &asked, true, "client_cert_refused"),
            (alert(AlertDescription::UnknownCA), &begun, true, "tls_alert"),
            (alert(AlertDescription::InternalError), &asked, true, "tls_alert"),
            (alert(AlertDescription::HandshakeFailure), &fresh, false, "tls_parameters"),
            (alert(AlertDescription::ProtocolVersion), &fresh, false, "tls_version"),
            (PeerIncompatible::ServerDoesNotSupportTls12Or13.into(), &fresh, false, "tls_version"),
            (PeerIncompatible::NoKxGroupsInCommon.into(), &fresh, false, "tls_parameters"),
            (InvalidMessage::InvalidContentType.into(), &fresh, false, "protocol"),
            (InvalidMessage::InvalidContentType.into(), &begun, false, "tls_handshake"),
            (CertificateError::BadSignature.into(), &begun, false, "tls_signature"),
            (Error::DecryptError, &begun, false, "tls_handshake"),
        ] {
            assert_eq!(reason(error.clone(), seen, showed_ours), expected, "{error:?}");
        }
    }

    #[test]
    fn a_connection_that_ends() {
        let asked = Seen { requested_client_certificate: true, ..Seen::default() };
        for (kind, seen, expected) in [
            (io::ErrorKind::UnexpectedEof, &Seen::default(), "closed"),
            (io::ErrorKind::ConnectionReset, &Seen::default(), "reset"),
            (io::ErrorKind::ConnectionReset, &asked, "client_cert_required"),
            (io::ErrorKind::TimedOut, &asked, "timeout"),
        ] {
            assert_eq!(failure(kind.into(), seen, false).reason.as_str(), expected);
        }
    }

    #[test]
    fn an_alert_is_named() {
        let error = io::Error::other(Error::AlertReceived(AlertDescription::AccessDenied));
        let failure = failure(error, &Seen::default(), false);
        assert_eq!(failure.alert, Some(49));
        assert_eq!(toolkit::chain::chain(&failure), "tls: tls_alert: access_denied");
    }
}
