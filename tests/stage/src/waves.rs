//! How a stage starts: in three waves, and within a wave everything side by side.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use kit::inbox::Inbox;
use kit::prometheus::Prometheus;
use kit::slack::Slack;
use kit::smtp::Smtp;

use crate::backup::{self, Backup};
use crate::bills::Bills;
use crate::certificates::Certificates;
use crate::delivery::{self, CHANNEL, ONCALL};
use crate::payments::Payments;
use crate::ports::Ports;
use crate::postgres::{self, Database};
use crate::program::Program;
use crate::prometheus::{self, Job};
use crate::redis::{self, Cache};
use crate::shop::Shop;
use crate::steps::{Audience, step};
use crate::{Options, Programs, Stage, checks, node};

/// How long all jobs may take to be scraped and found well, on a busy machine; some six seconds are usual.
const FIRST_SCRAPE: Duration = Duration::from_mins(2);

/// The first wave: what is watched, and what is delivered to. Nothing of it waits for anything but itself.
pub(crate) struct Watched {
    postgres: Database,
    postgres_replica: Database,
    reports: Database,
    redis: Cache,
    redis_replica: Cache,
    shop: Shop,
    certificates: Certificates,
    payments: Payments,
    bills: Bills,
    slack: Arc<Slack>,
    smtp: Arc<Smtp>,
}

impl Watched {
    pub(crate) async fn start(options: &Options, audience: &dyn Audience) -> Result<Self> {
        let shop_port = options.ports.choose(8000)?;
        // the shop needs its database and its cache
        let product = async {
            let postgres = step(audience, "Postgres", Database::primary(), Database::instance);
            let redis = step(audience, "Redis", Cache::primary(), Cache::instance);
            let (postgres, redis) = tokio::try_join!(postgres, redis)?;
            let shop = step(audience, "shop", Shop::open(shop_port, &postgres, &redis), Shop::url);
            let replica = Database::replica_of(&postgres);
            let replica = step(audience, "Postgres replica", replica, Database::instance);
            let copy = step(audience, "Redis replica", Cache::replica_of(&redis), Cache::instance);
            let (shop, replica, copy) = tokio::try_join!(shop, replica, copy)?;
            // they are of the shop's orders
            let reports = Database::reports_on(&postgres);
            let reports = step(audience, "Postgres for reports", reports, Database::instance).await?;
            Ok((postgres, redis, shop, replica, copy, reports))
        };
        let certificates = async {
            let certificates = Certificates::start().await?;
            let payments = Payments::start(&certificates.authority).await?;
            Ok((certificates, payments))
        };
        let certificates = step(audience, "TLS servers", certificates, |(_, payments)| payments.url());
        let bills = step(audience, "bills", Bills::start(), |_| "doubles of seven providers".to_owned());
        let slack = Slack::builder().channel(CHANNEL).channel(ONCALL).unlimited().start();
        let slack = step(audience, "Slack double", slack, Slack::api_url);
        let smtp = step(audience, "mail double", Smtp::builder().plain().start(), |smtp| {
            format!("smtp://{}", smtp.address())
        });
        let (product, (certificates, payments), bills, slack, smtp) =
            tokio::try_join!(product, certificates, bills, slack, smtp)?;
        let (postgres, redis, shop, postgres_replica, redis_replica, reports) = product;
        let (slack, smtp) = (Arc::new(slack), Arc::new(smtp));
        Ok(Self {
            postgres,
            postgres_replica,
            reports,
            redis,
            redis_replica,
            shop,
            certificates,
            payments,
            bills,
            slack,
            smtp,
        })
    }

    /// The second wave: who watches, who delivers. Each knows the port of the others before they run. Then the third.
    pub(crate) async fn be_watched(mut self, options: &Options, audience: &dyn Audience) -> Result<Stage> {
        let ports = WatcherPorts::choose(options.ports)?;
        let jobs = self.jobs(&ports);
        let (page, pace) = (options.page.as_str(), options.pace);
        let prometheus = prometheus::start(&jobs, ports.alertmanager, ports.prometheus, page, pace);
        let prometheus = step(audience, "Prometheus", prometheus, Prometheus::url);
        let dumps = backup::Shelf::new()?;
        let programs = self.programs(&ports, &dumps, audience);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.ports.choose(8026)?));
        let inbox = Inbox::start(Arc::clone(&self.slack), Arc::clone(&self.smtp), address);
        let inbox = step(audience, "inbox", inbox, Inbox::url);
        let (prometheus, programs, inbox) = tokio::try_join!(prometheus, programs, inbox)?;
        // now that nothing else starts any more, which would hold them up
        self.shop.let_in();
        let backup = Backup::start(dumps, &programs.synthetic_exporter.url());
        let well = prometheus::all_well(&prometheus, &jobs, FIRST_SCRAPE);
        step(audience, "first scrape", well, |targets| format!("{targets} targets, all well")).await?;
        Ok(Stage {
            postgres: self.postgres,
            postgres_replica: self.postgres_replica,
            reports: self.reports,
            redis: self.redis,
            redis_replica: self.redis_replica,
            shop: self.shop,
            certificates: self.certificates,
            payments: self.payments,
            backup,
            bills: self.bills,
            slack: self.slack,
            smtp: self.smtp,
            inbox,
            programs,
            prometheus,
        })
    }

    async fn programs(
        &self,
        ports: &WatcherPorts,
        dumps: &backup::Shelf,
        audience: &dyn Audience,
    ) -> Result<Programs> {
        let backup = dumps.file();
        let targets = checks::Targets {
            shop: self.shop.url(),
            payments: self.payments.url(),
            postgres: self.postgres.instance(),
            smtp: self.smtp.address().to_string(),
            backup: &backup,
            closed: ports.nobody,
            roots: self.certificates.authority.roots(),
        };
        let router = format!("http://127.0.0.1:{}", ports.alertrouter);
        let (
            postgres_exporter,
            redis_exporter,
            cert_exporter,
            synthetic_exporter,
            cost_exporter,
            node_exporter,
            alertrouter,
            alertmanager,
        ) = tokio::try_join!(
            step(
                audience,
                "postgres-exporter",
                postgres::exporter(&self.postgres, ports.postgres),
                Program::url
            ),
            step(audience, "redis-exporter", redis::exporter(&self.redis, ports.redis), Program::url),
            step(audience, "cert-exporter", self.certificates.exporter(ports.cert), Program::url),
            step(audience, "synthetic-exporter", checks::exporter(&targets, ports.synthetic), Program::url),
            step(audience, "cost-exporter", self.bills.exporter(ports.cost), Program::url),
            step(audience, "node_exporter", node::exporter(ports.node), Program::url),
            step(
                audience,
                "alertrouter",
                delivery::alertrouter(&self.slack, &self.smtp, ports.alertrouter),
                Program::url
            ),
            step(
                audience,
                "Alertmanager",
                delivery::alertmanager(&router, &self.smtp, ports.alertmanager),
                Program::url
            ),
        )?;
        Ok(Programs {
            postgres_exporter,
            redis_exporter,
            cert_exporter,
            synthetic_exporter,
            cost_exporter,
            node_exporter,
            alertrouter,
            alertmanager,
        })
    }

    /// Everything that is scraped. The instance of a database is the database: that is what people look for.
    fn jobs(&self, ports: &WatcherPorts) -> Vec<Job> {
        let at = |port: u16| format!("127.0.0.1:{port}");
        let (postgres, redis) = (at(ports.postgres), at(ports.redis));
        let synthetic = at(ports.synthetic);
        let site = format!("https://{}", self.certificates.site());
        let (primary, copy) = (self.postgres.instance(), self.redis_replica.instance());
        let others = [&self.postgres_replica, &self.reports].map(Database::instance);
        let databases = others.iter().fold(Job::about("postgres", &postgres, &primary), |job, other| {
            job.and(&postgres, other, "/probe", &[("target", other), ("auth_module", "stage")])
        });
        vec![
            databases,
            Job::about("redis", &redis, &self.redis.instance()).and(
                &redis,
                &copy,
                "/scrape",
                &[("target", &self.redis_replica.url())],
            ),
            Job::of("certificates", &at(ports.cert)),
            Job::of("synthetic", &synthetic).and(
                &synthetic,
                &site,
                "/probe",
                &[("module", "api"), ("target", &site)],
            ),
            Job::of("cost", &at(ports.cost)),
            Job::of("application", &self.shop.target()),
            Job::of("node", &at(ports.node)),
            Job::of("alertrouter", &at(ports.alertrouter)),
            Job::of("alertmanager", &at(ports.alertmanager)),
            Job::of("prometheus", &at(ports.prometheus)),
        ]
    }
}

/// The ports of those who watch and deliver, chosen before any of them runs.
struct WatcherPorts {
    postgres: u16,
    redis: u16,
    cert: u16,
    synthetic: u16,
    cost: u16,
    node: u16,
    alertrouter: u16,
    alertmanager: u16,
    prometheus: u16,
    /// Nobody listens here: a check wants it so.
    nobody: u16,
}

impl WatcherPorts {
    fn choose(ports: Ports) -> Result<Self> {
        Ok(Self {
            postgres: ports.choose(9187)?,
            redis: ports.choose(9121)?,
            cert: ports.choose(9219)?,
            synthetic: ports.choose(9115)?,
            cost: ports.choose(10099)?,
            node: ports.choose(9100)?,
            alertrouter: ports.choose(10093)?,
            alertmanager: ports.choose(9093)?,
            prometheus: ports.choose(9090)?,
            nobody: kit::process::free_port()?,
        })
    }
}
