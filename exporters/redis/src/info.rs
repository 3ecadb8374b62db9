//! INFO's text, borrowed: `name:value` lines, and values that are lists of `name=value`.
//!
//! Everything is found by its name, never by its place: servers and versions differ in what they send and in which
//! order. Invariants:
//! - no input may panic; a line that is not understood is left out;
//! - a value may hold `:` (paths, IPv6 addresses), so a line splits at its first `:`, except in the per-command and
//!   per-error sections, where the name may hold one and the value never does.

/// Sections whose field names carry a command or an error, which can hold any character.
const NAMED_BY_USERS: [&str; 3] = ["cmdstat_", "errorstat_", "latency_percentiles_usec_"];

/// The reply to INFO, or any other text of its form (CLUSTER INFO).
#[derive(Clone, Debug, Default)]
pub struct Info<'a> {
    fields: Vec<(&'a str, &'a str)>,
    /// The name of each section, and how many fields come before it.
    sections: Vec<(usize, &'a str)>,
}

impl<'a> Info<'a> {
    /// Reads `text`; lines that are neither `# Section` nor hold a `:` are skipped.
    pub fn parse(text: &'a str) -> Self {
        let mut info = Self::default();
        for line in text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
            match line.strip_prefix('#') {
                Some(section) => info.sections.push((info.fields.len(), section.trim())),
                None => info.fields.extend(split_line(line)),
            }
        }
        info
    }

    /// All fields with the section that each stands in; "" before the first.
    pub fn with_sections(&self) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> + '_ {
        let mut sections = self.sections.iter().peekable();
        let mut section = "";
        self.fields.iter().enumerate().map(move |(index, (name, value))| {
            while let Some((_, next)) = sections.next_if(|(begins, _)| *begins <= index) {
                section = next;
            }
            (section, *name, *value)
        })
    }

    /// All fields in the server's order; a name can come more than once (`listener0`).
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, &'a str)> + '_ {
        self.fields.iter().copied()
    }

    /// The value of the first field with this name.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.fields.iter().find(|(found, _)| *found == name).map(|(_, value)| *value)
    }

    /// The same as a number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(number)
    }

    /// Fields whose name is `prefix` and something after it: (what comes after, value).
    pub fn with_prefix<'b>(&'b self, prefix: &'b str) -> impl Iterator<Item = (&'a str, &'a str)> + 'b {
        // most names differ in their first letter: cheaper than a comparison of the whole prefix
        let first = prefix.bytes().next();
        let begins = self.fields().filter(move |(name, _)| name.bytes().next() == first || first.is_none());
        begins.filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value)))
    }

    /// Fields named `prefix` and a number: `db0`, `slave12`, but not `slave_priority` or `db0_distrib_lists_items`.
    pub fn numbered<'b>(&'b self, prefix: &'b str) -> impl Iterator<Item = (&'a str, &'a str)> + 'b {
        let digits = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        self.fields().filter(move |(name, _)| name.strip_prefix(prefix).is_some_and(digits))
    }

    /// Whether there is no field at all.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// A number as INFO writes it. Words, `nan` and the infinities are none: they say that there is no value.
pub fn number(text: &str) -> Option<f64> {
    let text = text.strip_suffix('%').unwrap_or(text);
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// The item of a `name=value,name=value` list with this name.
pub fn item<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    items(list).find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// All items of a `name=value,name=value` list. An item without `=` belongs to the value before it and is skipped.
pub fn items(list: &str) -> impl Iterator<Item = (&str, &str)> {
    list.split(',').filter_map(|item| item.split_once('='))
}

/// Whether a field is one of many that are named by a command or an error.
pub fn is_named_by_users(name: &str) -> bool {
    matches!(name.bytes().next(), Some(b'c' | b'e' | b'l'))
        && NAMED_BY_USERS.iter().any(|prefix| name.starts_with(prefix))
}

fn split_line(line: &str) -> Option<(&str, &str)> {
    if is_named_by_users(line) { line.rsplit_once(':') } else { line.split_once(':') }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines() {
        let info = Info::parse(
            "# Server\r\nredis_version:7.0.15\r\nexecutable:/opt/a:b/redis-server\r\nconfig_file:\r\n\r\n\
             listener0:name=tcp,bind=::1,port=1\nno colon\r\n:no name\n\
             cmdstat_my:mod.cmd:calls=1,usec=2\nerrorstat_a:b:count=3\r\nused_memory_peak_perc:98.61%",
        );
        for (name, expected) in [
            ("redis_version", Some("7.0.15")),
            ("executable", Some("/opt/a:b/redis-server")),
            ("config_file", Some("")),
            ("listener0", Some("name=tcp,bind=::1,port=1")),
            ("", Some("no name")),
            ("cmdstat_my:mod.cmd", Some("calls=1,usec=2")),
            ("errorstat_a:b", Some("count=3")),
            ("no colon", None),
            ("# Server", None),
        ] {
            assert_eq!(info.get(name), expected, "{name}");
        }
        assert_eq!(info.number("used_memory_peak_perc"), Some(98.61));
        assert_eq!(info.number("redis_version"), None);
    }

    #[test]
    fn sections() {
        let info =
            Info::parse("a:1\r\n# Server\r\nb:2\r\n\r\n# Empty\r\n\r\n# Cluster Info\r\nc:3\r\nd:4\r\n");
        let found: Vec<_> = info.with_sections().collect();
        let expected =
            [("", "a", "1"), ("Server", "b", "2"), ("Cluster Info", "c", "3"), ("Cluster Info", "d", "4")];
        assert_eq!(found, expected);
    }

    #[test]
    fn numbered_fields() {
        let info = Info::parse("db0:a\ndb12:b\ndb0_distrib_lists_items:1=1\ndb:c\ndbx:d\nslave_priority:1");
        let names: Vec<&str> = info.numbered("db").map(|(name, _)| name).collect();
        assert_eq!(names, ["db0", "db12"]);
        assert_eq!(info.numbered("slave").count(), 0);
    }

    #[test]
    fn numbers() {
        for (text, expected) in [
            ("12", Some(12.0)),
            ("-1", Some(-1.0)),
            ("0.50", Some(0.5)),
            ("99.58%", Some(99.58)),
            ("3.4e15", Some(3.4e15)),
            ("nan", None),
            ("-nan", None),
            ("inf", None),
            ("-inf", None),
            ("1e999", None),
            ("4.54M", None),
            ("ok", None),
            ("", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn lists() {
        assert_eq!(item("keys=1,expires=2,avg_ttl=3", "expires"), Some("2"));
        assert_eq!(item("keys=1", "avg_ttl"), None);
        assert_eq!(item("ip=fd00::1,port=1", "ip"), Some("fd00::1"));
        assert_eq!(items("a=1,junk,b=2=3,=4").collect::<Vec<_>>(), [("a", "1"), ("b", "2=3"), ("", "4")]);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,300}", name in "(?s).{0,10}") {
            let info = Info::parse(&text);
            let _ = (info.get(&name), info.number(&name), item(&text, &name), number(&text));
            let _ = info.numbered(&name).count() + info.with_prefix(&name).count() + items(&text).count();
        }

        #[test]
        fn never_panics_on_what_looks_like_info(
            text in "((#|db[0-9]|slave0|cmdstat_[a-z|.]|role)?[:=,0-9a-z%]{0,12}\r?\n?){0,30}"
        ) {
            let info = Info::parse(&text);
            for (section, name, value) in info.with_sections() {
                prop_assert!(text.contains(section) && text.contains(name) && text.contains(value));
            }
            prop_assert_eq!(info.with_sections().count(), info.fields().count());
        }
    }
}
