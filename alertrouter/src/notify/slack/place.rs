//! Where a bot's message is, and what it has told: the notifier's own word in the store.

use serde::{Deserialize, Serialize};

use crate::payload::Status;
use crate::store::LiveAlert;

/// Alerts that are remembered as told, so that a reply can say which of them no longer fire. With more, replies count
/// them only.
const MAX_TOLD: usize = 500;

/// Where a message is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The channel's ID.
    pub(super) channel: String,
    /// The message's ID.
    pub(super) ts: String,
    /// Where people find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) permalink: Option<String>,
    /// Fingerprints of what the thread was told to fire. None when that was not written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) firing: Option<Vec<String>>,
}

/// Where people find a message, from the notifier's word for its place.
pub fn permalink(place: &str) -> Option<String> {
    Place::read(Some(place))?.permalink
}

impl Place {
    pub(super) fn read(text: Option<&str>) -> Option<Self> {
        serde_json::from_str(text?).ok()
    }

    pub(super) fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What the thread is told from now on.
    pub(super) fn remember(&mut self, alerts: &[&LiveAlert]) {
        let firing = alerts.iter().filter(|alert| alert.status == Status::Firing);
        let firing: Vec<String> =
            firing.take(MAX_TOLD + 1).map(|alert| format!("{:016x}", alert.fingerprint)).collect();
        self.firing = (firing.len() <= MAX_TOLD).then_some(firing);
    }

    /// Whether the thread was told that this alert fires.
    pub(super) fn told(&self, alert: &LiveAlert) -> bool {
        let name = format!("{:016x}", alert.fingerprint);
        self.firing.as_ref().is_some_and(|firing| firing.contains(&name))
    }

    /// The address of the message in a workspace.
    pub(super) fn link(&self, workspace: &str) -> String {
        let id: String = self.ts.chars().filter(char::is_ascii_digit).collect();
        format!("{}/archives/{}/p{id}", workspace.trim_end_matches('/'), self.channel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permalink_has_slacks_form() {
        let place =
            Place { channel: "C0ABC".to_owned(), ts: "1785580200.000100".to_owned(), ..Place::default() };
        let link = place.link("https://team.slack.com/");
        assert_eq!(link, "https://team.slack.com/archives/C0ABC/p1785580200000100");
    }

    #[test]
    fn words_of_before_are_read() {
        let place = Place::read(Some(r#"{"channel":"C1","ts":"1.2"}"#)).unwrap();
        assert_eq!((place.firing.as_ref(), place.write().as_str()), (None, r#"{"channel":"C1","ts":"1.2"}"#));
        assert_eq!(
            permalink(r#"{"channel":"C1","ts":"1.2","permalink":"https://x"}"#).as_deref(),
            Some("https://x")
        );
        assert_eq!(permalink("<mail@id>"), None);
    }
}
