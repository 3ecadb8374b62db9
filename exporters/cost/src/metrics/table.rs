//! Every metric there is: name, labels, meaning.

use toolkit::expo::{Desc, Kind};

/// What all names begin with.
pub const NAMESPACE: &str = "cost";

/// The labels of an amount: whose, in which currency, reported or estimated.
macro_rules! amount {
    ($($label:literal),*) => {
        &["provider", "account", "currency", "source" $(, $label)*]
    };
}

macro_rules! metrics {
    ($($constant:ident $name:literal $kind:ident $labels:expr, $help:literal;)*) => {
        $(pub(super) const $constant: Desc<'_> =
            Desc { name: $name, help: $help, kind: Kind::$kind, labels: $labels };)*

        /// All metrics of this module.
        pub const METRICS: &[Desc<'_>] = &[$($constant),*];
    };
}

metrics! {
    // months
    TO_DATE "month_to_date" Gauge amount!("service"),
        "What the running billing period has cost so far, net of credits, without taxes unless include_tax is set.";
    BY_CATEGORY "month_to_date_by_category" Gauge amount!("category"),
        "What the running billing period has cost so far by kind of charge: usage, purchase, credit, refund, adjustment, tax. Another view of the same money: never add it to cost_month_to_date.";
    PREVIOUS "previous_month" Gauge amount!("service"), "What the whole previous billing period cost.";
    SAME_DAY "previous_month_to_same_day" Gauge amount!("service"),
        "What the previous billing period had cost by the same day: compare cost_month_to_date with this.";
    LAST_DAY "last_day" Gauge amount!("service"), "What the last settled day cost.";
    LAST_DAY_TIME "last_day_timestamp_seconds" Gauge &["provider", "account"],
        "When the last settled day began, in Unix time.";
    PERIOD_START "period_start_timestamp_seconds" Gauge &["provider", "account"],
        "When the running billing period began, in Unix time.";
    PERIOD_END "period_end_timestamp_seconds" Gauge &["provider", "account"],
        "When the running billing period ends, in Unix time.";

    // counters
    SETTLED "settled_total" Counter amount!("service"),
        "Positive amounts of days that have settled, since the first snapshot and with the days that it brought. Never falls; minus cost_credits_settled_total it is the net.";
    CREDITS "credits_settled_total" Counter amount!(),
        "The size of negative amounts (credits, refunds) of days that have settled.";
    RESTATED "restated_total" Counter amount!("direction"),
        "What days rose (up) or fell (down) by after they had settled.";

    // what providers say beside amounts
    VENDOR_FORECAST "provider_forecast_month_end" Gauge amount!(),
        "The provider's own forecast of the whole billing period.";
    QUOTA_USED "usage_quota_used" Gauge &["provider", "account", "resource", "unit"],
        "How much of an included amount is used.";
    QUOTA_LIMIT "usage_quota_limit" Gauge &["provider", "account", "resource", "unit"],
        "The included amount.";
    TOKENS "llm_tokens" Gauge &["provider", "model", "token_type"],
        "Tokens of language models in the running billing period so far.";
    TOKENS_SETTLED "llm_tokens_settled_total" Counter &["provider", "model", "token_type"],
        "Tokens of language models of days that have settled.";
    BALANCE "balance" Gauge &["provider", "account", "currency"], "What is left of what was paid ahead.";
    UNPRICED "unpriced_items" Gauge &["provider", "account"],
        "Things that run and have no known price: they are missing in the amounts.";
    PRICES_TIME "prices_timestamp_seconds" Gauge &["provider"],
        "The day on which the price list was looked up that amounts are estimated with, in Unix time; absent where the provider tells its prices itself.";

    // how good the data is
    UP "provider_up" Gauge &["provider"], "Whether the last refresh succeeded.";
    FAILURE "provider_failure" Gauge &["provider", "reason"],
        "1 while the last refresh failed, and why: unauthorized, forbidden, rate_limited, server_error, refused, timeout, connect, tls, broken, too_large, malformed, paging, incomplete, capped, secret, file or internal.";
    LAST_SUCCESS "provider_last_success_timestamp_seconds" Gauge &["provider"],
        "When the provider was last read whole, in Unix time.";
    COMPLETE "provider_data_complete" Gauge &["provider"],
        "Whether the amounts hold everything up to the last refresh; 0 while refreshes fail and the last good amounts stand.";
    DATA_TIME "data_timestamp_seconds" Gauge &["provider"],
        "The newest moment that the provider's data speaks of, in Unix time.";

    // currencies
    RATE "exchange_rate" Gauge &["from", "to"], "What one unit of a currency is worth, as the configuration says.";
    RATE_TIME "exchange_rate_timestamp_seconds" Gauge &["from", "to"],
        "The day of the rate, in Unix time.";
    CONVERTED "month_to_date_converted" Gauge amount!(),
        "What the running billing period has cost so far, in the currency of the configuration's rates; absent where a rate is missing.";

    // the exporter itself
    REQUESTS "exporter_api_requests_total" Counter &["provider", "operation", "code"],
        "Requests to providers, by status, or by reason where there was no answer.";
    CHARGES "exporter_api_charges_usd_total" Counter &["provider"],
        "What our own requests have cost, in dollars; it survives restarts.";
    REMAINING "exporter_api_budget_remaining" Gauge &["provider"],
        "Paid requests that may still be sent in this calendar month (max_requests_per_month).";
    REFRESHES "exporter_refreshes_total" Counter &["provider", "outcome"], "Refreshes that ended, since the start.";
    DURATION "exporter_refresh_duration_seconds" Gauge &["provider"], "How long the last refresh took.";
    NEXT "exporter_next_refresh_timestamp_seconds" Gauge &["provider"],
        "When the provider is asked next, in Unix time.";
    DROPPED "exporter_series_dropped_total" Counter &[],
        "Series that were left out of rendered pages: doubles, invalid ones, or too many.";
    BUILD "exporter_build_info" Gauge &["version", "revision"], "Which build of the exporter this is; always 1.";
}
