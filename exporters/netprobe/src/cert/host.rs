//! Whether a certificate is for a host: Go's rules, which are RFC 6125's without the common name.

use std::net::IpAddr;

use super::Certificate;

impl Certificate {
    /// Whether it is for this host name (in ASCII; a dot at its end does not count) or address (with or without
    /// brackets). Addresses are compared with addresses only, and the common name with nothing.
    pub fn is_for(&self, host: &str) -> bool {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return self.ips.iter().any(|own| own.to_canonical() == ip.to_canonical());
        }
        let host = host.to_ascii_lowercase();
        let valid = is_name(host.strip_suffix('.').unwrap_or(&host), false);
        self.dns_names.iter().any(|pattern| {
            let pattern = pattern.to_ascii_lowercase();
            if valid && is_name(&pattern, true) {
                matches(&pattern, host.strip_suffix('.').unwrap_or(&host))
            } else {
                // what is no host name at all is only itself
                pattern == host && !host.is_empty() && host != "."
            }
        })
    }
}

fn is_name(name: &str, pattern: bool) -> bool {
    let letter = |(index, byte): (usize, u8)| match byte {
        b'-' => index > 0,
        _ => byte.is_ascii_alphanumeric() || byte == b'_',
    };
    !name.is_empty()
        && name != "*"
        && name.split('.').enumerate().all(|(index, label)| {
            (pattern && index == 0 && label == "*")
                || (!label.is_empty() && label.bytes().enumerate().all(letter))
        })
}

/// The star stands for the whole first label, and for one label only.
fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(pattern) => host.split_once('.').is_some_and(|(_, host)| host == pattern),
        None => pattern == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, host, expected) in [
            ("example.com", "example.com", true),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("w*.example.com", "www.example.com", false),
            ("www.*.com", "www.example.com", false),
        ] {
            let valid = is_name(pattern, true);
            assert_eq!(valid && matches(pattern, host), expected, "{pattern} {host}");
        }
        for (name, valid) in [
            ("a.b", true),
            ("a_b", true),
            ("-a", false),
            ("a..b", false),
            ("", false),
            ("*", false),
            ("a b", false),
        ] {
            assert_eq!(is_name(name, false), valid, "{name}");
        }
    }
}
