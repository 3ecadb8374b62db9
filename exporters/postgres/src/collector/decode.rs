//! YAML → collector. The format is described in the README.

use toolkit::config::{ConfigError, Document, Fields, Item};

use super::spec::{
    Collector, Dynamic, Kind, Metric, Needs, Null, Parameter, ParameterKind, Query, Reading, Role, Scope,
    Session, Value, Variant, When,
};

/// One file holds one collector.
///
/// # Errors
/// Every problem of the file.
pub fn collector(document: &Document) -> Result<Collector, ConfigError> {
    document.decode(|mut fields| decode_collector(&mut fields))
}

/// Every name of a metric that a collector can give, apart from those that rows name.
pub fn metric_names(collector: &Collector) -> Vec<String> {
    let metrics = collector.queries.iter().flat_map(|query| match &query.reading {
        Reading::Columns { metrics, .. } => metrics.as_slice(),
        Reading::Dynamic(_) => &[],
    });
    metrics.map(|metric| metric.name.clone()).collect()
}

/// A collector that stands in a list of them, as in the configuration file.
pub fn decode_collector(fields: &mut Fields<'_>) -> Collector {
    fields.require("name");
    let name = fields.parsed("name", |text| name_of("a collector's name", text)).unwrap_or_default();
    let parameters = fields.list("parameters", |item| decode_parameter(&item));
    let has_parameter = |name: &str| parameters.iter().any(|parameter: &Parameter| parameter.name == name);
    let needs = fields.fields("needs").map(|mut needs| decode_needs(&mut needs)).unwrap_or_default();
    let collector = Collector {
        help: fields.required_string("help"),
        default: fields.bool("default").unwrap_or(true),
        scope: fields
            .choice(
                "scope",
                &[("cluster", Scope::Cluster), ("database", Scope::Database), ("pooler", Scope::Pooler)],
            )
            .unwrap_or(Scope::Cluster),
        ttl: fields.duration("ttl").filter(|ttl| !ttl.is_zero()),
        timeout: fields.duration("timeout"),
        session: fields
            .choice("session", &[("kept", Session::Kept), ("closed", Session::Closed)])
            .unwrap_or(Session::Kept),
        max_series: fields
            .integer("max_series", 1..=10_000_000)
            .and_then(|limit| usize::try_from(limit).ok()),
        queries: fields.list("queries", |item| decode_query(&item, &has_parameter)),
        needs,
        name,
        parameters,
        own_search_path: false,
    };
    if fields.require("queries") && collector.queries.is_empty() {
        fields.problem("queries", "a collector needs at least one query");
    }
    collector
}

fn decode_needs(fields: &mut Fields<'_>) -> Needs {
    Needs {
        extension: fields.string("extension"),
        rights: fields.strings("rights"),
        database: fields.string("database"),
        grants: fields.strings("grants"),
    }
}

fn decode_parameter(item: &Item<'_>) -> Option<Parameter> {
    let mut fields = item.fields()?;
    fields.require("name");
    fields.require("kind");
    let name = fields.parsed("name", |text| name_of("a parameter's name", text)).unwrap_or_default();
    let help = fields.required_string("help");
    let maximum = fields.integer("max", 1..=i64::from(u32::MAX)).and_then(|max| u32::try_from(max).ok());
    let integer = ParameterKind::Integer(maximum.unwrap_or(u32::MAX));
    let kinds = [("integer", integer), ("bool", ParameterKind::Bool), ("list", ParameterKind::List)];
    let kind = fields.choice("kind", &kinds)?;
    let usual = match kind {
        ParameterKind::Integer(_) => "0",
        ParameterKind::Bool => "false",
        ParameterKind::List => "",
    };
    let default = fields.string("default").unwrap_or_else(|| usual.to_owned());
    if let Err(message) = super::sql::literal(kind, &default) {
        fields.problem("default", message);
    }
    Some(Parameter { name, help, kind, default })
}

fn decode_query(item: &Item<'_>, has_parameter: &dyn Fn(&str) -> bool) -> Option<Query> {
    let mut fields = item.fields()?;
    let labels = fields.list("labels", |item| item.parsed(label_name));
    let null_label = fields.string("null_label").unwrap_or_default();
    let server_label = fields.bool("server_label").unwrap_or(false);
    let dynamic = fields.fields("dynamic").map(|mut fields| decode_dynamic(&mut fields));
    let metrics = fields.list("metrics", |item| decode_metric(&item));
    let variants = fields.list("variants", |item| decode_variant(&item, has_parameter));
    if fields.require("variants") && variants.is_empty() {
        fields.problem("variants", "a query needs at least one variant");
    }
    let reading = if let Some(dynamic) = dynamic {
        if fields.has("metrics") {
            fields.problem("metrics", "`metrics` and `dynamic` cannot both be set");
        }
        Reading::Dynamic(dynamic)
    } else {
        if fields.require("metrics") && metrics.is_empty() {
            fields.problem("metrics", "a query needs at least one metric");
        }
        Reading::Columns { metrics, unlisted: None, discarded: Vec::new() }
    };
    Some(Query { labels, null_label, server_label, reading, variants })
}

fn decode_dynamic(fields: &mut Fields<'_>) -> Dynamic {
    Dynamic {
        name: fields.required_string("name"),
        prefix: fields.string("prefix").unwrap_or_default(),
        help: fields.required_string("help"),
        value: fields.required_string("value"),
        kind: fields.choice("kind", &SCALAR_KINDS).unwrap_or(Kind::Gauge),
    }
}

/// Kinds of a metric that is one number.
const SCALAR_KINDS: [(&str, Kind); 4] = [
    ("counter", Kind::Counter),
    ("gauge", Kind::Gauge),
    ("untyped", Kind::Unknown),
    ("unknown", Kind::Unknown),
];

fn decode_metric(item: &Item<'_>) -> Option<Metric> {
    let mut fields = item.fields()?;
    fields.require("name");
    fields.require("kind");
    let name = fields.parsed("name", metric_name).unwrap_or_default();
    let [counter, gauge, untyped, unknown] = SCALAR_KINDS;
    let kinds = [counter, gauge, untyped, unknown, ("histogram", Kind::Histogram)];
    let nulls = [("omit", Null::Omit), ("zero", Null::Zero)];
    Some(Metric {
        help: fields.required_string("help"),
        kind: fields.choice("kind", &kinds).unwrap_or(Kind::Gauge),
        column: fields.string("column").unwrap_or_else(|| name.clone()),
        scale: fields.float("scale").unwrap_or(1.0),
        null: fields.choice("null", &nulls).unwrap_or(Null::Omit),
        value: Value::Number,
        name,
    })
}

fn decode_variant(item: &Item<'_>, has_parameter: &dyn Fn(&str) -> bool) -> Option<Variant> {
    let mut fields = item.fields()?;
    let when = fields.fields("when").map(|mut when| decode_when(&mut when, has_parameter));
    let sql = fields.parsed("sql", sql_text).unwrap_or_default();
    fields.require("sql");
    Some(Variant { when: when.unwrap_or_default(), sql })
}

/// A version is written as users say it: `16`, `9.6`, or as a whole number such as `160004`.
fn decode_when(fields: &mut Fields<'_>, has_parameter: &dyn Fn(&str) -> bool) -> When {
    let min = fields.parsed("min_version", first_version);
    let max = fields.parsed("max_version", last_version);
    let parameter = fields.string("parameter");
    if let Some(name) = &parameter
        && !has_parameter(name)
    {
        fields.problem("parameter", format!("the collector has no parameter `{name}`"));
    }
    if let (Some(min), Some(max)) = (min, max)
        && min >= max
    {
        fields.problem("max_version", "no version lies between min_version and max_version");
    }
    When {
        min,
        below: max,
        ranges: Vec::new(),
        role: fields.choice("role", &[("primary", Role::Primary), ("standby", Role::Standby)]),
        extension: fields.string("extension"),
        min_extension: fields.parsed("min_extension", |text| {
            let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
            let number = |part: &str| part.parse().map_err(|_| "expected a version such as 1.8".to_owned());
            Ok::<_, String>((number(major)?, number(minor)?))
        }),
        parameter,
    }
}

fn first_version(text: &str) -> Result<u32, String> {
    version(text).map(|(first, _)| first)
}

/// The first version after all those that the text names.
fn last_version(text: &str) -> Result<u32, String> {
    version(text).map(|(_, after)| after)
}

/// The versions that a text names, as a range of `server_version_num`.
fn version(text: &str) -> Result<(u32, u32), String> {
    let wrong = || "expected a version such as 16 or 9.6".to_owned();
    let (major, minor) = text.split_once('.').map_or((text, None), |(major, minor)| (major, Some(minor)));
    let major: u32 = major.parse().map_err(|_| wrong())?;
    let minor: Option<u32> = minor.map(str::parse).transpose().map_err(|_| wrong())?;
    match (major, minor) {
        (90_000.., None) => Ok((major, major + 1)),
        (8..=9, Some(minor @ ..=99)) => {
            Ok((major * 10_000 + minor * 100, major * 10_000 + (minor + 1) * 100))
        }
        (10..=99, Some(minor @ ..=9_999)) => Ok((major * 10_000 + minor, major * 10_000 + minor + 1)),
        (8..=99, None) => Ok((major * 10_000, (major + 1) * 10_000)),
        _ => Err(wrong()),
    }
}

/// One statement: what stands around it is ours.
fn sql_text(text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches(';').trim_end();
    if text.is_empty() {
        return Err("expected an SQL query, found nothing".to_owned());
    }
    if text.contains('\0') {
        return Err("SQL cannot hold a NUL".to_owned());
    }
    Ok(text.to_owned())
}

fn name_of(what: &str, text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if starts && text.bytes().all(fits) {
        return Ok(text.to_owned());
    }
    Err(format!("{what} is made of small letters, digits and underscores"))
}

fn metric_name(text: &str) -> Result<String, String> {
    let mut bytes = text.bytes();
    let starts = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':'));
    if starts && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':')) {
        return Ok(text.to_owned());
    }
    Err("a metric's name is made of letters, digits, `_` and `:`, and does not begin with a digit".to_owned())
}

fn label_name(text: &str) -> Result<String, String> {
    let mut bytes = text.bytes();
    let starts = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if starts && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !text.starts_with("__") {
        return Ok(text.to_owned());
    }
    Err("a label's name is made of letters, digits and `_`, does not begin with a digit, nor with `__`"
        .to_owned())
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
