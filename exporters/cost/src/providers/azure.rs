//! Azure Cost Management.

use std::time::Duration;

use toolkit::config::Fields;

use super::Bill;
use crate::charge::{Snapshot, Source};
use crate::http::{FetchError, Http, Reason};
use crate::window::Window;

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Azure {}

impl Bill for Azure {
    const TYPE: &'static str = "azure";
    const SOURCE: Source = Source::Reported;
    const INTERVAL: Duration = Duration::from_hours(6);
    const SETTLES_AFTER: Duration = Duration::from_hours(48);
    const NEEDS: &'static str = "";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        fields.problem("type", "this type is not built in yet");
        for key in fields.keys() {
            fields.ignore(key);
        }
        None
    }

    async fn fetch(&self, _: &Http, _: &Window) -> Result<Snapshot, FetchError> {
        Err(FetchError::new(Reason::Internal, "this type is not built in yet"))
    }
}
