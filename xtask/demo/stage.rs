//! Everything that runs in the demo, started in the order in which it is needed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use futures_util::future::join_all;
use kit::inbox::Inbox;
use kit::prometheus::Prometheus;
use kit::slack::Slack;
use kit::smtp::Smtp;
use serde_json::json;

use crate::control::Control;
use crate::folder::Running;
use crate::ports::Ports;
use crate::programs::{self, CHANNEL, Program};
use crate::rules::Rules;
use crate::screen::step;
use crate::watched_redis::WatchedRedis;

/// How often Prometheus scrapes and evaluates here; once a minute is usual elsewhere.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long the first scrapes may take on a busy machine.
const FIRST_SCRAPE: Duration = Duration::from_secs(30);

/// All that runs. Dropping it ends all of it.
pub(crate) struct Stage {
    pub(crate) slack: Arc<Slack>,
    pub(crate) smtp: Arc<Smtp>,
    pub(crate) redis: Arc<WatchedRedis>,
    pub(crate) prometheus: Prometheus,
    pub(crate) exporter: Program,
    pub(crate) router: Program,
    pub(crate) alertmanager: Program,
    pub(crate) inbox: Inbox,
    pub(crate) control: Control,
    _rules: Rules,
}

impl Stage {
    /// Starts everything and waits until it really works together.
    pub(crate) async fn start(ports: Ports, folder: &Running) -> Result<Self> {
        let redis = step("Redis", WatchedRedis::start(), |redis| redis.url().to_owned()).await?;
        let redis = Arc::new(redis);
        let slack = Slack::builder().channel(CHANNEL).unlimited().start();
        let slack = Arc::new(step("Slack double", slack, Slack::api_url).await?);
        let smtp = Smtp::start();
        let smtp = Arc::new(step("mail double", smtp, |smtp| format!("smtp://{}", smtp.address())).await?);
        let exporter = programs::redis_exporter(redis.url(), ports.choose(9121)?);
        let exporter = step("redis-exporter", exporter, Program::url).await?;
        let router = programs::alertrouter(&slack, &smtp, ports.choose(10093)?);
        let router = step("alertrouter", router, Program::url).await?;
        let alertmanager = programs::alertmanager(&router, ports.choose(9093)?);
        let alertmanager = step("Alertmanager", alertmanager, Program::url).await?;
        let page_port = ports.choose(8025)?;
        let rules = Rules::copy(&format!("http://127.0.0.1:{page_port}"))?;
        let watched = Watched {
            redis: &redis,
            exporter: &exporter,
            router: &router,
            alertmanager: &alertmanager,
            rules: &rules,
        };
        let prometheus = watched.by_prometheus(ports.choose(9090)?);
        let prometheus = step("Prometheus", Box::pin(prometheus), Prometheus::url).await?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.choose(8026)?));
        let inbox = Inbox::start(Arc::clone(&slack), Arc::clone(&smtp), address);
        let inbox = step("inbox", inbox, Inbox::url).await?;
        let links = vec![
            ("alerts", format!("{}/alerts", prometheus.url())),
            ("Prometheus", format!("{}/targets", prometheus.url())),
            ("Alertmanager", alertmanager.url()),
            ("redis-exporter", exporter.url()),
            ("alertrouter", router.url()),
        ];
        let control = Control::start(page_port, Arc::clone(&redis), inbox.url(), links);
        let control = step("demo page", control, Control::url).await?;
        folder.keep_logs()?;
        let scraped = step("first scrape", first_scrape(&prometheus), |up| format!("redis_up {up}"));
        scraped.await?;
        Ok(Self {
            slack,
            smtp,
            redis,
            prometheus,
            exporter,
            router,
            alertmanager,
            inbox,
            control,
            _rules: rules,
        })
    }

    /// Ends all in order.
    pub(crate) async fn stop(self) {
        let servers = [self.alertmanager.server, self.router.server, self.exporter.server];
        let ours = join_all(servers.map(kit::process::Server::stop));
        // what does not end in order is killed when it is dropped
        drop(tokio::join!(ours, self.prometheus.stop(), self.redis.stop()));
    }
}

/// What Prometheus scrapes, and whom it tells.
struct Watched<'a> {
    redis: &'a WatchedRedis,
    exporter: &'a Program,
    router: &'a Program,
    alertmanager: &'a Program,
    rules: &'a Rules,
}

impl Watched<'_> {
    async fn by_prometheus(&self, port: u16) -> Result<Prometheus> {
        let address = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let target = |port: u16| address(port).to_string();
        let redis = json!({
            "job_name": "redis",
            // the alert shall name Redis, not the exporter
            "static_configs": [{
                "targets": [target(self.exporter.port)],
                "labels": { "instance": self.redis.url().trim_start_matches("redis://") },
            }],
        });
        let prometheus = Prometheus::builder()
            .job(redis)
            .scrape("alertrouter", &[&target(self.router.port)])
            .scrape("alertmanager", &[&target(self.alertmanager.port)])
            .scrape("prometheus", &[&target(port)])
            .alertmanager(address(self.alertmanager.port))
            .interval(INTERVAL)
            .flag(&format!("--web.external-url=http://{}", address(port)))
            .port(port);
        let files = self.rules.files.iter();
        files.fold(prometheus, |prometheus, file| prometheus.rules(file)).start().await
    }
}

/// Waits until Prometheus has seen Redis through the exporter.
async fn first_scrape(prometheus: &Prometheus) -> Result<f64> {
    let up = prometheus.wait_for(FIRST_SCRAPE, "redis_up", |samples| {
        samples.first().map(|sample| sample.value).filter(|up| *up > 0.0)
    });
    let up = up.await.map_err(|error| anyhow!("Prometheus does not see Redis: {error:#}"))?;
    Ok(up)
}
