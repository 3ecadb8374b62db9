//! A table that somebody keeps by hand, or any program writes: which column is what stands in the configuration.
//!
//! The files are the truth about all days: a day without a row cost nothing.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use toolkit::config::Fields;
use tracing::warn;

use super::sheet::interned::Names;
use super::sheet::moments::day;
use super::sheet::records::{Next, Records};
use super::sheet::source::{Text, failure};
use super::sheet::{Count, Deadline, files, folded, named, value};
use super::tally::Tally;
use super::{Bill, currency};
use crate::calendar::{Calendar, Day, Period};
use crate::charge::{Category, Charge, Snapshot, Source};
use crate::http::{FetchError, Http, Reason};
use crate::money::Money;
use crate::shown::OTHER;
use crate::window::Window;

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csv {
    paths: Vec<String>,
    layout: Layout,
}

/// How a table is read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Layout {
    /// The names of the columns, in the order of [`COLUMNS`].
    columns: [String; COLUMNS.len()],
    delimiter: u8,
    /// The amounts have a comma before their cents, and perhaps points between thousands.
    has_comma: bool,
    date_format: Option<String>,
    /// Where no column says it.
    currency: Arc<str>,
    category: Category,
}

/// What columns may be, and whether there must be one; a column has this name unless the file says otherwise.
const COLUMNS: [(&str, bool); 6] = [
    ("date", true),
    ("amount", true),
    ("service", false),
    ("account", false),
    ("currency", false),
    ("category", false),
];

const DELIMITERS: [(&str, u8); 4] = [(",", b','), (";", b';'), ("tab", b'\t'), ("|", b'|')];

const DECIMALS: [(&str, bool); 2] = [(".", false), (",", true)];

/// Where the columns of one file are, in the order of [`COLUMNS`].
type Places = [Option<usize>; COLUMNS.len()];

impl Bill for Csv {
    const TYPE: &'static str = "csv";
    const SOURCE: Source = Source::Reported;
    const INTERVAL: Duration = Duration::from_hours(1);
    const SETTLES_AFTER: Duration = Duration::from_hours(24);
    const NEEDS: &'static str = "files that it may read";

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        fields.ignore("base_url");
        let paths = files::decode(fields);
        if paths.iter().any(|path| path.starts_with("s3://")) {
            fields.problem("path", "`path`: files of a bucket are read by the type `focus` only");
        }
        let columns = columns(fields);
        let delimiter = fields.choice("delimiter", &DELIMITERS).unwrap_or(b',');
        let has_comma = fields.choice("decimal", &DECIMALS).unwrap_or(false);
        let date_format = fields.string("date_format");
        let currency = currency(fields, "currency");
        let category = fields.choice("category", &Category::ALL).unwrap_or(Category::Usage);
        let currency = currency?;
        let layout = Layout { columns, delimiter, has_comma, date_format, currency, category };
        (!paths.is_empty()).then_some(Self { paths, layout })
    }

    async fn fetch(&self, http: &Http, window: &Window) -> Result<Snapshot, FetchError> {
        let deadline = Deadline(http.deadline());
        let (csv, days) = (self.clone(), window.days());
        let work = move || csv.read(days, deadline);
        let broken = |_panic| FetchError::new(Reason::Internal, "reading the files broke off");
        let (charges, count) = tokio::task::spawn_blocking(work).await.map_err(broken)??;
        if let Some((row, what)) = count.first {
            warn!(rows = count.rows, bad = count.bad, row, what, "rows of CSV files cannot be used");
        }
        let data_until = Some(window.now.as_second());
        Ok(Snapshot { charges, data_until, unpriced: count.bad, ..Snapshot::of(Source::Reported, window) })
    }
}

impl Csv {
    fn read(&self, days: Period, deadline: Deadline) -> Result<(Vec<Charge>, Count), FetchError> {
        let (mut tally, mut count) = (Tally::default(), Count::default());
        for path in files::find(&self.paths)? {
            let mut one = || {
                let (file, stamp) = files::open(&path)?;
                let read = self.layout.read(&file, days, deadline, &mut tally)?;
                files::unchanged(&file, stamp)?;
                Ok(read)
            };
            count.absorb(&one().map_err(|error| named(&path.display().to_string(), error))?);
        }
        Ok((tally.into_charges(), count))
    }
}

impl Layout {
    fn read(
        &self,
        source: impl Read,
        days: Period,
        deadline: Deadline,
        tally: &mut Tally,
    ) -> Result<Count, FetchError> {
        let (text, _) = Text::open(source)?;
        let mut records = Records::new(text, self.delimiter);
        let (mut count, mut names) = (Count::default(), Names::new());
        if records.next(None).map_err(|error| failure(&error))? == Next::End {
            return Err(FetchError::malformed("it is empty"));
        }
        let header: Vec<String> = (0..records.len()).map(|index| folded(records.field(index))).collect();
        let places = self.places(&header)?;
        loop {
            deadline.check(count.rows)?;
            match records.next(Some(header.len())).map_err(|error| failure(&error))? {
                Next::End => break,
                Next::Broken => count.add(Err("it has not as many fields as the header")),
                Next::Record => {
                    for place in places.iter().flatten() {
                        records.decode(*place);
                    }
                    let row = places.map(|place| place.map_or(&[][..], |place| value(records.field(place))));
                    count.add(self.take(row, days, &mut names, tally));
                }
            }
        }
        count.judge()?;
        Ok(count)
    }

    fn places(&self, header: &[String]) -> Result<Places, FetchError> {
        let mut places = Places::default();
        for ((place, wanted), (_, must)) in places.iter_mut().zip(&self.columns).zip(COLUMNS) {
            *place = header.iter().position(|name| *name == folded(wanted.as_bytes()));
            if must && place.is_none() {
                return Err(FetchError::malformed(format!("it has no column {wanted}")));
            }
        }
        Ok(places)
    }

    fn take(
        &self,
        [date, amount, service, account, currency, category]: [&[u8]; COLUMNS.len()],
        days: Period,
        names: &mut Names,
        tally: &mut Tally,
    ) -> Result<(), &'static str> {
        let day = self.day(date).ok_or("its date is no day")?;
        let amount = self.amount(amount).ok_or("its amount is no number")?;
        let currency = match currency {
            [] => Arc::clone(&self.currency),
            code if code.len() == 3 && code.iter().all(u8::is_ascii_alphabetic) => {
                let code = names.number(&code.to_ascii_uppercase());
                names.text(code)
            }
            _ => return Err("its currency is none"),
        };
        let category = match category {
            [] => self.category,
            word => {
                let word = String::from_utf8_lossy(word).to_ascii_lowercase();
                Category::from_word(&word).ok_or("its category is none")?
            }
        };
        if days.contains(day) {
            let mut text = |name: &[u8]| {
                let number = names.number(name);
                names.text(number)
            };
            let service = if service.is_empty() { OTHER.into() } else { text(service) };
            tally.add(Charge { account: text(account), service, category, day, currency, amount });
        }
        Ok(())
    }

    fn day(&self, text: &[u8]) -> Option<Day> {
        match &self.date_format {
            None => day(text, Calendar::Utc),
            Some(format) => Date::strptime(format, text).ok(),
        }
    }

    fn amount(&self, text: &[u8]) -> Option<Money> {
        if !self.has_comma {
            return Money::parse_bytes(text).ok();
        }
        let kept = text.iter().filter(|byte| **byte != b'.');
        let plain: Vec<u8> = kept.map(|byte| if *byte == b',' { b'.' } else { *byte }).collect();
        Money::parse_bytes(&plain).ok()
    }
}

/// The names of the columns: `columns: {date: Day, amount: Cost}`.
fn columns(fields: &mut Fields<'_>) -> [String; COLUMNS.len()] {
    let mut named = COLUMNS.map(|(name, _)| name.to_owned());
    if let Some(mut given) = fields.section("columns") {
        for (column, (key, _)) in named.iter_mut().zip(COLUMNS) {
            if let Some(name) = given.string(key) {
                *column = name;
            }
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::*;

    const DAYS: Period = Period { start: Day::constant(2026, 1, 1), end: Day::constant(2026, 3, 11) };

    fn read(settings: &str, text: &str) -> Result<(Vec<String>, Count), FetchError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.csv"), text).unwrap();
        let path = folder.path().join("*.csv").display().to_string();
        let yaml = format!("path: {path}\n{settings}\n");
        let document = Document::parse("c.yml", &yaml).unwrap();
        let csv = document.decode(|mut fields| Csv::decode(&mut fields)).unwrap().unwrap();
        let deadline = Deadline(tokio::time::Instant::now() + Duration::from_mins(1));
        let (charges, count) = csv.read(DAYS, deadline)?;
        let shown = charges.iter().map(|charge| {
            let Charge { account, service, category, day, currency, amount } = charge;
            format!("{day} {account}/{service} {} {amount} {currency}", category.as_str())
        });
        Ok((shown.collect(), count))
    }

    #[test]
    fn with_names_of_its_own() {
        let text = "\u{feff}Tag;Betrag;Was;Team;Art\r\n01.02.2026;1.234,50;\"Server; \"\"groß\"\"\";web;purchase\r\n02.02.2026;-0,5;Rabatt;;credit\r\n31.12.2025;7;alt;;\r\n03.02.2026;viel;x;;\r\n\r\n";
        let settings = "columns: {date: tag, amount: Betrag, service: Was, account: Team, category: Art}\ndelimiter: ';'\ndecimal: ','\ndate_format: '%d.%m.%Y'\ncurrency: eur";
        let (charges, count) = read(settings, text).unwrap();
        assert_eq!(
            charges,
            ["2026-02-01 web/Server; \"groß\" purchase 1234.5 EUR", "2026-02-02 /Rabatt credit -0.5 EUR"]
        );
        assert_eq!(count, Count { rows: 4, bad: 1, first: Some((4, "its amount is no number")) });
    }

    #[test]
    fn with_usual_names() {
        let text = "amount,date,currency\n1e-2,2026-03-01T05:00:00Z,usd\n0.02,2026-03-01,\n1,2026-03-02,gbp\n1,2026-03-02,pounds\n";
        let (charges, count) = read("category: purchase", text).unwrap();
        assert_eq!(
            charges,
            ["2026-03-01 /__other__ purchase 0.03 USD", "2026-03-02 /__other__ purchase 1 GBP"]
        );
        assert_eq!((count.rows, count.bad), (4, 1));
    }

    #[test]
    fn what_is_no_such_table() {
        for (text, expected) in [
            ("", "a.csv: it is empty"),
            ("date,price\n", "a.csv: it has no column amount"),
            ("date,amount\nx,1\ny,2\n", "a.csv: none of its 2 rows can be used; row 1: its date is no day"),
        ] {
            let error = read("", text).unwrap_err();
            assert!(error.message.ends_with(expected), "{error}");
        }
        assert_eq!(read("", "date,amount\n").unwrap().0.len(), 0);
    }
}
