//! Checks of keys and streams, made so that they cannot hurt the server.
//!
//! | module | holds |
//! |---|---|
//! | [`checks`], [`spec`] | what is looked for, and how people write it |
//! | [`glob`], [`lua`] | patterns of Redis and of Lua |
//! | [`mod@sites`] | which node is asked for what |
//! | [`passes`], [`pass`], [`pace`] | when the keys are looked through, how, and how fast |
//! | [`recent`], [`groups`], [`top`] | what is held meanwhile, each within a bound |
//! | [`ask`], [`mod@details`] | questions about keys on a connection, and what is known of a key |
//! | [`found`], [`render`] | what was found, and its samples |
//!
//! Keys with a name are asked for in each scrape on the page's own connection, once the page has been asked for;
//! patterns are looked for in the background, on a connection of their own. A server is left alone while it loads, a
//! primary when replicas are to be asked, and a replica of a cluster when they are not.

pub mod ask;
pub mod checks;
pub mod details;
pub mod found;
pub mod glob;
pub mod groups;
pub mod lua;
pub mod pace;
pub mod pass;
pub mod passes;
pub mod recent;
pub mod render;
pub mod sites;
pub mod spec;
pub mod top;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::time::{Instant, timeout_at};
use toolkit::expo::Samples;
use toolkit::scrape::{CollectError, Collecting, Collector, Scrape};

use self::ask::Asker;
use self::checks::Checks;
use self::details::{Details, details};
use self::found::Found;
use self::passes::Latest;
pub use self::sites::Scope;
use self::sites::{Site, sites};
use self::spec::KeySpec;
use crate::collectors::{Reading, keyspace};
use crate::error::{LinkError, Reason};
use crate::info::{Info, item};
use crate::output::Output;
use crate::page::Node;
use crate::streams::{self, Stream};

/// What is kept back of the scrape for writing down what came.
const SETTLING: Duration = Duration::from_millis(100);

/// The checks of a page.
pub struct KeyChecks<'a> {
    /// What is looked for.
    pub checks: &'a Arc<Checks>,
    /// Where.
    pub scope: Scope<'a>,
    /// The nodes of the page and what they said.
    pub visited: Vec<(&'a Node, &'a Reading<'a>)>,
    /// The time of day, in Unix seconds.
    pub now: f64,
}

/// What is known of one node.
#[derive(Default)]
struct Known {
    keys: Vec<(KeySpec, Details)>,
    streams: Vec<(KeySpec, Stream)>,
    latest: Latest,
    failed: Option<Reason>,
}

impl Collector for KeyChecks<'_> {
    fn name(&self) -> &'static str {
        "keys"
    }

    fn collect<'a>(&'a self, scrape: &'a Scrape, samples: &'a mut Samples) -> Collecting<'a> {
        Box::pin(async move {
            let until = scrape.deadline.checked_sub(SETTLING).unwrap_or(scrape.deadline);
            let (sites, mut failed) = sites(self.checks, &self.visited, self.scope);
            let all = join_all(sites.iter().map(|site| self.ask(site, until))).await;
            // what several nodes have that the page does not tell apart is shown as one
            let mut found: Vec<(&Site<'_>, Found)> = Vec::new();
            for (site, known) in sites.iter().zip(all) {
                let mut output = Output::new(samples, site.labels());
                render::singles(&known.keys, &known.streams, self.now, &mut output);
                let (latest, why) = known.latest;
                failed = failed.or(known.failed).or(why);
                let Some(latest) = latest else { continue };
                match found.iter_mut().find(|(other, _)| other.labels() == site.labels()) {
                    Some((_, all)) => all.add(&latest, &self.checks.bounds, self.checks.top),
                    None => found.push((site, Found::clone(&latest))),
                }
            }
            for (site, found) in found {
                let mut output = Output::new(samples, site.labels());
                render::found(
                    &found,
                    &empty_databases(site.reading),
                    (self.now, Instant::now()),
                    &mut output,
                );
            }
            failed.map_or(Ok(()), |reason| {
                Err(CollectError::new(reason.as_str(), format_args!("not all is known: {}", reason.as_str())))
            })
        })
    }
}

impl KeyChecks<'_> {
    async fn ask(&self, site: &Site<'_>, until: Instant) -> Known {
        let Site { node, reading, .. } = site;
        if reading.info.get("loading") == Some("1") {
            return Known { failed: Some(Reason::Loading), ..Known::default() };
        }
        let until = node.patience.map_or(until, |patience| until.min(Instant::now() + patience));
        let latest = async {
            if !site.scans {
                return Latest::default();
            }
            node.kept.passes.latest(node, self.checks, &databases(&reading.info), until).await
        };
        let singles = async {
            let mut known = Known::default();
            let asked = timeout_at(until, self.singles(site, &mut known)).await;
            known.failed = match asked {
                Ok(Ok(refused)) => refused,
                Ok(Err(error)) => Some(error.reason()),
                Err(_) => Some(Reason::Timeout),
            };
            known
        };
        let (latest, known) = join(latest, singles).await;
        Known { latest, ..known }
    }

    /// Asks for the keys and streams with a name.
    async fn singles(&self, site: &Site<'_>, known: &mut Known) -> Result<Option<Reason>, LinkError> {
        let Node { kept, link, .. } = site.node;
        let mut asker = Asker::new(kept, link, &kept.main, false);
        let bounds = &self.checks.bounds;
        for (db, specs) in by_database(&site.keys) {
            let keys: Vec<&[u8]> = specs.iter().map(|spec| spec.key.as_slice()).collect();
            match details(&mut asker, db, &keys, bounds.values).await {
                Ok(found) => {
                    let told = specs.into_iter().zip(found);
                    known.keys.extend(told.filter_map(|(spec, details)| Some((spec.clone(), details?))));
                }
                Err(LinkError::Refused(refusal)) => {
                    asker.refused = asker.refused.or_else(|| Some(refusal.reason()));
                }
                Err(error) => return Err(error),
            }
        }
        let most = bounds.consumers.then_some(bounds.shown);
        for spec in &site.streams {
            match streams::stream(&mut asker, spec.db, &spec.key, most).await {
                Ok(found) => known.streams.extend(found.map(|stream| ((*spec).clone(), stream))),
                Err(LinkError::Refused(refusal)) => {
                    asker.refused = asker.refused.or_else(|| Some(refusal.reason()));
                }
                Err(error) => return Err(error),
            }
        }
        let refused = asker.refused;
        asker.finish().await?;
        Ok(refused)
    }
}

/// Keys in their order, by database.
fn by_database<'a>(specs: &[&'a KeySpec]) -> Vec<(u32, Vec<&'a KeySpec>)> {
    let mut databases: Vec<(u32, Vec<&KeySpec>)> = Vec::new();
    for spec in specs {
        match databases.iter_mut().find(|(db, _)| *db == spec.db) {
            Some((_, of_db)) => of_db.push(spec),
            None => databases.push((spec.db, vec![spec])),
        }
    }
    databases
}

/// The databases with keys, and how many they have.
fn databases(info: &Info<'_>) -> Vec<(u32, u64)> {
    let told = info.numbered("db").filter_map(|(name, list)| {
        let keys = item(list, "keys").and_then(|keys| keys.parse().ok())?;
        Some((name.strip_prefix("db")?.parse().ok()?, keys))
    });
    told.collect()
}

/// The databases without keys, where they are shown.
fn empty_databases(reading: &Reading<'_>) -> Vec<u32> {
    let known = databases(&reading.info);
    let count = if reading.show.empty_databases { keyspace::databases(reading) } else { 0 };
    (0..count).filter(|number| !known.iter().any(|(db, _)| db == number)).collect()
}
