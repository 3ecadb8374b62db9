//! Lists of targets in files, as Prometheus' `file_sd_configs` reads them: JSON or YAML, read again when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use toolkit::config::{ConfigError, Document, Fields, Item, parse_duration};

use super::route::{Route, source};
use super::target::{Defaults, Scheduled, is_free_label, judge_target};
use super::{Module, Modules, SHORTEST_INTERVAL, interval, target};

/// How often the files are looked at.
const USUAL_REFRESH: Duration = Duration::from_secs(30);

/// Lists of targets.
#[derive(Clone, Debug)]
pub struct FileSd {
    /// Which files; `*` stands for names in a folder.
    pub files: Vec<PathBuf>,
    /// How their targets are checked, unless they say it themselves.
    pub module: Arc<Module>,
    /// How often.
    pub interval: Duration,
    /// How often the files are looked at.
    pub refresh: Duration,
    /// The modules that targets may name.
    pub modules: Arc<Modules>,
}

pub(super) fn decode(item: &Item<'_>, defaults: Defaults<'_>) -> Option<FileSd> {
    let mut fields = item.fields()?;
    fields.require("files");
    let files = fields.list("files", |item| item.path());
    let module = target::module(&mut fields, defaults);
    let interval = interval(&mut fields, "interval");
    let refresh = fields.duration("refresh_interval").unwrap_or(USUAL_REFRESH).max(SHORTEST_INTERVAL);
    Some(FileSd { files, module: module?, interval, refresh, modules: Arc::new(defaults.modules.clone()) })
}

/// Reads one file. Of the labels that begin with `__` these have a meaning: `__param_module`,
/// `__param_server_name`, `__param_connect_to`, `__param_source_ip_address`, `__scrape_interval__`.
///
/// # Errors
/// Every problem of the file; then none of its targets counts.
pub fn read(sd: &FileSd, path: &Path) -> Result<Vec<Scheduled>, ConfigError> {
    let document = Document::read(path)?;
    document.decode_list(|item| group(&item, sd)).map(|groups| groups.into_iter().flatten().collect())
}

fn group(item: &Item<'_>, sd: &FileSd) -> Option<Vec<Scheduled>> {
    let mut fields = item.fields()?;
    fields.require("targets");
    let mut module = Arc::clone(&sd.module);
    let mut interval = sd.interval;
    let mut server_name = None;
    let mut route = Route::default();
    let mut labels = Vec::new();
    for (name, value) in fields.string_map("labels") {
        match name.as_str() {
            "__param_module" => match sd.modules.get(&value) {
                Some(found) => module = Arc::clone(found),
                None => fields.problem("labels", format!("there is no module `{value}`")),
            },
            "__param_server_name" => server_name = Some(Arc::from(value.as_str())),
            "__param_connect_to" => match value.parse() {
                Ok(to) => route.connect_to = Some(to),
                Err(message) => fields.problem("labels", message),
            },
            "__param_source_ip_address" => match source(&value) {
                Ok(from) => route.source = Some(from),
                Err(message) => fields.problem("labels", message),
            },
            "__scrape_interval__" => match parse_duration(&value) {
                Ok(asked) => interval = asked.max(SHORTEST_INTERVAL),
                Err(message) => fields.problem("labels", message),
            },
            _ if name.starts_with("__") => {}
            _ if is_free_label(&name) => labels.push((name, value)),
            _ => fields.problem("labels", format!("`{name}` cannot be a label of a target")),
        }
    }
    let labels: Arc<[(String, String)]> = labels.into();
    let targets = targets(&mut fields, module.prober);
    let scheduled = |target: Arc<str>| Scheduled {
        target,
        module: Arc::clone(&module),
        interval,
        server_name: server_name.clone(),
        route: route.or(module.route),
        labels: Arc::clone(&labels),
    };
    Some(targets.into_iter().map(scheduled).collect())
}

fn targets(fields: &mut Fields<'_>, prober: super::Prober) -> Vec<Arc<str>> {
    fields.list("targets", |item| item.parsed(|text| judge_target(text, prober).map(|()| Arc::from(text))))
}
