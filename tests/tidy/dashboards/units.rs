//! Units that Grafana knows and that a number of ours may have.

/// Add one here when a panel needs it; the names are those of Grafana's value formats.
pub(super) const UNITS: [&str; 44] = [
    // numbers and texts
    "none",
    "short",
    "locale",
    "string",
    "bool",
    "bool_yes_no",
    "bool_on_off",
    "sci",
    "hex",
    // shares
    "percent",
    "percentunit",
    // data
    "bytes",
    "decbytes",
    "bits",
    "kbytes",
    "Bps",
    "binBps",
    "bps",
    "pps",
    // time
    "ns",
    "µs",
    "ms",
    "s",
    "m",
    "h",
    "d",
    "dtdurations",
    "dtdurationms",
    "dthms",
    "clocks",
    "dateTimeAsIso",
    "dateTimeAsIsoNoDateIfToday",
    "dateTimeAsSystem",
    "dateTimeFromNow",
    "hertz",
    // events in time
    "cps",
    "opm",
    "ops",
    "reqps",
    "rps",
    "wps",
    "iops",
    // money
    "currencyUSD",
    "currencyEUR",
];
