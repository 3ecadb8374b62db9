//! The rules as text.

use std::fmt::{self, Display, Write};

use crate::config::{Objective, Service};

/// Two windows and what may be burnt in the long one.
struct Pair {
    long: &'static str,
    long_hours: f64,
    short: &'static str,
    /// The share of the error budget.
    share: f64,
    severity: &'static str,
    /// How soon it is gone.
    meaning: &'static str,
}

const PAIRS: [Pair; 3] = [
    Pair {
        long: "1h",
        long_hours: 1.0,
        short: "5m",
        share: 0.02,
        severity: "critical",
        meaning: "in one hour",
    },
    Pair {
        long: "6h",
        long_hours: 6.0,
        short: "30m",
        share: 0.05,
        severity: "critical",
        meaning: "in six hours",
    },
    Pair {
        long: "3d",
        long_hours: 72.0,
        short: "6h",
        share: 0.1,
        severity: "warning",
        meaning: "in three days",
    },
];

/// All windows of these.
const WINDOWS: [&str; 5] = ["5m", "30m", "1h", "6h", "3d"];

/// Seconds of each state that a service was in.
const SECONDS: &str = "health_service_seconds_total";

const HEAD: &str = "\
# Written by `synthetic-exporter slo-rules`. Do not edit it: run that again when the services change.
#
# Watchfire's rules/slo.rules.yml has the same alert for all services at once: load either, not both.
#
# An external label of Prometheus changes where the dashboard's link leads: grafana_url.

groups:
";

pub(super) fn print(objectives: &[(&Service, &Objective)]) -> String {
    let mut text = HEAD.to_owned();
    // what is written to a string arrives
    let _ignored = write(objectives, &mut text);
    text
}

fn write(objectives: &[(&Service, &Objective)], text: &mut String) -> fmt::Result {
    writeln!(text, "  - name: synthetic-slo-ratios\n    rules:")?;
    for window in WINDOWS {
        let of = |states: &str| format!("sum by (service) (rate({SECONDS}{{state{states}}}[{window}]))");
        writeln!(text, "      - record: {}", ratio(window))?;
        writeln!(text, "        expr: |\n          {}\n          /", of("=\"unhealthy\""))?;
        writeln!(text, "          {}", of("=~\"healthy|degraded|unhealthy\""))?;
    }
    for (service, objective) in objectives {
        writeln!(text, "\n  - name: synthetic-slo-{}\n    rules:", service.name)?;
        for pair in &PAIRS {
            pair.write(service, objective, text)?;
        }
    }
    Ok(())
}

fn ratio(window: &str) -> impl Display {
    format!("service:health_service_unhealthy:ratio_rate{window}")
}

impl Pair {
    /// How many times faster than the objective allows the budget may be burnt; never less than just so fast.
    fn burn_rate(&self, objective: &Objective) -> f64 {
        let hours = objective.window.as_secs_f64() / 3600.0;
        (self.share * hours / self.long_hours).max(1.0)
    }

    fn write(&self, service: &Service, objective: &Objective, text: &mut String) -> fmt::Result {
        let Self { long, short, severity, meaning, .. } = self;
        let rate = self.burn_rate(objective);
        let threshold = rate * (1.0 - objective.ratio);
        let name = &service.name;
        if threshold >= 1.0 {
            let times = Short(rate);
            return writeln!(
                text,
                "      # no rule for {long}: even a full outage burns less than {times} times what is allowed"
            );
        }
        let (days, percent) = (objective.window.as_secs() / (24 * 3600), Short(objective.ratio * 100.0));
        let share = Short(rate * self.long_hours * 3600.0 / objective.window.as_secs_f64() * 100.0);
        let title = Plain(&service.title);
        writeln!(text, "      - alert: ServiceErrorBudgetBurn\n        expr: |")?;
        writeln!(text, "          {}{{service=\"{name}\"}} > {}", ratio(long), Short(threshold))?;
        writeln!(text, "          and {}{{service=\"{name}\"}} > {}", ratio(short), Short(threshold))?;
        writeln!(
            text,
            "        labels:\n          service: '{name}'\n          severity: {severity}\n          long_window: {long}"
        )?;
        writeln!(text, "          short_window: {short}\n        annotations:")?;
        writeln!(text, "          summary: '{title} uses up its error budget'")?;
        writeln!(
            text,
            "          description: '{title} should be up {percent} % of {days} days. In the last {long} it was down \
             {{{{ $value | humanizePercentage }}}} of the time. A pace of {} times what that allows uses up {share} % of \
             the error budget {meaning}.'",
            Short(rate)
        )?;
        writeln!(text, "          runbook_url: {RUNBOOK}")?;
        writeln!(text, "          dashboard_url: '{DASHBOARDS}/d/watchfire-slo?var-service={name}'")
    }
}

/// What to do when it fires.
const RUNBOOK: &str =
    "https://github.com/watchfire/watchfire/blob/main/rules/runbooks/ServiceErrorBudgetBurn.md";

const DASHBOARDS: &str = "{{ or $externalLabels.grafana_url \"http://localhost:3000\" }}";

/// A number without the digits that arithmetic added.
struct Short(f64);

impl Display for Short {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = format!("{:.7}", self.0);
        text.write_str(rounded.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A text of people's own in single quotes of YAML, that opens no template of Prometheus.
struct Plain<'a>(&'a str);

impl Display for Plain<'_> {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\'' => text.write_str("''")?,
                '{' | '}' => {}
                other if other.is_control() => text.write_char(' ')?,
                other => text.write_char(other)?,
            }
        }
        Ok(())
    }
}
