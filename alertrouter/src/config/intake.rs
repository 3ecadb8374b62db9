//! `intake`: our own keys about who may send webhooks.

use toolkit::config::{Fields, SecretSource};

/// Who may send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntakeSettings {
    /// What `Authorization: Bearer` must hold: one of the lines of this secret, so that a token can be changed without a
    /// moment in which none is right. Without it everybody may send whom the web config lets in.
    pub bearer_token: Option<SecretSource>,
}

pub(super) fn decode(fields: Option<Fields<'_>>) -> IntakeSettings {
    let mut settings = IntakeSettings::default();
    if let Some(mut intake) = fields {
        settings.bearer_token = intake.secret("bearer_token");
    }
    settings
}
