//! The collectors that come with the program: every file of `collectors/`, embedded by `build.rs`.

use toolkit::config::{ConfigError, Document};

use super::decode;
use super::spec::Collector;

/// Name and text of each file, sorted by name.
pub const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/collectors.rs"));

/// All built-in collectors, by name.
///
/// # Errors
/// A file is wrong; a test makes sure that none is.
pub fn collectors() -> Result<Vec<Collector>, ConfigError> {
    FILES.iter().map(|(name, text)| parse(name, text)).collect()
}

fn parse(name: &str, text: &str) -> Result<Collector, ConfigError> {
    let file = format!("collectors/{name}.yml");
    let collector = decode::collector(&Document::parse(&file, text)?)?;
    if collector.name == name {
        return Ok(collector);
    }
    Err(ConfigError::file(file, format!("`name: {}` differs from the file's name", collector.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_right_and_no_two_share_a_metric() {
        let mut owners = std::collections::BTreeMap::new();
        for (name, text) in FILES {
            let collector = parse(name, text).unwrap_or_else(|error| panic!("{error}"));
            for metric in decode::metric_names(&collector) {
                if let Some(other) = owners.insert(metric.clone(), collector.name.clone()) {
                    assert_eq!(other, collector.name, "{metric} is in two collectors");
                }
            }
        }
    }
}
