//! Which settings, above all which credentials, belong to which target.

use std::net::IpAddr;

use ipnet::IpNet;

/// Rules that bind settings to targets, in the order of the file; the first that matches stands.
///
/// A `/probe` target comes from whoever can reach the port. It gets what its rule gives it, and nothing at all
/// when no rule matches: credentials never go to a host that they were not given for.
#[derive(Clone, Debug)]
pub struct TargetRules<T> {
    rules: Vec<(TargetPattern, T)>,
}

/// What a rule matches: a whole target, a glob over it, or a network that its host's address lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetPattern {
    /// The target as it is written, e.g. `redis://cache:6379`, `cache:6379` or `cache`.
    Exact(String),
    /// The same with `*` for any run of characters within a part (not across `/`, `@` or `:`) and `?` for one.
    Glob(String),
    /// A network such as `10.0.0.0/8`; matches targets whose host is an address in it. Names are never resolved
    /// for this: what a name resolves to can be changed by others between the check and the use.
    Network(IpNet),
}

/// A target as rules see it.
#[derive(Clone, Copy, Debug)]
pub struct TargetName<'a> {
    /// The target's text without user and password, e.g. `redis://cache:6379`.
    pub text: &'a str,
    /// Its host, without brackets.
    pub host: &'a str,
    /// Its port, when it has one.
    pub port: Option<u16>,
}

impl<T> TargetRules<T> {
    /// Rules in the order in which they are tried.
    pub fn new(rules: Vec<(TargetPattern, T)>) -> Self {
        Self { rules }
    }

    /// The settings of the first rule that matches.
    pub fn find(&self, target: TargetName<'_>) -> Option<&T> {
        self.rules.iter().find(|(pattern, _)| pattern.matches(target)).map(|(_, settings)| settings)
    }
}

impl<T> Default for TargetRules<T> {
    fn default() -> Self {
        Self { rules: Vec::new() }
    }
}

impl TargetPattern {
    /// Reads a pattern of a configuration file.
    ///
    /// # Errors
    /// One sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a target pattern may not be empty (hint: `*` matches every host name)".to_owned());
        }
        if text.contains('@') {
            return Err("a target pattern holds no user or password; set them beside it".to_owned());
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network));
        }
        let has_glob = text.contains(['*', '?']);
        Ok(if has_glob { Self::Glob(text.to_owned()) } else { Self::Exact(text.to_owned()) })
    }

    fn matches(&self, target: TargetName<'_>) -> bool {
        match self {
            Self::Exact(wanted) => target.spellings().iter().any(|spelling| spelling == wanted),
            Self::Glob(glob) => target.spellings().iter().any(|spelling| glob_matches(glob, spelling)),
            Self::Network(network) => {
                target.host.parse::<IpAddr>().is_ok_and(|address| network.contains(&address.to_canonical()))
            }
        }
    }
}

impl TargetName<'_> {
    /// The ways in which a rule may write this target: whole, host and port, host alone.
    fn spellings(self) -> [String; 3] {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_owned() };
        let with_port = self.port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        [self.text.to_owned(), with_port, self.host.to_owned()]
    }
}

/// `*` and `?` stop at `/`, `@` and `:`, so that `*.example.com` can never match `evil.test/x.example.com`.
///
/// Keeps the set of places in `text` that the glob read so far can end at: linear in both lengths, whatever the
/// network sends.
fn glob_matches(glob: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let crosses = |character: &char| matches!(character, '/' | '@' | ':');
    let mut reached = vec![false; text.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for wanted in glob.chars() {
        let mut next = vec![false; text.len() + 1];
        let mut carried = false;
        for (at, here) in reached.iter().enumerate() {
            carried =
                *here || (wanted == '*' && carried && !text.get(at.wrapping_sub(1)).is_some_and(crosses));
            let step = match (wanted, text.get(at)) {
                ('*', _) => (carried, at),
                ('?', Some(found)) => (*here && !crosses(found), at + 1),
                (wanted, Some(found)) => (*here && wanted == *found, at + 1),
                (_, None) => (false, at),
            };
            if let (true, place) = step
                && let Some(next) = next.get_mut(place)
            {
                *next = true;
            }
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let name = TargetName { text: "redis://cache-1.prod:6379", host: "cache-1.prod", port: Some(6379) };
        let address = TargetName { text: "10.1.2.3:7000", host: "10.1.2.3", port: Some(7000) };
        let ipv6 = TargetName { text: "rediss://[fd00::1]:1", host: "fd00::1", port: Some(1) };
        let mapped = TargetName { text: "[::ffff:10.1.2.3]:1", host: "::ffff:10.1.2.3", port: Some(1) };
        for (pattern, target, expected) in [
            ("redis://cache-1.prod:6379", name, true),
            ("cache-1.prod:6379", name, true),
            ("cache-1.prod", name, true),
            ("cache-1.prod:6380", name, false),
            ("cache-?.prod", name, true),
            ("*.prod", name, true),
            ("*.prod:6379", name, true),
            ("redis://*.prod:*", name, true),
            ("*", name, true),
            ("*.test", name, false),
            ("prod", name, false),
            ("10.0.0.0/8", address, true),
            ("10.2.0.0/16", address, false),
            ("10.0.0.0/8", name, false),
            ("10.0.0.0/8", mapped, true),
            ("fd00::/8", ipv6, true),
            ("[fd00::1]:1", ipv6, true),
            ("fd00::1", ipv6, true),
        ] {
            assert_eq!(
                TargetPattern::parse(pattern).unwrap().matches(target),
                expected,
                "{pattern} {target:?}"
            );
        }
    }

    #[test]
    fn a_glob_never_reaches_into_another_part_of_the_target() {
        for text in ["evil.test/x.example.com", "a@b.example.com", "evil:1.example.com"] {
            assert!(!glob_matches("*.example.com", text), "{text}");
        }
    }

    #[test]
    fn the_first_rule_stands_and_no_rule_gives_nothing() {
        let rule = |pattern: &str, settings| (TargetPattern::parse(pattern).unwrap(), settings);
        let rules = TargetRules::new(vec![rule("a", 1), rule("*", 2)]);
        let target = |host| TargetName { text: host, host, port: None };
        assert_eq!(rules.find(target("a")), Some(&1));
        assert_eq!(rules.find(target("b")), Some(&2));
        assert_eq!(TargetRules::<u8>::default().find(target("a")), None);
    }

    #[test]
    fn bad_patterns() {
        assert!(TargetPattern::parse("").is_err());
        assert!(TargetPattern::parse("redis://user:secret@host").unwrap_err().contains("no user"));
        assert!(!TargetPattern::parse("redis://user:secret@host").unwrap_err().contains("secret"));
    }
}
