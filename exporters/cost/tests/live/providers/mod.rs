//! Each provider against its double: amounts to the last digit, and every way to fail.

mod anthropic;
mod aws;
mod azure;
mod digitalocean;
mod estimated;
mod faults;
mod gcp;
mod openai;
mod railway;
mod vercel;

use cost_exporter::charge::{Category, Charge, Snapshot};
use cost_exporter::http::{FetchError, Http};
use cost_exporter::money::Money;
use cost_exporter::providers::Provider;
use cost_exporter::window::Window;
use jiff::ToSpan;
use jiff::civil::Date;
use num_bigint::BigInt;
use toolkit::config::Document;

/// Digits after the point of [`exact`] sums.
const PLACES: usize = 60;

/// What a provider of this configuration says at some moment, as it is asked in operation.
pub(crate) async fn ask(settings: &str, now: &str) -> Result<Snapshot, FetchError> {
    ask_by(&Http::new()?, settings, now, 1).await
}

/// The same with a client of its own and so many earlier periods.
pub(crate) async fn ask_by(
    http: &Http,
    settings: &str,
    now: &str,
    before: u16,
) -> Result<Snapshot, FetchError> {
    let document = Document::parse("providers.yml", &format!("[{{name: it, {settings}}}]")).unwrap();
    let provider = document.decode_list(|item| Provider::decode(&item)).unwrap().remove(0);
    let window = Window::new(now.parse().unwrap(), provider.kind.calendar(), before);
    provider.kind.fetch(http, &window).await
}

/// What a check hears from a provider of this configuration.
pub(crate) async fn probe(settings: &str, now: &str) -> Result<Option<Snapshot>, FetchError> {
    let document = Document::parse("providers.yml", &format!("[{{name: it, {settings}}}]")).unwrap();
    let provider = document.decode_list(|item| Provider::decode(&item)).unwrap().remove(0);
    let window = Window::new(now.parse().unwrap(), provider.kind.calendar(), 1);
    provider.kind.probe(&Http::new()?, &window).await
}

/// A day.
pub(crate) fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// The days from the one to before the other.
pub(crate) fn days(first: &str, end: &str) -> impl Iterator<Item = Date> {
    let end = day(end);
    day(first).series(1.day()).take_while(move |day| *day < end)
}

/// The sum of the charges that are wanted.
pub(crate) fn sum(snapshot: &Snapshot, wanted: impl Fn(&Charge) -> bool) -> String {
    let charges = snapshot.charges.iter().filter(|charge| wanted(charge));
    charges.map(|charge| charge.amount).sum::<Money>().to_string()
}

/// The sum of a month such as `2026-03`.
pub(crate) fn of_month(snapshot: &Snapshot, month: &str) -> String {
    sum(snapshot, |charge| charge.day.strftime("%Y-%m").to_string() == month)
}

/// The sum of a kind of charge.
pub(crate) fn of_category(snapshot: &Snapshot, category: Category) -> String {
    sum(snapshot, |charge| charge.category == category)
}

/// The sum of a service.
pub(crate) fn of_service(snapshot: &Snapshot, service: &str) -> String {
    sum(snapshot, |charge| *charge.service == *service)
}

/// The sum of numbers as texts, worked out in integers of any size and not by the code under test; `shift` moves the
/// point to the left.
pub(crate) fn exact<'a>(texts: impl IntoIterator<Item = &'a str>, shift: usize) -> String {
    let total: BigInt = texts.into_iter().map(|text| scaled(text.trim_matches('"'), shift)).sum();
    let (sign, digits) = match total.to_string() {
        text if text.starts_with('-') => ("-", text.trim_start_matches('-').to_owned()),
        text => ("", text),
    };
    let digits = format!("{digits:0>width$}", width = PLACES + 1);
    let (whole, rest) = digits.split_at(digits.len() - PLACES);
    let rest = rest.trim_end_matches('0');
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{rest}")
}

fn scaled(text: &str, shift: usize) -> BigInt {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().unwrap();
    let (whole, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: BigInt = format!("{whole}{rest}").parse().unwrap();
    let zeros = i64::try_from(PLACES - shift - rest.len()).unwrap() + exponent;
    digits * BigInt::from(10).pow(u32::try_from(zeros).unwrap())
}

#[test]
fn exact_sums_are_exact() {
    assert_eq!(exact(["0.1", "\"0.2\"", "1e-05", "-3.5E-7", "7"], 0), "7.30000965");
    assert_eq!(exact(["123.45", "-50.0"], 2), "0.7345");
    assert_eq!(exact(["-1", "0.5"], 0), "-0.5");
}

#[test]
fn settings_that_cannot_be_used() {
    for (settings, complaint) in [
        ("type: openai", "missing `api_key_file` (or `api_key_env`, `api_key_command`, `api_key`)"),
        ("type: anthropic, api_key: k, base_url: 'https://a?b'", "an address ends with its path"),
        (
            "type: vercel, api_key: k, team_id: a, team_slug: b",
            "`team_id` and `team_slug` cannot both be set",
        ),
        ("type: railway, api_key: k", "`workspace_id`"),
        ("type: digitalocean, api_key: k, team: t", "`team`"),
        (
            "type: aws_cost_explorer, access_key_id: k",
            "`access_key_id` and `secret_access_key` belong together",
        ),
        ("type: aws_cost_explorer, role_arn: me", "expected a role such as arn:"),
        ("type: aws_cost_explorer, basis: blended", "`basis`"),
        ("type: azure, tenant_id: t, client_id: c, client_secret: s", "missing required key `scope`"),
        (
            "type: azure, tenant_id: t, client_id: c, client_secret: s, scope: 'a?b'",
            "expected a scope such as",
        ),
        ("type: gcp, service_account_key: '{}', table: 'a.b'", "expected a table such as"),
    ] {
        let document = Document::parse("providers.yml", &format!("[{{name: it, {settings}}}]")).unwrap();
        let error = document.decode_list(|item| Provider::decode(&item)).unwrap_err().to_string();
        assert!(error.contains(complaint), "{settings}: {error}");
    }
}
