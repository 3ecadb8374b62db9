//! What is wrong with a configuration, each with its place, all at once, and never a secret.

use kit::process::Folder;

use crate::support::run;

const NOW: &str = "2026-03-10T12:00:00Z";

async fn check(config: &str, expected: &[&str]) {
    let folder = Folder::new().unwrap();
    folder.write("c.yml", config).unwrap();
    let (code, out, err) = run(&folder, &["--config.file=c.yml", "--config.check"], NOW).await;
    assert_eq!((code, out.as_str()), (1, ""), "{config}");
    assert!(!err.contains("canary"), "{err}");
    let found: Vec<&str> = err.trim_start_matches("error: ").lines().collect();
    assert_eq!(found, expected, "{config}");
}

#[tokio::test]
async fn providers() {
    check(
        "providers:\n- {name: a b, type: fixed, items: []}\n- {name: x, type: fixd, whatever: 1}\n- {type: fixed}\n- {name: y, type: fixed, items: [{service: s, amount: much, currency: dollar, period: never}], interval: 1ms, labels: {currency: x}, max_requests_per_month: -1}\n- {name: z, type: fixed, items: [], no_such_key: canary}\n- {name: z, type: fixed, items: []}\n- {name: q, type: csv, path: f.csv, columns: {date: d, amount: a}, max_requests_per_month: 5}\n",
        &[
            "c.yml:2:10: `name`: a name has letters, digits and `-_.`, at most 64",
            "c.yml:3:19: `type`: expected one of `openai`, `anthropic`, `aws_cost_explorer`, `focus`, `azure`, `gcp`, `vercel`, `railway`, `digitalocean`, `render`, `netlify`, `supabase`, `fly`, `hetzner`, `fixed`, `csv`, found `fixd` (hint: did you mean `fixed`?)",
            "c.yml:4:3: missing required key `items`",
            "c.yml:4:3: missing required key `name`",
            "c.yml:5:55: `amount`: this is no decimal number",
            "c.yml:5:71: `currency`: expected a currency such as USD",
            "c.yml:5:87: `period`: expected one of `month`, `quarter`, `year`, `week`, `day`, found `never`",
            "c.yml:5:106: `interval`: expected at least 1s",
            "c.yml:5:119: `currency` cannot be a label of a provider",
            "c.yml:5:158: `max_requests_per_month`: expected a whole number of at least 0, found `-1`",
            "c.yml:6:37: unknown key `no_such_key`",
            "c.yml:7:3: there is another provider `z`",
            "c.yml:8:92: `max_requests_per_month`: requests of `csv` are not paid one by one: there is nothing to cap",
        ],
    )
    .await;
}

#[tokio::test]
async fn budgets_and_rates() {
    check(
        "budgets:\n- {name: a, limit: \"0\"}\n- {limit: 5, period: decade}\nexchange: {to: euro, rates: [{from: USD, rate: -1}]}\nmax_age: soon\ntop_services: 0\n",
        &[
            "c.yml:2:20: `limit`: expected more than nothing",
            "c.yml:3:3: missing required key `name`",
            "c.yml:3:22: `period`: expected one of `month`, `quarter`, `year`, found `decade`",
            "c.yml:4:16: `to`: expected a currency such as USD",
            "c.yml:4:48: `rate`: expected more than nothing",
            "c.yml:5:10: `max_age`: expected a duration such as 30s, 1m30s or 500ms, found `soon`",
            "c.yml:6:15: `top_services`: expected a whole number from 1 to 200, found `0`",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_clock_that_is_none() {
    let folder = Folder::new().unwrap();
    let (code, _, err) = run(&folder, &["--web.listen-address=127.0.0.1:0"], "yesterday").await;
    let expected = "error: WATCHFIRE_NOW is no time (hint: RFC 3339, 2026-01-31T12:00:00Z)\n";
    assert_eq!((code, err.lines().last().map(|line| format!("{line}\n"))), (1, Some(expected.to_owned())));
}
