//! A target that is checked on its own cadence.

use std::sync::Arc;
use std::time::Duration;

use toolkit::config::{Fields, Item};
use toolkit::schedule::Target;

use super::module::{Module, Prober};
use super::route::Route;
use super::{Modules, interval};

/// Labels that metrics have themselves: a target's own may not have these names.
const TAKEN: [&str; 33] = [
    "alpn",
    "chain_no",
    "cipher",
    "cn",
    "credential",
    "days",
    "dnsnames",
    "domain",
    "emails",
    "file",
    "fingerprint_sha256",
    "group",
    "ips",
    "issuer_cn",
    "key",
    "key_bits",
    "key_type",
    "kind",
    "kubeconfig",
    "name",
    "namespace",
    "ou",
    "phase",
    "position",
    "prober",
    "reason",
    "role",
    "secret",
    "serial_no",
    "signature_algorithm",
    "target",
    "type",
    "version",
];

/// Bytes of a target: a name has at most 253, a path 4,096.
const LONGEST_TARGET: usize = 4352;

/// A target that is checked on its own cadence.
#[derive(Clone, Debug)]
pub struct Scheduled {
    /// What is checked; also its label.
    pub target: Arc<str>,
    /// How.
    pub module: Arc<Module>,
    /// How often.
    pub interval: Duration,
    /// The name that is asked for, instead of the target's host.
    pub server_name: Option<Arc<str>>,
    /// The way to it.
    pub route: Route,
    /// Labels of its own.
    pub labels: Arc<[(String, String)]>,
}

/// What stands where a target does not say it itself.
#[derive(Clone, Copy)]
pub(super) struct Defaults<'a> {
    pub(super) modules: &'a Modules,
    pub(super) module: Option<&'a str>,
}

impl Target for Scheduled {
    /// What tells its series from those of other targets.
    type Key = (Arc<str>, Arc<[(String, String)]>);

    fn key(&self) -> Self::Key {
        (Arc::clone(&self.target), Arc::clone(&self.labels))
    }

    fn interval(&self) -> Duration {
        self.interval
    }
}

/// Whether a target may have a label of this name.
pub fn is_free_label(name: &str) -> bool {
    let mut characters = name.chars();
    let good = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_');
    good && !name.starts_with("__") && !TAKEN.contains(&name)
}

/// Whether a text can be a target.
pub(super) fn judge_target(text: &str, prober: Prober) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > LONGEST_TARGET || text.chars().any(char::is_control) {
        return Err("a target is HOST:PORT, a URL, or a path");
    }
    let has_user = text.split('/').take(3).any(|part| part.contains('@'));
    if has_user && !matches!(prober, Prober::File | Prober::Kubeconfig) {
        return Err("a target holds no user or password: it is shown in a label");
    }
    Ok(())
}

pub(super) fn decode(item: &Item<'_>, defaults: Defaults<'_>) -> Option<Scheduled> {
    let mut fields = item.fields()?;
    let module = module(&mut fields, defaults);
    let prober = module.as_ref().map_or(Prober::Tcp, |module| module.prober);
    let target = fields.parsed("target", |text| judge_target(text, prober).map(|()| Arc::from(text)));
    let own = module.as_ref().and_then(|module| module.target.as_deref().map(Arc::from));
    if own.is_none() {
        fields.require("target");
    }
    let labels: Vec<(String, String)> = fields.string_map("labels");
    for (name, _) in labels.iter().filter(|(name, _)| !is_free_label(name)) {
        fields.problem("labels", format!("`{name}` cannot be a label of a target"));
    }
    let interval = interval(&mut fields, "interval");
    let server_name = fields.string("server_name").filter(|name| !name.is_empty()).map(Arc::from);
    let (own_way, module) = (Route::decode(&mut fields), module?);
    let route = own_way.or(module.route);
    Some(Scheduled { target: own.or(target)?, module, interval, server_name, route, labels: labels.into() })
}

/// The module that a map names, or the default one.
pub(super) fn module(fields: &mut Fields<'_>, defaults: Defaults<'_>) -> Option<Arc<Module>> {
    let named = fields.string("module");
    let Some(name) = named.as_deref().or(defaults.module) else {
        fields.require("module");
        return None;
    };
    let found = defaults.modules.get(name).cloned();
    if found.is_none() {
        fields.problem("module", format!("there is no module `{name}`"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_s_place_must_never_change_from_build_to_build() {
        let module = Arc::new(Module::plain("tcp", Prober::Tcp));
        let target = |interval| Scheduled {
            target: Arc::from("example.com:443"),
            module: Arc::clone(&module),
            interval: Duration::from_secs(interval),
            server_name: None,
            route: Route::default(),
            labels: Arc::default(),
        };
        for interval in [1, 60] {
            assert_eq!(toolkit::schedule::number(&target(interval).key()), 15_836_259_724_152_366_918);
        }
    }
}
