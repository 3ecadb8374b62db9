//! What a server is: version, role, extensions, rights, provider, databases. One message, asked in every scrape,
//! since any of it can change between two.

use std::collections::{BTreeMap, BTreeSet};

use crate::conn::{Column, Row, Rows};

/// One row of facts.
pub const SQL: &str = "\
SELECT pg_catalog.current_setting('server_version_num'), pg_catalog.pg_is_in_recovery(), \
(SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER), \
(SELECT pg_catalog.string_agg(r.rolname, ',') FROM pg_catalog.pg_roles r \
WHERE r.rolname LIKE 'pg\\_%' AND pg_catalog.pg_has_role(CURRENT_USER, r.oid, 'USAGE')), \
(SELECT pg_catalog.string_agg(e.extname || E'\\t' || e.extversion || E'\\t' || n.nspname, E'\\n') \
FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace), \
(SELECT pg_catalog.string_agg(s.name, ',') FROM (VALUES ('rds.extensions'), ('cloudsql.enable_pg_cron'), \
('cloudsql.supported_extensions'), ('azure.extensions'), ('neon.timeline_id'), ('alloydb.supported_extensions'), \
('apg_buffer_invalid_lookup_strategy')) s(name) WHERE pg_catalog.current_setting(s.name, true) IS NOT NULL), \
pg_catalog.current_database(), pg_catalog.to_regrole('supabase_admin') IS NOT NULL, \
pg_catalog.to_regrole('rds_superuser') IS NOT NULL";

/// Follows [`SQL`] in the same message where databases are to be found: a row for each that takes connections.
pub const DATABASES_SQL: &str = ";\
SELECT d.datname, pg_catalog.has_database_privilege(d.oid, 'CONNECT') FROM pg_catalog.pg_database d \
WHERE d.datallowconn AND NOT d.datistemplate AND d.datconnlimit <> -2 ORDER BY d.datname";

/// How many columns the row of facts has; tells it from the rows of databases.
const FACT_COLUMNS: usize = 9;

/// What a server is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `server_version_num`.
    pub version: u32,
    /// Whether it follows another server.
    pub standby: bool,
    /// Whether our role is a superuser.
    pub superuser: bool,
    /// Predefined roles that ours is a member of.
    pub roles: BTreeSet<String>,
    /// Extensions in the database that was asked.
    pub extensions: BTreeMap<String, Extension>,
    /// Whose service it is.
    pub provider: Provider,
    /// The database that was asked.
    pub database: String,
    /// Databases that take connections.
    pub databases: Vec<Database>,
    /// It is no server but the console of a PgBouncer.
    pub console: bool,
}

/// An extension.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extension {
    /// Its version.
    pub version: (u32, u32),
    /// The schema it is in.
    pub schema: String,
}

/// A database that takes connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// Whether our role may connect.
    pub allowed: bool,
}

/// Whose service a server is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provider {
    /// Nobody's that we know.
    #[default]
    Own,
    /// Amazon RDS.
    Rds,
    /// Amazon Aurora.
    Aurora,
    /// Google Cloud SQL.
    CloudSql,
    /// Google `AlloyDB`.
    AlloyDb,
    /// Azure Database.
    Azure,
    /// Supabase.
    Supabase,
    /// Neon.
    Neon,
}

impl Provider {
    /// The word for labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "",
            Self::Rds => "rds",
            Self::Aurora => "aurora",
            Self::CloudSql => "cloudsql",
            Self::AlloyDb => "alloydb",
            Self::Azure => "azure",
            Self::Supabase => "supabase",
            Self::Neon => "neon",
        }
    }

    fn of(settings: &str, supabase: bool, rds: bool) -> Self {
        let has = |name: &str| settings.split(',').any(|setting| setting.starts_with(name));
        match () {
            () if has("neon.") => Self::Neon,
            () if has("alloydb.") => Self::AlloyDb,
            () if has("cloudsql.") => Self::CloudSql,
            () if has("azure.") => Self::Azure,
            () if has("apg_") => Self::Aurora,
            () if has("rds.") || rds => Self::Rds,
            () if supabase => Self::Supabase,
            () => Self::Own,
        }
    }
}

impl Facts {
    /// Whether our role has what this predefined role gives.
    pub fn has_right(&self, role: &str) -> bool {
        // pg_monitor gives these three
        let by_monitor = ["pg_read_all_settings", "pg_read_all_stats", "pg_stat_scan_tables"].contains(&role);
        self.superuser || self.roles.contains(role) || (by_monitor && self.roles.contains("pg_monitor"))
    }
}

impl Rows for Facts {
    fn columns(&mut self, _: &[Column<'_>]) {}

    fn row(&mut self, row: &Row<'_>) {
        let text = |column| row.text(column).unwrap_or_default();
        let is_true = |column| row.get(column) == Some(b"t");
        if self.console {
            return;
        }
        if row.len() != FACT_COLUMNS {
            self.databases.push(Database { name: text(0).into_owned(), allowed: is_true(1) });
            return;
        }
        self.version = text(0).parse().unwrap_or_default();
        self.standby = is_true(1);
        self.superuser = is_true(2);
        self.roles = text(3).split(',').filter(|role| !role.is_empty()).map(str::to_owned).collect();
        self.extensions = text(4).lines().filter_map(extension).collect();
        self.provider = Provider::of(&text(5), is_true(7), is_true(8));
        self.database = text(6).into_owned();
    }
}

fn extension(line: &str) -> Option<(String, Extension)> {
    let mut words = line.splitn(3, '\t');
    let (name, version, schema) = (words.next()?, words.next()?, words.next()?);
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    Some((name.to_owned(), Extension { version, schema: schema.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers() {
        for (settings, supabase, rds, expected) in [
            ("", false, false, Provider::Own),
            ("rds.extensions", false, true, Provider::Rds),
            ("rds.extensions,apg_buffer_invalid_lookup_strategy", false, true, Provider::Aurora),
            ("cloudsql.enable_pg_cron", false, false, Provider::CloudSql),
            ("", true, false, Provider::Supabase),
        ] {
            assert_eq!(Provider::of(settings, supabase, rds), expected, "{settings}");
        }
    }

    #[test]
    fn rights() {
        let mut facts = Facts { roles: ["pg_monitor".to_owned()].into(), ..Facts::default() };
        assert!(facts.has_right("pg_read_all_stats") && !facts.has_right("pg_write_server_files"));
        facts.superuser = true;
        assert!(facts.has_right("pg_write_server_files"));
    }

    #[test]
    fn extensions() {
        let (name, found) = extension("pg_stat_statements\t1.10\text ensions").unwrap();
        assert_eq!(
            (name.as_str(), found.version, found.schema.as_str()),
            ("pg_stat_statements", (1, 10), "ext ensions")
        );
    }
}
