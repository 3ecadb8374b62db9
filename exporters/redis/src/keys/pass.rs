//! One pass over the keys of a server: every pattern, count, group and the biggest keys from one SCAN of each database.
//!
//! Invariants: the pass takes no more than its share of the server's time, and the server is not kept from others for
//! much more than a millisecond by one write; what is held does not grow with the number of keys; a database that
//! cannot be selected costs only itself.

use std::sync::{Mutex, PoisonError};

use tokio::time::{Instant, sleep};

use super::ask::{Asker, Query};
use super::checks::Checks;
use super::details::{CHUNK, details, memory};
use super::found::Found;
use super::glob;
use super::groups::{Tally, group_of};
use super::pace::{Batch, Pace};
use super::recent::Recent;
use super::spec::KeySpec;
use super::top::Top;
use crate::error::LinkError;
use crate::info::Info;
use crate::reply::Reply;
use crate::streams;

/// Calls of SCAN beyond one for each key of a database: a server that never comes to an end is left.
const SPARE_CALLS: u64 = 100_000;

/// A pass under way.
pub struct Pass<'a> {
    /// The connection.
    pub asker: Asker<'a>,
    /// What is looked for.
    pub checks: &'a Checks,
    /// What may be taken of the server.
    pub pace: &'a Mutex<Pace>,
    /// What was found so far.
    pub found: Found,
}

/// What is looked for in one database, and what was found in it.
struct Look<'a> {
    db: u32,
    keys: Patterns<'a>,
    streams: Patterns<'a>,
    counts: Vec<(&'a KeySpec, u64)>,
    /// The only pattern, when there is only one and nothing else is wanted: the server can look for it.
    only: Option<&'a [u8]>,
    recent: Recent,
    tally: Tally,
    top: Top,
}

/// Patterns, and names that match one.
struct Patterns<'a> {
    wanted: Vec<&'a [u8]>,
    /// Names that are asked for in each scrape as it is.
    singles: Vec<&'a [u8]>,
    names: Vec<Vec<u8>>,
    dropped: u64,
}

impl Pass<'_> {
    /// Looks through all databases with something to look for.
    pub async fn run(mut self) -> Result<Found, LinkError> {
        let began = Instant::now();
        let info = self.asker.ask(0, &[Query::new("info", &[b"INFO", b"KEYSPACE"])]).await?;
        let info = info.first().and_then(Option::as_ref).and_then(Reply::text).unwrap_or_default();
        let databases = super::databases(&Info::parse(info));
        let patterns = self.checks.patterns().map(|spec| spec.db);
        let of_all = databases.iter().map(|(db, _)| *db).filter(|_| self.checks.weighs_all());
        let mut wanted: Vec<u32> = patterns.chain(of_all).collect();
        wanted.sort_unstable();
        wanted.dedup();
        for db in wanted {
            let keys = databases.iter().find(|(found, _)| *found == db).map_or(0, |(_, keys)| *keys);
            match self.database(db, keys).await {
                Err(LinkError::Refused(refusal)) => {
                    self.asker.refused = self.asker.refused.or_else(|| Some(refusal.reason()));
                }
                result => result?,
            }
        }
        let Self { asker, mut found, .. } = self;
        found.refused = asker.refused;
        asker.finish().await?;
        (found.ended, found.took) = (Instant::now(), began.elapsed());
        Ok(found)
    }

    async fn database(&mut self, db: u32, keys: u64) -> Result<(), LinkError> {
        let mut look = Look::new(self.checks, db);
        if !self.scan(&mut look, keys).await? {
            return Ok(());
        }
        let counts = look.counts.into_iter().map(|(spec, count)| (spec.clone(), count));
        self.found.counts.extend(counts);
        if !self.checks.groups.is_empty() {
            self.found.groups.push((db, look.tally.finish(self.checks.bounds.groups)));
        }
        let shown = self.details(db, &look.keys.names).await?;
        self.found.keys.extend(shown);
        self.found.dropped.keys += look.keys.dropped;
        let biggest = self.details(db, &look.top.finish()).await?;
        self.found.top.extend(biggest);
        self.found.dropped.streams += look.streams.dropped;
        self.streams(db, look.streams.names).await
    }

    /// Whether the database was looked through to its end.
    async fn scan(&mut self, look: &mut Look<'_>, keys: u64) -> Result<bool, LinkError> {
        let mut batch = Batch::new(self.checks.bounds.batch);
        let mut cursor = "0".to_owned();
        for _ in 0..keys.saturating_add(SPARE_CALLS) {
            let count = batch.size().to_string();
            let mut words: Vec<&[u8]> = vec![b"SCAN", cursor.as_bytes()];
            words.extend(look.only.into_iter().flat_map(|pattern| [&b"MATCH"[..], pattern]));
            words.extend([&b"COUNT"[..], count.as_bytes()]);
            let replies = self.asker.ask(look.db, &[Query::new("scan", &words)]).await?;
            let Some(Some(reply)) = replies.into_iter().next() else { return Ok(false) };
            batch.took(self.asker.took);
            let (next, names) = scanned(&reply)?;
            let new = look.look(&names, self.checks);
            self.found.scanned += if look.only.is_some() { 0 } else { u64::try_from(new.len()).unwrap_or(0) };
            self.rest().await;
            if self.checks.weighs_all() {
                self.weigh(look, &new).await?;
            }
            if next == "0" {
                self.found.scanned += if look.only.is_some() { keys } else { 0 };
                return Ok(true);
            }
            next.clone_into(&mut cursor);
        }
        Err(LinkError::Protocol("SCAN comes to no end"))
    }

    async fn weigh(&mut self, look: &mut Look<'_>, names: &[&[u8]]) -> Result<(), LinkError> {
        for chunk in names.chunks(CHUNK) {
            for (name, bytes) in chunk.iter().zip(memory(&mut self.asker, look.db, chunk).await?) {
                // one that is gone by now is still a key of its group, as for redis_exporter
                let bytes = bytes.unwrap_or(0);
                look.top.add(name, bytes);
                if !self.checks.groups.is_empty() {
                    look.tally.add(group_of(&self.checks.groups, name), bytes);
                }
            }
            self.rest().await;
        }
        Ok(())
    }

    async fn details(
        &mut self,
        db: u32,
        names: &[Vec<u8>],
    ) -> Result<Vec<(KeySpec, super::details::Details)>, LinkError> {
        let mut all = Vec::with_capacity(names.len());
        for chunk in names.chunks(CHUNK) {
            let keys: Vec<&[u8]> = chunk.iter().map(Vec::as_slice).collect();
            let found = details(&mut self.asker, db, &keys, self.checks.bounds.values).await?;
            for (key, details) in chunk.iter().zip(found) {
                // keys come and go
                if let Some(details) = details.filter(|details| !details.missing) {
                    all.push((KeySpec { db, key: key.clone() }, details));
                }
            }
            self.rest().await;
        }
        Ok(all)
    }

    async fn streams(&mut self, db: u32, names: Vec<Vec<u8>>) -> Result<(), LinkError> {
        let most = self.checks.bounds.consumers.then_some(self.checks.bounds.shown);
        for chunk in names.chunks(CHUNK) {
            let queries: Vec<_> = chunk.iter().map(|key| Query::new("type", &[b"TYPE", key])).collect();
            let types = self.asker.ask(db, &queries).await?;
            self.rest().await;
            for (key, of_type) in chunk.iter().zip(types) {
                if of_type.as_ref().and_then(Reply::text) != Some("stream") {
                    continue;
                }
                if self.found.streams.len() >= self.checks.bounds.shown {
                    self.found.dropped.streams += 1;
                    continue;
                }
                if let Some(stream) = streams::stream(&mut self.asker, db, key, most).await? {
                    self.found.dropped.streams += u64::try_from(stream.dropped).unwrap_or(0);
                    self.found.streams.push((KeySpec { db, key: key.clone() }, stream));
                }
                self.rest().await;
            }
        }
        Ok(())
    }

    /// Sleeps off what was taken beyond the share.
    async fn rest(&mut self) {
        let spent = std::mem::take(&mut self.asker.spent);
        self.found.spent += spent;
        let pause = {
            let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            pace.take(spent, self.checks.bounds.share, Instant::now())
        };
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }
}

impl<'a> Look<'a> {
    fn new(checks: &'a Checks, db: u32) -> Self {
        let of_db = |specs: &'a [KeySpec]| specs.iter().filter(move |spec| spec.db == db);
        let patterns = |specs: &'a [KeySpec]| of_db(specs).map(|spec| spec.key.as_slice()).collect();
        let mut all: Vec<&[u8]> = [&checks.keys, &checks.streams, &checks.counts]
            .into_iter()
            .flat_map(|specs| patterns(specs))
            .collect();
        all.sort_unstable();
        all.dedup();
        let only = match all.as_slice() {
            [only] if !checks.weighs_all() => Some(*only),
            _ => None,
        };
        Self {
            db,
            keys: Patterns::new(patterns(&checks.keys), patterns(&checks.single_keys)),
            streams: Patterns::new(patterns(&checks.streams), patterns(&checks.single_streams)),
            counts: of_db(&checks.counts).map(|spec| (spec, 0)).collect(),
            only,
            recent: Recent::default(),
            tally: Tally::default(),
            top: Top::new(checks.top),
        }
    }

    /// Matches names with patterns; gives those that are new.
    fn look<'b>(&mut self, names: &[&'b [u8]], checks: &Checks) -> Vec<&'b [u8]> {
        let mut new = Vec::with_capacity(names.len());
        for name in names.iter().copied().filter(|name| self.recent.is_new(name)) {
            for (spec, count) in &mut self.counts {
                *count += u64::from(glob::matches(&spec.key, name));
            }
            self.keys.look(name, checks.bounds.shown);
            // which of them are streams is not known yet
            self.streams.look(name, MOST_CANDIDATES);
            new.push(name);
        }
        new
    }
}

/// Names that can be those of streams; a pattern of streams should match little else.
const MOST_CANDIDATES: usize = 10_000;

impl<'a> Patterns<'a> {
    fn new(wanted: Vec<&'a [u8]>, singles: Vec<&'a [u8]>) -> Self {
        Self { wanted, singles, names: Vec::new(), dropped: 0 }
    }

    fn look(&mut self, name: &[u8], most: usize) {
        if self.wanted.iter().any(|pattern| glob::matches(pattern, name)) && !self.singles.contains(&name) {
            if self.names.len() < most {
                self.names.push(name.to_vec());
            } else {
                self.dropped += 1;
            }
        }
    }
}

/// The cursor and names of SCAN's reply.
fn scanned(reply: &Reply) -> Result<(&str, Vec<&[u8]>), LinkError> {
    match reply.items() {
        [cursor, names] => {
            // its 64 bits are the server's business; only a number is a cursor
            let cursor = cursor.text().filter(|text| text.parse::<u64>().is_ok());
            let cursor = cursor.ok_or(LinkError::Protocol("SCAN's cursor is no number"))?;
            Ok((cursor, names.items().iter().filter_map(Reply::bytes).collect()))
        }
        _ => Err(LinkError::Protocol("SCAN's reply is none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::flags;

    #[test]
    fn the_server_looks_only_for_what_is_the_only_pattern() {
        for (arguments, expected) in [
            (&["--check-keys=a*"][..], Some("a*")),
            (&["--check-keys=a*", "--count-keys=a*,1=b"], Some("a*")),
            (&["--check-keys=a*,b*"], None),
            (&["--check-keys=a*", "--top-keys=1"], None),
            (&["--check-keys=1=a*"], None),
        ] {
            let checks = Checks::parse(&flags(arguments).checks).unwrap();
            assert_eq!(Look::new(&checks, 0).only, expected.map(str::as_bytes), "{arguments:?}");
        }
    }

    #[test]
    fn names_are_held_up_to_the_bound() {
        let arguments = ["--check-keys=a*,*b", "--count-keys=a?,*", "--check-keys-limit=2"];
        let checks = Checks::parse(&flags(&arguments).checks).unwrap();
        let mut look = Look::new(&checks, 0);
        let names: [&[u8]; 5] = [b"ab", b"a1", b"c", b"xb", b"ab"];
        assert_eq!(look.look(&names, &checks).len(), 4);
        assert_eq!((look.keys.names, look.keys.dropped), (vec![b"ab".to_vec(), b"a1".to_vec()], 1));
        assert_eq!(look.counts.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn replies_of_scan() {
        let text = |text: &str| Reply::Text(text.to_owned());
        let reply = |cursor| Reply::List(vec![text(cursor), Reply::List(vec![Reply::Bytes(vec![0xff])])]);
        assert_eq!(
            scanned(&reply("18446744073709551615")).unwrap(),
            ("18446744073709551615", vec![&[0xff][..]])
        );
        assert!(scanned(&reply("-1")).is_err() && scanned(&Reply::Nil).is_err());
    }
}
