//! Keys by database.
//!
//! Databases without keys are shown with 0 only as far as the server says how many there are: none is invented.

use toolkit::expo::{Desc, Kind};

use super::{Part, Reading, Render};
use crate::collectors::config::setting;
use crate::command::Command;
use crate::info::{item, number};
use crate::output::Output;

const KEYS: Desc<'_> = Desc {
    name: "db_keys",
    help: "Keys in the database (INFO dbN keys).",
    kind: Kind::Gauge,
    labels: &["db"],
};
const EXPIRING: Desc<'_> = Desc {
    name: "db_keys_expiring",
    help: "Keys in the database that have an expiry (INFO dbN expires).",
    ..KEYS
};
const TTL: Desc<'_> = Desc {
    name: "db_avg_ttl_seconds",
    help: "Time to live of the keys with an expiry, on average, estimated; 0 for none (INFO dbN avg_ttl).",
    ..KEYS
};
const CACHED: Desc<'_> = Desc {
    name: "db_keys_cached",
    help: "Keys of the database in the storage provider's cache (INFO dbN cached_keys, KeyDB).",
    ..KEYS
};
const WITH_EXPIRING_ITEMS: Desc<'_> = Desc {
    name: "db_keys_with_expiring_items",
    help: "Keys with items that have an expiry of their own (INFO dbN keys_with_volatile_items, Valkey; subexpiry, Redis).",
    ..KEYS
};

/// Most databases shown without keys: a server can be set to have billions.
const MAX_EMPTY: u32 = 1_024;

/// `avg_ttl` is in milliseconds.
const MILLISECONDS: f64 = 1e3;

pub(super) const PART: Part = Part {
    name: "keyspace",
    commands: &[Command::Info, Command::ConfigNamed, Command::ConfigAll],
    metrics: || vec![KEYS, EXPIRING, TTL, CACHED, WITH_EXPIRING_ITEMS],
    further: None,
    render: Render::Info(render),
};

fn render(reading: &Reading<'_>, output: &mut Output<'_>) {
    let mut seen = Vec::new();
    for (database, list) in reading.info.numbered("db") {
        let count = |name| item(list, name).and_then(number);
        output.add(&KEYS, &[database], count("keys"));
        output.add(&EXPIRING, &[database], count("expires"));
        output.add(&TTL, &[database], count("avg_ttl").map(|ttl| ttl / MILLISECONDS));
        output.add(&CACHED, &[database], count("cached_keys"));
        let with_items = count("keys_with_volatile_items").or_else(|| count("subexpiry"));
        output.add(&WITH_EXPIRING_ITEMS, &[database], with_items);
        seen.push(database);
    }
    if reading.show.empty_databases {
        for number in 0..databases(reading) {
            let database = format!("db{number}");
            if !seen.contains(&database.as_str()) {
                output.add(&KEYS, &[&database], 0.0);
                output.add(&EXPIRING, &[&database], 0.0);
            }
        }
    }
}

/// How many databases there are to be shown. A server that keeps its settings to itself costs the ones without keys.
pub fn databases(reading: &Reading<'_>) -> u32 {
    let databases = setting(reading.answers, "databases").ok().flatten();
    let databases = databases.and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    if reading.server.cluster { databases.min(1) } else { databases.min(MAX_EMPTY) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{render, texts};
    use super::PART;
    use crate::command::Command;
    use crate::reply::Refusal;

    #[test]
    fn databases() {
        let config = |text| vec![(Command::ConfigNamed, Ok(texts(&["databases", text])))];
        let denied = vec![(Command::ConfigNamed, Err(Refusal::new("NOPERM", "")))];
        let one = "db1:keys=3,expires=1,avg_ttl=1500\r\n";
        let one_lines =
            ["db_avg_ttl_seconds{db=\"db1\"} 1.5", "db_keys{db=\"db1\"} 3", "db_keys_expiring{db=\"db1\"} 1"];
        for (info, replies, expected) in [
            ("", config("0"), vec![]),
            (
                one,
                config("3"),
                vec![
                    "db_avg_ttl_seconds{db=\"db1\"} 1.5",
                    "db_keys{db=\"db1\"} 3",
                    "db_keys{db=\"db0\"} 0",
                    "db_keys{db=\"db2\"} 0",
                    "db_keys_expiring{db=\"db1\"} 1",
                    "db_keys_expiring{db=\"db0\"} 0",
                    "db_keys_expiring{db=\"db2\"} 0",
                ],
            ),
            (one, denied, one_lines.to_vec()),
            (one, vec![], one_lines.to_vec()),
            (
                "db0:avg_ttl=0,expires=0,keys=2,subexpiry=1\r\ndb0_distrib_lists_items:1=2\r\n",
                vec![],
                vec![
                    "db_avg_ttl_seconds{db=\"db0\"} 0",
                    "db_keys{db=\"db0\"} 2",
                    "db_keys_expiring{db=\"db0\"} 0",
                    "db_keys_with_expiring_items{db=\"db0\"} 1",
                ],
            ),
            (
                "db0:keys=2,expires=0,cached_keys=7\r\n",
                vec![],
                vec![
                    "db_keys{db=\"db0\"} 2",
                    "db_keys_cached{db=\"db0\"} 7",
                    "db_keys_expiring{db=\"db0\"} 0",
                ],
            ),
            (
                "redis_mode:cluster\r\n",
                config("16"),
                vec!["db_keys{db=\"db0\"} 0", "db_keys_expiring{db=\"db0\"} 0"],
            ),
        ] {
            let (lines, result) = render(PART, info, replies);
            assert_eq!(lines, expected, "{info}");
            assert_eq!(result, Ok(()), "{info}");
        }
    }
}
