//! What was seen stays in the store: an exporter that starts again, after a deletion, tells the same.

use kit::cloud::hetzner::Hetzner;
use kit::process::Folder;

use super::hetzner::{cloud, settings};
use crate::support::Exporter;

#[tokio::test]
async fn a_month_does_not_get_cheaper_by_a_deletion_and_a_restart() {
    let prices = || Hetzner::default().server_price("cx22", ("0.0060", "3.79"));
    let web = |double: Hetzner| double.server((1, "web"), ("cx22", "running"), "2026-03-01T00:30:00Z");
    let job = |double: Hetzner| double.server((2, "job"), ("cx22", "running"), "2026-03-10T09:40:00Z");
    let (there, gone) = (cloud(job(web(prices()))).await, cloud(web(prices())).await);
    let line = |metric: &str, name: &str, value: &str| {
        format!(
            "{metric}{{provider=\"h\",account=\"\",currency=\"EUR\",source=\"estimated\",service=\"server/{name}\"}} {value}"
        )
    };
    let folder = Folder::new().unwrap();
    let config = |cloud| format!("providers:\n- {{name: h, interval: 1s, {}}}\n", settings(cloud));
    let exporter = Exporter::start(&folder, &config(&there), "2026-03-10T12:00:00Z", &[]).await;
    let job = line("cost_month_to_date", "job", "0.018");
    // 228 hours, and three
    exporter.shows(&[&line("cost_month_to_date", "web", "1.368"), &job]).await;
    drop(exporter);
    let exporter = Exporter::start(&folder, &config(&gone), "2026-03-12T12:00:00Z", &[]).await;
    exporter.shows(&[&line("cost_month_to_date", "web", "1.656"), &job]).await;
    drop(exporter);
    // and in the month that follows, of which half an hour is begun
    let exporter = Exporter::start(&folder, &config(&gone), "2026-04-01T00:10:00Z", &[]).await;
    let web = line("cost_previous_month", "web", "3.79");
    exporter
        .shows(&[
            &line("cost_month_to_date", "web", "0.006"),
            &web,
            &line("cost_previous_month", "job", "0.018"),
        ])
        .await;
}
