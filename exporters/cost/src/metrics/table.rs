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

    // what is to come
    FORECAST "forecast_month_end" Gauge amount!(),
        "What the running billing period will have cost, by our own forecast from settled days; absent while fewer than three are known.";
    FORECAST_LOWER "forecast_month_end_lower" Gauge amount!(),
        "The lower end of the band in which the period ends four times of five.";
    FORECAST_UPPER "forecast_month_end_upper" Gauge amount!(),
        "The upper end of the band in which the period ends four times of five.";
    FORECAST_ERROR "forecast_error_ratio" Gauge amount!("horizon"),
        "How much too high the forecast of the last closed period was, as a share of what it came to, by the day of the period on which it was made (5, 10, 15, 20); negative for too low.";

    // what may be spent
    BUDGET_LIMIT "budget_limit" Gauge &["budget", "currency"], "What may be spent in the budget's time.";
    BUDGET_SPENT "budget_spent" Gauge &["budget", "currency"], "What of it is spent, today's part included.";
    BUDGET_FORECAST "budget_forecast" Gauge &["budget", "currency"],
        "What will be spent when the budget's time is over; absent while too little is known.";
    BUDGET_USED "budget_used_ratio" Gauge &["budget"],
        "The share of the budget that is spent. Divided by cost_budget_elapsed_ratio it is the pace: above 1 the budget will not last.";
    BUDGET_WILL_BE_USED "budget_forecast_ratio" Gauge &["budget"],
        "The share of the budget that will be spent; absent while too little is known.";
    BUDGET_ELAPSED "budget_elapsed_ratio" Gauge &["budget"], "The share of the budget's time that is over.";
    BUDGET_EXHAUSTION "budget_exhaustion_timestamp_seconds" Gauge &["budget"],
        "When the budget is used up, as foretold, or when it was, in Unix time; absent if its time is over before.";
    BUDGET_COMPLETE "budget_data_complete" Gauge &["budget"],
        "Whether everything that counts is known: 0 while a provider of it fails, was never read, or was read for the first time after the budget began (backfill helps), or where the rate of a currency is missing.";

    // unusual days
    EXPECTED_DAY "expected_day" Gauge amount!("service"),
        "What the judged day was expected to cost: the last settled day, or a later one that has cost too much already. Usage only: no fixed charges, credits and taxes.";
    SCORE "anomaly_score" Gauge amount!("service"),
        "How far the judged day lies above what was expected, in units of the usual noise.";
    ACTIVE "anomaly_active" Gauge amount!("service"),
        "Whether the judged day is unusual: its score is at least 4.5, it cost half as much again as expected, and more than the configuration's anomaly_floor too much.";
    EXCESS "anomaly_excess" Gauge amount!("service"),
        "What the judged day cost more than expected; negative for less.";
    SUSTAINED "anomaly_sustained" Gauge amount!("service"),
        "1 while the service stays on a higher level than it was used to: what was unusual for three days is not unusual any more.";
    ACCOUNT_EXPECTED_DAY "account_expected_day" Gauge amount!(),
        "As cost_expected_day, of all services of an account together.";
    ACCOUNT_SCORE "account_anomaly_score" Gauge amount!(),
        "As cost_anomaly_score, of all services of an account together.";
    ACCOUNT_ACTIVE "account_anomaly_active" Gauge amount!(),
        "As cost_anomaly_active, of all services of an account together, where a score of 3.5 is enough.";
    ACCOUNT_EXCESS "account_anomaly_excess" Gauge amount!(),
        "As cost_anomaly_excess, of all services of an account together.";

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
