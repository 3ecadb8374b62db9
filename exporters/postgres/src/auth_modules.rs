//! Who we are at the targets of `/probe`.
//!
//! Invariant: the password of a module goes only to targets that one of its patterns matches. A module without patterns
//! stands for this machine, and only where the request names it: postgres_exporter's files have none, and its usual place
//! is beside the server.

use toolkit::config::{Fields, Item, SecretSource};
use toolkit::scrape::{TargetName, TargetPattern, TargetRules};
use tracing::warn;

use crate::conn::Link;
use crate::dsn::{Dsn, resolve};

/// All modules of the file, in its order.
#[derive(Clone, Debug, Default)]
pub struct AuthModules {
    modules: Vec<(String, AuthModule)>,
}

/// Where a module without `targets` may be used.
const THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.0/8", "::1/128"];

/// Who we are, and where.
#[derive(Clone, Debug, Default)]
struct AuthModule {
    user: Option<String>,
    password: Option<SecretSource>,
    options: Vec<(String, String)>,
    targets: TargetRules<()>,
    /// It has no `targets` of its own.
    only_here: bool,
}

/// Why a target may not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request is wrong.
    Bad(String),
    /// The target is none of ours.
    Forbidden(String),
}

/// Reads the key `auth_modules`.
pub(crate) fn decode(fields: &mut Fields<'_>) -> AuthModules {
    AuthModules { modules: fields.map("auth_modules", |name, item| Some((name.to_owned(), module(&item)?))) }
}

fn module(item: &Item<'_>) -> Option<AuthModule> {
    let mut fields = item.fields()?;
    fields.require("type");
    let userpass = fields.choice("type", &[("userpass", true), ("none", false)])?;
    let only_here = !fields.has("targets");
    let targets = if only_here {
        THIS_MACHINE.iter().filter_map(|pattern| TargetPattern::parse(pattern).ok()).collect()
    } else {
        fields.list("targets", |item| item.parsed(TargetPattern::parse))
    };
    let mut module = AuthModule {
        options: fields.string_map("options"),
        targets: TargetRules::new(targets.into_iter().map(|pattern| (pattern, ())).collect()),
        only_here,
        ..AuthModule::default()
    };
    if let Some(mut given) = fields.fields("userpass") {
        module.user = Some(given.required_string("username")).filter(|user| !user.is_empty());
        module.password = given.secret("password");
    } else if userpass {
        fields.require("userpass");
    }
    if module.password.is_some() && only_here {
        warn!(
            "an auth module without `targets` gives its password only to servers on this machine (hint: targets: [\"db-*:5432\"]; `*` is any host name)"
        );
    }
    Some(module)
}

impl AuthModules {
    /// The link to a target of a request.
    ///
    /// # Errors
    /// The request is wrong, or the module is not for this target.
    pub fn link(&self, target: &str, module: Option<&str>) -> Result<Link, Refusal> {
        let bad = |error: crate::dsn::DsnError| Refusal::Bad(format!("the target is wrong: {error}"));
        let dsn = Dsn::parse(target).map_err(bad)?;
        let text = dsn.place_name();
        let host = dsn.get("host").unwrap_or("localhost").to_owned();
        let port = dsn.get("port").map_or(Some(5432), |port| port.parse().ok());
        let name = TargetName { text: &text, host: &host, port };
        let matches = |module: &AuthModule| module.targets.find(name).is_some();
        let module = match module {
            Some(wanted) => {
                let found = self.modules.iter().find(|(known, _)| known == wanted);
                let (_, found) =
                    found.ok_or_else(|| Refusal::Bad(format!("auth_module {wanted} is not configured")))?;
                // without `targets` there is nothing but the password to keep from others
                let is_open = found.only_here && found.password.is_none();
                if !is_open && !matches(found) {
                    return Err(Refusal::Forbidden(format!(
                        "auth_module {wanted} gives its password to targets of its own only (hint: in the file, auth_modules: {wanted}: targets: [\"{text}\"])"
                    )));
                }
                Some(found)
            }
            None => self
                .modules
                .iter()
                .map(|(_, module)| module)
                .find(|module| !module.only_here && matches(module)),
        };
        let usual = AuthModule::default();
        let AuthModule { user, password, options, .. } = module.unwrap_or(&usual);
        resolve::asked(dsn, user.as_deref(), password.clone(), options).map_err(bad)
    }
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::*;
    use crate::credentials::Password;

    fn modules() -> AuthModules {
        let text = "auth_modules:\n  first:\n    type: userpass\n    userpass: {username: m, password: canary}\n    \
                    options: {sslmode: require}\n    targets: ['db-*:5432', 10.0.0.0/8]\n  open: {type: none}\n  \
                    here: {type: userpass, userpass: {username: h, password: canary}}\n";
        Document::parse("c.yml", text).unwrap().decode(|mut fields| decode(&mut fields)).unwrap()
    }

    #[test]
    fn a_password_goes_only_where_it_was_configured_for() {
        for (target, module, expected) in [
            ("db-1:5432", Some("first"), Ok(Some("m"))),
            ("db-1", None, Ok(Some("m"))),
            ("postgresql://10.1.1.1:6000/x", Some("first"), Ok(Some("m"))),
            ("evil.test:5432", None, Ok(None)),
            ("evil.test:5432", Some("first"), Err("Forbidden")),
            ("db-1:5432", Some("none"), Err("Bad")),
            ("evil.test:5432", Some("open"), Ok(None)),
            ("127.0.0.1:6000/x", Some("here"), Ok(Some("h"))),
            ("postgresql://[::1]:6000", Some("here"), Ok(Some("h"))),
            ("host=localhost", Some("here"), Ok(Some("h"))),
            ("127.0.0.1.evil.test", Some("here"), Err("Forbidden")),
            ("localhost.evil.test", Some("here"), Err("Forbidden")),
            ("10.0.0.1", Some("here"), Err("Forbidden")),
            ("localhost:5432", None, Ok(None)),
            ("db-1:port", None, Err("Bad")),
            ("host=db-1 passfile=/etc/x", None, Err("Bad")),
        ] {
            let found = modules().link(target, module);
            let shown =
                match &found {
                    Ok(link) => Ok((link.credentials.password != Password::None)
                        .then_some(link.credentials.user.as_str())),
                    Err(Refusal::Bad(_)) => Err("Bad"),
                    Err(Refusal::Forbidden(_)) => Err("Forbidden"),
                };
            assert_eq!(shown, expected, "{target}");
            assert!(!format!("{found:?}").contains("canary"));
        }
    }
}
