//! The clients of a server, counted, at most once in [`INTERVAL`]: CLIENT LIST of 10,000 clients stops the server for
//! some 30 ms.
//!
//! A task of its own asks on the side connection. The page shows what was counted last, with its age; only when
//! nothing was counted yet does a scrape wait, and not beyond its deadline.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use toolkit::expo::{Desc, Kind, Samples};
use toolkit::scrape::{CollectError, Collecting, Collector, Scrape};

use super::census::{self, Census};
use crate::command::Command;
use crate::error::{LinkError, Reason};
use crate::kept::Kept;
use crate::output::Output;
use crate::page::Reached;
use crate::reply::Reply;
use crate::session::Link;

/// How often a server is asked at most.
pub const INTERVAL: Duration = Duration::from_mins(1);

const AGE: Desc<'_> = Desc {
    name: "clients_list_age_seconds",
    help: "How old the CLIENT LIST is that the clients were counted from.",
    kind: Kind::Gauge,
    labels: &[],
};

/// What can be written.
pub fn metrics() -> Vec<Desc<'static>> {
    let mut all = census::metrics();
    all.push(AGE);
    all
}

/// The last census of a server; kept between scrapes.
#[derive(Default)]
pub struct LastCensus {
    state: watch::Sender<State>,
}

#[derive(Clone, Default)]
struct State {
    asked: Option<Instant>,
    census: Option<(Arc<Census>, Instant)>,
    failed: Option<Reason>,
}

impl LastCensus {
    /// Whether it is time to ask again; the one who is told so asks.
    fn is_due(&self, now: Instant) -> bool {
        self.state.send_if_modified(|state| {
            let due = state.asked.is_none_or(|asked| now - asked >= INTERVAL);
            if due {
                state.asked = Some(now);
            }
            due
        })
    }

    fn note(&self, result: Result<Census, Reason>) {
        self.state.send_modify(|state| match result {
            Ok(census) => {
                state.census = Some((Arc::new(census), Instant::now()));
                state.failed = None;
            }
            Err(reason) => state.failed = Some(reason),
        });
    }

    /// What is known, as soon as anything is.
    async fn known(&self) -> State {
        let mut watched = self.state.subscribe();
        let known = watched.wait_for(|state| state.census.is_some() || state.failed.is_some()).await;
        // it fails when the sender is gone, which is ours
        known.map(|state| state.clone()).unwrap_or_default()
    }
}

/// Counts the clients of all nodes of a page.
pub struct Aggregates<'a> {
    /// The nodes.
    pub nodes: &'a [Reached<'a>],
}

impl Collector for Aggregates<'_> {
    fn name(&self) -> &'static str {
        "clients"
    }

    fn collect<'a>(&'a self, _: &'a Scrape, samples: &'a mut Samples) -> Collecting<'a> {
        Box::pin(async move {
            let now = Instant::now();
            for Reached { node, .. } in self.nodes {
                if node.kept.census.is_due(now) {
                    tokio::spawn(ask(Arc::clone(&node.kept), node.link.clone()));
                }
            }
            let mut failed = None;
            for Reached { node, labels } in self.nodes {
                let state = node.kept.census.known().await;
                if let Some((census, taken)) = &state.census {
                    let mut output = Output::new(samples, labels);
                    census.write(&mut output);
                    output.set(&AGE, taken.elapsed().as_secs_f64());
                }
                // a server that has no CLIENT LIST is no failure
                let failure = state.failed.filter(|reason| *reason != Reason::Unsupported);
                failed = failed.or(failure);
            }
            match failed {
                Some(reason) => Err(CollectError::new(
                    reason.as_str(),
                    format_args!("no CLIENT LIST: {}", reason.as_str()),
                )),
                None => Ok(()),
            }
        })
    }
}

async fn ask(kept: Arc<Kept>, link: Link) {
    let denied = kept.notes().denied.reason(Command::ClientList, Instant::now());
    let result = match denied {
        Some(reason) => Err(reason),
        None => count(&kept, &link).await.inspect_err(|reason| {
            kept.notes().denied.note(Command::ClientList, *reason, Instant::now());
        }),
    };
    kept.census.note(result);
}

async fn count(kept: &Kept, link: &Link) -> Result<Census, Reason> {
    let answers = kept.side.ask(kept, link, &[vec!["CLIENT", "LIST"]]).await;
    match answers.map_err(|error: LinkError| error.reason())?.pop() {
        Some(Ok(reply)) => Reply::bytes(&reply).map(Census::of).ok_or(Reason::Protocol),
        Some(Err(refusal)) => Err(refusal.reason()),
        None => Err(Reason::Protocol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_is_asked_once_a_minute_and_an_old_census_outlives_a_failure() {
        let last = LastCensus::default();
        let mut due = Vec::new();
        for _ in 0..5 {
            due.push(last.is_due(Instant::now()));
            tokio::time::advance(INTERVAL / 2).await;
        }
        assert_eq!(due, [true, false, true, false, true]);

        last.note(Err(Reason::Timeout));
        assert_eq!(last.known().await.failed, Some(Reason::Timeout));
        last.note(Ok(Census::of(b"id=1 name=a\n")));
        last.note(Err(Reason::NoPerm));
        let known = last.known().await;
        assert_eq!((known.census.is_some(), known.failed), (true, Some(Reason::NoPerm)));
        last.note(Ok(Census::default()));
        assert_eq!(last.known().await.failed, None);
    }
}
