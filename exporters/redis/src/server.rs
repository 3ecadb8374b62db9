//! What kind of server it is, as far as that decides what it can be asked.

use crate::info::Info;

/// A server's kind and version, learned once for each connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Whether it says that it is Valkey.
    pub valkey: bool,
    /// Whether it is part of a cluster.
    pub cluster: bool,
    /// Whether it is a Sentinel, which has few of the commands.
    pub sentinel: bool,
    /// Its version; an unknown one is older than all others, so that it is asked little.
    version: Option<Version>,
}

/// The first two parts of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

impl Server {
    /// Reads INFO, of which the section `server` is enough.
    pub fn from_info(info: &Info<'_>) -> Self {
        let valkey_version = info.get("valkey_version");
        // Valkey also says which Redis it is compatible with, and can be told to hide the names with `redis`
        let version = valkey_version.or_else(|| info.get("redis_version"));
        let mode = info.get("redis_mode").or_else(|| info.get("server_mode"));
        Self {
            valkey: valkey_version.is_some() || info.get("server_name") == Some("valkey"),
            cluster: mode == Some("cluster") || info.get("cluster_enabled") == Some("1"),
            sentinel: mode == Some("sentinel"),
            version: version.and_then(Version::parse),
        }
    }

    /// Whether it has `EVAL_RO`, and rights on keys for reading only.
    pub fn has_read_only_scripts(&self) -> bool {
        self.is_at_least(Version(7, 0))
    }

    /// Whether its version is known and not older.
    pub fn is_at_least(&self, version: Version) -> bool {
        self.version >= Some(version)
    }
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next().and_then(|minor| minor.parse().ok()).unwrap_or(0);
        Some(Self(major, minor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers() {
        for (info, valkey, cluster, version) in [
            ("redis_version:7.0.15\r\nredis_mode:standalone", false, false, Some(Version(7, 0))),
            (
                "redis_version:7.2.4\nserver_name:valkey\nvalkey_version:8.1.0",
                true,
                false,
                Some(Version(8, 1)),
            ),
            ("valkey_version:9.0.0\nserver_mode:cluster", true, true, Some(Version(9, 0))),
            ("redis_version:6.2.6\nredis_mode:cluster", false, true, Some(Version(6, 2))),
            ("redis_version:7.0.15\nredis_mode:sentinel", false, false, Some(Version(7, 0))),
            ("redis_version:255.255.255", false, false, Some(Version(255, 255))),
            ("redis_version:v1", false, false, None),
            ("", false, false, None),
        ] {
            let expected = Server { valkey, cluster, sentinel: info.contains("sentinel"), version };
            assert_eq!(Server::from_info(&Info::parse(info)), expected, "{info}");
        }
        assert!(!Server::default().is_at_least(Version(0, 0)));
    }
}
