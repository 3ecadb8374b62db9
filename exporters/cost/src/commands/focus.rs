//! `focus export`: what the store knows as FOCUS 1.2, for whatever reads that: the data is the operator's own.

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, ArgMatches, Command, value_parser};
use jiff::Timestamp;
use jiff::fmt::strtime;

use super::{Failed, clock, config_file, load, month, provider, storage};
use crate::calendar::{Calendar, Day, Period};
use crate::charge::{Category, Source};
use crate::money::Money;
use crate::providers::Provider;
use crate::store::{Line, Store};

/// The columns: the 21 that FOCUS 1.2 demands in every file, the account's two, and ours.
const COLUMNS: [&str; 24] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
    "SubAccountId",
    "SubAccountName",
    "x_Source",
];

/// Who provides, by type, and which of FOCUS' kinds of services it is. Of other types the operator's name is the best.
const PROVIDERS: [(&str, &str, &str); 13] = [
    ("openai", "OpenAI", "AI and Machine Learning"),
    ("anthropic", "Anthropic", "AI and Machine Learning"),
    ("aws_cost_explorer", "AWS", "Other"),
    ("azure", "Microsoft", "Other"),
    ("gcp", "Google Cloud", "Other"),
    ("vercel", "Vercel", "Web"),
    ("railway", "Railway", "Compute"),
    ("digitalocean", "DigitalOcean", "Other"),
    ("render", "Render", "Compute"),
    ("netlify", "Netlify", "Web"),
    ("supabase", "Supabase", "Databases"),
    ("fly", "Fly.io", "Compute"),
    ("hetzner", "Hetzner", "Compute"),
];

pub(super) fn command() -> Command {
    let export = Command::new("export")
        .about("Write the days that the store knows as a FOCUS 1.2 file (CSV)")
        .arg(config_file())
        .arg(storage())
        .arg(provider())
        .arg(month().help("Only the days of this month"))
        .arg(
            Arg::new("output")
                .long("output")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Where it is written, instead of standard output"),
        );
    Command::new("focus")
        .about("FOCUS, the open format of bills")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(export)
}

pub(super) async fn run(matches: &ArgMatches) -> Result<String, Failed> {
    let Some(("export", matches)) = matches.subcommand() else {
        return Err(Failed { problems: vec!["there is no such command".to_owned()], ..Failed::default() });
    };
    let config = load(matches)?;
    let folder = matches.get_one::<PathBuf>("storage").cloned().unwrap_or_default();
    let store = Store::open_beside(&folder, clock()?)?;
    let days = matches.get_one::<Period>("month").copied().unwrap_or(ALL_DAYS);
    let mut text = format!("{}\r\n", COLUMNS.join(","));
    for provider in &config.providers {
        let known = store.known(Arc::clone(&provider.name)).await?;
        let Some(told) = known.told else { continue };
        for line in store.lines(Arc::clone(&provider.name), days).await? {
            let export = Export { provider, calendar: told.calendar, source: told.source, line: &line };
            export.write(&mut text);
        }
    }
    let Some(output) = matches.get_one::<PathBuf>("output") else { return Ok(text) };
    let mut file = BufWriter::new(std::fs::File::create(output)?);
    file.write_all(text.as_bytes())?;
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    Ok(format!("{} is written: {} rows\n", output.display(), text.matches("\r\n").count() - 1))
}

/// All that the store may have.
const ALL_DAYS: Period = Period { start: Day::constant(2000, 1, 1), end: Day::constant(9999, 1, 1) };

/// What of a provider becomes rows.
struct Export<'a> {
    provider: &'a Provider,
    calendar: Calendar,
    source: Source,
    line: &'a Line,
}

impl Export<'_> {
    fn write(&self, text: &mut String) {
        for (day, amount) in &self.line.days {
            let fields = self.row(*day, *amount);
            let quoted = fields.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(",");
            // writing to a String cannot fail; a row ends as RFC 4180 has it, and no field has such an end unquoted
            let _infallible = write!(text, "{quoted}\r\n");
        }
    }

    /// The values, in the order of the columns; one that there is not is empty.
    fn row(&self, day: Day, amount: Money) -> [String; COLUMNS.len()] {
        let Self { provider, calendar, source, line } = self;
        let kind = provider.kind.facts().type_name;
        let own = PROVIDERS.iter().find(|(word, ..)| *word == kind);
        let (title, service_category) =
            own.map_or((&*provider.name, "Other"), |(_, title, category)| (title, category));
        let account = provider.account_label(&line.account);
        let service = provider.service_label(&line.service);
        let period = calendar.period_of(day);
        let (quantity, unit) = match line.category {
            Category::Usage | Category::Purchase => ("1", "Days"),
            _ => ("", ""),
        };
        let amount = amount.to_string();
        let name = provider.name.to_string();
        [
            amount.clone(),
            name.clone(),
            name,
            line.currency.to_string(),
            time(calendar.start_of(period.start)),
            time(calendar.start_of(period.end)),
            category(line.category).to_owned(),
            String::new(),
            format!("{service}, {} of {day} ({})", line.category.as_str(), source.as_str()),
            time(calendar.start_of(day)),
            time(calendar.end_of(day)),
            amount.clone(),
            amount.clone(),
            title.to_owned(),
            amount,
            quantity.to_owned(),
            unit.to_owned(),
            title.to_owned(),
            title.to_owned(),
            service_category.to_owned(),
            service.to_string(),
            account.to_string(),
            account.to_string(),
            source.as_str().to_owned(),
        ]
    }
}

/// FOCUS knows no refunds: they are adjustments.
fn category(category: Category) -> &'static str {
    match category {
        Category::Usage => "Usage",
        Category::Purchase => "Purchase",
        Category::Credit => "Credit",
        Category::Refund | Category::Adjustment => "Adjustment",
        Category::Tax => "Tax",
    }
}

/// A time in UTC, to the second.
fn time(moment: Timestamp) -> String {
    strtime::format("%Y-%m-%dT%H:%M:%SZ", moment).unwrap_or_default()
}

fn quoted(field: &str) -> String {
    if field.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
