//! The status of a call: a number of a closed list, and what stands for it where a server gives none.

use hyper::{HeaderMap, StatusCode};

/// Statuses, each at its number.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The status of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Code(pub u32);

impl Code {
    /// The call succeeded.
    pub const OK: Self = Self(0);
    /// It is not known how it went.
    pub const UNKNOWN: Self = Self(2);
    /// The time was over.
    pub const DEADLINE_EXCEEDED: Self = Self(4);
    /// The answer is larger than is taken.
    pub const RESOURCE_EXHAUSTED: Self = Self(8);
    /// The answer is none of the protocol.
    pub const INTERNAL: Self = Self(13);
    /// The server cannot be reached.
    pub const UNAVAILABLE: Self = Self(14);

    /// Its name; the number's kind where it has none.
    pub fn name(self) -> &'static str {
        usize::try_from(self.0).ok().and_then(|code| NAMES.get(code)).copied().unwrap_or("an unknown status")
    }

    /// The status in the headers, or behind the answer; `None` where there is none.
    pub(super) fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get("grpc-status")?;
        let code = value.to_str().ok().and_then(|text| text.trim().parse().ok());
        Some(code.map_or(Self::INTERNAL, Self))
    }

    /// What stands for the status of a server that answers in HTTP only, as gRPC's own documents have it.
    pub(super) fn of_http(status: StatusCode) -> Self {
        Self(match status.as_u16() {
            400 => 13,
            401 => 16,
            403 => 7,
            404 => 12,
            429 | 502..=504 => 14,
            _ => 2,
        })
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn statuses() {
        assert_eq!(Code::OK.name(), "OK");
        assert_eq!(Code(16).name(), "UNAUTHENTICATED");
        assert_eq!(Code(17).name(), "an unknown status");
        assert_eq!(Code::UNAVAILABLE.name(), "UNAVAILABLE");
        assert_eq!(Code::DEADLINE_EXCEEDED.name(), "DEADLINE_EXCEEDED");
        assert_eq!(Code::RESOURCE_EXHAUSTED.name(), "RESOURCE_EXHAUSTED");
        assert_eq!(Code::INTERNAL.name(), "INTERNAL");
        assert_eq!(Code::UNKNOWN.name(), "UNKNOWN");
    }

    #[test]
    fn a_status_in_headers() {
        for (text, expected) in [("0", 0), ("12", 12), (" 5", 5), ("99", 99), ("x", 13), ("-1", 13), ("", 13)]
        {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-status", HeaderValue::from_str(text).unwrap());
            assert_eq!(Code::of_headers(&headers), Some(Code(expected)), "{text:?}");
        }
        assert_eq!(Code::of_headers(&HeaderMap::new()), None);
    }
}
