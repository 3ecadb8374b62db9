//! What runs on a server, what does not, and why. Pure: from what a server is to text that is sent.

use std::time::Duration;

use crate::collector::{Collector, Role, Variant, When, sql};
use crate::facts::Facts;

/// A collector as it was chosen: with the values of its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The collector.
    pub collector: Collector,
    /// Names of its parameters and their values as SQL literals.
    pub values: Vec<(String, String)>,
}

/// What becomes of a collector on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// These queries run.
    Run(Vec<Step>),
    /// The server does not have what it is about; says what.
    Unsupported(String),
    /// Our role may not; says which right is missing.
    NotPermitted(String),
}

/// A query that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which query of the collector it is.
    pub query: usize,
    /// Its text.
    pub sql: String,
}

/// Decides for one collector.
pub fn plan(chosen: &Chosen, facts: &Facts) -> Plan {
    let needs = &chosen.collector.needs;
    if let Some(extension) = &needs.extension
        && !facts.extensions.contains_key(extension)
    {
        return Plan::Unsupported(format!("extension {extension} is not in database {}", facts.database));
    }
    if let Some(database) = &needs.database
        && *database != facts.database
    {
        return Plan::Unsupported(format!("only for database {database}"));
    }
    let steps: Vec<Step> = chosen
        .collector
        .queries
        .iter()
        .enumerate()
        .filter_map(|(query, spec)| {
            let variant = spec.variants.iter().find(|variant| fits(&variant.when, chosen, facts))?;
            Some(Step { query, sql: fill(variant, chosen, facts) })
        })
        .collect();
    if steps.is_empty() {
        return Plan::Unsupported(why_none_fits(chosen, facts));
    }
    match needs.rights.iter().find(|right| !facts.has_right(right)) {
        Some(right) => Plan::NotPermitted(format!("the role is not a member of {right}")),
        None => Plan::Run(steps),
    }
}

/// What stands before a query in its message: one implicit transaction with limits of its own, which leaves nothing
/// behind, so that poolers may hand the session to somebody else after it.
pub fn preamble(statement_timeout: Duration, own_search_path: bool, raw_text: bool) -> String {
    let milliseconds = statement_timeout.as_millis().max(1);
    let path = if own_search_path { "" } else { "SET LOCAL search_path=pg_catalog;" };
    let encoding = if raw_text { "SET LOCAL client_encoding='SQL_ASCII';" } else { "" };
    format!(
        "SET LOCAL transaction_read_only=on;SET LOCAL statement_timeout={milliseconds};\
         SET LOCAL lock_timeout={LOCK_TIMEOUT_MS};SET LOCAL jit=off;SET LOCAL max_parallel_workers_per_gather=0;{path}{encoding}"
    )
}

/// A query of ours may wait for a lock this long, in milliseconds, and others may queue behind it as long.
const LOCK_TIMEOUT_MS: u32 = 250;

fn fits(when: &When, chosen: &Chosen, facts: &Facts) -> bool {
    let role = if facts.standby { Role::Standby } else { Role::Primary };
    let extension = when.extension.as_ref().or(chosen.collector.needs.extension.as_ref());
    let found = extension.and_then(|name| facts.extensions.get(name));
    let is_true = |name: &String| chosen.values.iter().any(|(known, value)| known == name && value == "true");
    when.min.is_none_or(|min| facts.version >= min)
        && when.below.is_none_or(|below| facts.version < below)
        && (when.ranges.is_empty()
            || when.ranges.iter().any(|(from, below)| (*from..*below).contains(&facts.version)))
        && when.role.is_none_or(|wanted| wanted == role)
        && (when.extension.is_none() || found.is_some())
        && when.min_extension.is_none_or(|min| found.is_some_and(|extension| extension.version >= min))
        && when.parameter.as_ref().is_none_or(is_true)
}

fn fill(variant: &Variant, chosen: &Chosen, facts: &Facts) -> String {
    let extension = variant.when.extension.as_ref().or(chosen.collector.needs.extension.as_ref());
    let schema = extension.and_then(|name| facts.extensions.get(name));
    let schema = schema.map(|extension| sql::quote_identifier(&extension.schema)).unwrap_or_default();
    let mut values: Vec<(&str, &str)> = vec![("schema", &schema), ("extension_schema", &schema)];
    if schema.is_empty() {
        values.clear();
    }
    values.extend(chosen.values.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    sql::fill(&variant.sql, &values)
}

/// The nearest reason: a role or version that no variant is for.
fn why_none_fits(chosen: &Chosen, facts: &Facts) -> String {
    let whens =
        || chosen.collector.queries.iter().flat_map(|query| &query.variants).map(|variant| &variant.when);
    let versions = |when: &&When| {
        when.min.is_none_or(|min| facts.version >= min)
            && when.below.is_none_or(|below| facts.version < below)
    };
    if !whens().any(|when| versions(&when)) {
        return format!("not for version {}", version_text(facts.version));
    }
    let role = if facts.standby { Role::Standby } else { Role::Primary };
    if whens().all(|when| when.role.is_some_and(|wanted| wanted != role)) {
        return format!("not for a {}", role.as_str());
    }
    "no variant fits this server".to_owned()
}

/// `150018` is 15.18, `90603` is 9.6.3.
pub fn version_text(version: u32) -> String {
    if version >= 100_000 {
        format!("{}.{}", version / 10_000, version % 10_000)
    } else {
        format!("{}.{}.{}", version / 10_000, version / 100 % 100, version % 100)
    }
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::*;
    use crate::collector::decode;
    use crate::facts::Extension;

    const SAMPLE: &str = "
name: sample
help: A sample.
needs: {rights: [pg_monitor]}
parameters: [{name: limit, kind: integer, default: 5, help: x}, {name: text, kind: bool, help: x}]
queries:
- variants:
  - {when: {min_version: 17}, sql: 'SELECT new LIMIT {limit}'}
  - {when: {min_version: 14, role: primary}, sql: SELECT old}
  - {when: {max_version: 15, extension: x, min_extension: 1.2}, sql: 'SELECT {schema}.x'}
  metrics: [{name: a, kind: gauge, help: A.}]
- variants: [{when: {parameter: text}, sql: SELECT text}]
  metrics: [{name: b, kind: gauge, help: B.}]
";

    fn chosen(values: &[(&str, &str)]) -> Chosen {
        let collector = decode::collector(&Document::parse("x.yml", SAMPLE).unwrap()).unwrap();
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Chosen { collector, values }
    }

    #[track_caller]
    fn check(values: &[(&str, &str)], facts: &Facts, expected: Result<&[(usize, &str)], &str>) {
        let found = match plan(&chosen(values), facts) {
            Plan::Run(steps) => Ok(steps.into_iter().map(|step| (step.query, step.sql)).collect::<Vec<_>>()),
            Plan::Unsupported(why) => Err(format!("unsupported: {why}")),
            Plan::NotPermitted(why) => Err(format!("not permitted: {why}")),
        };
        let expected = expected
            .map(|steps| steps.iter().map(|(query, sql)| (*query, (*sql).to_owned())).collect())
            .map_err(str::to_owned);
        assert_eq!(found, expected);
    }

    #[test]
    fn the_first_variant_that_fits_runs() {
        let monitor = Facts { roles: ["pg_monitor".to_owned()].into(), ..Facts::default() };
        let of = |version| Facts { version, ..monitor.clone() };
        let extension = |version| Extension { version, schema: "my \"s\"".to_owned() };
        let with = |facts: Facts, version| Facts {
            extensions: [("x".to_owned(), extension(version))].into(),
            ..facts
        };
        let limit = ("limit", "5");
        check(&[limit], &of(180_001), Ok(&[(0, "SELECT new LIMIT 5")]));
        check(&[limit, ("text", "true")], &of(160_000), Ok(&[(0, "SELECT old"), (1, "SELECT text")]));
        check(&[], &Facts { standby: true, ..of(160_000) }, Err("unsupported: no variant fits this server"));
        check(&[], &with(of(130_000), (1, 10)), Ok(&[(0, "SELECT \"my \"\"s\"\"\".x")]));
        check(&[], &with(of(130_000), (1, 1)), Err("unsupported: no variant fits this server"));
        check(
            &[],
            &Facts { version: 160_000, ..Facts::default() },
            Err("not permitted: the role is not a member of pg_monitor"),
        );
        check(
            &[],
            &Facts { version: 160_000, superuser: true, ..Facts::default() },
            Ok(&[(0, "SELECT old")]),
        );
    }

    #[test]
    fn versions() {
        assert_eq!((version_text(150_018), version_text(90_603)), ("15.18".to_owned(), "9.6.3".to_owned()));
    }
}
