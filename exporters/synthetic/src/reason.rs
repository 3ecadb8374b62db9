//! Why a probe failed: a word of a closed list, so that an alert can name it.

use netprobe::chain::Reason as Distrust;
use netprobe::failure::{Failure, Reason as Network};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal;)*) => {
        /// What was wrong. No text from outside gets in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)*
        }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its word in labels.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

reasons! {
    /// The name does not exist.
    DnsNxdomain "dns_nxdomain";
    /// The resolver did not answer in time.
    DnsTimeout "dns_timeout";
    /// The resolver could not say.
    DnsServfail "dns_servfail";
    /// The name has no address of the protocol that is wanted.
    DnsNoAddress "dns_no_address";
    /// The name cannot be resolved otherwise.
    DnsError "dns_error";
    /// The answer's code is not one of the valid ones (prober `dns`).
    DnsRcode "dns_rcode";
    /// A record of the answer is, or is not, what the module wants (prober `dns`).
    DnsRecords "dns_records";
    /// Nobody listens there.
    ConnectRefused "connect_refused";
    /// Nobody answered in time.
    ConnectTimeout "connect_timeout";
    /// The network has no way there.
    Unreachable "unreachable";
    /// The connection was cut.
    Reset "reset";
    /// The server closed the connection before it had answered.
    Closed "closed";
    /// The proxy did not make the tunnel, or cannot be reached.
    ProxyRefused "proxy_refused";
    /// The proxy wants other credentials.
    ProxyAuthentication "proxy_authentication";
    /// The certificate is over.
    TlsExpired "tls_expired";
    /// The certificate is not valid yet.
    TlsNotYetValid "tls_not_yet_valid";
    /// Nobody whom we trust signed the certificate.
    TlsUnknownCa "tls_unknown_ca";
    /// The certificate is of another host.
    TlsHostname "tls_hostname";
    /// The certificate is revoked.
    TlsRevoked "tls_revoked";
    /// The certificate is not trusted for another reason.
    TlsUntrusted "tls_untrusted";
    /// The server speaks none of the TLS versions that are wanted.
    TlsVersion "tls_version";
    /// The server ended the handshake with an alert.
    TlsAlert "tls_alert";
    /// The server wants a client certificate that we have not.
    TlsClientCertificate "tls_client_cert_required";
    /// The handshake failed otherwise.
    TlsHandshake "tls_handshake";
    /// The protocol does not offer to go on in TLS, or refused.
    StartTls "starttls";
    /// TLS is there and must not be, or the other way round.
    TlsUnwanted "tls_unwanted";
    /// The status is not one of the valid ones.
    HttpStatus "http_status";
    /// The version of HTTP is not one of the valid ones.
    HttpVersion "http_version";
    /// A header is, or is not, what the module wants.
    Header "header";
    /// The body matches, or does not match, a regular expression.
    BodyRegex "body_regex";
    /// The body is no JSON, or a condition on it does not hold.
    BodyJson "body_json";
    /// The body is longer than it may be.
    BodyTooLarge "body_too_large";
    /// The body cannot be decompressed, or blows up.
    Decompress "decompress";
    /// There were too many redirects.
    RedirectLimit "redirect_limit";
    /// A redirect leads to where it may not, or nowhere.
    RedirectBlocked "redirect_blocked";
    /// The target may not be probed.
    TargetDenied "target_denied";
    /// The target cannot be read.
    TargetInvalid "target_invalid";
    /// No token could be had to log in with.
    AuthToken "auth_token";
    /// More packets were lost than may be (prober `icmp`).
    PacketLoss "packet_loss";
    /// What came is not what the script waits for.
    Expect "expect";
    /// The service says that it does not serve (prober `grpc`).
    NotServing "not_serving";
    /// The service answered with an error (probers `grpc`, `postgres`, `redis`, `smtp`).
    ServerError "server_error";
    /// The server does not take our user, password or key, or would have the password in clear text.
    CredentialsRefused "credentials_refused";
    /// What came is not the protocol.
    Protocol "protocol";
    /// A step of a journey did not find what it takes from the answer.
    StepExtract "step_extract";
    /// The heartbeat did not come in time.
    HeartbeatMissed "heartbeat_missed";
    /// The newest artifact is missing, too old, too small or cannot be read.
    Artifact "artifact";
    /// It answered, and must not be reachable.
    Reachable "reachable";
    /// It worked, and took longer than its check allows.
    Slow "slow";
    /// A served certificate ends sooner than the check allows.
    CertificateEnds "certificate_ends";
    /// The job that called us says that it failed (heartbeats).
    HeartbeatFailed "heartbeat_failed";
    /// The time was over in another phase.
    Timeout "timeout";
    /// This machine could not: no descriptor, no port, no right, no such file.
    Internal "internal";
}

impl Reason {
    /// The word for a failure of the connection.
    pub fn of_network(failure: &Failure) -> Self {
        use netprobe::phase::Phase;
        match failure.reason {
            Network::Dns => Self::DnsError,
            Network::NoAddress => Self::DnsNoAddress,
            Network::Denied => Self::TargetDenied,
            Network::Refused if failure.phase == Phase::Proxy => Self::ProxyRefused,
            Network::Refused => Self::ConnectRefused,
            Network::Unreachable => Self::Unreachable,
            Network::Timeout if failure.phase == Phase::Resolve => Self::DnsTimeout,
            Network::Timeout if failure.phase == Phase::Connect => Self::ConnectTimeout,
            Network::Timeout => Self::Timeout,
            Network::Reset => Self::Reset,
            Network::Closed => Self::Closed,
            Network::Local => Self::Internal,
            Network::ProxyRefused => Self::ProxyRefused,
            Network::ProxyAuthentication => Self::ProxyAuthentication,
            Network::StartTlsNotOffered | Network::StartTlsRefused | Network::StartTlsInjected => {
                Self::StartTls
            }
            Network::Protocol | Network::TooLong => Self::Protocol,
            Network::TlsVersion => Self::TlsVersion,
            Network::TlsAlert => Self::TlsAlert,
            Network::ClientCertificateRequired | Network::ClientCertificateRefused => {
                Self::TlsClientCertificate
            }
            Network::TlsParameters | Network::TlsSignature | Network::TlsHandshake => Self::TlsHandshake,
            Network::Other => Self::Internal,
        }
    }

    /// The word for a chain that is not trusted.
    pub fn of_distrust(reason: Distrust) -> Self {
        match reason {
            Distrust::Expired | Distrust::ExpiredIntermediate => Self::TlsExpired,
            Distrust::NotYetValid => Self::TlsNotYetValid,
            Distrust::HostnameMismatch => Self::TlsHostname,
            Distrust::SelfSigned | Distrust::UnknownAuthority | Distrust::IncompleteChain => {
                Self::TlsUnknownCa
            }
            Distrust::Revoked => Self::TlsRevoked,
            _ => Self::TlsUntrusted,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_has_its_own_word() {
        let words: HashSet<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(words.len(), Reason::ALL.len());
    }
    #[test]
    fn every_reason_is_in_the_readme() {
        let readme = include_str!("../README.md");
        for reason in Reason::ALL {
            let word = reason.as_str();
            assert!(readme.contains(&format!("`{word}`")), "the README's list of reasons lacks {word}");
        }
    }
}
