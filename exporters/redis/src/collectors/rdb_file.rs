//! The size of the dump file, for a server on this machine.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tokio::fs;
use toolkit::expo::{Desc, Kind, Samples};
use toolkit::scrape::{CollectError, Collecting, Collector, Scrape};

use super::Reading;
use super::config::setting;
use crate::output::Output;

const SIZE: Desc<'_> = Desc {
    name: "rdb_current_size_bytes",
    help: "Bytes of the dump file; 0 when there is none (the file of CONFIG dir and dbfilename, on this machine).",
    kind: Kind::Gauge,
    labels: &[],
};

/// What it can write.
pub const METRICS: [Desc<'_>; 1] = [SIZE];

/// Looks at the dump file of each node.
pub struct RdbFile<'a> {
    /// The nodes.
    pub readings: &'a [Reading<'a>],
}

impl Collector for RdbFile<'_> {
    fn name(&self) -> &'static str {
        "rdb_file"
    }

    fn collect<'a>(&'a self, _: &'a Scrape, samples: &'a mut Samples) -> Collecting<'a> {
        Box::pin(async move {
            let mut result = Ok(());
            for reading in self.readings {
                let mut output = Output::new(samples, reading.labels);
                let told = |name| setting(reading.answers, name).ok().flatten();
                let file = told("dir").zip(told("dbfilename")).and_then(|(dir, name)| file(dir, name));
                match file {
                    Some(file) => match size(&file).await {
                        Ok(bytes) => output.set(&SIZE, bytes),
                        Err(error) => result = Err(error),
                    },
                    None => {
                        result =
                            Err(CollectError::new("config", "the server does not say where its file is"));
                    }
                }
            }
            result
        })
    }
}

/// The file's path. Its name must be a name alone, so that no server makes us look elsewhere than in its folder.
fn file(dir: &str, name: &str) -> Option<PathBuf> {
    let is_bare = Path::new(name).file_name().is_some_and(|bare| bare == name);
    (is_bare && !dir.is_empty()).then(|| Path::new(dir).join(name))
}

async fn size(file: &Path) -> Result<f64, CollectError> {
    match fs::metadata(file).await {
        #[expect(clippy::cast_precision_loss, reason = "no file has 2^53 bytes")]
        Ok(found) if found.is_file() => Ok(found.len() as f64),
        Ok(_) => Err(CollectError::new("io", "the dump file is no file")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0.0),
        Err(error) => Err(CollectError::new("io", format_args!("the dump file: {}", error.kind()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_name_is_looked_for() {
        for (dir, name, expected) in [
            ("/data", "dump.rdb", Some("/data/dump.rdb")),
            ("/data", "../dump.rdb", None),
            ("/data", "/etc/passwd", None),
            ("/data", "..", None),
            ("/data", ".", None),
            ("/data", "", None),
            ("/data", "a/", None),
            ("", "dump.rdb", None),
        ] {
            assert_eq!(file(dir, name), expected.map(PathBuf::from), "{dir} {name}");
        }
    }

    #[tokio::test]
    async fn sizes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("dump.rdb"), "12345").unwrap();
        assert_eq!(size(&folder.path().join("dump.rdb")).await.unwrap().to_bits(), 5.0_f64.to_bits());
        assert_eq!(size(&folder.path().join("none.rdb")).await.unwrap().to_bits(), 0.0_f64.to_bits());
        assert!(size(folder.path()).await.is_err());
    }
}
