//! The page as a whole.

use cert_exporter::{METRICS, NAMESPACE};
use kit::process::Folder;

use crate::support::{shows, start};

#[tokio::test]
async fn one_page_for_the_exporter_itself() {
    let folder = Folder::new().unwrap();
    let exporter = start(&folder, "").await;
    shows(
        &exporter.metrics().await,
        &[
            "ssl_exporter_build_info{",
            "ssl_exporter_targets{state=\"fresh\"} 0",
            "ssl_exporter_checks_total 0",
            "watchfire_build_info{",
            "process_resident_memory_bytes ",
        ],
    );
    assert!(exporter.get("/").await.text().contains("kubeconfig"));
}

#[test]
fn every_metric_is_there_once_and_says_what_it_is() {
    let mut names: Vec<&str> = METRICS.iter().map(|desc| desc.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(METRICS.iter().all(|desc| desc.help.ends_with('.') && !desc.name.starts_with(NAMESPACE)));
}
