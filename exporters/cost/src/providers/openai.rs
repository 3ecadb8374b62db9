//! OpenAI's costs and tokens.
//!
//! Costs are what the invoice adds up to, by day and line item; usage, which gives the tokens, may differ from it.
//! `input_tokens` has the cached ones in it: what is shown here is disjoint.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toolkit::config::{Fields, Secret, SecretSource};

use super::buckets::{self, Bucket, Report};
use super::tally::Tally;
use super::{Bill, base_url, required_secret};
use crate::calendar::Day;
use crate::charge::{Category, Charge, Snapshot, Source, Tokens};
use crate::http::{BaseUrl, FetchError, Http};
use crate::money::Amount;
use crate::shown::OTHER;
use crate::window::Window;

/// Where tokens are counted.
const USAGES: [&str; 2] = ["/organization/usage/completions", "/organization/usage/embeddings"];

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAi {
    base: BaseUrl,
    key: SecretSource,
    organization: Option<String>,
    by_project: bool,
    tokens: bool,
}

#[derive(Debug, Deserialize)]
struct Cost {
    amount: Price,
    line_item: Option<String>,
    project_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Price {
    value: Amount,
    currency: String,
}

#[derive(Debug, Deserialize)]
struct Usage {
    model: Option<String>,
    input_tokens: Option<u64>,
    input_cached_tokens: Option<u64>,
    input_cache_write_tokens: Option<u64>,
    input_uncached_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl Bill for OpenAi {
    const TYPE: &'static str = "openai";
    const SOURCE: Source = Source::Reported;
    const INTERVAL: Duration = Duration::from_hours(1);
    const SETTLES_AFTER: Duration = Duration::from_hours(6);
    const NEEDS: &'static str =
        "an admin key of the organization (sk-admin-…) that may read usage; a project's key is refused";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let base = base_url(fields, "https://api.openai.com/v1");
        let key = required_secret(fields, "api_key");
        let organization = fields.string("organization");
        let by_project = fields.bool("by_project").unwrap_or(false);
        let tokens = fields.bool("tokens").unwrap_or(true);
        Some(Self { base: base?, key: key?, organization, by_project, tokens })
    }

    async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let key = self.key.read().await?;
        let mut snapshot = Snapshot::of(Source::Reported, window);
        let groups: &[&str] = if self.by_project { &["line_item", "project_id"] } else { &["line_item"] };
        let report = Report { operation: "costs", path: "/organization/costs", groups };
        let buckets = self.read::<Cost>(http, &key, window, &report).await?;
        snapshot.data_until = buckets::data_until(&buckets);
        let mut tally = Tally::default();
        for Bucket { day, rows, .. } in buckets {
            tally.extend(rows.into_iter().map(|cost| cost.charge(day, self.by_project)));
        }
        snapshot.charges = tally.into_charges();
        let usages: &[&'static str] = if self.tokens { &USAGES } else { &[] };
        for path in usages {
            let report = Report { operation: "usage", path, groups: &["model"] };
            for Bucket { day, rows, .. } in self.read::<Usage>(http, &key, window, &report).await? {
                snapshot.tokens.extend(rows.into_iter().flat_map(|usage| usage.tokens(day)));
            }
        }
        Ok(snapshot)
    }
}

impl OpenAi {
    async fn read<R: DeserializeOwned>(
        &self,
        http: &Http,
        key: &Secret,
        window: &Window,
        report: &Report<'_>,
    ) -> Result<Vec<Bucket<R>>, FetchError> {
        let ask = || {
            let request = http
                .get(report.operation, &self.base.at(report.path))
                .bearer(key)
                .query("start_time", &window.start().as_second().to_string())
                .query("end_time", &window.end().as_second().to_string());
            match &self.organization {
                None => request,
                Some(organization) => request.header("openai-organization", organization),
            }
        };
        buckets::read(report, window, ask).await
    }
}

impl Cost {
    fn charge(self, day: Day, by_project: bool) -> Charge {
        let amount = self.amount.value.0;
        Charge {
            account: self.project_id.filter(|_| by_project).unwrap_or_default().into(),
            service: self.line_item.as_deref().map_or(OTHER, model_of).into(),
            category: if amount.is_negative() { Category::Credit } else { Category::Usage },
            day,
            currency: self.amount.currency.to_ascii_uppercase().into(),
            amount,
        }
    }
}

/// The model of a line item such as `gpt-5.4-2026-03-05, cached input`; others stand for themselves.
fn model_of(line_item: &str) -> &str {
    let model = line_item.rsplit_once(", ").map_or(line_item, |(model, _)| model).trim();
    if model.is_empty() { OTHER } else { model }
}

impl Usage {
    /// Audio tokens are left out: whether the other numbers have them in is not said.
    fn tokens(self, day: Day) -> impl Iterator<Item = Tokens> {
        let (cached, written) =
            (self.input_cached_tokens.unwrap_or(0), self.input_cache_write_tokens.unwrap_or(0));
        let input = self
            .input_uncached_tokens
            .unwrap_or_else(|| self.input_tokens.unwrap_or(0).saturating_sub(cached.saturating_add(written)));
        let kinds = [
            ("input", Some(input)),
            ("cached_input", Some(cached)),
            ("cache_write", Some(written)),
            ("output", self.output_tokens),
        ];
        buckets::tokens(self.model.as_deref(), day, kinds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_of_line_items() {
        for (line_item, model) in [
            ("gpt-5.4-2026-03-05, cached input", "gpt-5.4-2026-03-05"),
            ("ft:gpt-4.1, mini:acme, output", "ft:gpt-4.1, mini:acme"),
            ("web search tool calls", "web search tool calls"),
            ("", OTHER),
            (", input", OTHER),
        ] {
            assert_eq!(model_of(line_item), model, "{line_item}");
        }
    }

    #[test]
    fn tokens_are_disjoint() {
        let tokens = |json: &str| {
            let usage: Usage = serde_json::from_str(json).unwrap();
            usage
                .tokens(Day::constant(2026, 3, 1))
                .map(|tokens| format!("{} {}", tokens.kind, tokens.count))
                .collect::<Vec<_>>()
        };
        let old = r#"{"model": "m", "input_tokens": 100, "input_cached_tokens": 60, "output_tokens": 5}"#;
        assert_eq!(tokens(old), ["input 40", "cached_input 60", "output 5"]);
        let new = r#"{"input_tokens": 100, "input_cached_tokens": 60, "input_cache_write_tokens": 30,
            "input_uncached_tokens": 10, "output_tokens": 0, "num_model_requests": 3}"#;
        assert_eq!(tokens(new), ["input 10", "cached_input 60", "cache_write 30"]);
        assert_eq!(tokens(r#"{"input_tokens": 1, "input_cached_tokens": 2}"#), ["cached_input 2"]);
    }
}
