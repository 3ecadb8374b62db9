//! A double of Supabase's management API: organizations, their projects page by page, add-ons with their prices, counts
//! of requests.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::question::{Question, Refused};
use crate::web::{Answer, Reply, Request};

/// The token that may read.
pub const KEY: &str = "sbp_watchfiredouble0001";

/// What the double has.
#[derive(Clone, Debug, Default)]
pub struct Supabase {
    organizations: Vec<(String, String)>,
    projects: Vec<(String, Value)>,
    addons: BTreeMap<String, Vec<Value>>,
    prices: Vec<Value>,
    requests: BTreeMap<String, u64>,
    announced: Option<usize>,
}

impl Supabase {
    /// Adds an organization on a plan.
    #[must_use]
    pub fn organization(mut self, slug: &str, plan: &str) -> Self {
        self.organizations.push((slug.to_owned(), plan.to_owned()));
        self
    }

    /// Adds a project to an organization: its name, which is its reference too, its status, when it was made, and its
    /// databases as the API has them.
    #[must_use]
    pub fn project(
        mut self,
        organization: &str,
        (name, status, made): (&str, &str, &str),
        databases: &Value,
    ) -> Self {
        let project = json!({
            "ref": name,
            "name": name,
            "status": status,
            "region": "eu-central-1",
            "inserted_at": made,
            "databases": databases,
        });
        self.projects.push((organization.to_owned(), project));
        self
    }

    /// Adds an add-on that a project has: its type, its variant, its price.
    #[must_use]
    pub fn addon(mut self, project: &str, kind: &str, id: &str, (interval, amount): (&str, f64)) -> Self {
        let addon = json!({"type": kind, "variant": variant(id, interval, amount)});
        self.addons.entry(project.to_owned()).or_default().push(addon);
        self
    }

    /// Adds a price of the list that comes with add-ons.
    #[must_use]
    pub fn price(mut self, id: &str, interval: &str, amount: f64) -> Self {
        self.prices.push(variant(id, interval, amount));
        self
    }

    /// How many requests a project answered.
    #[must_use]
    pub fn requests(mut self, project: &str, count: u64) -> Self {
        self.requests.insert(project.to_owned(), count);
        self
    }

    /// Announces so many projects, whatever it has.
    #[must_use]
    pub fn announce(mut self, projects: usize) -> Self {
        self.announced = Some(projects);
        self
    }

    /// What it answers.
    pub fn answer(&self, request: &Request) -> Answer {
        match self.report(request) {
            Ok(body) => Reply::json(200, &body).header("x-ratelimit-limit", "60").into(),
            Err(Refused(status, message)) => Reply::json(status, &json!({"message": message})).into(),
        }
    }

    fn report(&self, request: &Request) -> Result<Value, Refused> {
        if request.header("authorization") != format!("Bearer {KEY}") {
            return Err(Refused(401, "Unauthorized".to_owned()));
        }
        let nowhere = || Refused(404, "Not Found".to_owned());
        let path =
            request.path.strip_prefix("/v1/").filter(|_| request.method == "GET").ok_or_else(nowhere)?;
        let project = |name: &str| {
            self.projects
                .iter()
                .map(|(_, project)| project)
                .find(|project| project["ref"] == name)
                .ok_or_else(nowhere)
        };
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["organizations"] => {
                Question::of(request, &[])?;
                let rows = self
                    .organizations
                    .iter()
                    .map(|(slug, _)| json!({"id": slug, "slug": slug, "name": slug}));
                Ok(rows.collect())
            }
            ["organizations", slug] => {
                Question::of(request, &[])?;
                let (_, plan) =
                    self.organizations.iter().find(|(known, _)| known == slug).ok_or_else(nowhere)?;
                Ok(json!({"id": slug, "name": slug, "plan": plan}))
            }
            ["organizations", slug, "projects"] => self.page(request, slug),
            ["projects", name, "billing", "addons"] => {
                Question::of(request, &[])?;
                if project(name)?["status"] != "ACTIVE_HEALTHY" {
                    return Err(Refused(400, "project is not active".to_owned()));
                }
                let selected = self.addons.get(*name).cloned().unwrap_or_default();
                let available =
                    json!([{"type": "compute_instance", "name": "Compute", "variants": self.prices}]);
                Ok(json!({"selected_addons": selected, "available_addons": available}))
            }
            ["projects", name, "analytics", "endpoints", "usage.api-counts"] => {
                let question = Question::of(request, &["interval"])?;
                project(name)?;
                if question.get("interval") != Some("7day") {
                    return Err(Refused(400, "invalid interval".to_owned()));
                }
                let count = self.requests.get(*name).copied().unwrap_or_default();
                let row = |rest: u64| json!({"timestamp": "2026-03-01T00:00:00", "total_auth_requests": 0, "total_realtime_requests": 0, "total_rest_requests": rest, "total_storage_requests": 0});
                Ok(json!({"result": [row(0), row(count)]}))
            }
            _ => Err(nowhere()),
        }
    }

    fn page(&self, request: &Request, organization: &str) -> Result<Value, Refused> {
        let question = Question::of(request, &["offset", "limit"])?;
        let limit = question.number("limit", 100, 1..=100)?;
        let offset = question.number("offset", 0, 0..=usize::MAX)?;
        let all: Vec<&Value> =
            self.projects.iter().filter(|(of, _)| of == organization).map(|(_, project)| project).collect();
        let part: Vec<&&Value> = all.iter().skip(offset).take(limit).collect();
        let count = self.announced.unwrap_or(all.len());
        Ok(json!({"projects": part, "pagination": {"count": count, "limit": limit, "offset": offset}}))
    }
}

fn variant(id: &str, interval: &str, amount: f64) -> Value {
    let price = json!({"description": "d", "type": "usage", "interval": interval, "amount": amount});
    json!({"id": id, "name": id, "price": price})
}
