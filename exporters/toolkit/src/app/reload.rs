//! Taking a new configuration while running.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{error, info};

use super::{Program, StartError};
use crate::cli::{CommonFlags, Flags};
use crate::config::Document;
use crate::selfmon::SelfMetrics;
use crate::web::Access;

/// Reads the configuration again and hands it to the program.
pub struct Reloader<P: Program> {
    program: Arc<P>,
    access: Arc<Access>,
    flags: Flags<P::Flags>,
    metrics: SelfMetrics,
    /// One reload at a time, so that two that overlap cannot end with the older file in force.
    turn: Mutex<()>,
}

impl<P: Program> Reloader<P> {
    pub(super) fn new(
        program: Arc<P>,
        access: Arc<Access>,
        flags: Flags<P::Flags>,
        metrics: SelfMetrics,
    ) -> Self {
        Self { program, access, flags, metrics, turn: Mutex::new(()) }
    }

    /// Parse, validate, swap. When any step fails the old configuration stands.
    ///
    /// # Errors
    /// Why the new configuration was refused.
    pub async fn reload(&self) -> Result<(), StartError> {
        let _turn = self.turn.lock().await;
        let outcome = self.try_reload().await;
        self.metrics.reloaded(outcome.is_ok());
        match &outcome {
            Ok(()) => info!("took the new configuration"),
            Err(error) => error!(%error, "refused the new configuration; the old one stands"),
        }
        outcome
    }

    async fn try_reload(&self) -> Result<(), StartError> {
        let document = self.flags.common.config().map(Document::read).transpose()?;
        let config = P::configure(&self.flags.own, document.as_ref())?;
        self.program.reconfigure(config).await?;
        Ok(self.access.reload().await?)
    }
}

/// What the configuration file held before it was read for the first time, where the flags want changes to be followed.
pub(super) struct Before(Option<Content>);

/// The digest of a file; `None` for one that cannot be read.
type Content = Option<[u8; 32]>;

impl Before {
    pub(super) fn of(common: &CommonFlags) -> Self {
        Self(common.auto_reload.and_then(|_| common.config()).map(content))
    }
}

/// Reloads whenever the configuration file has another content, where the flags want that. What cannot be read is
/// another content too: the reload tells why.
pub(super) async fn follow<P: Program>(reloader: Arc<Reloader<P>>, before: Before) {
    let common = &reloader.flags.common;
    let (Some(every), Some(file), Some(mut known)) = (common.auto_reload, common.config(), before.0) else {
        return;
    };
    loop {
        sleep(every).await;
        let path = file.to_owned();
        // a disk may be slow
        let found = spawn_blocking(move || content(&path)).await.unwrap_or_default();
        if found != known {
            known = found;
            // the outcome is in the log and in the metrics
            let _outcome = reloader.reload().await;
        }
    }
}

fn content(file: &Path) -> Content {
    let bytes = std::fs::read(file).ok()?;
    digest(&SHA256, &bytes).as_ref().try_into().ok()
}
