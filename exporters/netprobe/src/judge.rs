//! What a chain is worth, and good verdicts kept for a while.
//!
//! A server shows the same chain for weeks. Judging it anew takes four signatures and half of a probe's time, so that a
//! good verdict stands for the very same bytes, name and roots, until a date in it is reached, and for an hour at most.
//! A bad one is made anew each time: what was missing may have come.
//!
//! What is kept of a verdict is what its user makes of it ([`Judge`] is of that type): certificates are large, and ten
//! thousand of them are too many to keep whole.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cert::{Certificate, fingerprint};
use crate::chain::{self, Against, Known, Reason, Revocation, Roots, Served, Verdict};

/// How long a good verdict stands, in seconds.
const STANDS: i64 = 3600;

/// Verdicts that are kept: twice as many as there are targets on a large page.
const MAX_KEPT: usize = 20_000;

/// The little of a verdict that most programs show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Everything that is wrong, the most basic first.
    pub faults: Vec<Reason>,
    /// Whether a program in Go would go on.
    pub success_in_go: bool,
    /// When the first of the served certificates runs out.
    pub earliest_end: Option<i64>,
    /// When the last of the verified paths stops being valid.
    pub valid_until: Option<i64>,
    /// The server's own certificate.
    pub leaf: Option<Leaf>,
}

/// What tells a certificate from others, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The SHA-256 of all of it, in hexadecimal.
    pub fingerprint: String,
    /// Whom it is for.
    pub subject: String,
    /// Who made it.
    pub issuer: String,
    /// Host names it is for.
    pub dns_names: Vec<String>,
    /// Its serial number in hexadecimal.
    pub serial: String,
    /// The first second in which it is valid.
    pub not_before: i64,
    /// The last second in which it is valid.
    pub not_after: i64,
}

impl Summary {
    /// That of a verdict; made for [`Judge::judge`].
    pub fn of(served: &Served, verdict: &Verdict) -> Self {
        Self {
            faults: verdict.faults.clone(),
            success_in_go: verdict.success_in_go(),
            earliest_end: served.earliest_end(),
            valid_until: verdict.valid_until(),
            leaf: served.leaf().map(|leaf| Leaf {
                fingerprint: leaf.fingerprint_text(),
                subject: leaf.subject.text.clone(),
                issuer: leaf.issuer.text.clone(),
                dns_names: leaf.dns_names.clone(),
                serial: leaf.serial_hex(),
                not_before: leaf.not_before,
                not_after: leaf.not_after,
            }),
        }
    }
}

/// What is judged, and by what.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The certificates as they were served, each in DER.
    pub chain: &'a [Vec<u8>],
    /// The stapled OCSP response.
    pub staple: Option<&'a [u8]>,
    /// The host name or address that the certificate has to be for.
    pub name: &'a str,
    /// Whom we trust.
    pub roots: &'a Arc<Roots>,
    /// Seconds since 1970.
    pub now: i64,
}

/// Judges, and keeps what `D` is made of good verdicts.
#[derive(Debug)]
pub struct Judge<D> {
    kept: Mutex<HashMap<[u8; 32], Kept<D>>>,
    known: Mutex<Known>,
}

/// A verdict that stands for a while. It holds the roots, so that no others can come to lie where they lie.
#[derive(Debug)]
struct Kept<D> {
    roots: Arc<Roots>,
    described: Arc<D>,
    from: i64,
    until: i64,
}

impl<D> Default for Judge<D> {
    fn default() -> Self {
        Self { kept: Mutex::default(), known: Mutex::default() }
    }
}

impl<D> Judge<D> {
    /// What was made of the verdict on a chain: the one that stands, or that of a new one.
    pub fn judge(&self, case: Case<'_>, describe: impl FnOnce(&Served, &Verdict) -> D) -> Arc<D> {
        let key = key(&case);
        if let Some(kept) = lock(&self.kept).get(&key)
            && Arc::ptr_eq(&kept.roots, case.roots)
            && (kept.from..=kept.until).contains(&case.now)
        {
            return Arc::clone(&kept.described);
        }
        let served = Served::read(case.chain, case.staple);
        let verdict = self.verdict(&served, case, &Revocation::default());
        let described = Arc::new(describe(&served, &verdict));
        if verdict.success() {
            self.keep(key, &case, until(&served, &verdict, case.now), &described);
        }
        described
    }

    /// The verdict on a chain, made anew: by lists of revoked certificates too, which change.
    pub fn verdict(&self, served: &Served, case: Case<'_>, revocation: &Revocation) -> Verdict {
        let mut known = lock(&self.known);
        let (roots, name, now) = (&**case.roots, Some(case.name), case.now);
        let verdict = chain::judge(served, &Against { roots, name, now, revocation, known: Some(&known) });
        for path in &verdict.paths {
            known.learn(path);
        }
        verdict
    }

    /// Forgets all verdicts, and with them the roots of another configuration.
    pub fn clear(&self) {
        lock(&self.kept).clear();
    }

    fn keep(&self, key: [u8; 32], case: &Case<'_>, until: i64, described: &Arc<D>) {
        let mut kept = lock(&self.kept);
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, kept| (kept.from..=kept.until).contains(&case.now));
        }
        if kept.len() < MAX_KEPT {
            let (roots, described) = (Arc::clone(case.roots), Arc::clone(described));
            kept.insert(key, Kept { roots, described, from: case.now, until });
        }
    }
}

/// The last second in which a verdict stands: nothing of the chain begins or ends until then.
fn until(served: &Served, verdict: &Verdict, now: i64) -> i64 {
    let served = served.certificates().map(|(_, certificate)| certificate);
    let dates = served.chain(verdict.paths.iter().flatten()).flat_map(|certificate: &Arc<Certificate>| {
        // the last second belongs to a certificate; the one after does not
        [certificate.not_before, certificate.not_after.saturating_add(1)]
    });
    let next = dates.filter(|date| *date > now).min().unwrap_or(i64::MAX);
    next.saturating_sub(1).min(now.saturating_add(STANDS))
}

/// The digest of everything but the roots that a verdict depends on.
fn key(case: &Case<'_>) -> [u8; 32] {
    let staple = case.staple.unwrap_or_default();
    let parts = case.chain.iter().map(Vec::as_slice).chain([staple, case.name.as_bytes()]);
    let mut bytes = Vec::with_capacity(8 << 10);
    for part in parts {
        bytes.extend_from_slice(&part.len().to_be_bytes());
        bytes.extend_from_slice(part);
    }
    fingerprint(&bytes)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use kit::pki::{Recipe, Signer, first_der};

    use super::*;

    /// The first second of 2100, when the leaf's last second begins.
    const END: i64 = 4_102_444_800;

    fn roots(signer: &Signer) -> Arc<Roots> {
        Arc::new(Roots::of_der([first_der(&signer.pem).unwrap()]).0)
    }

    fn faults(_: &Served, verdict: &Verdict) -> Vec<&'static str> {
        verdict.faults.iter().map(|fault| fault.as_str()).collect()
    }

    fn chain(root: &Signer) -> Vec<Vec<u8>> {
        let leaf = root.leaf(&Recipe::new("leaf", &["a.example"])).unwrap();
        vec![first_der(&leaf.certificate_pem).unwrap().to_vec()]
    }

    #[test]
    fn a_good_verdict_stands_until_a_date_is_reached_and_for_the_same_question_only() {
        let root = Signer::root(Recipe::new("root", &[]).years(2020, 2110)).unwrap();
        let chain = chain(&root);
        let (ours, others) = (roots(&root), roots(&Signer::root(Recipe::new("root", &[])).unwrap()));
        let judge = Judge::default();
        let ask = |name: &str, roots: &Arc<Roots>, now| {
            judge.judge(Case { chain: &chain, staple: None, name, roots, now }, faults)
        };
        let first = ask("a.example", &ours, END - 60);
        assert!(first.is_empty());
        for (name, roots, now, same, faults) in [
            ("a.example", &ours, END, true, &[][..]),
            ("a.example", &ours, END + 1, false, &["expired"]),
            ("a.example", &ours, END - 61, false, &[]), // our clock went back
            ("b.example", &ours, END - 60, false, &["hostname_mismatch"]),
            ("a.example", &others, END - 60, false, &["unknown_authority"]),
        ] {
            let found = ask(name, roots, now);
            assert_eq!(Arc::ptr_eq(&found, &first), same, "{name} {now}");
            assert_eq!(*found, faults, "{name} {now}");
        }
    }

    #[test]
    fn a_good_verdict_stands_for_an_hour_and_a_bad_one_not_at_all() {
        let root = Signer::root(Recipe::new("root", &[])).unwrap();
        let (chain, roots, judge) = (chain(&root), roots(&root), Judge::default());
        let now = END - 100 * STANDS;
        for (name, later, same) in
            [("a.example", STANDS, true), ("a.example", STANDS + 1, false), ("b.example", 0, false)]
        {
            let ask =
                |now| judge.judge(Case { chain: &chain, staple: None, name, roots: &roots, now }, faults);
            assert_eq!(Arc::ptr_eq(&ask(now), &ask(now + later)), same, "{name} {later}");
        }
        judge.clear();
        assert!(lock(&judge.kept).is_empty());
    }

    #[test]
    fn a_summary_has_the_dates_and_the_leaf() {
        let root = Signer::root(Recipe::new("root", &[]).years(2020, 2050)).unwrap();
        let mut chain = chain(&root);
        chain.push(first_der(&root.pem).unwrap().to_vec());
        let (roots, judge) = (roots(&root), Judge::default());
        let case = Case { chain: &chain, staple: None, name: "a.example", roots: &roots, now: END / 2 };
        let summary = judge.judge(case, Summary::of);
        let end_of_2049 = 2_524_608_000;
        assert!(summary.success_in_go && summary.faults.is_empty());
        assert_eq!((summary.earliest_end, summary.valid_until), (Some(end_of_2049), Some(end_of_2049)));
        let leaf = summary.leaf.as_ref().unwrap();
        assert_eq!((leaf.subject.as_str(), leaf.issuer.as_str()), ("CN=leaf", "CN=root"));
        assert_eq!((leaf.dns_names.as_slice(), leaf.fingerprint.len()), (&["a.example".to_owned()][..], 64));
        assert!(!leaf.serial.is_empty() && !leaf.serial.starts_with("00"), "{}", leaf.serial);
    }
}
