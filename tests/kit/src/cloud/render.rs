//! A double of Render's API: workspaces, services, databases, key-value stores, disks, and the metrics that say how many
//! instances run and how much was sent. Lists have 20 rows a page and 100 at most, and go on after a cursor.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::question::{Question, Refused};
use crate::http::form_pairs;
use crate::web::{Answer, Reply, Request};

/// The key that may read.
pub const KEY: &str = "rnd_watchfiredouble0001";

/// Services whose metrics may be asked for at once.
const MAX_RESOURCES: usize = 50;

/// What the double has.
#[derive(Clone, Debug, Default)]
pub struct Render {
    lists: BTreeMap<&'static str, Vec<Value>>,
    members: BTreeMap<String, usize>,
    instances: BTreeMap<String, Vec<u64>>,
    megabytes: BTreeMap<String, Vec<String>>,
}

impl Render {
    /// Adds a workspace with so many members.
    #[must_use]
    pub fn owner(mut self, id: &str, name: &str, members: usize) -> Self {
        self.members.insert(id.to_owned(), members);
        self.add("owner", json!({"id": id, "name": name, "email": "a@example.com", "type": "team"}))
    }

    /// Adds a row to a list, as the API has it: `service`, `postgres`, `keyValue` or `disk`.
    #[must_use]
    pub fn add(mut self, list: &'static str, row: Value) -> Self {
        self.lists.entry(list).or_default().push(row);
        self
    }

    /// How many instances of a service ran in the last minutes, the newest last.
    #[must_use]
    pub fn instances(mut self, service: &str, counts: &[u64]) -> Self {
        self.instances.insert(service.to_owned(), counts.to_vec());
        self
    }

    /// What a service sent by hour, in megabytes.
    #[must_use]
    pub fn sent(mut self, service: &str, megabytes: &[&str]) -> Self {
        let megabytes = megabytes.iter().map(|&text| text.to_owned()).collect();
        self.megabytes.insert(service.to_owned(), megabytes);
        self
    }

    /// What it answers.
    pub fn answer(&self, request: &Request) -> Answer {
        match self.report(request) {
            Ok(body) => Reply::json(200, &body).header("ratelimit-limit", "400").into(),
            Err(Refused(status, message)) => Reply::json(status, &json!({"message": message})).into(),
        }
    }

    fn report(&self, request: &Request) -> Result<Value, Refused> {
        if request.header("authorization") != format!("Bearer {KEY}") {
            return Err(Refused(401, "Unauthorized".to_owned()));
        }
        let nowhere = || Refused(404, "not found".to_owned());
        let path =
            request.path.strip_prefix("/v1/").filter(|_| request.method == "GET").ok_or_else(nowhere)?;
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["owners"] => self.page(request, "owner", &[]),
            ["owners", id, "members"] => {
                let count = self.members.get(*id).ok_or_else(nowhere)?;
                Ok((0..*count).map(|at| json!({"userId": format!("usr-{at}"), "status": "active"})).collect())
            }
            ["services"] => self.page(request, "service", &["includePreviews"]),
            ["postgres"] => self.page(request, "postgres", &["includeReplicas"]),
            ["key-value"] => self.page(request, "keyValue", &[]),
            ["disks"] => self.page(request, "disk", &[]),
            ["metrics", "instance-count"] => {
                let (resources, end) = diagram(request)?;
                let series = resources.iter().filter_map(|id| Some((id, self.instances.get(id)?)));
                Ok(series
                    .map(|(id, counts)| line(id, "instances", end, counts.iter().map(|n| json!(n))))
                    .collect())
            }
            ["metrics", "bandwidth"] => {
                let (resources, end) = diagram(request)?;
                let series = resources.iter().filter_map(|id| Some((id, self.megabytes.get(id)?)));
                let number = |text: &String| serde_json::from_str(text).unwrap_or(Value::Null);
                Ok(series.map(|(id, sent)| line(id, "MB", end, sent.iter().map(number))).collect())
            }
            _ => Err(nowhere()),
        }
    }

    /// The part of a list that follows a cursor.
    fn page(&self, request: &Request, list: &str, more: &[&str]) -> Result<Value, Refused> {
        let mut known = vec!["limit", "cursor"];
        known.extend(more);
        let question = Question::of(request, &known)?;
        let limit = question.number("limit", 20, 1..=100)?;
        // what is not asked for is left out: previews come by default, replicas do not
        let replicas = question.get("includeReplicas") == Some("true");
        let previews = question.get("includePreviews") != Some("false");
        let wanted = |row: &&Value| {
            (replicas || row.get("primaryPostgresID").is_none())
                && (previews || row.pointer("/serviceDetails/parentServer").is_none())
        };
        let rows: Vec<&Value> = self.lists.get(list).into_iter().flatten().filter(wanted).collect();
        let cursor = |at: usize| format!("{list}-cursor-{at}");
        let start = match question.get("cursor") {
            None => 0,
            Some(asked) => (0..rows.len())
                .position(|at| cursor(at) == asked)
                .map(|at| at + 1)
                .ok_or_else(|| Refused(400, "invalid cursor".to_owned()))?,
        };
        let part = rows.iter().enumerate().skip(start).take(limit);
        Ok(part.map(|(at, row)| json!({"cursor": cursor(at), list: row})).collect())
    }
}

/// The services that a diagram is asked about, and its end.
fn diagram(request: &Request) -> Result<(Vec<String>, Timestamp), Refused> {
    let wrong = |what: &str| Refused(400, format!("invalid {what}"));
    let (mut resources, mut times) = (Vec::new(), BTreeMap::new());
    for (name, value) in form_pairs(&request.query) {
        match name.as_str() {
            "resource" => resources.push(value),
            "startTime" | "endTime" => {
                let time: Timestamp = value.parse().map_err(|_| wrong(&name))?;
                times.insert(name, time);
            }
            _ => return Err(wrong(&name)),
        }
    }
    let (Some(start), Some(end)) = (times.get("startTime"), times.get("endTime")) else {
        return Err(wrong("time range"));
    };
    if start > end || resources.is_empty() || resources.len() > MAX_RESOURCES {
        return Err(wrong("resource or time range"));
    }
    Ok((resources, *end))
}

/// A line of a diagram with a value a minute, the last one at its end. The newest comes first, so that whoever takes the
/// last one of the list for it is found out.
fn line(id: &str, unit: &str, end: Timestamp, values: impl DoubleEndedIterator<Item = Value>) -> Value {
    let minute = jiff::SignedDuration::from_mins(1);
    let values = values
        .rev()
        .zip(0..)
        .map(|(value, back)| json!({"timestamp": (end - minute * back).to_string(), "value": value}));
    json!({"labels": [{"field": "resource", "value": id}], "unit": unit, "values": values.collect::<Vec<_>>()})
}
