//! Which databases of a server are watched.

use crate::facts::{Database, Facts};

/// Databases that belong to the provider of a managed server: nobody else may connect to them.
const PROVIDERS_OWN: [&str; 5] =
    ["rdsadmin", "cloudsqladmin", "alloydbadmin", "azure_maintenance", "azure_sys"];

/// Which databases are watched. Templates and databases that take no connections never are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseRules {
    /// Only the database of the connection string.
    pub only_own: bool,
    /// Patterns, one of which must match; empty: all.
    pub include: Vec<String>,
    /// Patterns, none of which may match.
    pub exclude: Vec<String>,
}

/// The databases of a server that are to be watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Those that our role may connect to.
    pub open: Vec<String>,
    /// Those that it may not.
    pub refused: Vec<String>,
}

impl DatabaseRules {
    /// Whether a database is to be watched.
    pub fn admits(&self, name: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, name));
        let included =
            if self.include.is_empty() { !PROVIDERS_OWN.contains(&name) } else { any(&self.include) };
        included && !any(&self.exclude)
    }

    /// Chooses among those that a server has. A server that tells of none (a pooler) is taken at its word for the
    /// database that we are in.
    pub fn watched(&self, facts: &Facts) -> Watched {
        if self.only_own || facts.databases.is_empty() {
            return Watched { open: vec![facts.database.clone()], refused: Vec::new() };
        }
        let (open, refused): (Vec<_>, Vec<_>) = facts
            .databases
            .iter()
            .filter(|database| self.admits(&database.name))
            .partition(|database| database.allowed);
        let names = |databases: Vec<&Database>| databases.iter().map(|found| found.name.clone()).collect();
        Watched { open: names(open), refused: names(refused) }
    }
}

/// Whether a pattern with `*` (any characters) and `?` (one) matches the whole name; linear in both lengths.
fn matches(pattern: &str, name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let mut reached = vec![false; name.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for wanted in pattern.chars() {
        let mut next = vec![false; name.len() + 1];
        let mut carried = false;
        for (at, here) in reached.iter().enumerate() {
            carried = *here || (wanted == '*' && carried);
            let step = match (wanted, name.get(at)) {
                ('*', _) => carried.then_some(at),
                ('?', Some(_)) => here.then_some(at + 1),
                (wanted, Some(found)) => (*here && wanted == *found).then_some(at + 1),
                (_, None) => None,
            };
            if let Some(place) = step.and_then(|at| next.get_mut(at)) {
                *place = true;
            }
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(list: &[&str]) -> Vec<String> {
        list.iter().map(|pattern| (*pattern).to_owned()).collect()
    }

    #[test]
    fn rules() {
        let server = ["app", "app_test", "postgres", "rdsadmin", "ünïcode"];
        for (include, exclude, expected) in [
            (&[][..], &[][..], &["app", "app_test", "postgres", "ünïcode"][..]),
            (&[], &["*_test", "postgres"], &["app", "ünïcode"]),
            (&["app*"], &[], &["app", "app_test"]),
            (&["app*"], &["app"], &["app_test"]),
            (&["rdsadmin", "?pp"], &[], &["app", "rdsadmin"]),
            (&["ü*e"], &[], &["ünïcode"]),
            (&["none"], &[], &[]),
        ] {
            let rules =
                DatabaseRules { only_own: false, include: patterns(include), exclude: patterns(exclude) };
            let found: Vec<&str> = server.into_iter().filter(|name| rules.admits(name)).collect();
            assert_eq!(found, expected, "{include:?} {exclude:?}");
        }
    }

    #[test]
    fn a_database_that_we_may_not_enter_is_told_apart() {
        let database = |name: &str, allowed| Database { name: name.to_owned(), allowed };
        let facts = Facts {
            database: "app".to_owned(),
            databases: vec![database("app", true), database("secret", false)],
            ..Facts::default()
        };
        let watched = DatabaseRules::default().watched(&facts);
        assert_eq!((watched.open, watched.refused), (patterns(&["app"]), patterns(&["secret"])));
        let own = DatabaseRules { only_own: true, ..DatabaseRules::default() };
        assert_eq!(own.watched(&facts).open, ["app"]);
    }
}
