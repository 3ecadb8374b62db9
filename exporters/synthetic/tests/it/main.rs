//! The program from the outside: in process, on a free port, against real servers and faithful doubles.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    clippy::cast_precision_loss,
    reason = "a test that cannot go on has failed"
)]

mod artifact;
mod beside;
mod beside_stage;
mod checks;
mod common;
mod config;
mod delays;
mod dns;
mod example_org;
mod exporter;
mod grpc;
mod guard;
mod health;
mod heartbeat;
mod history;
mod http;
mod http_bodies;
mod http_ours;
mod http_tls;
mod http_tokens;
mod http_way;
mod icmp;
mod journey;
mod name_server;
mod postgres;
mod reasons;
mod redis;
mod reload;
mod request;
mod resolver;
mod rollup;
mod rows;
mod served;
mod slo;
mod smtp;
mod status;
mod tcp;
mod udp;
mod unix;
mod websocket;

pub(crate) use exporter::{Exporter, Page, start, start_with};
