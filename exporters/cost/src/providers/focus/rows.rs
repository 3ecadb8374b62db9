//! One file, from its first byte to what it says.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, Read};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::columns::{Column, Columns, Row};
use super::parquet;
use super::sums::{Part, Sums, Wanted};
use crate::http::FetchError;
use crate::providers::sheet::Deadline;
use crate::providers::sheet::records::{Next, Records};
use crate::providers::sheet::source::{Content, Text, failure};

/// Bytes of a line of JSON.
const MAX_LINE: u64 = 256 << 10;

/// Reads a table of fields, lines of objects, or columns. `file` is the source where it is a file of this machine: columns
/// are read by their places.
pub(super) fn read(
    source: impl Read,
    file: Option<&File>,
    wanted: &Wanted,
    deadline: Deadline,
) -> Result<Part, FetchError> {
    let (text, content) = Text::open(source)?;
    let mut sums = Sums::new(wanted);
    match content {
        Content::Table => table(text, &mut sums, wanted, deadline)?,
        Content::Objects => objects(text, &mut sums, deadline)?,
        Content::Parquet => parquet::read(text, file, &mut sums, wanted, deadline)?,
    }
    sums.count.judge()?;
    Ok(sums.finish())
}

fn table(
    text: impl Read,
    sums: &mut Sums<'_>,
    wanted: &Wanted,
    deadline: Deadline,
) -> Result<(), FetchError> {
    let mut records = Records::new(text, b',');
    if records.next(None).map_err(|error| failure(&error))? == Next::End {
        return Err(FetchError::malformed("it is empty"));
    }
    let header = (0..records.len()).map(|index| records.field(index));
    let columns = Columns::of(header, wanted.basis.column())?;
    let fields = records.len();
    let places: Vec<usize> = columns.places().collect();
    loop {
        deadline.check(sums.count.rows)?;
        match records.next(Some(fields)).map_err(|error| failure(&error))? {
            Next::End => return Ok(()),
            Next::Broken => sums.count.add(Err("it has not as many fields as the header")),
            Next::Record => {
                for place in &places {
                    records.decode(*place);
                }
                let get = |column| columns.place(column).map_or(&[][..], |place| records.field(place));
                sums.add(&Row::of(get));
            }
        }
    }
}

/// A row as JSON. Amounts keep their digits.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Object<'a> {
    #[serde(borrow)]
    billed_cost: Option<&'a RawValue>,
    #[serde(borrow)]
    effective_cost: Option<&'a RawValue>,
    #[serde(borrow)]
    billing_currency: Option<Cow<'a, str>>,
    #[serde(borrow)]
    charge_period_start: Option<Cow<'a, str>>,
    #[serde(borrow)]
    charge_period_end: Option<Cow<'a, str>>,
    #[serde(borrow)]
    billing_period_start: Option<Cow<'a, str>>,
    #[serde(borrow)]
    charge_category: Option<Cow<'a, str>>,
    #[serde(borrow)]
    charge_class: Option<Cow<'a, str>>,
    #[serde(borrow)]
    service_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sub_account_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sub_account_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    billing_account_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    billing_account_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    commitment_discount_status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    commitment_discount_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    commitment_discount_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    provider_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    service_provider_name: Option<Cow<'a, str>>,
}

impl Object<'_> {
    fn get(&self, column: Column) -> &[u8] {
        let text = match column {
            Column::Billed => return digits(self.billed_cost),
            Column::Effective => return digits(self.effective_cost),
            Column::Currency => &self.billing_currency,
            Column::Start => &self.charge_period_start,
            Column::End => &self.charge_period_end,
            Column::Period => &self.billing_period_start,
            Column::Category => &self.charge_category,
            Column::Class => &self.charge_class,
            Column::Service => &self.service_name,
            Column::SubAccountId => &self.sub_account_id,
            Column::SubAccountName => &self.sub_account_name,
            Column::AccountId => &self.billing_account_id,
            Column::AccountName => &self.billing_account_name,
            Column::Status => &self.commitment_discount_status,
            Column::CommitmentId => &self.commitment_discount_id,
            Column::CommitmentName => &self.commitment_discount_name,
            Column::Provider => &self.provider_name,
            Column::ServiceProvider => &self.service_provider_name,
        };
        text.as_ref().map_or(&[], |text| text.as_bytes())
    }
}

/// An amount as it is written, in quotes or not.
fn digits(raw: Option<&RawValue>) -> &[u8] {
    raw.map_or(&[], |raw| raw.get().trim_matches('"').as_bytes())
}

fn objects(mut text: impl BufRead, sums: &mut Sums<'_>, deadline: Deadline) -> Result<(), FetchError> {
    let mut line = Vec::new();
    loop {
        deadline.check(sums.count.rows)?;
        line.clear();
        let read = text.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        if read.map_err(|error| failure(&error))? == 0 {
            return Ok(());
        }
        if !line.ends_with(b"\n") && line.len() as u64 == MAX_LINE {
            sums.count.add(Err("its line is too long"));
            text.skip_until(b'\n').map_err(|error| failure(&error))?;
            continue;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice::<Object<'_>>(&line) {
            Ok(object) => sums.add(&Row::of(|column| object.get(column))),
            Err(_no_object) => sums.count.add(Err("it is no JSON object of FOCUS")),
        }
    }
}
