//! The router from the outside: webhooks in, doubles of Slack and of a mail server at the other end.

mod config;
mod durable;
mod email;
mod intake;
mod router;
mod slack;
