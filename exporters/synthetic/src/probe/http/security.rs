//! Headers by which a site protects those who look at it.

use hyper::header::{self, HeaderMap, HeaderName};

/// Seconds for which a site must promise to be reached over TLS only: half a year, below which browsers' lists and
/// common audits do not count it.
const LEAST_HSTS: u64 = 180 * 24 * 60 * 60;

/// A header that has to be there, with a value that protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// `Strict-Transport-Security`: over TLS, for half a year at least.
    Transport,
    /// `Content-Security-Policy`: any.
    ContentPolicy,
    /// `X-Content-Type-Options: nosniff`
    NoSniff,
    /// `X-Frame-Options`, or `frame-ancestors` in the content's policy.
    Frames,
    /// `Referrer-Policy`: any but `unsafe-url`.
    Referrer,
    /// `Permissions-Policy`: any.
    Permissions,
}

impl Security {
    /// Their names in the file: those of the headers.
    pub(crate) const ALL: [(&'static str, Self); 6] = [
        ("strict-transport-security", Self::Transport),
        ("content-security-policy", Self::ContentPolicy),
        ("x-content-type-options", Self::NoSniff),
        ("x-frame-options", Self::Frames),
        ("referrer-policy", Self::Referrer),
        ("permissions-policy", Self::Permissions),
    ];
}

/// What is wrong with a header, if anything.
pub(crate) fn fault(wanted: Security, headers: &HeaderMap, secure: bool) -> Option<&'static str> {
    let get = |name: HeaderName| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.collect::<Vec<_>>().join(", ").to_ascii_lowercase()
    };
    match wanted {
        Security::Transport if !secure => Some("strict-transport-security means nothing without TLS"),
        Security::Transport => {
            let value = get(header::STRICT_TRANSPORT_SECURITY);
            let age = value.split(';').find_map(|part| part.trim().strip_prefix("max-age="));
            let age = age.and_then(|age| age.trim_matches('"').parse::<u64>().ok());
            age.is_none_or(|age| age < LEAST_HSTS)
                .then_some("strict-transport-security is missing, or for less than half a year")
        }
        Security::ContentPolicy => {
            get(header::CONTENT_SECURITY_POLICY).is_empty().then_some("content-security-policy is missing")
        }
        Security::NoSniff => (get(header::X_CONTENT_TYPE_OPTIONS) != "nosniff")
            .then_some("x-content-type-options is not nosniff"),
        Security::Frames => {
            let value = get(header::X_FRAME_OPTIONS);
            let policy = get(header::CONTENT_SECURITY_POLICY).contains("frame-ancestors");
            (!policy && value != "deny" && value != "sameorigin")
                .then_some("neither x-frame-options nor frame-ancestors keeps the site out of others' frames")
        }
        Security::Referrer => {
            let value = get(header::REFERRER_POLICY);
            (value.is_empty() || value.ends_with("unsafe-url"))
                .then_some("referrer-policy is missing, or tells everybody the whole URL")
        }
        Security::Permissions => get(HeaderName::from_static("permissions-policy"))
            .is_empty()
            .then_some("permissions-policy is missing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_protects_and_what_does_not() {
        for (wanted, header, secure, good) in [
            (
                "strict-transport-security",
                "strict-transport-security: max-age=31536000; includeSubDomains",
                true,
                true,
            ),
            (
                "strict-transport-security",
                "Strict-Transport-Security: includeSubDomains; max-age=\"31536000\"",
                true,
                true,
            ),
            ("strict-transport-security", "strict-transport-security: max-age=31536000", false, false),
            ("strict-transport-security", "strict-transport-security: max-age=300", true, false),
            ("strict-transport-security", "x: y", true, false),
            ("content-security-policy", "content-security-policy: default-src 'self'", false, true),
            ("content-security-policy", "x: y", false, false),
            ("x-content-type-options", "x-content-type-options: NoSniff", false, true),
            ("x-content-type-options", "x-content-type-options: sniff", false, false),
            ("x-frame-options", "x-frame-options: SAMEORIGIN", false, true),
            ("x-frame-options", "content-security-policy: frame-ancestors 'none'", false, true),
            ("x-frame-options", "x-frame-options: ALLOW-FROM https://a", false, false),
            ("referrer-policy", "referrer-policy: no-referrer", false, true),
            ("referrer-policy", "referrer-policy: no-referrer, unsafe-url", false, false),
            ("permissions-policy", "permissions-policy: camera=()", false, true),
            ("permissions-policy", "x: y", false, false),
        ] {
            let (_, kind) = Security::ALL.into_iter().find(|(name, _)| *name == wanted).unwrap();
            let (name, value) = header.split_once(": ").unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
            assert_eq!(fault(kind, &headers, secure).is_none(), good, "{wanted} {header}");
        }
    }
}
