//! The program is killed again and again: a paid provider is asked once in its interval, and no counter falls.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use kit::cloud::Cloud;
use kit::cloud::aws::{Explorer, KEY};
use kit::process::Folder;
use tokio::time::sleep;

use crate::support::{Exporter, WAIT};

const KILLS: u64 = 40;

/// Every series of a counter, with its value.
fn counters(page: &str) -> BTreeMap<String, f64> {
    let lasting = [
        "cost_settled_total{",
        "cost_credits_settled_total{",
        "cost_restated_total{",
        "cost_exporter_api_charges",
    ];
    let lines = page.lines().filter(|line| lasting.iter().any(|name| line.starts_with(name)));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, value)| (series.to_owned(), value.parse().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_paid_provider_is_asked_once_in_its_interval_whoever_is_killed() {
    let explorer = Explorer::new("2026-03-10".parse().unwrap())
        .line("2026-03-01".parse().unwrap(), "Amazon S3", "Usage", ["1.5", "1.5"])
        .line("2026-03-02".parse().unwrap(), "Amazon S3", "Credit", ["-0.25", "-0.25"]);
    let cloud = Cloud::start(move |request| explorer.answer(request)).await.unwrap();
    let (id, secret, _) = KEY;
    let config = format!(
        "providers:\n  - {{name: aws, type: aws_cost_explorer, base_url: '{}', access_key_id: {id}, secret_access_key: '{secret}', interval: 6h, max_requests_per_month: 130}}\n  - {{name: rent, type: fixed, interval: 1s, items: [{{service: server, amount: 5, period: day}}]}}\n",
        cloud.url("")
    );
    let folder = Folder::new().unwrap();
    let start: Timestamp = "2026-03-10T12:00:00Z".parse().unwrap();
    let mut before = BTreeMap::new();
    for kill in 0..KILLS {
        // six minutes from one start to the next: four hours in all
        let now = start + Duration::from_mins(6 * kill);
        let exporter = Exporter::start(&folder, &config, &now.to_string(), &[]).await;
        if kill == 0 {
            // a kill before the question would leave nothing to ask twice
            cloud.wait_for(1, WAIT).await.unwrap();
        }
        sleep(Duration::from_millis(kill % 10 * 7)).await;
        let after = counters(&exporter.get("/metrics").await);
        exporter.server.kill9();
        for (series, value) in &before {
            let now = after.get(series);
            assert!(
                now.is_some_and(|now| now >= value),
                "kill {kill}: {series} fell from {value} to {now:?}"
            );
        }
        before = after;
    }
    assert!(before.len() > 4, "{before:?}");
    assert_eq!(cloud.count(), 1, "so often it was asked");
    // an interval later it is asked again, and answers
    let later = (start + Duration::from_hours(7)).to_string();
    let exporter = Exporter::start(&folder, &config, &later, &[]).await;
    cloud.wait_for(2, WAIT).await.unwrap();
    exporter.shows(&["cost_provider_up{provider=\"aws\"} 1"]).await;
    assert_eq!(cloud.count(), 2, "so often it was asked");
}
