//! Anthropic's costs and tokens.
//!
//! Amounts are in cents, with digits after the point. What the Priority Tier costs is in no report of Anthropic's, and so
//! it is missing here.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toolkit::config::{Fields, Secret, SecretSource};

use super::buckets::{self, Bucket, Report};
use super::tally::Tally;
use super::{Bill, base_url, required_secret};
use crate::calendar::Day;
use crate::charge::{Category, Charge, Snapshot, Source, Tokens};
use crate::http::{BaseUrl, FetchError, Http, Reason};
use crate::money::Cents;
use crate::shown::OTHER;
use crate::window::Window;

/// The version of the API.
const VERSION: &str = "2023-06-01";

/// The workspace that has no id.
const DEFAULT_WORKSPACE: &str = "default";

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anthropic {
    base: BaseUrl,
    key: SecretSource,
    by_workspace: bool,
    tokens: bool,
}

#[derive(Debug, Deserialize)]
struct Cost {
    amount: Cents,
    currency: String,
    #[serde(rename = "cost_type")]
    kind: Option<String>,
    description: Option<String>,
    model: Option<String>,
    workspace_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Usage {
    model: Option<String>,
    uncached_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    output_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

impl Bill for Anthropic {
    const TYPE: &'static str = "anthropic";
    const SOURCE: Source = Source::Reported;
    const INTERVAL: Duration = Duration::from_hours(1);
    const SETTLES_AFTER: Duration = Duration::from_hours(2);
    const NEEDS: &'static str =
        "an admin key of an organization (sk-ant-admin…); accounts of single persons have none";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let base = base_url(fields, "https://api.anthropic.com/v1");
        let key = required_secret(fields, "api_key");
        let by_workspace = fields.bool("by_workspace").unwrap_or(false);
        let tokens = fields.bool("tokens").unwrap_or(true);
        // Anthropic's own clients want the address without the version, other APIs' clients with it
        let base = base.and_then(|base| match base.at("") {
            address if address.ends_with("/v1") => Some(base),
            address => BaseUrl::parse(&format!("{address}/v1")).ok(),
        });
        Some(Self { base: base?, key: key?, by_workspace, tokens })
    }

    async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let key = self.key.read().await?;
        let mut snapshot = Snapshot::of(Source::Reported, window);
        let buckets = self.costs(http, &key, window).await?;
        snapshot.data_until = buckets::data_until(&buckets);
        let mut tally = Tally::default();
        for Bucket { day, rows, .. } in buckets {
            tally.extend(rows.into_iter().map(|cost| cost.charge(day, self.by_workspace)));
        }
        snapshot.charges = tally.into_charges();
        if self.tokens {
            let path = "/organizations/usage_report/messages";
            let report = Report { operation: "usage_report", path, groups: &["model"] };
            for Bucket { day, rows, .. } in self.read::<Usage>(http, &key, window, &report).await? {
                snapshot.tokens.extend(rows.into_iter().flat_map(|usage| usage.tokens(day)));
            }
        }
        Ok(snapshot)
    }
}

impl Anthropic {
    /// The costs in as much detail as the API gives: it refuses some groupings.
    async fn costs(
        &self,
        http: &Http,
        key: &Secret,
        window: &Window,
    ) -> Result<Vec<Bucket<Cost>>, FetchError> {
        let ladder: &[&[&str]] = if self.by_workspace {
            &[&["description", "workspace_id"], &["workspace_id"], &[]]
        } else {
            &[&["description"], &[]]
        };
        let mut outcome = Ok(Vec::new());
        for groups in ladder {
            let report = Report { operation: "cost_report", path: "/organizations/cost_report", groups };
            outcome = self.read::<Cost>(http, key, window, &report).await;
            let refuses_groups = outcome
                .as_ref()
                .is_err_and(|error| error.reason == Reason::Refused && error.message.contains("group_by"));
            if !refuses_groups {
                break;
            }
        }
        outcome
    }

    async fn read<R: DeserializeOwned>(
        &self,
        http: &Http,
        key: &Secret,
        window: &Window,
        report: &Report<'_>,
    ) -> Result<Vec<Bucket<R>>, FetchError> {
        let ask = || {
            http.get(report.operation, &self.base.at(report.path))
                .secret_header("x-api-key", key)
                .header("anthropic-version", VERSION)
                .query("starting_at", &window.start().to_string())
                .query("ending_at", &window.end().to_string())
        };
        buckets::read(report, window, ask).await
    }
}

impl Cost {
    fn charge(self, day: Day, by_workspace: bool) -> Charge {
        let amount = self.amount.0;
        let account = match (by_workspace, &self.workspace_id) {
            (false, _) => "",
            (true, None) => DEFAULT_WORKSPACE,
            (true, Some(workspace)) => workspace,
        };
        // what is no model's, such as web searches, goes by its type
        let service = self.model.as_deref().or_else(|| {
            self.kind.as_deref().filter(|kind| *kind != "tokens").or(self.description.as_deref())
        });
        Charge {
            account: account.into(),
            service: service.unwrap_or(OTHER).into(),
            category: if amount.is_negative() { Category::Credit } else { Category::Usage },
            day,
            currency: self.currency.to_ascii_uppercase().into(),
            amount,
        }
    }
}

impl Usage {
    /// Unlike OpenAI's, these are disjoint as they come.
    fn tokens(self, day: Day) -> impl Iterator<Item = Tokens> {
        let written = self.cache_creation.unwrap_or_default();
        let kinds = [
            ("input", self.uncached_input_tokens),
            ("cached_input", self.cache_read_input_tokens),
            ("cache_write", written.ephemeral_5m_input_tokens),
            // kept for an hour, at a higher price
            ("cache_write_1h", written.ephemeral_1h_input_tokens),
            ("output", self.output_tokens),
        ];
        buckets::tokens(self.model.as_deref(), day, kinds)
    }
}
