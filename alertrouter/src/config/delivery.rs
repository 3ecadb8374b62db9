//! `delivery`: our own keys about how long something is tried, and who is told when it does not work.

use std::sync::Arc;
use std::time::Duration;

use toolkit::config::{Fields, Position};

use super::receivers::Receivers;

/// How long a delivery is tried, and who is told when it is late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// After how long a delivery becomes a dead letter.
    pub give_up_after: Duration,
    /// How old a delivery may be before the fallback receiver is told.
    pub late_after: Duration,
    /// What waited longer than this and is over is counted in one summary line instead of told for itself; zero tells
    /// everything.
    pub stale_after: Duration,
    /// The receiver that is told of late and dead deliveries and of payloads that cannot be read.
    pub fallback_receiver: Option<Arc<str>>,
}

/// Over a night and the morning after.
const GIVE_UP_AFTER: Duration = Duration::from_hours(24);

/// Longer than any burst that the targets' limits cause.
const LATE_AFTER: Duration = Duration::from_mins(5);

/// What fired and was resolved during an outage that long is history.
const STALE_AFTER: Duration = Duration::from_hours(1);

impl Default for Delivery {
    fn default() -> Self {
        Self {
            give_up_after: GIVE_UP_AFTER,
            late_after: LATE_AFTER,
            stale_after: STALE_AFTER,
            fallback_receiver: None,
        }
    }
}

pub(super) fn decode(fields: Option<Fields<'_>>, receivers: &Receivers) -> Delivery {
    let defaults = Delivery::default();
    let Some(mut fields) = fields else { return defaults };
    Delivery {
        give_up_after: not_zero(&mut fields, "give_up_after").unwrap_or(defaults.give_up_after),
        late_after: not_zero(&mut fields, "late_after").unwrap_or(defaults.late_after),
        stale_after: fields.duration("stale_after").unwrap_or(defaults.stale_after),
        fallback_receiver: fields.string("fallback_receiver").and_then(|name| {
            let position = fields.position_of("fallback_receiver");
            known(&fields, receivers, &name, position, "delivery.fallback_receiver")
        }),
    }
}

/// A receiver that must exist and have somebody to tell.
pub(super) fn known(
    fields: &Fields<'_>,
    receivers: &Receivers,
    name: &str,
    position: Position,
    key: &str,
) -> Option<Arc<str>> {
    let Some(known) = receivers.find(name) else {
        fields.problem_at(position, format!("undefined receiver {name:?} used in {key}"));
        return None;
    };
    if receivers.is_silent(name) {
        fields.problem_at(position, format!("receiver {name:?} used in {key} has no integrations"));
    }
    Some(known)
}

fn not_zero(fields: &mut Fields<'_>, key: &str) -> Option<Duration> {
    let duration = fields.duration(key)?;
    if duration.is_zero() {
        fields.problem(key, format!("{key} cannot be zero"));
    }
    Some(duration)
}
