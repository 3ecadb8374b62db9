//! The page and the page about itself.

use kit::process::Folder;

use crate::support::Exporter;

const PRICES: &str = "providers:\n  - name: rent\n    type: fixed\n    items:\n      - {service: domain, amount: '10.00', period: year}\n      - {service: server, amount: '99.99', period: month, due: 2025-01-31, account: prod}\n      - {service: seats, amount: 7, currency: EUR, period: week, due: 2026-02-02}\n      - {service: promise, amount: -3, category: credit, from: 2026-02-10, until: 2026-02-12, period: day}\n";

/// The lines about amounts and days, which do not change while nothing new is known.
fn amounts(page: &str) -> Vec<&str> {
    let about =
        ["cost_month", "cost_previous", "cost_settled", "cost_credits", "cost_restated", "cost_period"];
    page.lines().filter(|line| about.iter().any(|name| line.starts_with(name))).collect()
}

#[tokio::test]
async fn prices_that_are_known_ahead() {
    let folder = Folder::new().unwrap();
    let exporter = Exporter::start(&folder, PRICES, "2026-02-28T12:00:00Z", &[]).await;
    let labels = |account: &str, currency: &str, service: &str| {
        format!(
            "provider=\"rent\",account=\"{account}\",currency=\"{currency}\",source=\"reported\",service=\"{service}\""
        )
    };
    let (domain, server, seats) =
        (labels("", "USD", "domain"), labels("prod", "USD", "server"), labels("", "EUR", "seats"));
    let page = exporter
        .shows(&[
            // a twelfth; the months of a year make 10 exactly
            &format!("cost_month_to_date{{{domain}}} 0.8333333333333334"),
            &format!("cost_month_to_date{{{server}}} 99.99"),
            &format!("cost_previous_month{{{server}}} 99.99"),
            &format!("cost_previous_month_to_same_day{{{server}}} 0"),
            &format!("cost_month_to_date{{{seats}}} 28"),
            &format!("cost_month_to_date{{{}}} -6", labels("", "USD", "promise")),
            "cost_credits_settled_total{provider=\"rent\",account=\"\",currency=\"USD\",source=\"reported\"} 6",
            "cost_month_to_date_by_category{provider=\"rent\",account=\"\",currency=\"USD\",source=\"reported\",category=\"credit\"} -6",
            "cost_provider_up{provider=\"rent\"} 1",
        ])
        .await;
    assert!(!page.contains("cost_exporter_api_charges_usd_total"), "asking costs nothing\n{page}");
    let landing = exporter.get("/").await;
    for text in ["rent", "fixed", "good", "2026-02-28T12:00:0", "settled until", "since 2026-02-01", "EUR"] {
        assert!(landing.contains(text), "`{text}` is missing in {landing}");
    }
}

#[tokio::test]
async fn a_month_begins_without_anybody_asking() {
    let folder = Folder::new().unwrap();
    let exporter = Exporter::start(&folder, PRICES, "2026-02-28T23:59:57Z", &[]).await;
    let server = "provider=\"rent\",account=\"prod\",currency=\"USD\",source=\"reported\",service=\"server\"";
    exporter.shows(&[&format!("cost_month_to_date{{{server}}} 99.99")]).await;
    exporter
        .shows(&[
            &format!("cost_month_to_date{{{server}}} 0"),
            &format!("cost_previous_month{{{server}}} 99.99"),
            "cost_exporter_refreshes_total{provider=\"rent\",outcome=\"success\"} 1",
        ])
        .await;
}

#[tokio::test]
async fn the_machine_s_time_zone_does_not_matter() {
    let mut pages = Vec::new();
    for zone in ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/Los_Angeles", "Asia/Kolkata"] {
        let folder = Folder::new().unwrap();
        let exporter = Exporter::start(&folder, PRICES, "2026-03-01T00:30:00Z", &[("TZ", zone)]).await;
        let page = exporter.shows(&["cost_provider_up{provider=\"rent\"} 1"]).await;
        assert!(amounts(&page).len() > 20, "{page}");
        pages.push(amounts(&page).join("\n"));
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "{pages:#?}");
}

#[tokio::test]
async fn a_restart_shows_what_was_known() {
    let folder = Folder::new().unwrap();
    let exporter = Exporter::start(&folder, PRICES, "2026-02-28T12:00:00Z", &[]).await;
    let before = exporter.shows(&["cost_provider_up{provider=\"rent\"} 1"]).await;
    exporter.server.kill9();
    // not due yet, so that nothing was asked: what is shown comes from the disk
    let exporter = Exporter::start(&folder, PRICES, "2026-02-28T12:00:10Z", &[]).await;
    let after = exporter.get("/metrics").await;
    assert_eq!(amounts(&after), amounts(&before));
    assert!(
        after.contains("cost_exporter_refreshes_total{provider=\"rent\",outcome=\"success\"} 0"),
        "{after}"
    );
}
