//! `status_page`: what the page says of itself.

use std::sync::Arc;

use jiff::tz::TimeZone;
use toolkit::config::Fields;

/// What the status page says of itself.
#[derive(Clone, Debug)]
pub struct StatusPage {
    /// Its heading.
    pub title: Arc<str>,
    /// A line below it.
    pub description: Option<Arc<str>>,
    /// Whose clock its times and days are by.
    pub zone: TimeZone,
}

impl Default for StatusPage {
    fn default() -> Self {
        Self { title: "Status".into(), description: None, zone: TimeZone::UTC }
    }
}

impl StatusPage {
    pub(super) fn decode(fields: Option<Fields<'_>>) -> Self {
        let mut page = Self::default();
        if let Some(mut fields) = fields {
            if let Some(title) = fields.string("title").filter(|title| !title.is_empty()) {
                page.title = title.into();
            }
            page.description = fields.string("description").map(Arc::from);
            page.zone = fields.parsed("time_zone", zone).unwrap_or(TimeZone::UTC);
        }
        page
    }
}

/// A zone by its name in the time zone database.
pub(super) fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("there is no time zone `{name}` (hint: Europe/Berlin, UTC)"))
}
