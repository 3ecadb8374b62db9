//! What is looked for among the keys: the flags, and what a request to `/scrape` says instead of them.

use super::lua::Pattern;
use super::spec::{self, KeySpec, SpecError};
use crate::flags::CheckFlags;

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checks {
    /// Patterns of keys that are shown.
    pub keys: Vec<KeySpec>,
    /// Keys that are shown.
    pub single_keys: Vec<KeySpec>,
    /// Patterns of keys that are counted.
    pub counts: Vec<KeySpec>,
    /// Patterns of streams that are shown.
    pub streams: Vec<KeySpec>,
    /// Streams that are shown.
    pub single_streams: Vec<KeySpec>,
    /// Patterns by which all keys are grouped; the first that matches counts.
    pub groups: Vec<Pattern>,
    /// How many of the biggest keys of a database are shown.
    pub top: usize,
    /// How it is done, and how much is shown.
    pub bounds: Bounds,
    /// Whether requests to `/scrape` may name keys.
    by_request: bool,
    /// The lists as they were given, in the order of [`LISTS`].
    lists: [Vec<KeySpec>; 5],
}

/// How the keys are looked through, and how much of what is found is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounds {
    /// Most groups of a database.
    pub groups: usize,
    /// Most keys, and most streams, that are shown.
    pub shown: usize,
    /// Most keys that one SCAN is told to look at.
    pub batch: usize,
    /// The part of the server's time that may be taken.
    pub share: f64,
    /// Whether values are shown.
    pub values: bool,
    /// Whether consumers of streams are shown.
    pub consumers: bool,
    /// Whether primaries are left alone.
    pub replicas_only: bool,
}

/// A list of keys: its parameter, its flag, and what that says.
type List = (&'static str, &'static str, fn(&CheckFlags) -> &str);

const LISTS: [List; 5] = [
    ("check-keys", "--check-keys", |flags| &flags.check_keys),
    ("check-single-keys", "--check-single-keys", |flags| &flags.check_single_keys),
    ("check-streams", "--check-streams", |flags| &flags.check_streams),
    ("check-single-streams", "--check-single-streams", |flags| &flags.check_single_streams),
    ("count-keys", "--count-keys", |flags| &flags.count_keys),
];

/// What cannot be read: a flag or parameter, and why.
pub type Problem = (&'static str, String);

/// Why the keys of a request are not checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Requests may name none.
    #[error("keys in requests are switched off by --check-keys-by-request=false")]
    Forbidden,
    /// A list cannot be read.
    #[error("{0}: {1}")]
    List(&'static str, SpecError),
}

impl Checks {
    /// Reads the flags; tells every problem at once.
    pub fn parse(flags: &CheckFlags) -> Result<Self, Vec<Problem>> {
        let mut problems: Vec<Problem> = Vec::new();
        let mut checks = Self {
            groups: groups(&flags.check_key_groups).unwrap_or_else(|problem| {
                problems.push(("--check-key-groups", problem));
                Vec::new()
            }),
            top: flags.top_keys,
            bounds: Bounds {
                groups: flags.max_distinct_key_groups,
                shown: flags.check_keys_limit,
                batch: flags.check_keys_batch_size.max(1),
                share: flags.check_keys_share / 100.0,
                values: !flags.disable_exporting_key_values,
                consumers: !flags.streams_exclude_consumer_metrics,
                replicas_only: flags.skip_checkkeys_for_role_master,
            },
            by_request: flags.check_keys_by_request,
            ..Self::default()
        };
        if !(checks.bounds.share > 0.0 && checks.bounds.share <= 1.0) {
            problems.push(("--check-keys-share", "expected more than 0 and at most 100".to_owned()));
        }
        let mut lists: [Vec<KeySpec>; 5] = Default::default();
        for ((_, flag, given), list) in LISTS.iter().zip(&mut lists) {
            match spec::parse(given(flags)) {
                Ok(specs) => *list = specs,
                Err(problem) => problems.push((flag, problem.to_string())),
            }
        }
        checks.take(lists);
        if problems.is_empty() { Ok(checks) } else { Err(problems) }
    }

    /// The same with what a request says instead; `None` when it says nothing.
    pub fn requested<'a>(
        &self,
        parameter: impl Fn(&'static str) -> Option<&'a str>,
    ) -> Result<Option<Self>, RequestError> {
        let mut lists = self.lists.clone();
        let mut says_something = false;
        for ((name, ..), list) in LISTS.iter().zip(&mut lists) {
            let Some(given) = parameter(name) else { continue };
            if !self.by_request {
                return Err(RequestError::Forbidden);
            }
            let refused = |problem| RequestError::List(name, problem);
            *list = spec::parse(given).map_err(refused)?;
            if list.len() > self.bounds.shown {
                return Err(refused(SpecError::TooMany(self.bounds.shown)));
            }
            says_something = true;
        }
        Ok(says_something.then(|| {
            let mut checks = self.clone();
            checks.take(lists);
            checks
        }))
    }

    /// Sorts out which keys are patterns; the plain ones are asked for by their name.
    fn take(&mut self, lists: [Vec<KeySpec>; 5]) {
        self.lists.clone_from(&lists);
        let [keys, single_keys, streams, single_streams, counts] = lists;
        (self.keys, self.single_keys) = split(keys, single_keys);
        (self.streams, self.single_streams) = split(streams, single_streams);
        self.counts = counts;
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        !self.scans() && self.single_keys.is_empty() && self.single_streams.is_empty()
    }

    /// Whether keys have to be looked through.
    pub fn scans(&self) -> bool {
        self.weighs_all() || self.patterns().next().is_some()
    }

    /// Whether the memory of every key is needed.
    pub fn weighs_all(&self) -> bool {
        self.top > 0 || !self.groups.is_empty()
    }

    /// All patterns.
    pub fn patterns(&self) -> impl Iterator<Item = &KeySpec> {
        self.keys.iter().chain(&self.counts).chain(&self.streams)
    }
}

/// The patterns of a list that may hold plain keys, too; and those with the others.
fn split(specs: Vec<KeySpec>, mut singles: Vec<KeySpec>) -> (Vec<KeySpec>, Vec<KeySpec>) {
    let (patterns, plain): (Vec<_>, Vec<_>) = specs.into_iter().partition(KeySpec::is_pattern);
    for spec in plain {
        if !singles.contains(&spec) {
            singles.push(spec);
        }
    }
    (patterns, singles)
}

/// Reads Lua patterns that stand as fields of a CSV line.
fn groups(line: &str) -> Result<Vec<Pattern>, String> {
    let fields = csv(line).ok_or("a \" stands where none can be, or is not closed")?;
    let patterns = fields.iter().map(|field| field.trim()).filter(|field| !field.is_empty());
    patterns
        .map(|text| {
            Pattern::parse(text.as_bytes()).map_err(|error| format!("`{text}` is no pattern: {error}"))
        })
        .collect()
}

/// The fields of a CSV line; `None` where quotes do not add up.
fn csv(line: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_field(quoted)?
        } else {
            let (field, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            if field.contains('"') {
                return None;
            }
            (field.to_owned(), after)
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            None => return after.is_empty().then_some(fields),
        }
    }
}

/// What stands before the closing quote, and what follows that; two quotes are one.
fn quoted_field(mut rest: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    loop {
        let (piece, after) = rest.split_once('"')?;
        field.push_str(piece);
        match after.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Some((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::flags;

    fn names(specs: &[KeySpec]) -> Vec<String> {
        specs.iter().map(|spec| format!("{}={}", spec.db, String::from_utf8_lossy(&spec.key))).collect()
    }

    #[test]
    fn plain_keys_are_not_looked_for() {
        let flags = flags(&["--check-keys=a*,b", "--check-single-keys=c*,b", "--count-keys=d"]).checks;
        let checks = Checks::parse(&flags).unwrap();
        assert_eq!(names(&checks.keys), ["0=a*"]);
        assert_eq!(names(&checks.single_keys), ["0=c*", "0=b"]);
        assert_eq!(names(&checks.counts), ["0=d"]);
        assert!(checks.scans() && !checks.weighs_all());
    }

    #[test]
    fn every_problem_is_told() {
        let flags = flags(&[
            "--check-keys=1=2=3",
            "--count-keys=x=y",
            "--check-key-groups=^(a",
            "--check-keys-share=0",
        ])
        .checks;
        let found = Checks::parse(&flags).unwrap_err();
        let names: Vec<_> = found.iter().map(|(flag, _)| *flag).collect();
        assert_eq!(names, ["--check-key-groups", "--check-keys-share", "--check-keys", "--count-keys"]);
        assert_eq!(
            found.first().map(|(_, problem)| problem.as_str()),
            Some("`^(a` is no pattern: a ( is never closed")
        );
    }

    #[test]
    fn a_request_says_it_instead() {
        let flags = flags(&["--check-keys=a*", "--count-keys=n*", "--check-keys-limit=2"]).checks;
        let checks = Checks::parse(&flags).unwrap();
        let ask = |name: &'static str, value: &'static str| {
            checks.requested(move |asked| (asked == name).then_some(value))
        };
        assert_eq!(ask("target", "x"), Ok(None));
        let found = ask("check-keys", "db3=q*,s").unwrap().unwrap();
        assert_eq!(
            (names(&found.keys), names(&found.single_keys)),
            (vec!["3=q*".into()], vec!["0=s".into()])
        );
        assert_eq!(names(&found.counts), ["0=n*"]);
        for (value, expected) in [
            (
                "1=2=3=4",
                "check-streams: `1=2=3=4` has more than one `=` (hint: write %3D for one that is part of a key)",
            ),
            ("a,b,c", "check-streams: more than 2 keys"),
        ] {
            assert_eq!(ask("check-streams", value).unwrap_err().to_string(), expected);
        }
        let closed = Checks { by_request: false, ..checks.clone() };
        assert_eq!(closed.requested(|_| Some("a")), Err(RequestError::Forbidden));
    }

    #[test]
    fn lines_of_csv() {
        for (line, expected) in [
            ("", Some(vec![""])),
            ("a, b,", Some(vec!["a", " b", ""])),
            ("\"a,b\",c", Some(vec!["a,b", "c"])),
            ("\"a\"\"b\"", Some(vec!["a\"b"])),
            ("a\"b", None),
            ("\"a", None),
            ("\"a\"b", None),
        ] {
            let expected = expected.map(|fields| fields.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(csv(line), expected, "{line}");
        }
    }
}
