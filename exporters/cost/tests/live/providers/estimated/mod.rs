//! Providers that name no amounts: what is worked out equals what a person works out, and stays when things go.

pub(super) mod fly;
pub(super) mod hetzner;
pub(super) mod netlify;
pub(super) mod render;
mod restart;
pub(super) mod supabase;

use std::collections::BTreeMap;
use std::sync::Arc;

use cost_exporter::charge::{Category, Observed, Snapshot, Source};
use cost_exporter::http::{FetchError, Http};
use cost_exporter::providers::Provider;
use cost_exporter::window::Window;
use toolkit::config::Document;

/// Rows as the store keeps them from one refresh to the next.
struct Kept {
    rows: BTreeMap<String, Observed>,
    http: Http,
}

impl Default for Kept {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), http: Http::new().unwrap() }
    }
}

impl Kept {
    /// Asks as a refresh does, with what earlier ones saw, and keeps what is new.
    async fn ask(&mut self, settings: &str, now: &str) -> Result<Snapshot, FetchError> {
        let document = Document::parse("providers.yml", &format!("[{{name: it, {settings}}}]")).unwrap();
        let provider = document.decode_list(|item| Provider::decode(&item)).unwrap().remove(0);
        let mut window = Window::new(now.parse().unwrap(), provider.kind.calendar(), 1);
        window.observed = self.rows.values().cloned().collect::<Arc<[_]>>();
        let snapshot = provider.kind.fetch(&self.http, &window).await?;
        assert_eq!(snapshot.source, Source::Estimated);
        for row in &snapshot.observed {
            let key = format!("{} {} {} {} {}", row.item, row.service, row.hourly, row.currency, row.day);
            self.rows.insert(key, row.clone());
        }
        Ok(snapshot)
    }
}

/// The first answer that there is.
async fn first(settings: &str, now: &str) -> Snapshot {
    Kept::default().ask(settings, now).await.unwrap()
}

/// Sums by month, account and service; what is paid once, and credits, are marked.
fn sums(snapshot: &Snapshot) -> BTreeMap<String, String> {
    let mut sums = BTreeMap::new();
    for charge in &snapshot.charges {
        let mark = match charge.category {
            Category::Purchase => " once",
            Category::Credit => " credit",
            _ => "",
        };
        let key = format!("{} {} {}{mark}", charge.day.strftime("%Y-%m"), charge.account, charge.service);
        *sums.entry(key).or_insert(cost_exporter::money::Money::ZERO) += charge.amount;
    }
    sums.into_iter().map(|(key, sum)| (key, sum.to_string())).collect()
}

fn expect(snapshot: &Snapshot, expected: &[(&str, &str)]) {
    let expected: BTreeMap<String, String> =
        expected.iter().map(|(key, sum)| ((*key).to_owned(), (*sum).to_owned())).collect();
    assert_eq!(sums(snapshot), expected);
}

/// Kind, subject and amount of what could be saved.
fn advice(snapshot: &Snapshot) -> Vec<String> {
    let findings = snapshot.findings.iter();
    findings.map(|found| format!("{} {} {}", found.kind, found.subject, found.monthly)).collect()
}

/// Account, resource, what is used and what is included.
fn quotas(snapshot: &Snapshot) -> Vec<String> {
    let quotas = snapshot.quotas.iter();
    quotas
        .map(|quota| {
            let limit = quota.limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
            format!("{} {} {} of {limit} {}", quota.account, quota.resource, quota.used, quota.unit)
        })
        .collect()
}
