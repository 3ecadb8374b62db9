//! The programs of the suite, as they are packed and run.

use anyhow::Result;

use crate::workspace::Workspace;

/// A program.
pub(crate) struct Program {
    /// Of its package of the workspace, its binary, its image, its Debian package and its unit.
    pub(crate) name: &'static str,
    /// Where its sources and its README are.
    pub(crate) folder: &'static str,
    pub(crate) port: u16,
    /// What docker-compose.yml runs it with, below `rules/stack`.
    pub(crate) stack: &'static [&'static str],
    /// In a line, for lists of packages.
    pub(crate) summary: &'static str,
}

/// All of them. Dockerfile, docker-compose.yml and `deploy/` name the same.
pub(crate) const PROGRAMS: [Program; 6] = [
    Program {
        name: "redis-exporter",
        folder: "exporters/redis",
        port: 9121,
        stack: &[],
        summary: "Prometheus metrics of Redis and Valkey",
    },
    Program {
        name: "postgres-exporter",
        folder: "exporters/postgres",
        port: 9187,
        stack: &[],
        summary: "Prometheus metrics of PostgreSQL and PgBouncer",
    },
    Program {
        name: "cert-exporter",
        folder: "exporters/cert",
        port: 9219,
        stack: &["cert.yml"],
        summary: "Prometheus metrics of certificates",
    },
    Program {
        name: "synthetic-exporter",
        folder: "exporters/synthetic",
        port: 9115,
        stack: &["synthetic.yml"],
        summary: "checks of endpoints from outside, for Prometheus",
    },
    Program {
        name: "cost-exporter",
        folder: "exporters/cost",
        port: 10099,
        stack: &["cost.yml"],
        summary: "Prometheus metrics of the bills of a small product",
    },
    Program {
        name: "alertrouter",
        folder: "alertrouter",
        port: 10093,
        stack: &["alertrouter.yml", "alertrouter.slack.yml"],
        summary: "brings alerts to Slack and e-mail, and never loses one",
    },
];

/// Builds them as people do: one by one, so that none gets what only another needs.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    PROGRAMS.iter().try_for_each(|program| {
        workspace.cargo_visibly(&["build", "--release", "--locked", "--package", program.name])
    })
}
