//! An alert all the way, on real servers: Redis, redis-exporter, Prometheus, Alertmanager, alertrouter, and the
//! doubles of Slack and of a mail server.

mod pipeline;
