//! `slo-rules`: promtool takes the rules, they fire when the budget burns, and are silent when it does not.

use kit::process::{Folder, Program, run};
use kit::prometheus::PROMTOOL;
use synthetic_exporter::slo::rules_of;

const CONFIG: &str = "\
modules: {tcp: {prober: tcp}}
checks: {page: {module: tcp, target: 'shop.example:443'}}
services:
  shop: {title: \"The shop's {{ door }}\", objective: 99.9, checks: [page]}
  search: {objective: 95, objective_window: 28d, checks: [page]}
  toy: {objective: 90, checks: [page]}
  aside: {checks: [page]}
";

fn rules() -> (Folder, String) {
    let folder = Folder::new().unwrap();
    let file = folder.write("synthetic.yml", CONFIG).unwrap();
    let rules = rules_of(&file).unwrap();
    folder.write("slo.rules.yml", &rules).unwrap();
    (folder, rules)
}

/// The two counters of a service that grow by so many seconds a minute, for some minutes.
fn seconds(service: &str, healthy: f64, unhealthy: f64, minutes: u32) -> String {
    let counted = [("healthy", healthy), ("unhealthy", unhealthy), ("unknown", 60.0), ("maintenance", 60.0)];
    let step = f64::from(STEP);
    let series = counted.iter().map(|(state, each)| {
        let (each, count) = (each * step, minutes / STEP);
        format!(
            "      - {{series: 'health_service_seconds_total{{service=\"{service}\",state=\"{state}\"}}', values: '0+{each}x{count}'}}\n"
        )
    });
    series.collect()
}

/// Minutes between two samples: few samples make promtool fast, and the shortest window needs two.
const STEP: u32 = 2;

/// A unit test of promtool: after so many minutes, of these windows the alert of the service fires.
fn case(input: &str, at: u32, service: &str, windows: &[(&str, &str, &str)]) -> String {
    let expected = windows.iter().map(|(long, short, severity)| {
        format!(
            "          - exp_labels: {{service: {service}, severity: {severity}, long_window: {long}, short_window: {short}}}\n"
        )
    });
    let expected: Vec<String> = expected.collect();
    let expected = if expected.is_empty() { " []\n".to_owned() } else { format!("\n{}", expected.concat()) };
    format!(
        "  - interval: {STEP}m\n    input_series:\n{input}    alert_rule_test:\n      - eval_time: {at}m\n        \
         alertname: ServiceErrorBudgetBurn\n        exp_alerts:{expected}"
    )
}

/// Promtool compares annotations too; which they are is looked at elsewhere.
fn without_annotations(rules: &str) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for line in rules.lines() {
        inside = line.trim() == "annotations:" || (inside && line.starts_with("          "));
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

async fn promtool(arguments: &[&str]) -> anyhow::Result<String> {
    let program: &Program = &PROMTOOL;
    run(program, arguments).await
}

#[tokio::test]
async fn promtool_takes_them() {
    let (folder, rules) = rules();
    let file = folder.path().join("slo.rules.yml");
    let said =
        promtool(&["check", "rules", "--lint=all", "--lint-fatal", file.to_str().unwrap()]).await.unwrap();
    assert!(said.contains("SUCCESS: 13 rules found"), "5 recordings, 3 + 3 + 2 alerts: {said}");
    assert!(!rules.contains("aside"), "it has no objective");
    assert!(
        rules.contains("# no rule for 1h: even a full outage burns less than 14.4 times what is allowed")
    );
    assert!(rules.contains("'The shop''s  door  uses up its error budget'"), "{rules}");
    for threshold in ["> 0.0144", "> 0.006", "> 0.001"] {
        assert_eq!(
            rules.matches(&format!("{{service=\"shop\"}} {threshold}\n")).count(),
            2,
            "{threshold}: {rules}"
        );
    }
    assert!(
        rules.contains("{service=\"search\"} > 0.672\n"),
        "2 % of 28 days in an hour are 13.44 times 5 %: {rules}"
    );
}

#[tokio::test]
async fn they_fire_when_the_budget_burns_and_only_then() {
    let (folder, rules) = rules();
    folder.write("slo.rules.yml", without_annotations(&rules)).unwrap();
    let (day, hour) = (24 * 60, 60);
    let fast = ("1h", "5m", "critical");
    let middle = ("6h", "30m", "critical");
    let slow = ("3d", "6h", "warning");
    let burning = |each: f64| seconds("shop", 60.0 - each, each, 4 * day);
    let cases = [
        // a full outage: the fast pair at once, the others as soon as their long window shows enough of it
        case(&seconds("shop", 0.0, 60.0, 2 * hour), 2 * hour, "shop", &[fast, middle, slow]),
        case(&seconds("shop", 60.0, 0.0, 2 * hour), 2 * hour, "shop", &[]),
        // 0.6 seconds a minute are 1 %: 10 times what 99.9 % allows, less than 14.4
        case(&burning(0.6), 4 * day, "shop", &[middle, slow]),
        // twice what is allowed, and half of it
        case(&burning(0.12), 4 * day, "shop", &[slow]),
        case(&burning(0.03), 4 * day, "shop", &[]),
        // an outage of two minutes that is over is told no more by the fast pair: its short window is clean
        case(
            "      - {series: 'health_service_seconds_total{service=\"shop\",state=\"healthy\"}', values: '0+120x30 3600+0x1 3720+120x20'}\n      \
             - {series: 'health_service_seconds_total{service=\"shop\",state=\"unhealthy\"}', values: '0+0x30 120+0x22'}\n",
            80,
            "shop",
            &[middle, slow],
        ),
        // a service that may fail a tenth of the time has no fast pair
        case(&seconds("toy", 0.0, 60.0, 2 * hour), 2 * hour, "toy", &[middle, slow]),
        // what is not known and what is planned is no burn
        case(&seconds("shop", 0.0, 0.0, 2 * hour), 2 * hour, "shop", &[]),
    ];
    // of groups that are due at the same time promtool takes any first, unless it is told
    let order = "[synthetic-slo-ratios, synthetic-slo-shop, synthetic-slo-search, synthetic-slo-toy]";
    let tests = format!(
        "rule_files: [slo.rules.yml]\nevaluation_interval: 10m\ngroup_eval_order: {order}\ntests:\n{}",
        cases.concat()
    );
    let file = folder.write("slo.test.yml", tests).unwrap();
    promtool(&["test", "rules", file.to_str().unwrap()]).await.unwrap();
}

#[tokio::test]
async fn the_command_prints_them() {
    let (folder, rules) = rules();
    let program = env!("CARGO_BIN_EXE_synthetic-exporter");
    let run = |file: &str| {
        let flag = format!("--config.file={}", folder.path().join(file).display());
        std::process::Command::new(program).args(["slo-rules", &flag]).output().unwrap()
    };
    let output = run("synthetic.yml");
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), rules);
    folder.write("none.yml", "modules: {tcp: {prober: tcp}}\n").unwrap();
    let output = run("none.yml");
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("no service has an objective (hint: `objective: 99.9` in a service)"), "{error}");
}
