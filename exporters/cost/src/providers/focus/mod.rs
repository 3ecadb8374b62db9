//! FOCUS files, local or in S3: what AWS' Data Exports, Azure, Oracle and many others write. Any version from 1.0 to 1.4.
//!
//! ```text
//! files ── by pattern, or by the manifest of an export ── each unpacked and summed as a stream ── one snapshot
//! ```
//!
//! Invariants: a snapshot is made of whole files only, and of an export only as its manifest names them; a row that
//! cannot be used costs itself and is counted; what is read does not grow with a file, only with what is told apart.

mod bucket;
mod columns;
mod kept;
mod listing;
mod local;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(not(feature = "parquet"))]
#[path = "no_parquet.rs"]
mod parquet;
mod rows;
mod snapshot;
mod sums;
#[cfg(test)]
mod tests;

use std::time::Duration;

use toolkit::config::Fields;

use self::bucket::Bucket;
use self::kept::Kept;
use self::sums::{AccountBy, Basis, Wanted};
use super::Bill;
use super::sheet::{Deadline, files, folded};
use crate::calendar::Calendar;
use crate::charge::{Snapshot, Source};
use crate::http::{FetchError, Http};
use crate::window::Window;

/// Settings.
#[derive(Clone, Debug)]
pub struct Focus {
    place: Place,
    basis: Basis,
    account_by: AccountBy,
    calendar: Calendar,
    vendors: Vec<String>,
    kept: Kept,
}

/// Where the files are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Local(Vec<String>),
    Bucket(Box<Bucket>),
}

impl Bill for Focus {
    const TYPE: &'static str = "focus";
    const SOURCE: Source = Source::Reported;
    const INTERVAL: Duration = Duration::from_hours(1);
    const SETTLES_AFTER: Duration = Duration::from_hours(36);
    const NEEDS: &'static str = "files that it may read; of a bucket, a key that may s3:ListBucket and s3:GetObject on the export's prefix";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let bases = [("billed", Basis::Billed), ("effective", Basis::Effective)];
        let accounts = [("id", AccountBy::Id), ("name", AccountBy::Name), ("none", AccountBy::None)];
        let calendars = [("utc", Calendar::Utc), ("pacific", Calendar::Pacific)];
        let basis = fields.choice("basis", &bases).unwrap_or(Basis::Billed);
        let account_by = fields.choice("account_by", &accounts).unwrap_or(AccountBy::Id);
        let calendar = fields.choice("calendar", &calendars).unwrap_or(Calendar::Utc);
        let vendors = fields.string_or_list("vendors");
        let vendors = vendors.iter().map(|vendor| folded(vendor.as_bytes())).collect();
        let place = Place::decode(fields)?;
        Some(Self { place, basis, account_by, calendar, vendors, kept: Kept::default() })
    }

    fn calendar(&self) -> Calendar {
        self.calendar
    }

    async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let wanted = Wanted {
            basis: self.basis,
            account_by: self.account_by,
            calendar: self.calendar,
            vendors: self.vendors.clone(),
            days: window.days(),
        };
        let deadline = Deadline(http.deadline());
        let part = match &self.place {
            Place::Local(patterns) => local::read(patterns.clone(), wanted, deadline, &self.kept).await?,
            Place::Bucket(bucket) => bucket.read(http, wanted, deadline, &self.kept).await?,
        };
        snapshot::of(part, window)
    }
}

impl Place {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let paths = files::decode(fields);
        let in_bucket = paths.iter().filter(|path| path.starts_with("s3://")).count();
        if in_bucket == 0 {
            fields.ignore("base_url");
            return (!paths.is_empty()).then_some(Self::Local(paths));
        }
        let bucket = Bucket::decode(fields, paths.first().map_or("", String::as_str));
        if paths.len() > 1 {
            fields.problem(
                "path",
                "`path`: of a bucket there is one path; give each export a provider of its own",
            );
            return None;
        }
        Some(Self::Bucket(Box::new(bucket?)))
    }
}
