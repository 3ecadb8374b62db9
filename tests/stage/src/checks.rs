//! synthetic-exporter: probes of the stage, a journey through the shop, the backup's heartbeat and file, and the health of
//! services with a status page. What is in no service (payments, backups) has alerts of its own.

use std::path::Path;

use anyhow::Result;
use kit::postgres::{PASSWORD, USER};
use kit::process::Folder;

use crate::backup::HEARTBEAT;
use crate::postgres::DATABASE;
use crate::program::{Program, ours};

/// What is probed.
pub(crate) struct Targets<'a> {
    pub(crate) shop: String,
    pub(crate) payments: String,
    pub(crate) postgres: String,
    pub(crate) smtp: String,
    pub(crate) backup: &'a Path,
    /// A port on which nobody shall listen.
    pub(crate) closed: u16,
    /// The file with the root of the stage's certificates.
    pub(crate) roots: String,
}

/// The exporter.
pub(crate) async fn exporter(targets: &Targets<'_>, port: u16) -> Result<Program> {
    let folder = Folder::new()?;
    let config = folder.write("synthetic-exporter.yml", configuration(targets))?;
    let launch = ours("synthetic-exporter", &folder)?
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.path().join("data").display()));
    Program::ours(launch, folder, port).await
}

fn configuration(targets: &Targets<'_>) -> String {
    let Targets { shop, payments, postgres, smtp, backup, closed, roots } = targets;
    let backup = backup.display();
    format!(
        "modules:
  web: {{prober: http, timeout: 10s}}
  api: {{prober: http, timeout: 10s, http: {{tls_config: {{ca_file: '{roots}'}}, preferred_ip_protocol: ip4}}}}
  database: {{prober: postgres, timeout: 10s, postgres: {{user: {USER}, password: {PASSWORD}, database: {DATABASE}, query: 'SELECT count(*) FROM pg_stat_activity'}}}}
  mail: {{prober: smtp, timeout: 10s}}
  dump: {{prober: artifact, artifact: {{max_age: 26h, min_size: 1KB, readable: pg_dump}}}}
  purchase:
    prober: journey
    timeout: 10s
    journey:
      steps:
      - {{name: browse, url: /}}
      - {{name: product, url: /products/7}}
      - {{name: order, url: /orders, json: '7', valid_status_codes: [201], extract: {{id: {{json: /order/id}}}}}}
      - {{name: receipt, url: '/orders/{{{{id}}}}', fail_if_body_json_not_matches_cel: 'body.order.state == \"paid\"'}}
checks:
  shop: {{module: web, target: '{shop}/', interval: 4s, warn: {{slower_than: 2s}}}}
  purchase: {{module: purchase, target: '{shop}/', interval: 4s}}
  payments: {{module: api, target: '{payments}', interval: 4s, warn: {{slower_than: 2s, certificate_remaining: 14d}}}}
  database: {{module: database, target: '{postgres}', interval: 4s}}
  mail: {{module: mail, target: '{smtp}', interval: 5s}}
  backup-file: {{module: dump, target: '{backup}', interval: 2s}}
  admin-port-is-closed: {{module: {{prober: tcp}}, target: '127.0.0.1:{closed}', interval: 5s, expect: refused}}
  {HEARTBEAT}: {{interval: 5s, heartbeat: {{grace: 5s}}}}
services:
  shop:
    title: Shop
    description: Browsing and buying
    objective: 99
    checks: [shop, purchase, {{check: mail, critical: false}}]
    depends_on: [database]
  database: {{public: false, objective: 99, objective_window: 7d, checks: [database]}}
status_page: {{title: Example Shop}}
"
    )
}
