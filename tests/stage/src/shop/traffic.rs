//! Customers of the shop: so many requests a second, for ever, of every kind it has.

use std::time::Duration;

use kit::http::Client;
use tokio::time::{MissedTickBehavior, interval};

/// Between two requests: some ten a second, enough for every graph and little for a laptop.
const PAUSE: Duration = Duration::from_millis(100);

/// A customer waits no longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// Calls the shop at this address until it is ended.
pub(super) async fn flow(shop: String) {
    let mut ticks = interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0_u64.. {
        ticks.tick().await;
        let shop = shop.clone();
        // side by side: a slow answer does not hold up the others
        tokio::spawn(async move { visit(&shop, number).await });
    }
}

async fn visit(shop: &str, number: u64) {
    let client = Client::new().within(PATIENCE);
    // most look around, some buy, few ask, and one is lost
    let path = match number % 20 {
        0..=5 => "/".to_owned(),
        6..=13 => format!("/products/{}", 1 + number * 7 % 200),
        14..=16 => format!("/orders/{}", 1 + number * 13 % 5000),
        17 => return drop(client.post(&format!("{shop}/orders"), "text/plain", "7").await),
        18 => return drop(client.post(&format!("{shop}/assistant"), "text/plain", "Which one?").await),
        _ => "/nowhere".to_owned(),
    };
    // how it went is in the shop's own figures
    drop(client.get(&format!("{shop}{path}")).await);
}
