//! What is told of a verdict.

use std::sync::Arc;

use netprobe::chain::{self, Revocation, Verdict};
use netprobe::judge::Case;
use netprobe::ocsp::{OcspError, Response};
use tokio::time::Instant;

use super::Engine;
use crate::config::Crl;
use crate::facts::Pool;
use crate::report::{CrlFinding, Served, Staple};

/// What is kept of a verdict.
#[derive(Debug)]
pub(super) struct Judged {
    /// The certificates and all that is known from them.
    pub(super) served: Served,
    /// Whether ssl_exporter would take them.
    pub(super) success_in_go: bool,
    /// Whether one of them is revoked.
    pub(super) revoked: bool,
}

/// The judgement of a chain. Where revocation lists are asked it is made anew, since they change.
pub(super) async fn judge(
    engine: &Engine,
    case: Case<'_>,
    crl: Option<&Crl>,
    deadline: Instant,
) -> Arc<Judged> {
    let Some(rules) = crl else {
        return engine.judge.judge(case, |served, verdict| Judged::of(&engine.pool, served, verdict, None));
    };
    let served = chain::Served::read(case.chain, case.staple);
    let finding = engine.lists.ask(&served, case.roots, rules, case.now, deadline).await;
    let revocation = if finding.is_some() { engine.lists.all() } else { Arc::<Revocation>::default() };
    let verdict = engine.judge.verdict(&served, case, &revocation);
    Arc::new(Judged::of(&engine.pool, &served, &verdict, finding))
}

impl Judged {
    fn of(pool: &Pool, served: &chain::Served, verdict: &Verdict, crl: Option<CrlFinding>) -> Self {
        Self {
            served: describe(pool, served, verdict, crl),
            success_in_go: verdict.success_in_go(),
            revoked: verdict.faults.contains(&chain::Reason::Revoked),
        }
    }
}

fn describe(pool: &Pool, chain: &chain::Served, verdict: &Verdict, crl: Option<CrlFinding>) -> Served {
    let facts = |certificate: &Arc<_>| pool.facts(certificate);
    Served {
        chain: chain.chain.iter().map(|read| read.as_ref().ok().map(facts)).collect(),
        verified: verdict.paths_by_life().into_iter().map(|path| path.iter().map(facts).collect()).collect(),
        // where nothing was shown nothing is wrong with it
        faults: verdict
            .faults
            .iter()
            .map(|reason| reason.as_str())
            .filter(|_| !chain.chain.is_empty())
            .collect(),
        staple: verdict.staple.as_ref().map(staple),
        must_staple: chain.leaf().is_some_and(|leaf| leaf.must_staple),
        crl,
        ..Served::default()
    }
}

fn staple(read: &Result<Response, OcspError>) -> Staple {
    match read {
        Err(_) => Staple::default(),
        Ok(response) => Staple {
            status: Some(response.status.code()),
            verified: response.is_genuine(),
            produced_at: response.produced_at,
            this_update: response.this_update,
            next_update: response.next_update,
            revoked_at: response.revoked_at(),
        },
    }
}
