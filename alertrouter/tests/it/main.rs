//! The router from the outside: webhooks in, doubles of Slack and of a mail server at the other end.

#[cfg(test)]
mod alertmanager;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod config;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod dlq;
#[cfg(test)]
mod durable;
#[cfg(test)]
mod email;
#[cfg(test)]
mod full;
#[cfg(test)]
mod intake;
#[cfg(test)]
mod postfix;
#[cfg(test)]
mod router;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod slack;
#[cfg(test)]
mod store;
#[cfg(test)]
mod storm;
#[cfg(test)]
mod templated;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod timeline;
#[cfg(test)]
mod trees;
#[cfg(test)]
mod webhook;
