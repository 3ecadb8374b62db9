//! What redis_exporter shows of the same servers: recorded facts, and how they are recorded again.
//!
//! `tests/peer/<stage>.txt` holds one line `name type label,label` for each metric. To record again, and to compare
//! values, with the redis_exporter of this machine:
//! `WATCHFIRE_PEERS=1 WATCHFIRE_BESIDE_PEER=1 cargo nextest run -p redis-exporter conformance`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use kit::process::{Folder, Launch, Program, accepts, on_free_port};

use crate::support::Page;
use crate::versions::{SCRIPT, Stage, Watched};

const PEER: Program = Program {
    names: &["redis_exporter", "prometheus-redis-exporter"],
    install: "apt-get install prometheus-redis-exporter",
};

/// What it shows without being asked.
const DEFAULT: &str = "# by default";

/// What it shows beside that with everything on.
const MORE: &str = "# more with every collector on";

/// The arguments that turn everything on, and the files that they name.
pub(crate) struct Everything {
    pub(crate) arguments: Vec<String>,
    _folder: Folder,
}

impl Everything {
    pub(crate) fn on(stage: &Stage) -> Self {
        let folder = Folder::new().unwrap();
        let script = folder.write("answer.lua", SCRIPT).unwrap();
        let mut arguments: Vec<String> = [
            "--include-system-metrics",
            "--include-config-metrics",
            "--include-modules-metrics",
            "--include-sentinel-peer-info",
            "--include-rdb-file-size-metric",
            "--export-client-list",
            "--export-client-port",
            "--ping-on-connect",
        ]
        .map(str::to_owned)
        .to_vec();
        match stage.watched {
            Watched::Primary | Watched::Replica | Watched::Restricted => arguments.extend(
                [
                    "--check-keys=db0=*,db3=*",
                    "--check-single-keys=db0=price,db3=a",
                    "--check-streams=db0=events*",
                    "--check-single-streams=db3=log",
                    "--count-keys=db0=user:*,db3=*",
                    "--check-key-groups=^(user):,^(.*)$",
                ]
                .map(str::to_owned),
            ),
            Watched::ClusterNode => arguments.extend(
                [
                    "--is-cluster",
                    "--check-keys=*",
                    "--check-single-keys=price,note,jobs",
                    "--check-streams=events*",
                    "--check-single-streams=events",
                    "--count-keys=*",
                    "--check-key-groups=^(.*)$",
                ]
                .map(str::to_owned),
            ),
            Watched::Sentinel => {}
        }
        if stage.watched != Watched::Sentinel {
            arguments.push(format!("--script={}", script.display()));
        }
        Self { arguments, _folder: folder }
    }
}

/// The recorded shapes of a stage.
pub(crate) struct Recorded {
    pub(crate) default: BTreeSet<String>,
    /// With everything on.
    pub(crate) all: BTreeSet<String>,
}

impl Recorded {
    pub(crate) fn read(stage: &Stage) -> Self {
        let text = std::fs::read_to_string(file(stage)).unwrap();
        let (default, all) = text.split_once(MORE).unwrap();
        let lines = |text: &str| -> BTreeSet<String> {
            text.lines()
                .filter(|line| !line.starts_with('#') && !line.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let default = lines(default);
        Self { all: default.union(&lines(all)).cloned().collect(), default }
    }
}

/// Writes what the peer shows of this stage.
pub(crate) async fn record(stage: &Stage) {
    let pages = [page(stage, &[]).await, page(stage, &Everything::on(stage).arguments).await];
    let [default, all] = pages.each_ref().map(shapes);
    let join = |shapes: Vec<&String>| shapes.into_iter().fold(String::new(), |text, line| text + line + "\n");
    let text = format!(
        "# redis_exporter {} of {}\n{DEFAULT}\n{}{MORE}\n{}",
        pages[0].label("redis_exporter_build_info", "version"),
        stage.version.name(),
        join(default.iter().collect()),
        join(all.difference(&default).collect())
    );
    std::fs::write(file(stage), text).unwrap();
}

fn shapes(page: &Page) -> BTreeSet<String> {
    page.shapes().into_iter().filter(|shape| !shape.starts_with("redis_exporter_build_info")).collect()
}

/// Starts the peer and takes its page.
pub(crate) async fn page(stage: &Stage, arguments: &[String]) -> Page {
    let folder = Folder::new().unwrap();
    let (port, exporter) = on_free_port(async |port| {
        let launch = Launch::at(&PEER.find()?, "redis_exporter", &folder)
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(stage.arguments())
            .args(arguments.iter().cloned());
        Ok((port, launch.start(Duration::from_secs(20), async || accepts(port).await).await?))
    })
    .await
    .unwrap();
    let client = kit::http::Client::new();
    let page = client.get(&format!("http://127.0.0.1:{port}/metrics")).await.unwrap();
    assert_eq!(page.status, 200, "{}", page.text());
    let page = Page(page.text());
    assert_eq!(page.value("redis_up"), Some(1.0), "{}", exporter.log());
    exporter.stop().await.unwrap();
    page
}

fn file(stage: &Stage) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/peer/{}.txt", stage.name()))
}

impl Page {
    /// A label's value of the first series of this name.
    fn label(&self, name: &str, label: &str) -> &str {
        let line = self.family(name).into_iter().next().unwrap();
        let after = [",", "{"].iter().find_map(|before| line.split_once(&format!("{before}{label}=\"")));
        after.unwrap().1.split('"').next().unwrap()
    }
}
