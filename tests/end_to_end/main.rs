//! An alert all the way, on real servers: Redis, redis-exporter, Prometheus, Alertmanager, alertrouter, and the
//! doubles of Slack and of a mail server.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod pipeline;
