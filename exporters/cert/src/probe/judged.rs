//! What a chain is worth, and good judgements kept for a while.
//!
//! A server shows the same chain for weeks. Judging it anew takes four signatures and half of a probe's time, so that a
//! good judgement stands for the very same bytes, name and roots, until a date in it is reached, and for an hour at most.
//! A bad one is made anew each time: what was missing may have come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use netprobe::cert::fingerprint;
use netprobe::chain::{self, Against, Known, Roots, Verdict};
use netprobe::ocsp::{OcspError, Response};
use netprobe::tls::Seen;
use tokio::time::Instant;

use crate::config::Module;
use crate::facts::Pool;
use crate::report::{CrlFinding, Served, Staple};
use crate::revoked::Lists;

/// How long a good judgement stands, in seconds.
const STANDS: i64 = 3600;

/// Judgements that are kept: twice as many as there are targets on a large page.
const MAX_KEPT: usize = 20_000;

/// A judgement.
#[derive(Debug)]
pub(super) struct Judged {
    /// The certificates and all that is known from them.
    pub(super) served: Served,
    /// Whether ssl_exporter would take them.
    pub(super) success_in_go: bool,
    /// Whether one of them is revoked.
    pub(super) revoked: bool,
}

/// A judgement that stands for a while. It holds the roots, so that no others can come to lie where they lie.
struct Kept {
    roots: Arc<Roots>,
    judged: Arc<Judged>,
    from: i64,
    until: i64,
}

/// Judges, and keeps what is good.
#[derive(Default)]
pub(super) struct Judge {
    kept: Mutex<HashMap<[u8; 32], Kept>>,
    known: Mutex<Known>,
}

/// What is judged, and by what.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) seen: &'a Seen,
    pub(super) name: &'a str,
    pub(super) roots: &'a Arc<Roots>,
    pub(super) module: &'a Module,
    pub(super) now: i64,
}

impl Judge {
    /// The judgement of a chain; revocation lists are asked where the module wants that.
    pub(super) async fn judge(
        &self,
        case: Case<'_>,
        pool: &Pool,
        lists: &Lists,
        deadline: Instant,
    ) -> Arc<Judged> {
        let key = key(&case);
        if case.module.crl.is_none()
            && let Some(kept) = self.kept().get(&key)
            && Arc::ptr_eq(&kept.roots, case.roots)
            && (kept.from..=kept.until).contains(&case.now)
        {
            return Arc::clone(&kept.judged);
        }
        let chain = chain::Served::read(&case.seen.chain, case.seen.staple.as_deref());
        let finding = match &case.module.crl {
            Some(crl) => lists.ask(&chain, case.roots, crl, case.now, deadline).await,
            None => None,
        };
        let revocation = if finding.is_some() { lists.all() } else { Arc::default() };
        let verdict = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let (roots, name, now) = (&**case.roots, Some(case.name), case.now);
            let against = Against { roots, name, now, revocation: &revocation, known: Some(&known) };
            let verdict = chain::judge(&chain, &against);
            for path in &verdict.paths {
                known.learn(path);
            }
            verdict
        };
        let judged = Arc::new(Judged {
            served: describe(pool, &chain, &verdict, finding),
            success_in_go: verdict.success_in_go(),
            revoked: verdict.faults.contains(&chain::Reason::Revoked),
        });
        if verdict.success() && finding.is_none() {
            self.keep(key, &case, &judged);
        }
        judged
    }

    /// Forgets all judgements, and with them the roots of another configuration.
    pub(super) fn clear(&self) {
        self.kept().clear();
    }

    fn keep(&self, key: [u8; 32], case: &Case<'_>, judged: &Arc<Judged>) {
        let served = judged.served.chain.iter().flatten();
        let dates = served.chain(judged.served.verified.iter().flatten()).flat_map(|facts| {
            // the last second belongs to a certificate; the one after does not
            [facts.not_before, facts.not_after.saturating_add(1)]
        });
        let next = dates.filter(|date| *date > case.now).min().unwrap_or(i64::MAX);
        let until = next.saturating_sub(1).min(case.now.saturating_add(STANDS));
        let mut kept = self.kept();
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, kept| (kept.from..=kept.until).contains(&case.now));
        }
        if kept.len() < MAX_KEPT {
            let (roots, judged) = (Arc::clone(case.roots), Arc::clone(judged));
            kept.insert(key, Kept { roots, judged, from: case.now, until });
        }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<[u8; 32], Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The digest of everything but the roots that a judgement depends on.
fn key(case: &Case<'_>) -> [u8; 32] {
    let staple = case.seen.staple.as_deref().unwrap_or_default();
    let parts = case.seen.chain.iter().map(Vec::as_slice).chain([staple, case.name.as_bytes()]);
    let mut bytes = Vec::with_capacity(8 << 10);
    for part in parts {
        bytes.extend_from_slice(&part.len().to_be_bytes());
        bytes.extend_from_slice(part);
    }
    fingerprint(&bytes)
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

#[cfg(test)]
mod tests {
    use kit::pki::{Recipe, Signer, first_der};

    use super::*;
    use crate::config::Prober;

    /// The first second of 2100, when the leaf's last second begins.
    const END: i64 = 4_102_444_800;

    fn roots(signer: &Signer) -> Arc<Roots> {
        Arc::new(Roots::of_der([first_der(&signer.pem).unwrap()]).0)
    }

    #[tokio::test]
    async fn a_good_judgement_stands_until_a_date_is_reached_and_for_the_same_question_only() {
        let root = Signer::root(Recipe::new("root", &[]).years(2020, 2110)).unwrap();
        let leaf = root.leaf(&Recipe::new("leaf", &["a.example"])).unwrap();
        let seen =
            Seen { chain: vec![first_der(&leaf.certificate_pem).unwrap().to_vec()], ..Seen::default() };
        let (ours, others) = (roots(&root), roots(&Signer::root(Recipe::new("root", &[])).unwrap()));
        let module = Module::plain("tcp", Prober::Tcp);
        let (judge, pool, lists) = (Judge::default(), Pool::default(), Lists::default());
        let ask = async |name: &str, roots: &Arc<Roots>, now| {
            let case = Case { seen: &seen, name, roots, module: &module, now };
            judge.judge(case, &pool, &lists, Instant::now()).await
        };
        let first = ask("a.example", &ours, END - 60).await;
        assert!(first.success_in_go && first.served.faults.is_empty());
        for (name, roots, now, same, faults) in [
            ("a.example", &ours, END, true, &[][..]),
            ("a.example", &ours, END + 1, false, &["expired"]),
            ("a.example", &ours, END - 61, false, &[]), // our clock went back
            ("b.example", &ours, END - 60, false, &["hostname_mismatch"]),
            ("a.example", &others, END - 60, false, &["unknown_authority"]),
        ] {
            let found = ask(name, roots, now).await;
            assert_eq!(Arc::ptr_eq(&found, &first), same, "{name} {now}");
            assert_eq!(found.served.faults, faults, "{name} {now}");
        }
    }

    #[tokio::test]
    async fn a_good_judgement_stands_for_an_hour_and_a_bad_one_not_at_all() {
        let root = Signer::root(Recipe::new("root", &[])).unwrap();
        let leaf = root.leaf(&Recipe::new("leaf", &["a.example"])).unwrap();
        let seen =
            Seen { chain: vec![first_der(&leaf.certificate_pem).unwrap().to_vec()], ..Seen::default() };
        let module = Module::plain("tcp", Prober::Tcp);
        let (judge, pool, lists, roots) = (Judge::default(), Pool::default(), Lists::default(), roots(&root));
        let now = END - 100 * STANDS;
        for (name, later, same) in
            [("a.example", STANDS, true), ("a.example", STANDS + 1, false), ("b.example", 0, false)]
        {
            let ask = async |now| {
                let case = Case { seen: &seen, name, roots: &roots, module: &module, now };
                judge.judge(case, &pool, &lists, Instant::now()).await
            };
            let (first, second) = (ask(now).await, ask(now + later).await);
            assert_eq!(Arc::ptr_eq(&first, &second), same, "{name} {later}");
        }
    }
}
