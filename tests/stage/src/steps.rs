//! The steps of a start: what begins, what ended, how long it took; told to whoever looks on.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

/// Who is told how a start goes. Steps run side by side.
pub trait Audience: Send + Sync {
    /// A step has begun.
    fn begins(&self, name: &str);
    /// It has ended: how long it took, and where to find what it started, or nothing if it failed.
    fn ends(&self, name: &str, took: Duration, found: Option<&str>);
}

/// Nobody: for tests, whose failures carry all there is to say.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Audience for Nobody {
    fn begins(&self, _: &str) {}
    fn ends(&self, _: &str, _: Duration, _: Option<&str>) {}
}

/// Does one step and tells of it.
pub(crate) async fn step<T>(
    audience: &dyn Audience,
    name: &str,
    work: impl Future<Output = Result<T>>,
    find: impl FnOnce(&T) -> String,
) -> Result<T> {
    audience.begins(name);
    let start = Instant::now();
    // on the heap: some of these are large, and many wait side by side
    let done = Box::pin(work).await;
    let found = done.as_ref().ok().map(find);
    audience.ends(name, start.elapsed(), found.as_deref());
    done.with_context(|| format!("the stage has no {name}"))
}
