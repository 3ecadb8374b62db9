//! A double of Fly.io's machines API: apps of an organization, their machines and volumes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::question::{Question, Refused};
use crate::web::{Answer, Reply, Request};

/// The token that may read.
pub const KEY: &str = "fo1_watchfiredouble0001";

/// The organization that it belongs to.
pub const ORGANIZATION: &str = "acme";

/// What the double has.
#[derive(Clone, Debug, Default)]
pub struct Fly {
    machines: BTreeMap<String, Vec<Value>>,
    volumes: BTreeMap<String, Vec<Value>>,
    announced: Option<usize>,
}

impl Fly {
    /// Adds a machine to an app: its id and state, since when, and what it has: kind and count of CPUs, megabytes.
    #[must_use]
    pub fn machine(
        mut self,
        app: &str,
        (id, state, since): (&str, &str, &str),
        (kind, cpus, memory): (&str, u64, u64),
    ) -> Self {
        let guest = json!({"cpu_kind": kind, "cpus": cpus, "memory_mb": memory});
        let machine = json!({
            "id": id,
            "name": format!("name-{id}"),
            "state": state,
            "region": "fra",
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": since,
            "config": {"guest": guest, "image": "registry.fly.io/app:v1"},
        });
        self.volumes.entry(app.to_owned()).or_default();
        self.machines.entry(app.to_owned()).or_default().push(machine);
        self
    }

    /// Adds a volume to an app: its id, size, and the machine that has it.
    #[must_use]
    pub fn volume(mut self, app: &str, id: &str, gigabytes: u64, machine: Option<&str>) -> Self {
        let volume = json!({
            "id": id,
            "name": format!("data_{id}"),
            "state": "created",
            "size_gb": gigabytes,
            "region": "fra",
            "attached_machine_id": machine,
            "created_at": "2026-01-01T00:00:00Z",
        });
        self.machines.entry(app.to_owned()).or_default();
        self.volumes.entry(app.to_owned()).or_default().push(volume);
        self
    }

    /// Announces so many apps, whatever it has.
    #[must_use]
    pub fn announce(mut self, apps: usize) -> Self {
        self.announced = Some(apps);
        self
    }

    /// What it answers.
    pub fn answer(&self, request: &Request) -> Answer {
        match self.report(request) {
            Ok(body) => Reply::json(200, &body).into(),
            Err(Refused(status, message)) => Reply::json(status, &json!({"error": message})).into(),
        }
    }

    fn report(&self, request: &Request) -> Result<Value, Refused> {
        if request.header("authorization") != format!("Bearer {KEY}") {
            return Err(Refused(401, "unauthorized".to_owned()));
        }
        let nowhere = || Refused(404, "not found".to_owned());
        let path =
            request.path.strip_prefix("/v1/").filter(|_| request.method == "GET").ok_or_else(nowhere)?;
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["apps"] => {
                let question = Question::of(request, &["org_slug"])?;
                let organization: String = question.required("org_slug")?;
                if organization != ORGANIZATION {
                    return Err(Refused(404, "organization not found".to_owned()));
                }
                let apps: Vec<Value> = self
                    .machines
                    .iter()
                    .map(|(name, all)| json!({"id": name, "name": name, "machine_count": all.len()}))
                    .collect();
                Ok(json!({"total_apps": self.announced.unwrap_or(apps.len()), "apps": apps}))
            }
            ["apps", app, list] => {
                Question::of(request, &[])?;
                let all = match *list {
                    "machines" => &self.machines,
                    "volumes" => &self.volumes,
                    _ => return Err(nowhere()),
                };
                all.get(*app).map(|rows| Value::from(rows.clone())).ok_or_else(nowhere)
            }
            _ => Err(nowhere()),
        }
    }
}
