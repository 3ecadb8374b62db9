//! `grants`: the SQL that gives a role what the enabled collectors need.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::collector::sql::{quote_identifier, quote_literal};
use crate::config::Config;

/// Without these a role sees its own sessions only.
const ALWAYS: &str = "pg_monitor";

/// The script.
pub(super) fn script(config: &Config, role: &str) -> String {
    let mut needed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut extensions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for chosen in &config.collectors {
        let name = chosen.collector.name.as_str();
        for right in &chosen.collector.needs.rights {
            needed.entry(right).or_default().push(name);
        }
        if let Some(extension) = &chosen.collector.needs.extension {
            extensions.entry(extension).or_default().push(name);
        }
    }
    needed.entry(ALWAYS).or_default();
    let (quoted, literal) = (quote_identifier(role), quote_literal(role));
    let mut text = format!(
        "-- Run as a superuser, or as the administrator that a managed service gives you.\n\
         DO $$ BEGIN\n  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {literal}) THEN\n    \
         CREATE ROLE {quoted} LOGIN CONNECTION LIMIT 6;\n  END IF;\nEND $$;\n\
         -- Set its password without writing it down here: \\password {quoted}\n"
    );
    for (right, collectors) in needed {
        let why = match collectors.join(", ") {
            names if names.is_empty() => "sessions, settings and statistics of others".to_owned(),
            names => names,
        };
        // what is written to a string arrives
        let _ignored = writeln!(text, "GRANT {right} TO {quoted}; -- {why}");
    }
    for chosen in &config.collectors {
        for grant in &chosen.collector.needs.grants {
            let _ignored = writeln!(text, "GRANT {grant} TO {quoted}; -- {}", chosen.collector.name);
        }
    }
    for (extension, collectors) in extensions {
        let name = quote_identifier(extension);
        let _ignored = writeln!(text, "CREATE EXTENSION IF NOT EXISTS {name}; -- {}", collectors.join(", "));
    }
    text.push_str("-- In each database that PUBLIC may not enter:\n-- GRANT CONNECT ON DATABASE \"…\" TO ");
    text.push_str(&quoted);
    text.push_str(";\n");
    text
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;
    use crate::flags::Flags;

    #[test]
    fn what_the_enabled_collectors_need() {
        let command = <Flags as clap::Args>::augment_args(Command::new("x"));
        let arguments = ["x", "--collector.stat_statements", "--collector.hba_file_rules"];
        let matches = command.get_matches_from(arguments);
        let flags = Flags::from_arg_matches(&matches).unwrap();
        let config = Config::parse(&flags, None, &|_| None).unwrap();
        let script = script(&config, "o'\"x");
        for line in [
            "WHERE rolname = 'o''\"x') THEN",
            "CREATE ROLE \"o'\"\"x\" LOGIN",
            "GRANT pg_monitor TO \"o'\"\"x\";",
            "GRANT SELECT ON pg_catalog.pg_hba_file_rules TO \"o'\"\"x\"; -- hba_file_rules",
            "CREATE EXTENSION IF NOT EXISTS \"pg_stat_statements\"; -- stat_statements",
        ] {
            assert!(script.contains(line), "{line}\n{script}");
        }
    }
}
