//! The page by itself: its policy, its cache.

use aws_lc_rs::digest::{SHA256, digest};

use super::html::STYLE;
use super::*;

#[test]
fn the_style_is_the_one_that_the_policy_lets_in() {
    let hash = digest(&SHA256, STYLE.as_bytes());
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash);
    assert!(POLICY.contains(&format!("'sha256-{base64}'")), "write sha256-{base64} into POLICY");
}

#[test]
fn what_was_rendered_before_a_change_is_not_kept() {
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    let page = Rendered { plain: Bytes::from_static(b"old"), gzip: Bytes::new() };
    let mut cache = Cache::default();
    let (nothing, state) = cache.get(at(60));
    assert!(nothing.is_none());
    cache.put(&page, at(60), state);
    assert!(cache.get(at(119)).0.is_some());
    assert!(cache.get(at(120)).0.is_none(), "times on the page are to the minute");
    cache.forget();
    assert!(cache.get(at(60)).0.is_none());
    cache.put(&page, at(60), state);
    assert!(cache.get(at(60)).0.is_none());
}
