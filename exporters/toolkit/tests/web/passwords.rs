//! Passwords, rate limit, and headers of the web config file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::{Answer, Folder, Served, fixtures, get_plain};

fn login(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

#[tokio::test]
async fn passwords() {
    let folder = Folder::new();
    let served = Served::pages(&folder.fixture(&fixtures("/basic_auth.good.yml")[0])).await;
    let check = async |path: &str, headers: &[&str], expected: u16| {
        let answer = get_plain(served.address, path, headers).await;
        assert_eq!(answer.status, expected, "{path} {headers:?}");
        let challenge = (expected == 401).then_some("Basic");
        assert_eq!(answer.header("www-authenticate"), challenge, "{path} {headers:?}");
        assert!(!answer.body.contains("page") || expected == 200);
    };
    check("/metrics", &[], 401).await;
    check("/metrics", &[&login("prometheus", "open sesame")], 200).await;
    check("/metrics", &[&login("prometheus", "open sesame")], 200).await;
    check("/metrics", &[&login("second user", "second")], 200).await;
    check("/metrics", &[&login("prometheus", "second")], 401).await;
    check("/metrics", &[&login("prometheus", "")], 401).await;
    check("/metrics", &[&login("nobody", "open sesame")], 401).await;
    check("/metrics", &["Authorization: Bearer open-sesame"], 401).await;
    check("/metrics", &["Authorization: Basic !"], 401).await;
    check("/metrics", &["Authorization: Basic"], 401).await;
    check("/gone", &[], 401).await;
    check("/-/healthy", &[], 200).await;
    check("/-/%68ealthy", &[], 401).await;
    check("/-/healthy/../../metrics", &[], 401).await;
}

#[tokio::test]
async fn rate_limit() {
    let folder = Folder::new();
    let served = Served::pages(&folder.fixture(&fixtures("/rate_limit.good.yml")[0])).await;
    let get = async |path: &str| {
        let answer = get_plain(served.address, path, &[]).await;
        (answer.status, answer.header("retry-after").map(str::to_owned))
    };
    assert_eq!(get("/metrics").await, (200, None));
    assert_eq!(get("/metrics").await, (200, None));
    let (status, wait) = get("/metrics").await;
    assert!(status == 429 && wait.is_some_and(|wait| (1..=90).contains(&wait.parse::<u64>().unwrap())));
    assert_eq!(get("/-/healthy").await, (200, None));
}

#[tokio::test]
async fn headers_of_the_file_are_on_every_answer() {
    let folder = Folder::new();
    let config = "http_server_config: {headers: {X-Frame-Options: deny, Content-Security-Policy: \"default-src 'self'\", \
                  X-XSS-Protection: \"\"}}";
    let served = Served::pages(&folder.write("web.yml", config)).await;
    let headers = |answer: &Answer| {
        ["x-frame-options", "content-security-policy", "x-xss-protection"]
            .map(|name| answer.header(name).map(str::to_owned))
    };
    for path in ["/metrics", "/gone"] {
        let answer = get_plain(served.address, path, &[]).await;
        let expected = [Some("deny"), Some("default-src 'self'"), None];
        assert_eq!(headers(&answer), expected.map(|value| value.map(str::to_owned)), "{path}");
    }
}
