//! DigitalOcean.

use cost_exporter::charge::Category;
use cost_exporter::http::Reason;
use kit::cloud::Cloud;
use kit::cloud::digitalocean::{DigitalOcean, Invoice, KEY};

use super::{ask, day, days, exact, of_category, of_month, of_service, sum};

const NOW: &str = "2026-03-02T12:00:00Z";

/// Seven resources, so that a month is more than a page; the invoice of February has taxes and a credit.
pub(super) fn double() -> DigitalOcean {
    let droplets = ["a", "b", "c", "d", "e", "f"].map(|name| format!("{name} (c-2-4GiB)"));
    let filled = days("2026-01-20", "2026-03-02").fold(DigitalOcean::default(), |double, day| {
        let nodes = format!("{} nodes - 4 GB / 2 vCPU", 2 + day.day() % 2);
        let double = double.point(day, ("cluster", &nodes), "2.57");
        droplets.iter().fold(double, |double, droplet| double.point(day, ("", droplet), "0.86"))
    });
    filled
        .balance("17.30", "-4.20")
        .invoice(Invoice { month: "2026-02", amount: "231.77", taxes: "20.10", credits: "-5.00" })
        .invoice(Invoice { month: "2026-01", amount: "1.00", taxes: "0.00", credits: "0.00" })
}

pub(super) async fn cloud(double: DigitalOcean) -> Cloud {
    Cloud::start(move |request| double.answer(request)).await.unwrap()
}

pub(super) fn settings(cloud: &Cloud) -> String {
    format!("type: digitalocean, base_url: '{}', api_key: {KEY}", cloud.url("/v2"))
}

#[tokio::test]
async fn months_come_to_invoice_and_usage() {
    let cloud = cloud(double()).await;
    let snapshot = ask(&settings(&cloud), NOW).await.unwrap();
    assert_eq!(of_month(&snapshot, "2026-02"), "231.77");
    // and not to the balance, which is more
    assert_eq!(of_month(&snapshot, "2026-03"), "17.3");
    assert_eq!(of_category(&snapshot, Category::Tax), "20.1");
    assert_eq!(of_category(&snapshot, Category::Credit), "-5");
    assert_eq!(of_service(&snapshot, "cluster"), exact(vec!["2.57"; 29], 0));
    assert_eq!(of_service(&snapshot, "a (c-2-4GiB)"), exact(vec!["0.86"; 29], 0));
    let one = sum(&snapshot, |charge| charge.day == day("2026-02-14"));
    assert_eq!(one, exact(["2.57", "0.86", "0.86", "0.86", "0.86", "0.86", "0.86"], 0));
    // what the nightly figures lack: on the last day of the month that is over, and today
    let adjusted: Vec<_> = snapshot
        .charges
        .iter()
        .filter(|charge| charge.category == Category::Adjustment)
        .map(|charge| format!("{} {}", charge.day, charge.amount))
        .collect();
    assert_eq!(adjusted, ["2026-02-28 0.23", "2026-03-02 9.57"]);
    // what is owed is negative to DigitalOcean when something is left
    assert_eq!(snapshot.balances.first().unwrap().amount.to_string(), "4.2");
    // the account, 203 figures on two pages, balance, invoices, one summary
    assert_eq!(cloud.count(), 6);
}

#[tokio::test]
async fn figures_that_were_announced_and_did_not_come_are_no_sum() {
    let cloud = cloud(double().announce(10_000)).await;
    let error = ask(&settings(&cloud), NOW).await.unwrap_err();
    assert_eq!(error.reason, Reason::Incomplete, "{error}");
}
