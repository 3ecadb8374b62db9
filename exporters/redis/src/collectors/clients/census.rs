//! Who a server's clients are, in numbers: how many by name, user, library, database, kind and protocol, how many
//! are idle, and what memory they hold. Pure; at most [`MAX_SERIES`] series however many clients there are.

use std::collections::HashMap;

use toolkit::expo::{Desc, Kind};

use super::{clients, fields, number};
use crate::command::OWN_NAME;
use crate::output::Output;

/// What stands for all values beyond those that are shown on their own.
pub const OTHER: &str = "__other__";

/// Series of one server at most: what [`DIMENSIONS`] allow, each with [`OTHER`], and the numbers without labels.
pub const MAX_SERIES: usize = 100;

/// A client that was idle for this long counts, in seconds.
const IDLE_STEPS: [(u64, &str); 3] = [(60, "60"), (300, "300"), (3600, "3600")];

/// What clients are counted by: the field, how many values are shown on their own, the metric.
const DIMENSIONS: [(Dimension, usize, Desc<'_>); 6] = [
    (
        Dimension::Name,
        20,
        by("clients_by_name", "Clients by the name they gave themselves (CLIENT LIST, name).", &["name"]),
    ),
    (Dimension::User, 15, by("clients_by_user", "Clients by ACL user (CLIENT LIST, user).", &["user"])),
    (
        Dimension::Library,
        10,
        by("clients_by_library", "Clients by library (CLIENT LIST, lib-name).", &["library"]),
    ),
    (Dimension::Db, 16, by("clients_by_db", "Clients by selected database (CLIENT LIST, db).", &["db"])),
    (
        Dimension::Type,
        4,
        by(
            "clients_by_type",
            "Clients by kind: normal, replica, pubsub or master (CLIENT LIST, flags).",
            &["type"],
        ),
    ),
    (
        Dimension::Resp,
        2,
        by("clients_by_resp", "Clients by version of the protocol (CLIENT LIST, resp).", &["resp"]),
    ),
];
const COUNTED: Desc<'_> =
    by("clients_counted", "Clients in the last CLIENT LIST, less the exporter's own connections.", &[]);
const IDLE: Desc<'_> = by(
    "clients_idle",
    "Clients that sent nothing for at least so many seconds (CLIENT LIST, idle).",
    &["seconds"],
);
const AGE_MAX: Desc<'_> =
    by("clients_age_max_seconds", "How long the oldest connection is there (CLIENT LIST, age).", &[]);
const AGE_SUM: Desc<'_> =
    by("clients_age_sum_seconds", "How long all clients together are connected (CLIENT LIST, age).", &[]);
const OUTPUT_MAX: Desc<'_> = by(
    "clients_output_buffer_max_bytes",
    "Output buffers of the client that has most in them (CLIENT LIST, omem).",
    &[],
);
const OUTPUT_SUM: Desc<'_> =
    by("clients_output_buffer_sum_bytes", "Output buffers of all clients (CLIENT LIST, omem).", &[]);
const MEMORY_MAX: Desc<'_> =
    by("clients_memory_max_bytes", "Memory of the client that holds most (CLIENT LIST, tot-mem).", &[]);
const MEMORY_SUM: Desc<'_> =
    by("clients_memory_sum_bytes", "Memory of all clients (CLIENT LIST, tot-mem).", &[]);

const fn by(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Desc<'static> {
    Desc { name, help, kind: Kind::Gauge, labels }
}

/// What can be written.
pub fn metrics() -> Vec<Desc<'static>> {
    let single = [COUNTED, IDLE, AGE_MAX, AGE_SUM, OUTPUT_MAX, OUTPUT_SUM, MEMORY_MAX, MEMORY_SUM];
    DIMENSIONS.iter().map(|(_, _, desc)| *desc).chain(single).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Name,
    User,
    Library,
    Db,
    Type,
    Resp,
}

/// A server's clients, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    counted: u64,
    /// In the order of [`DIMENSIONS`]: values with their counts, most first.
    by: [Vec<(String, u64)>; DIMENSIONS.len()],
    /// In the order of [`IDLE_STEPS`].
    idle: [u64; IDLE_STEPS.len()],
    age: Extent,
    output: Extent,
    memory: Extent,
}

/// Of numbers that not every server tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Extent(Option<(u64, u64)>);

impl Extent {
    fn add(&mut self, value: Option<u64>) {
        if let Some(value) = value {
            let (max, sum) = self.0.unwrap_or_default();
            self.0 = Some((max.max(value), sum.saturating_add(value)));
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 the page loses bits too")]
    fn write(self, max: &Desc<'_>, sum: &Desc<'_>, output: &mut Output<'_>) {
        if let Some((found_max, found_sum)) = self.0 {
            output.set(max, found_max as f64);
            output.set(sum, found_sum as f64);
        }
    }
}

/// What is read of one client.
#[derive(Default)]
struct Client<'a> {
    /// In the order of [`DIMENSIONS`]; `None` where the server does not tell.
    by: [Option<&'a [u8]>; DIMENSIONS.len()],
    age: Option<u64>,
    idle: Option<u64>,
    output: Option<u64>,
    memory: Option<u64>,
}

impl<'a> Client<'a> {
    fn of(line: &'a [u8]) -> Self {
        let mut client = Self::default();
        for (name, value) in fields(line) {
            let dimension = match name {
                b"name" => Dimension::Name,
                b"user" => Dimension::User,
                b"lib-name" => Dimension::Library,
                b"db" => Dimension::Db,
                b"resp" => Dimension::Resp,
                b"flags" => {
                    client.set(Dimension::Type, kind(value));
                    continue;
                }
                _ => {
                    match name {
                        b"age" => client.age = number(value),
                        b"idle" => client.idle = number(value),
                        b"omem" => client.output = number(value),
                        b"tot-mem" => client.memory = number(value),
                        _ => {}
                    }
                    continue;
                }
            };
            client.set(dimension, value);
        }
        client
    }

    fn set(&mut self, dimension: Dimension, value: &'a [u8]) {
        for (place, (at, ..)) in self.by.iter_mut().zip(&DIMENSIONS) {
            if *at == dimension {
                *place = Some(value);
            }
        }
    }

    fn is_own(&self) -> bool {
        let name = DIMENSIONS.iter().zip(&self.by).find(|((at, ..), _)| *at == Dimension::Name);
        name.is_some_and(|(_, name)| *name == Some(OWN_NAME.as_bytes()))
    }
}

/// What CLIENT LIST TYPE would call it; one who runs MONITOR is normal there.
fn kind(flags: &[u8]) -> &'static [u8] {
    let has = |flag| flags.contains(&flag);
    match () {
        () if has(b'M') => b"master",
        () if has(b'S') => b"replica",
        () if has(b'P') => b"pubsub",
        () => b"normal",
    }
}

impl Census {
    /// Counts the clients of a CLIENT LIST, less those that bear the exporter's name.
    pub fn of(list: &[u8]) -> Self {
        let mut census = Self::default();
        let mut by: [HashMap<&[u8], u64>; DIMENSIONS.len()] = Default::default();
        for client in clients(list).map(Client::of).filter(|client| !client.is_own()) {
            census.counted += 1;
            for (counts, value) in by.iter_mut().zip(client.by) {
                if let Some(value) = value {
                    *counts.entry(value).or_default() += 1;
                }
            }
            for (count, (step, _)) in census.idle.iter_mut().zip(IDLE_STEPS) {
                *count += u64::from(client.idle >= Some(step));
            }
            census.age.add(client.age);
            census.output.add(client.output);
            census.memory.add(client.memory);
        }
        for ((kept, counts), (_, most, _)) in census.by.iter_mut().zip(by).zip(DIMENSIONS) {
            *kept = top(counts, most);
        }
        census
    }

    /// Writes all of it.
    #[expect(clippy::cast_precision_loss, reason = "no server has 2^53 clients")]
    pub fn write(&self, output: &mut Output<'_>) {
        output.set(&COUNTED, self.counted as f64);
        for (counts, (_, _, desc)) in self.by.iter().zip(&DIMENSIONS) {
            for (value, count) in counts {
                output.add(desc, &[value], *count as f64);
            }
        }
        for (count, (_, step)) in self.idle.iter().zip(IDLE_STEPS) {
            output.add(&IDLE, &[step], *count as f64);
        }
        self.age.write(&AGE_MAX, &AGE_SUM, output);
        self.output.write(&OUTPUT_MAX, &OUTPUT_SUM, output);
        self.memory.write(&MEMORY_MAX, &MEMORY_SUM, output);
    }
}

/// The `most` values with the highest counts, and all others together.
fn top(counts: HashMap<&[u8], u64>, most: usize) -> Vec<(String, u64)> {
    let mut ranked: Vec<(&[u8], u64)> = counts.into_iter().collect();
    ranked.sort_unstable_by(|(value, count), (other, more)| more.cmp(count).then(value.cmp(other)));
    let others: u64 = ranked.iter().skip(most).map(|(_, count)| count).sum();
    let shown = ranked.iter().take(most);
    let mut shown: Vec<(String, u64)> =
        shown.map(|(value, count)| (String::from_utf8_lossy(value).into_owned(), *count)).collect();
    if others > 0 {
        shown.push((OTHER.to_owned(), others));
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use toolkit::expo::Samples;

    use super::*;

    fn page(list: &[u8]) -> Vec<String> {
        let mut samples = Samples::new("");
        Census::of(list).write(&mut Output::new(&mut samples, &[]));
        let mut page = toolkit::expo::Page::new();
        page.section(samples);
        let text = page.finish().0.encode(toolkit::expo::Format::Text, toolkit::expo::Compression::Identity);
        let text = String::from_utf8(text.to_vec()).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn clients_are_counted_by_what_they_are() {
        let list = b"id=1 name=web age=100 idle=59 flags=N db=0 omem=5 tot-mem=10 user=app resp=3 lib-name=jedis\n\
            id=2 name=web age=50 idle=60 flags=P db=0 omem=0 tot-mem=20 user=app resp=2 lib-name=\n\
            id=3 name=a=b age=9 idle=4000 flags=xS db=1 omem=1 tot-mem=1 user=default resp=2 lib-name=\n\
            id=4 name=redis_exporter age=999 idle=999 flags=N db=0 omem=99 tot-mem=99 user=m resp=2 lib-name=\n\
            id=5 name= age=1 idle=0 flags=M db=-1\n";
        let expected = [
            "clients_age_max_seconds 100",
            "clients_age_sum_seconds 160",
            "clients_by_db{db=\"0\"} 2",
            "clients_by_db{db=\"-1\"} 1",
            "clients_by_db{db=\"1\"} 1",
            "clients_by_library{library=\"\"} 2",
            "clients_by_library{library=\"jedis\"} 1",
            "clients_by_name{name=\"web\"} 2",
            "clients_by_name{name=\"\"} 1",
            "clients_by_name{name=\"a=b\"} 1",
            "clients_by_resp{resp=\"2\"} 2",
            "clients_by_resp{resp=\"3\"} 1",
            "clients_by_type{type=\"master\"} 1",
            "clients_by_type{type=\"normal\"} 1",
            "clients_by_type{type=\"pubsub\"} 1",
            "clients_by_type{type=\"replica\"} 1",
            "clients_by_user{user=\"app\"} 2",
            "clients_by_user{user=\"default\"} 1",
            "clients_counted 4",
            "clients_idle{seconds=\"60\"} 2",
            "clients_idle{seconds=\"300\"} 1",
            "clients_idle{seconds=\"3600\"} 1",
            "clients_memory_max_bytes 20",
            "clients_memory_sum_bytes 31",
            "clients_output_buffer_max_bytes 5",
            "clients_output_buffer_sum_bytes 6",
        ];
        assert_eq!(page(list), expected);
    }

    #[test]
    fn what_no_client_tells_is_not_shown() {
        let found = page(b"id=1 addr=a\n");
        assert_eq!(
            found,
            [
                "clients_counted 1",
                "clients_idle{seconds=\"60\"} 0",
                "clients_idle{seconds=\"300\"} 0",
                "clients_idle{seconds=\"3600\"} 0"
            ]
        );
    }

    #[test]
    fn series_are_bounded_and_no_client_is_lost() {
        let line = |n| {
            format!(
                "id={n} name=n{n} user=u{n} lib-name=l{n} db={n} resp={n} flags=N age=1 idle=1 omem=1 tot-mem=1\n"
            )
        };
        let list = (0..10_000).map(line).collect::<Vec<_>>().concat();
        let found = page(list.as_bytes());
        assert!(found.len() <= MAX_SERIES, "{}", found.len());
        assert!(found.contains(&format!("clients_by_name{{name=\"{OTHER}\"}} 9980")), "{found:?}");
    }

    proptest! {
        #[test]
        fn nothing_a_server_says_panics(list in ".{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            Census::of(list.as_bytes());
            Census::of(&bytes);
            let lines = format!("id=1 {list}\nid=2 {list}");
            Census::of(lines.as_bytes());
        }
    }
}
