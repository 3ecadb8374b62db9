//! FOCUS files of any size with sums that are known: the real rows of a sample again and again, on other days and of other
//! accounts.

use std::fmt::Write as _;
use std::io::{self, Write};

use anyhow::{Context, Result, ensure};

/// Days of the month of the sample.
const DAYS: usize = 30;

/// A sample of one month, in pieces.
pub struct Sample {
    header: String,
    rows: Vec<Row>,
    /// The accounts of the rows, each once.
    accounts: Vec<String>,
}

/// A row: what stands between the values that change, and those.
struct Row {
    pieces: [String; 4],
    /// Which of the pieces' gaps is which: the order of the columns.
    gaps: [Gap; 3],
    start: Time,
    end: Time,
    account: usize,
}

#[derive(Clone, Copy)]
enum Gap {
    Start,
    End,
    Account,
}

/// Days since the first of the month, and what follows the day.
struct Time {
    day: usize,
    rest: String,
}

impl Sample {
    /// Takes a sample apart: a FOCUS file of one month with the columns `ChargePeriodStart`, `ChargePeriodEnd` and
    /// `SubAccountId`, without newlines in its values.
    pub fn new(text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let header = lines.next().context("the sample is empty")?.to_owned();
        let names = fields(&header);
        let place = |name: &str| {
            names
                .iter()
                .position(|field| unquoted(field) == name)
                .with_context(|| format!("no column {name}"))
        };
        let mut places = [
            (place("ChargePeriodStart")?, Gap::Start),
            (place("ChargePeriodEnd")?, Gap::End),
            (place("SubAccountId")?, Gap::Account),
        ];
        places.sort_by_key(|(place, _)| *place);
        let mut sample = Self { header: header.clone(), rows: Vec::new(), accounts: Vec::new() };
        for line in lines {
            let fields = fields(line);
            ensure!(fields.len() == names.len(), "a row of the sample has {} fields", fields.len());
            let row = sample.take_apart(&fields, &places)?;
            sample.rows.push(row);
        }
        Ok(sample)
    }

    /// Writes a file with at least so many rows: the sample as often as that takes. The sums are the sample's as often,
    /// and every amount falls on each day and account in turn. Gives how often.
    pub fn write(&self, rows: u64, to: &mut impl Write) -> io::Result<u64> {
        let copies = rows.div_ceil(self.rows.len().max(1) as u64);
        writeln!(to, "{}", self.header)?;
        let mut line = String::new();
        for copy in 0..copies {
            let copy = usize::try_from(copy).unwrap_or(usize::MAX);
            for row in &self.rows {
                line.clear();
                self.write_row(row, copy, &mut line);
                to.write_all(line.as_bytes())?;
            }
        }
        Ok(copies)
    }

    fn take_apart(&mut self, fields: &[&str], places: &[(usize, Gap); 3]) -> Result<Row> {
        let [a, b, c] = places.map(|(place, _)| place);
        let joined = |from: usize, to: usize| fields.get(from..to).unwrap_or_default().join(",");
        let value = |wanted: fn(Gap) -> bool| {
            let place = places.iter().find(|(_, gap)| wanted(*gap)).map_or(0, |(place, _)| *place);
            unquoted(fields.get(place).copied().unwrap_or_default())
        };
        let account = value(|gap| matches!(gap, Gap::Account));
        let known = self.accounts.iter().position(|known| *known == account);
        let account = known.unwrap_or_else(|| {
            self.accounts.push(account.to_owned());
            self.accounts.len() - 1
        });
        let start = value(|gap| matches!(gap, Gap::Start));
        Ok(Row {
            pieces: [joined(0, a), joined(a + 1, b), joined(b + 1, c), joined(c + 1, fields.len())],
            gaps: places.map(|(_, gap)| gap),
            start: Time::of(start, start)?,
            end: Time::of(value(|gap| matches!(gap, Gap::End)), start)?,
            account,
        })
    }

    fn write_row(&self, row: &Row, copy: usize, line: &mut String) {
        let account = (row.account + copy) % self.accounts.len().max(1);
        let shift = (row.start.day + copy * 7) % DAYS;
        let later = row.end.day - row.start.day;
        let [first, rest @ ..] = &row.pieces;
        line.push_str(first);
        for (piece, gap) in rest.iter().zip(row.gaps) {
            line.push_str(if line.is_empty() { "\"" } else { ",\"" });
            match gap {
                Gap::Account => line.push_str(self.accounts.get(account).map_or("", String::as_str)),
                Gap::Start => row.start.write(shift, line),
                Gap::End => row.end.write(shift + later, line),
            }
            line.push_str(if piece.is_empty() { "\"" } else { "\"," });
            line.push_str(piece);
        }
        line.push('\n');
    }
}

impl Time {
    /// A time `2024-09-18 22:00:00`, in days since the first of the month of another one.
    fn of(text: &str, other: &str) -> Result<Self> {
        let day =
            text.get(8..10).and_then(|day| day.parse::<usize>().ok()).context("a time of the sample")?;
        let is_next_month = text.get(..7) != other.get(..7);
        let rest = text.get(10..).unwrap_or_default().to_owned();
        Ok(Self { day: day - 1 + if is_next_month { DAYS } else { 0 }, rest })
    }

    fn write(&self, day: usize, line: &mut String) {
        // writing to a String cannot fail
        let _ignored = if day < DAYS {
            write!(line, "2024-09-{:02}{}", day + 1, self.rest)
        } else {
            write!(line, "2024-10-{:02}{}", day - DAYS + 1, self.rest)
        };
    }
}

/// The fields of a line, quotes and all.
fn fields(line: &str) -> Vec<&str> {
    let mut inside = false;
    line.split(move |character| {
        inside ^= character == '"';
        character == ',' && !inside
    })
    .collect()
}

fn unquoted(field: &str) -> &str {
    field.trim_matches('"')
}
