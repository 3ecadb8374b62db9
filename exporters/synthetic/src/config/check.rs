//! Checks: what is probed on its own cadence, and heartbeats that are waited for.
//!
//! ```yaml
//! max_checks: 512                        # at the same time
//! max_checks_per_host: 8
//! checks:
//!   shop:
//!     module: http_2xx                   # or in place: {prober: http, http: {…}}
//!     target: https://shop.example/      # or targets: […]
//!     interval: 30s                      # from 1s; 1m unless it is given
//!     timeout: 5s                        # the module's, or 10s
//!     labels: {team: web}
//!     critical: true                     # for services that do not say it
//!     warn: {slower_than: 500ms, certificate_remaining: 14d, least_tls_version: TLS13}
//!     fail: {slower_than: 3s}            # the same keys: what fails instead
//!   no-database-outside:
//!     module: tcp_connect
//!     target: shop.example:5432
//!     expect: refused                    # it must not be reachable
//!   nightly-backup:
//!     interval: 24h
//!     heartbeat: {grace: 2h, token_file: backup.token, get: true}
//! ```

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use netprobe::tls::Version;
use toolkit::config::{Fields, Item, Kind as Written, SecretSource, redact_url};

use super::guard::Policy;
use super::{Module, Modules};

/// Everything that is checked without being asked.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    /// All checks, in the file's order.
    pub all: Vec<Check>,
    /// How many may run at the same time.
    pub most: usize,
    /// How many of them against one host.
    pub most_per_host: usize,
}

/// A check of one target. An entry of the file with several targets gives one check for each; they share its settings.
#[derive(Clone, Debug)]
pub struct Check {
    /// What is probed; empty for a heartbeat. It may be shown: the file takes none with a password or token in it.
    pub target: Arc<str>,
    /// What the entry of the file says.
    pub settings: Arc<Settings>,
}

/// An entry below `checks:`.
#[derive(Debug)]
pub struct Settings {
    /// Its name: services name their checks by it, and it is the label `check`.
    pub name: Arc<str>,
    /// How it is checked.
    pub kind: Kind,
    /// How often it is checked, or how often the heartbeat comes.
    pub interval: Duration,
    /// Labels of its own.
    pub labels: Vec<(String, String)>,
    /// Whether a service is unhealthy when this fails, where the service does not say it.
    pub critical: Option<bool>,
}

/// How something is checked.
#[derive(Debug)]
pub enum Kind {
    /// It is probed.
    Probe(Probe),
    /// Somebody calls us.
    Heartbeat(Heartbeat),
}

/// How a target is probed on its own cadence.
#[derive(Debug)]
pub struct Probe {
    /// The module, by name or in place.
    pub module: Arc<Module>,
    /// The name to ask for instead of the target's.
    pub hostname: Option<Box<str>>,
    /// How long one run may take.
    pub timeout: Duration,
    /// Whether the target must not be reachable.
    pub refused: bool,
    /// What makes a success a warning.
    pub warn: Limits,
    /// What makes a success a failure.
    pub fail: Limits,
}

/// What a success shall be like beside being one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How long the probe may take.
    pub slower_than: Option<Duration>,
    /// How long the first of the served certificates must be good for.
    pub certificate_remaining: Option<Duration>,
    /// The oldest version of TLS; no TLS at all is older than any.
    pub least_tls_version: Option<Version>,
}

/// A heartbeat that is waited for.
#[derive(Debug)]
pub struct Heartbeat {
    /// How much later than its interval it may come.
    pub grace: Duration,
    /// What the caller must show.
    pub token: Option<SecretSource>,
    /// Whether GET will do, which anything may send that follows a link.
    pub get: bool,
}

/// Runs that may fail to come before a result is stale.
const STALE_INTERVALS: u32 = 3;

/// What a check with a short interval is given beyond its interval and its timeout.
const STALE_SLACK: Duration = Duration::from_secs(30);

/// How often a check runs that does not say it.
const USUAL_INTERVAL: Duration = Duration::from_mins(1);

/// The shortest interval: more would be a load on the target.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// The longest, which keeps times far from overflowing.
const LONGEST_INTERVAL: Duration = Duration::from_hours(366 * 24);

/// How long a run may take where neither the check nor its module says it.
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);

/// How many runs there may be at the same time: each holds a connection and some 50 KiB.
const USUAL_MOST: i64 = 512;

/// How many of them against one host: a check is no load test.
const USUAL_MOST_PER_HOST: i64 = 8;

/// Checks of one file.
const MAX_CHECKS: usize = 100_000;

/// Characters of a name.
const MAX_NAME: usize = 100;

/// Bytes of a target.
const MAX_TARGET: usize = 4096;

/// Labels that our metrics have themselves: a check's own may not have these names.
const TAKEN: [&str; 9] = ["check", "target", "phase", "reason", "status", "le", "state", "journey", "step"];

impl Check {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// How long after a run its result says nothing of the present any more; `None` when it stands until the next one, as
    /// with heartbeats, whose absence is a result itself.
    pub fn stale_after(&self) -> Option<Duration> {
        match &self.settings.kind {
            Kind::Heartbeat(_) => None,
            Kind::Probe(probe) => {
                let interval = self.settings.interval;
                Some((interval * STALE_INTERVALS).max(interval + probe.timeout + STALE_SLACK))
            }
        }
    }

    /// How many failures in a row say that it is down, where a service does not say it: a heartbeat that was missed was
    /// given its grace already.
    pub fn usual_down_after(&self) -> u32 {
        match self.settings.kind {
            Kind::Heartbeat(_) => 1,
            Kind::Probe(_) => 2,
        }
    }
}

impl Checks {
    /// Reads `checks` and what belongs to it.
    pub(super) fn decode(fields: &mut Fields<'_>, modules: &Modules, guard: &Policy) -> Self {
        let mut all = Vec::new();
        let lists = fields.map("checks", |name, item| {
            let checks = entry(name, &item, modules, guard);
            (!checks.is_empty()).then_some(checks)
        });
        for checks in lists {
            all.extend(checks);
        }
        if all.len() > MAX_CHECKS {
            fields.problem("checks", format!("there are more than {MAX_CHECKS} checks"));
        }
        let mut count = |key, usual| {
            let count = fields.integer(key, 1..=100_000).unwrap_or(usual);
            usize::try_from(count).unwrap_or(1)
        };
        Self {
            most: count("max_checks", USUAL_MOST),
            most_per_host: count("max_checks_per_host", USUAL_MOST_PER_HOST),
            all,
        }
    }

    /// Whether the file itself names this target for this module, so that requests may ask for it too.
    pub fn name(&self, module: &Arc<Module>, target: &str) -> bool {
        self.all.iter().any(|check| match &check.settings.kind {
            Kind::Probe(probe) => *check.target == *target && Arc::ptr_eq(&probe.module, module),
            Kind::Heartbeat(_) => false,
        })
    }
}

/// An entry, and a check for each of its targets.
fn entry(name: &str, item: &Item<'_>, modules: &Modules, guard: &Policy) -> Vec<Check> {
    let Some(mut fields) = item.fields() else { return Vec::new() };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(good) {
        item.problem("the name of a check has letters, digits, `_`, `.` and `-`");
    }
    let interval = interval(&mut fields);
    let labels = fields.string_map("labels");
    for (label, _) in labels.iter().filter(|(label, _)| !is_free_label(label)) {
        fields.problem("labels", format!("`{label}` cannot be a label of a check"));
    }
    let critical = fields.bool("critical");
    let (kind, targets) = if fields.has("heartbeat") {
        let heartbeat = fields.fields("heartbeat").map(|mut fields| heartbeat(&mut fields, interval));
        (heartbeat.map(Kind::Heartbeat), vec![Arc::from("")])
    } else {
        let (probe, targets) = probe(name, &mut fields, interval, modules, guard);
        (probe.map(Kind::Probe), targets)
    };
    let Some(kind) = kind else { return Vec::new() };
    let settings = Arc::new(Settings { name: Arc::from(name), kind, interval, labels, critical });
    targets.into_iter().map(|target| Check { target, settings: Arc::clone(&settings) }).collect()
}

fn interval(fields: &mut Fields<'_>) -> Duration {
    let interval = fields.duration("interval").unwrap_or(USUAL_INTERVAL);
    if interval < SHORTEST_INTERVAL || interval > LONGEST_INTERVAL {
        fields.problem("interval", "an interval is from 1s to 366d");
    }
    interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL)
}

fn heartbeat(fields: &mut Fields<'_>, interval: Duration) -> Heartbeat {
    // a job does not take the same time every day
    let usual = (interval / 10).clamp(Duration::from_secs(10), Duration::from_hours(1));
    let grace = fields.duration("grace").unwrap_or(usual);
    if grace > LONGEST_INTERVAL {
        fields.problem("grace", "a grace is up to 366d");
    }
    Heartbeat {
        grace: grace.min(LONGEST_INTERVAL),
        token: fields.secret("token"),
        get: fields.bool("get").unwrap_or(false),
    }
}

fn probe(
    name: &str,
    fields: &mut Fields<'_>,
    interval: Duration,
    modules: &Modules,
    guard: &Policy,
) -> (Option<Probe>, Vec<Arc<str>>) {
    let module = module(name, fields, modules, guard);
    let targets = targets(fields);
    let timeout = fields.duration("timeout").filter(|timeout| !timeout.is_zero());
    if timeout.is_some_and(|timeout| timeout > interval) {
        fields.problem("timeout", "a run may not take longer than the interval");
    }
    let hostname = fields.string("hostname").filter(|name| !name.is_empty()).map(String::into_boxed_str);
    let refused = fields.choice("expect", &[("success", false), ("refused", true)]).unwrap_or(false);
    let (warn, fail) = (limits(fields, "warn"), limits(fields, "fail"));
    if refused && (warn != Limits::default() || fail != Limits::default()) {
        fields.problem(
            "expect",
            "what must not be reachable has no duration and no certificate: `warn` and `fail` go",
        );
    }
    let Some(module) = module else { return (None, Vec::new()) };
    let timeout = timeout.or(module.timeout).unwrap_or(USUAL_TIMEOUT).min(interval);
    (Some(Probe { module, hostname, timeout, refused, warn, fail }), targets)
}

/// A module by its name, or in place.
fn module(name: &str, fields: &mut Fields<'_>, modules: &Modules, guard: &Policy) -> Option<Arc<Module>> {
    if !fields.require("module") {
        return None;
    }
    let item = fields.item("module")?;
    if item.kind() == Written::Map {
        return Module::decode(name, &item, guard).map(Arc::new);
    }
    let name = item.string()?;
    let found = modules.get(&name).cloned();
    if found.is_none() {
        item.problem(format!("there is no module `{name}`"));
    }
    found
}

/// `target`, or `targets`.
fn targets(fields: &mut Fields<'_>) -> Vec<Arc<str>> {
    let one = fields.parsed("target", target);
    let more = fields.list("targets", |item| item.parsed(target));
    match (fields.has("target"), fields.has("targets")) {
        (true, true) => fields.problem("targets", "`target` and `targets` cannot both be set"),
        (false, false) => {
            fields.require("target");
        }
        _ => {}
    }
    let mut seen = HashSet::new();
    for twice in more.iter().filter(|target| !seen.insert(Arc::clone(target))) {
        fields.problem("targets", format!("the target `{}` is there twice", redact_url(twice)));
    }
    one.into_iter().chain(more).collect()
}

fn target(text: &str) -> Result<Arc<str>, &'static str> {
    if text.is_empty() || text.len() > MAX_TARGET || text.chars().any(char::is_control) {
        return Err("a target is HOST:PORT, a URL, or a path");
    }
    if redact_url(text) != text {
        return Err(
            "a target holds no password or token, since it is shown (hint: they are settings of the module)",
        );
    }
    Ok(Arc::from(text))
}

fn limits(fields: &mut Fields<'_>, key: &str) -> Limits {
    let Some(mut fields) = fields.fields(key) else { return Limits::default() };
    let versions = [("TLS12", Version::Tls12), ("TLS13", Version::Tls13)];
    Limits {
        slower_than: fields.duration("slower_than").filter(|limit| !limit.is_zero()),
        certificate_remaining: fields.duration("certificate_remaining").filter(|limit| !limit.is_zero()),
        least_tls_version: fields.choice("least_tls_version", &versions),
    }
}

/// Whether a check may have a label of this name.
fn is_free_label(name: &str) -> bool {
    let mut bytes = name.bytes();
    let good = bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    good && !name.starts_with("__") && !TAKEN.contains(&name)
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::*;

    fn decode(text: &str) -> Result<Checks, String> {
        let document = Document::parse("x.yml", text).map_err(|error| error.to_string())?;
        let decoded = document.decode(|mut fields| {
            let policy = Policy::default();
            let modules = fields.map("modules", |name, item| {
                Some((name.to_owned(), Arc::new(Module::decode(name, &item, &policy)?)))
            });
            Checks::decode(&mut fields, &modules.into_iter().collect(), &policy)
        });
        decoded.map_err(|error| error.to_string())
    }

    fn one(text: &str) -> Check {
        decode(&format!("modules: {{tcp: {{prober: tcp, timeout: 4s}}}}\nchecks: {{a: {{{text}}}}}"))
            .unwrap()
            .all
            .remove(0)
    }

    fn probe_of(check: &Check) -> &Probe {
        match &check.settings.kind {
            Kind::Probe(probe) => probe,
            Kind::Heartbeat(_) => panic!("a heartbeat"),
        }
    }

    #[test]
    fn times_that_are_not_given() {
        for (text, interval, timeout, stale) in [
            ("module: tcp, target: 'a:1'", 60, 4, 180),
            ("module: tcp, target: 'a:1', interval: 1s", 1, 1, 32),
            ("module: tcp, target: 'a:1', interval: 1h, timeout: 30s", 3600, 30, 10_800),
            ("module: {prober: tcp}, target: 'a:1', interval: 20s", 20, 10, 60),
        ] {
            let check = one(text);
            let found = (check.settings.interval, probe_of(&check).timeout, check.stale_after().unwrap());
            let expected = [interval, timeout, stale].map(Duration::from_secs);
            assert_eq!(found, expected.into(), "{text}");
        }
        let heartbeat = one("interval: 24h, heartbeat: {token: x}");
        assert_eq!((heartbeat.stale_after(), heartbeat.usual_down_after()), (None, 1));
        let Kind::Heartbeat(settings) = &heartbeat.settings.kind else { panic!("a probe") };
        assert_eq!(settings.grace, Duration::from_hours(1));
    }

    #[test]
    fn an_entry_with_several_targets_is_several_checks() {
        let checks =
            decode("checks: {a: {module: {prober: tcp}, targets: ['a:1', 'b:1']}, b: {heartbeat: {}}}")
                .unwrap();
        let named: Vec<_> = checks.all.iter().map(|check| (check.name(), &*check.target)).collect();
        assert_eq!(named, [("a", "a:1"), ("a", "b:1"), ("b", "")]);
        assert!(Arc::ptr_eq(&checks.all[0].settings, &checks.all[1].settings));
        assert_eq!((checks.most, checks.most_per_host), (512, 8));
    }

    #[test]
    fn what_is_wrong_is_said_where_it_stands() {
        for (text, expected) in [
            ("a: {module: tcp, target: 'a:1'}", "there is no module `tcp`"),
            ("a: {target: 'a:1'}", "missing required key `module`"),
            ("a: {module: {prober: tcp}}", "missing required key `target`"),
            ("a: {module: {prober: tcp}, target: 'a:1', targets: ['b:1']}", "cannot both be set"),
            ("a: {module: {prober: tcp}, targets: ['b:1', 'b:1']}", "is there twice"),
            ("a: {module: {prober: tcp}, target: 'http://u:hunter2@a'}", "a target holds no password"),
            ("a: {module: {prober: tcp}, target: 'a:1', interval: 500ms}", "an interval is from 1s"),
            (
                "a: {module: {prober: tcp}, target: 'a:1', interval: 5s, timeout: 6s}",
                "longer than the interval",
            ),
            ("a: {module: {prober: tcp}, target: 'a:1', labels: {check: x}}", "cannot be a label"),
            (
                "a: {module: {prober: tcp}, target: 'a:1', expect: refused, warn: {slower_than: 1s}}",
                "must not be reachable",
            ),
            (
                "a: {module: {prober: tcp}, target: 'a:1', warn: {least_tls_version: TLS10}}",
                "expected one of",
            ),
            ("a: {module: {prober: tcp}, target: 'a:1', intervall: 5s}", "did you mean `interval`"),
            ("'a b': {module: {prober: tcp}, target: 'a:1'}", "the name of a check has letters"),
            ("a: {heartbeat: {}, target: 'a:1'}", "unknown key `target`"),
        ] {
            let error = decode(&format!("checks:\n  {text}")).unwrap_err();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{text}: {error}");
            assert!(error.contains("x.yml:2:"), "{text}: {error}");
        }
    }
}
