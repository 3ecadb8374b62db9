//! What templates are given: Alertmanager's `template.Data` and the types in it.

use std::sync::Arc;

use gotemplate::{
    Args, Failure, Field, List, Method, Named, Object, Signature, Str, Type, Value, json_object,
};

use jiff::Timestamp;

use super::time::{TIME, Time, ZERO};

/// `template.Data`: a group and what is told of it.
#[derive(Debug, Clone, Default)]
pub struct Data {
    /// The receiver's name, quoted for a regexp as Alertmanager does.
    pub receiver: Str,
    /// `firing` or `resolved`.
    pub status: Str,
    /// The alerts; `None` is Go's nil.
    pub alerts: Option<Arc<[Alert]>>,
    /// Why it is sent.
    pub notification_reason: Str,
    /// The labels that name the group.
    pub group_labels: Kv,
    /// Labels that all alerts have.
    pub common_labels: Kv,
    /// Annotations that all alerts have.
    pub common_annotations: Kv,
    /// The route's labels.
    pub route_labels: Kv,
    /// The sender's address.
    pub external_url: Str,
}

/// `template.Alert`.
#[derive(Debug, Clone)]
pub struct Alert(Arc<Facts>);

/// What an alert says.
#[derive(Debug)]
pub struct Facts {
    /// `firing` or `resolved`.
    pub status: Str,
    /// Its labels.
    pub labels: Kv,
    /// Its annotations.
    pub annotations: Kv,
    pub(super) starts_at: Time,
    pub(super) ends_at: Time,
    /// Where it comes from.
    pub generator_url: Str,
    /// Alertmanager's fingerprint.
    pub fingerprint: Str,
}

/// `template.KV`: labels or annotations, sorted by their names.
#[derive(Debug, Clone, Default)]
pub struct Kv(Option<Arc<[(Str, Str)]>>);

/// `template.Pairs`.
#[derive(Debug, Clone)]
struct Pairs(Vec<(Str, Str)>);

/// `template.Pair`.
#[derive(Debug, Clone)]
struct Pair(Str, Str);

/// `template.Strings`.
#[derive(Debug, Clone)]
struct Strings(Vec<Str>);

/// `template.Alerts`.
#[derive(Debug, Clone)]
struct Alerts(Option<Arc<[Alert]>>);

const fn field(name: &'static str, of: Type) -> Field {
    Field { name, of }
}

const fn method(name: &'static str, params: &'static [Type], result: Type) -> Method {
    Method { name, signature: Signature::new(params, result) }
}

/// `template.Data`.
pub(super) static DATA: Named = Named {
    name: "template.Data",
    underlying: Type::Struct(&[
        field("Receiver", Type::String),
        field("Status", Type::String),
        field("Alerts", Type::Named(&ALERTS)),
        field("NotificationReason", Type::String),
        field("GroupLabels", Type::Named(&KV)),
        field("CommonLabels", Type::Named(&KV)),
        field("CommonAnnotations", Type::Named(&KV)),
        field("ExternalURL", Type::String),
    ]),
    // a field of 0.34: so it can be read, and is not shown where the whole is, as in 0.33
    methods: &[method("RouteLabels", &[], Type::Named(&KV))],
    zero: || Data::default().into(),
};

/// `template.Alert`.
pub(super) static ALERT: Named = Named {
    name: "template.Alert",
    underlying: Type::Struct(&[
        field("Status", Type::String),
        field("Labels", Type::Named(&KV)),
        field("Annotations", Type::Named(&KV)),
        field("StartsAt", Type::Named(&TIME)),
        field("EndsAt", Type::Named(&TIME)),
        field("GeneratorURL", Type::String),
        field("Fingerprint", Type::String),
    ]),
    methods: &[],
    zero: || Alert::default().into(),
};

/// `[]template.Alert`.
static LIST_OF_ALERTS: Type = Type::Slice(&Type::Named(&ALERT));

static ALERTS: Named = Named {
    name: "template.Alerts",
    underlying: Type::Slice(&Type::Named(&ALERT)),
    methods: &[
        method("Firing", &[], Type::Slice(&Type::Named(&ALERT))),
        method("Resolved", &[], Type::Slice(&Type::Named(&ALERT))),
    ],
    zero: || Alerts(None).into(),
};

static KV: Named = Named {
    name: "template.KV",
    underlying: Type::Map(&Type::String, &Type::String),
    methods: &[
        method("Names", &[], Type::Named(&STRINGS)),
        method("Remove", &[Type::STRINGS], Type::Named(&KV)),
        method("SortedPairs", &[], Type::Named(&PAIRS)),
        method("String", &[], Type::String),
        method("Values", &[], Type::Named(&STRINGS)),
    ],
    zero: || Kv::default().into(),
};

static PAIRS: Named = Named {
    name: "template.Pairs",
    underlying: Type::Slice(&Type::Named(&PAIR)),
    methods: &[
        method("Names", &[], Type::Named(&STRINGS)),
        method("String", &[], Type::String),
        method("Values", &[], Type::Named(&STRINGS)),
    ],
    zero: || Pairs(Vec::new()).into(),
};

/// `template.Pair`.
pub(super) static PAIR: Named = Named {
    name: "template.Pair",
    underlying: Type::Struct(&[field("Name", Type::String), field("Value", Type::String)]),
    methods: &[],
    zero: || Pair(Str::default(), Str::default()).into(),
};

/// Called as in Alertmanager 0.33, where it is a plain slice, so that messages are the same; it joins as in 0.34.
static STRINGS: Named = Named {
    name: "[]string",
    underlying: Type::STRINGS,
    methods: &[method("Join", &[Type::String], Type::String)],
    zero: || Strings(Vec::new()).into(),
};

impl Kv {
    /// These pairs, in any order; the last of the same name stands.
    pub fn new<N: Into<Str>, V: Into<Str>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let sorted: std::collections::BTreeMap<Str, Str> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self(Some(sorted.into_iter().collect()))
    }

    /// With these pairs, which replace others of their names.
    pub(super) fn with(&self, more: Vec<(Str, Str)>) -> Self {
        Self::new(self.pairs().iter().cloned().chain(more))
    }

    /// The pairs, sorted by name.
    pub(super) fn pairs(&self) -> &[(Str, Str)] {
        self.0.as_deref().unwrap_or_default()
    }

    /// `alertname` first, the rest by name.
    fn sorted_pairs(&self) -> Pairs {
        let (first, rest): (Vec<_>, Vec<_>) =
            self.pairs().iter().cloned().partition(|(name, _)| name.as_bytes() == b"alertname");
        Pairs(first.into_iter().chain(rest).collect())
    }

    /// Those that are not among the names.
    fn without(&self, names: &[Value]) -> Self {
        let names: std::collections::HashSet<Str> = names.iter().filter_map(Value::as_str).collect();
        let left = self.pairs().iter().filter(|(name, _)| !names.contains(name)).cloned();
        Self(Some(left.collect()))
    }
}

impl Facts {
    /// What an alert says. One that fires has no end.
    pub fn new(
        status: &str,
        labels: Kv,
        annotations: Kv,
        starts_at: Timestamp,
        ends_at: Option<Timestamp>,
        generator_url: &str,
        fingerprint: String,
    ) -> Self {
        Self {
            status: status.into(),
            labels,
            annotations,
            starts_at: Time::utc(starts_at),
            ends_at: Time::utc(ends_at.unwrap_or(ZERO)),
            generator_url: generator_url.into(),
            fingerprint: fingerprint.into(),
        }
    }
}

impl Alert {
    /// An alert that says this.
    pub fn new(facts: Facts) -> Self {
        Self(Arc::new(facts))
    }

    /// Its status.
    pub(super) fn status(&self) -> &Str {
        &self.0.status
    }
}

impl Default for Alert {
    fn default() -> Self {
        Self::new(Facts {
            status: Str::default(),
            labels: Kv::default(),
            annotations: Kv::default(),
            starts_at: Time::utc(ZERO),
            ends_at: Time::utc(ZERO),
            generator_url: Str::default(),
            fingerprint: Str::default(),
        })
    }
}

impl Object for Data {
    fn go_type(&self) -> Type {
        Type::Named(&DATA)
    }

    fn json(&self) -> Option<Result<Str, Failure>> {
        Some(json_object(&[
            ("receiver", self.receiver.clone().into()),
            ("status", self.status.clone().into()),
            ("alerts", Alerts(self.alerts.clone()).into()),
            ("notification_reason", self.notification_reason.clone().into()),
            ("groupLabels", self.group_labels.clone().into()),
            ("commonLabels", self.common_labels.clone().into()),
            ("commonAnnotations", self.common_annotations.clone().into()),
            ("externalURL", self.external_url.clone().into()),
        ]))
    }

    fn count(&self) -> usize {
        8
    }

    fn at(&self, position: usize) -> Option<Value> {
        Some(match position {
            0 => self.receiver.clone().into(),
            1 => self.status.clone().into(),
            2 => Alerts(self.alerts.clone()).into(),
            3 => self.notification_reason.clone().into(),
            4 => self.group_labels.clone().into(),
            5 => self.common_labels.clone().into(),
            6 => self.common_annotations.clone().into(),
            7 => self.external_url.clone().into(),
            _ => return None,
        })
    }

    fn call(&self, _method: &str, _args: Args<'_>) -> Result<Value, Failure> {
        Ok(self.route_labels.clone().into())
    }
}

impl Object for Alert {
    fn go_type(&self) -> Type {
        Type::Named(&ALERT)
    }

    fn json(&self) -> Option<Result<Str, Failure>> {
        let facts = &*self.0;
        Some(json_object(&[
            ("status", facts.status.clone().into()),
            ("labels", facts.labels.clone().into()),
            ("annotations", facts.annotations.clone().into()),
            ("startsAt", facts.starts_at.clone().into()),
            ("endsAt", facts.ends_at.clone().into()),
            ("generatorURL", facts.generator_url.clone().into()),
            ("fingerprint", facts.fingerprint.clone().into()),
        ]))
    }

    fn count(&self) -> usize {
        7
    }

    fn at(&self, position: usize) -> Option<Value> {
        let facts = &*self.0;
        Some(match position {
            0 => facts.status.clone().into(),
            1 => facts.labels.clone().into(),
            2 => facts.annotations.clone().into(),
            3 => facts.starts_at.clone().into(),
            4 => facts.ends_at.clone().into(),
            5 => facts.generator_url.clone().into(),
            6 => facts.fingerprint.clone().into(),
            _ => return None,
        })
    }
}

impl Object for Alerts {
    fn go_type(&self) -> Type {
        Type::Named(&ALERTS)
    }

    fn is_nil(&self) -> bool {
        self.0.is_none()
    }

    fn count(&self) -> usize {
        self.0.as_deref().map_or(0, <[Alert]>::len)
    }

    fn at(&self, position: usize) -> Option<Value> {
        Some(self.0.as_deref()?.get(position)?.clone().into())
    }

    fn slice(&self, from: usize, to: usize) -> Value {
        let alerts = self.0.as_deref().unwrap_or_default();
        Self(Some(alerts.get(from..to).unwrap_or_default().into())).into()
    }

    fn call(&self, method: &str, _args: Args<'_>) -> Result<Value, Failure> {
        let wanted: &[u8] = if method == "Firing" { b"firing" } else { b"resolved" };
        let alerts = self.0.as_deref().unwrap_or_default();
        let found = alerts.iter().filter(|alert| alert.status().as_bytes() == wanted);
        Ok(List::of(LIST_OF_ALERTS, found.cloned().map(Value::from).collect()).into())
    }
}

impl Object for Kv {
    fn go_type(&self) -> Type {
        Type::Named(&KV)
    }

    fn is_nil(&self) -> bool {
        self.0.is_none()
    }

    fn text(&self) -> Option<Str> {
        self.sorted_pairs().text()
    }

    fn count(&self) -> usize {
        self.pairs().len()
    }

    fn get(&self, key: &Value) -> Option<Value> {
        self.named(&key.as_str()?)
    }

    fn named(&self, name: &Str) -> Option<Value> {
        let at = self.pairs().binary_search_by(|(known, _)| known.cmp(name)).ok()?;
        Some(self.pairs().get(at)?.1.clone().into())
    }

    fn entries(&self) -> Vec<(Value, Value)> {
        self.pairs().iter().map(|(name, value)| (name.clone().into(), value.clone().into())).collect()
    }

    fn call(&self, method: &str, args: Args<'_>) -> Result<Value, Failure> {
        Ok(match method {
            "SortedPairs" => self.sorted_pairs().into(),
            "Remove" => self.without(&args.elements(0)).into(),
            "Names" => self.sorted_pairs().names().into(),
            "Values" => self.sorted_pairs().values().into(),
            _ => self.sorted_pairs().text().unwrap_or_default().into(),
        })
    }
}

impl Pairs {
    fn names(&self) -> Strings {
        Strings(self.0.iter().map(|(name, _)| name.clone()).collect())
    }

    fn values(&self) -> Strings {
        Strings(self.0.iter().map(|(_, value)| value.clone()).collect())
    }
}

impl Object for Pairs {
    fn go_type(&self) -> Type {
        Type::Named(&PAIRS)
    }

    fn text(&self) -> Option<Str> {
        let mut out = Vec::new();
        for (position, (name, value)) in self.0.iter().enumerate() {
            if position > 0 {
                out.extend_from_slice(b", ");
            }
            out.extend_from_slice(name);
            out.push(b'=');
            out.extend_from_slice(value);
        }
        Some(out.into())
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    fn at(&self, position: usize) -> Option<Value> {
        let (name, value) = self.0.get(position)?;
        Some(Pair(name.clone(), value.clone()).into())
    }

    fn slice(&self, from: usize, to: usize) -> Value {
        Self(self.0.get(from..to).unwrap_or_default().to_vec()).into()
    }

    fn call(&self, method: &str, _args: Args<'_>) -> Result<Value, Failure> {
        Ok(match method {
            "Names" => self.names().into(),
            "Values" => self.values().into(),
            _ => self.text().unwrap_or_default().into(),
        })
    }
}

impl Object for Pair {
    fn go_type(&self) -> Type {
        Type::Named(&PAIR)
    }

    fn count(&self) -> usize {
        2
    }

    fn at(&self, position: usize) -> Option<Value> {
        match position {
            0 => Some(self.0.clone().into()),
            1 => Some(self.1.clone().into()),
            _ => None,
        }
    }
}

impl Object for Strings {
    fn go_type(&self) -> Type {
        Type::Named(&STRINGS)
    }

    fn count(&self) -> usize {
        self.0.len()
    }

    fn at(&self, position: usize) -> Option<Value> {
        Some(self.0.get(position)?.clone().into())
    }

    fn slice(&self, from: usize, to: usize) -> Value {
        Self(self.0.get(from..to).unwrap_or_default().to_vec()).into()
    }

    fn call(&self, _method: &str, args: Args<'_>) -> Result<Value, Failure> {
        Ok(super::functions::joined(&args.str(0), &self.0).into())
    }
}
