//! Taking a new configuration while running.

use std::sync::Arc;

use tokio::sync::Mutex;
use tracing::{error, info};

use super::{Program, StartError};
use crate::cli::Flags;
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
