//! What a check finds, and the exceptions that were made, each with its reason.
//!
//! Exceptions stand in `dashboards/.lint.yml` and `rules/.lint.yml`:
//!
//! ```yaml
//! redis.json:
//! - {rule: target-job-rule, panel: Alerts, reason: alerts of other jobs are shown, too}
//! ```
//! `panel`, `variable`, `alert` or `record` names where; without it the exception is for the file as a whole. One that
//! nothing needs any more is a finding itself.

use std::fmt;

use toolkit::config::Document;

use crate::tree::root;

/// The files with exceptions, by the folder that they are for.
const FILES: [&str; 2] = ["dashboards/.lint.yml", "rules/.lint.yml"];

/// Of a panel whose queries may give no data on the stage; read by the test that asks for data.
pub(crate) const MAY_BE_EMPTY: &str = "allow_empty";

/// Something that is not as it must be.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// Below the workspace's root.
    pub(crate) file: String,
    /// Which panel, alert, ….
    pub(crate) place: Place,
    /// The name of the rule.
    pub(crate) rule: &'static str,
    pub(crate) cause: String,
}

/// A part of a file, by its kind and its name or title.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place(pub(crate) Option<(&'static str, String)>);

/// A finding that is allowed.
pub(crate) struct Exception {
    pub(crate) file: String,
    pub(crate) place: Place,
    pub(crate) rule: String,
    /// The target's `refId`; only for [`MAY_BE_EMPTY`].
    pub(crate) target: Option<String>,
    reason: String,
    from: &'static str,
}

impl Place {
    /// The file as a whole.
    pub(crate) const FILE: Self = Self(None);

    pub(crate) fn panel(title: &str) -> Self {
        Self(Some(("panel", title.to_owned())))
    }

    pub(crate) fn variable(name: &str) -> Self {
        Self(Some(("variable", name.to_owned())))
    }

    pub(crate) fn alert(name: &str) -> Self {
        Self(Some(("alert", name.to_owned())))
    }

    pub(crate) fn record(name: &str) -> Self {
        Self(Some(("record", name.to_owned())))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file)?;
        if let Place(Some((kind, name))) = &self.place {
            write!(formatter, " · {kind} `{name}`")?;
        }
        write!(formatter, " · {}: {}", self.rule, self.cause)
    }
}

/// All exceptions.
pub(crate) fn exceptions() -> Vec<Exception> {
    let mut all = Vec::new();
    for from in FILES {
        let path = root().join(from);
        if !path.exists() {
            continue;
        }
        let (folder, _) = from.split_once('/').unwrap();
        let document = Document::read(&path).map_err(|error| error.to_string()).unwrap();
        let found = document.decode(|mut top| {
            let keys: Vec<&str> = top.keys().collect();
            let mut found = Vec::new();
            for key in keys {
                found.extend(top.list(key, |item| {
                    let mut fields = item.fields()?;
                    let kinds = ["panel", "variable", "alert", "record"];
                    let place = kinds.into_iter().find_map(|kind| Some((kind, fields.string(kind)?)));
                    for kind in kinds {
                        fields.ignore(kind);
                    }
                    Some(Exception {
                        file: format!("{folder}/{key}"),
                        place: Place(place),
                        rule: fields.required_string("rule"),
                        target: fields.string("target"),
                        reason: fields.required_string("reason"),
                        from,
                    })
                }));
            }
            found
        });
        all.extend(found.map_err(|error| error.to_string()).unwrap());
    }
    all
}

/// Fails with every finding that no exception allows, one a line.
#[track_caller]
pub(crate) fn report(findings: &[Finding]) {
    let exceptions = exceptions();
    let left: Vec<String> = findings
        .iter()
        .filter(|finding| !exceptions.iter().any(|exception| exception.allows(finding)))
        .map(Finding::to_string)
        .collect();
    assert!(left.is_empty(), "{} findings:\n{}\n", left.len(), left.join("\n"));
}

/// Exceptions that allow nothing of this, or have no reason. `is_about` says which exceptions are meant.
pub(crate) fn unused(findings: &[Finding], is_about: impl Fn(&Exception) -> bool) -> Vec<String> {
    let allows_nothing = |exception: &&Exception| {
        let needed = findings.iter().any(|finding| exception.allows(finding));
        exception.rule != MAY_BE_EMPTY && (!needed || exception.reason.trim().is_empty())
    };
    let exceptions = exceptions();
    let unused = exceptions.iter().filter(|exception| is_about(exception)).filter(allows_nothing);
    unused
        .map(|one| format!("{}: {} {:?} {}: nothing needs it", one.from, one.file, one.place.0, one.rule))
        .collect()
}

impl Exception {
    fn allows(&self, finding: &Finding) -> bool {
        self.file == finding.file && self.rule == finding.rule && self.place == finding.place
    }
}
