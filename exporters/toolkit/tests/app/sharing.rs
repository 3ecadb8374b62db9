//! Scrapes at the same time, late scrapes, and too many scrapes.

use kit::http::http_get;

use crate::sample::launch;

#[tokio::test]
async fn a_hundred_scrapes_at_once_share_one_collection() {
    let app = launch(&["--slow=300"]).await;
    let url = app.url("/metrics");
    let scrapes = futures_util::future::join_all((0..100).map(|_| http_get(&url, &[]))).await;
    for scrape in scrapes {
        let scrape = scrape.unwrap();
        assert_eq!(scrape.status, 200);
        assert!(scrape.text().contains("sample_collections_total 1\n"));
    }
    assert!(http_get(&url, &[]).await.unwrap().text().contains("sample_collections_total 2\n"));
    app.stop().await;
}

#[tokio::test]
async fn a_late_collector_costs_its_rest_and_never_the_page() {
    let app = launch(&["--slow=3600000"]).await;
    let timeout = [("x-prometheus-scrape-timeout-seconds", "0.8")];
    let answer = http_get(&app.url("/metrics"), &timeout).await.unwrap();
    let page = answer.text();
    assert_eq!(answer.status, 200);
    assert!(page.contains("sample_value{"), "what came before the deadline stays\n{page}");
    assert!(!page.contains("sample_collections_total"), "{page}");
    assert!(page.contains("sample_scrape_collector_success{collector=\"sample\"} 0\n"), "{page}");
    app.stop().await;
}

#[tokio::test]
async fn collections_above_the_limit_are_refused_but_joining_one_is_free() {
    let app = launch(&["--slow=300", "--web.max-requests=1"]).await;
    let (metrics, probe) = (app.url("/metrics"), app.url("/probe?target=x"));
    let (one, same, other) =
        tokio::join!(http_get(&metrics, &[]), http_get(&metrics, &[]), http_get(&probe, &[]));
    assert_eq!((one.unwrap().status, same.unwrap().status), (200, 200));
    let other = other.unwrap();
    assert_eq!((other.status, other.header("retry-after")), (503, "1"));
    assert!(other.text().contains("--web.max-requests"));
    app.stop().await;
}
