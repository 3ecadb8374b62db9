//! `explain`: what runs on a server, what does not, and why.

use std::fmt::Write;
use std::time::Duration;

use tokio::time::Instant;

use crate::collector::Scope;
use crate::config::Config;
use crate::dsn::{Dsn, resolve};
use crate::facts::Facts;
use crate::plan::{Plan, plan, version_text};
use crate::run::introduce;
use crate::target::Target;

/// How long the server may take to answer.
const LIMIT: Duration = Duration::from_secs(10);

/// Asks and prints.
pub(super) fn run(config: &Config, dsn: Option<&str>) -> Result<String, String> {
    let link = match dsn {
        Some(text) => {
            let dsn = Dsn::parse(text).map_err(|error| error.to_string())?;
            resolve::configured(dsn, None, &|name| std::env::var(name).ok())
                .map_err(|error| error.to_string())?
        }
        None => config
            .mains
            .first()
            .cloned()
            .ok_or("no server is configured (hint: DATA_SOURCE_NAME or --dsn)")?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start the runtime: {error}"))?;
    runtime.block_on(async {
        let target = Target::new(link, 1);
        let asked = introduce(&target, None, Instant::now() + LIMIT).await;
        let text = match asked {
            Ok((lease, facts)) => {
                drop(lease);
                Ok(describe(config, &facts))
            }
            Err(error) => Err(format!("{}: {}", target.name, error.chain())),
        };
        target.close().await;
        text
    })
}

fn describe(config: &Config, facts: &Facts) -> String {
    let role = if facts.standby { "standby" } else { "primary" };
    let rights: Vec<&str> = facts.roles.iter().map(String::as_str).collect();
    let watched = config.databases.watched(facts);
    let mut text = format!(
        "PostgreSQL {} {role} {}\nrights: {}{}\ndatabases: {}\n",
        version_text(facts.version),
        facts.provider.as_str(),
        if facts.superuser { "superuser " } else { "" },
        rights.join(" "),
        watched.open.join(", "),
    );
    if !watched.refused.is_empty() {
        let _ignored =
            writeln!(text, "databases without the right to connect: {}", watched.refused.join(", "));
    }
    let here = |scope| (scope == Scope::Pooler) == facts.console;
    for chosen in config.collectors.iter().filter(|chosen| here(chosen.collector.scope)) {
        let collector = &chosen.collector;
        let place = match collector.scope {
            Scope::Cluster => "once",
            Scope::Database => "in each database",
            Scope::Pooler => "on the console",
        };
        let kept = collector.ttl.map(|ttl| format!(", kept for {} s", ttl.as_secs())).unwrap_or_default();
        let verdict = match plan(chosen, facts) {
            Plan::Run(steps) if steps.len() < collector.queries.len() => {
                format!("runs {place}{kept}, {} of {} queries", steps.len(), collector.queries.len())
            }
            Plan::Run(_) => format!("runs {place}{kept}"),
            Plan::Unsupported(why) => format!("unsupported: {why}"),
            Plan::NotPermitted(why) => format!("not permitted: {why}"),
        };
        // what is written to a string arrives
        let _ignored = writeln!(text, "{:<32} {verdict}", collector.name);
    }
    text
}
