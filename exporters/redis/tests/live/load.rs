//! Many targets at once, of which some are dead.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kit::blackhole::Silent;

use crate::support::{Page, Scripted, exporter, get, healthy};

/// Targets of each kind: more than the toolkit's usual limit of collections at the same time.
const TARGETS: usize = 100;

#[tokio::test]
async fn dead_targets_do_not_hold_up_the_living() {
    let (dead, living) = (Silent::start().await.unwrap(), Scripted::start(healthy).await);
    let exporter = exporter(&["--redis.addr="]).await;
    // another user is another target, with a connection of its own
    let path = |user: String, place: &str| format!("/scrape?target=redis://{user}@{place}");
    let living_place = living.url().replace("redis://", "");
    let scrape = async |alive: bool, path: String| {
        let response = get(&exporter, &path, 3.0).await;
        (alive, response.status, Page(response.text()))
    };
    let mut scrapes = FuturesUnordered::new();
    for number in 0..TARGETS {
        scrapes.push(scrape(false, path(format!("d{number}"), &dead.address().to_string())));
    }
    for number in 0..TARGETS {
        scrapes.push(scrape(true, path(format!("l{number}"), &living_place)));
    }
    let mut ended = Vec::new();
    while let Some((alive, status, page)) = scrapes.next().await {
        let expected = if alive { (Some(1.0), "") } else { (Some(0.0), "timeout") };
        assert_eq!((status, page.value("redis_up"), page.error()), (200, expected.0, expected.1));
        ended.push(alive);
    }
    // the dead were asked first, and every one of the living was done before the first of them was given up
    let order: Vec<bool> = [vec![true; TARGETS], vec![false; TARGETS]].concat();
    assert_eq!(ended, order);
    drop(scrapes);
    exporter.stop().await;
}
