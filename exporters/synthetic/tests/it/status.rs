//! The status page: what it says and what it must not, and how it looks in a real browser.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use kit::browser::{Window, evaluate, screenshot};
use kit::eventually;
use kit::http::http_get;
use kit::web::{Reply, Web};
use synthetic_exporter::health::incident::Incident;
use synthetic_exporter::health::store::{Batch, Store};
use synthetic_exporter::health::uptime::Seconds;
use tempfile::TempDir;

use crate::{Exporter, start, start_with};

/// Where the pictures are kept.
const PICTURES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/status");

/// How long the first results may take.
const SOON: Duration = Duration::from_secs(30);

const PHONE: Window = Window { width: 390, height: 2100, density: 2, dark: false };
const DESK: Window = Window { width: 1280, height: 1700, density: 1, dark: false };

/// A product: `good`, `slow` and `bad` are targets. What the page must not tell has a name of its own.
fn product(good: &str, slow: &str, bad: &str, maintenance: &str) -> String {
    format!(
        "modules: {{tcp: {{prober: tcp, tcp: {{preferred_ip_protocol: ip4}}}}}}
checks:
  inner-name-page: {{module: tcp, target: '{good}', interval: 1s}}
  inner-name-search: {{module: tcp, target: '{slow}', interval: 1s, warn: {{slower_than: 1ns}}}}
  inner-name-steady: {{module: tcp, target: '{slow}', interval: 1s}}
  inner-name-mail: {{module: tcp, target: '{bad}', interval: 1s}}
services:
  shop: {{title: Shop, description: Browsing and buying, objective: 99.9, checks: [inner-name-page]}}
  accounts: {{title: Accounts, description: 'Signing in, and everything about your account', checks: [inner-name-page]}}
  search: {{title: Search, description: Finding things in the shop, checks: [{{check: {search}}}]}}
  mail: {{title: E-mail, description: 'Receipts, invitations and newsletters', checks: [{{check: inner-name-mail, down_after: 1}}], depends_on: [undercroft]}}
  api: {{title: API, description: For partners, checks: [inner-name-page]}}
  undercroft: {{title: Innermost, public: false, checks: [{{check: inner-name-mail, down_after: 1}}]}}
maintenance: [{maintenance}]
status_page: {{title: Example Shop, description: How our services are doing., time_zone: Europe/Berlin}}
",
        search = if slow == good { "inner-name-steady" } else { "inner-name-search" },
    )
}

/// Ninety days as a small product may have them.
fn past(now: Timestamp) -> Batch {
    let mut batch = Batch::default();
    let today = now.to_zoned(jiff::tz::TimeZone::get("Europe/Berlin").unwrap()).date();
    let mut tell = |service: &str, day: Date, unhealthy: f64, degraded: f64, maintenance: f64| {
        let healthy = 86_400.0 - unhealthy - degraded - maintenance;
        let seconds = Seconds { healthy, degraded, unhealthy, unknown: 0.0, maintenance };
        batch.days.push((Arc::from(service), day, seconds));
    };
    for ago in 1..90_i64 {
        let day = today.saturating_sub(ago.days());
        for service in ["shop", "accounts", "search", "mail", "api"] {
            let (unhealthy, degraded, maintenance) = match (service, ago) {
                ("api", 60..) => continue,
                ("shop", 23) => (840.0, 300.0, 0.0),
                ("mail", 23) => (5000.0, 0.0, 0.0),
                ("mail", 51) => (30_000.0, 0.0, 0.0),
                ("mail", 52) => (9000.0, 0.0, 0.0),
                ("search", 8) => (0.0, 4000.0, 0.0),
                ("search", 9) => (0.0, 400.0, 0.0),
                ("search", 70) => (300.0, 20_000.0, 0.0),
                ("accounts", 37) => (0.0, 0.0, 86_400.0),
                _ => (0.0, 0.0, 0.0),
            };
            tell(service, day, unhealthy, degraded, maintenance);
        }
    }
    let mut incident = |service: &str, days: i64, minutes: i64, down: u64, caused_by: Option<&str>| {
        let began = now - SignedDuration::from_hours(days * 24) - SignedDuration::from_mins(95);
        batch.incidents.push(Incident {
            service: service.into(),
            began,
            ended: Some(began + SignedDuration::from_mins(minutes)),
            seen: began + SignedDuration::from_mins(minutes),
            failed: down > 0,
            down: Duration::from_mins(down),
            caused_by: caused_by.map(Arc::from),
        });
    };
    incident("search", 8, 67, 0, None);
    incident("shop", 23, 19, 14, Some("mail"));
    incident("mail", 23, 83, 83, Some("undercroft"));
    incident("mail", 52, 650, 650, None);
    batch
}

/// A product with a past, and where that is kept. `Web` answers for what works.
struct Stage {
    exporter: Exporter,
    _web: Web,
    _folder: TempDir,
}

async fn stage(trouble: bool, maintenance: &str) -> Stage {
    let web = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let good = web.address().to_string();
    let slow = if trouble { good.replace("127.0.0.1", "localhost") } else { good.clone() };
    let bad =
        if trouble { format!("127.0.0.1:{}", kit::process::free_port().unwrap()) } else { good.clone() };
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(Some(folder.path())).unwrap();
    store.write(past(Timestamp::now())).await.unwrap();
    drop(store);
    let place = format!("--storage.path={}", folder.path().display());
    let exporter = start_with(&product(&good, &slow, &bad, maintenance), &[&place]).await;
    Stage { exporter, _web: web, _folder: folder }
}

impl Stage {
    /// The page, once it says all of this.
    async fn page(&self, says: &[&str]) -> String {
        let url = self.exporter.url("/status");
        let ask = async || {
            let page = http_get(&url, &[]).await?.text();
            for said in says {
                anyhow::ensure!(page.contains(said), "the page does not say {said}: {page}");
            }
            Ok(page)
        };
        eventually(SOON, "the page", ask).await.unwrap()
    }
}

/// What the page says when all checks of the troubled product have their results.
const TROUBLED: &[&str] =
    &["<h2>E-mail is not working</h2>", "<p class=\"also\">Search is limited.</p>", ">Working</span>"];

/// The same of the calm one.
const CALM: &[&str] = &["<h2>Everything is working</h2>"];

#[tokio::test]
async fn customers_are_told_what_is_theirs() {
    let soon = Timestamp::now() + SignedDuration::from_hours(48);
    let window = format!(
        "{{title: Moving to new machines, services: [shop, undercroft], from: '{soon}', to: '{}'}}",
        soon + SignedDuration::from_hours(2)
    );
    let stage = stage(true, &window).await;
    let page = stage.page(TROUBLED).await;
    for said in [
        "<h1>Example Shop</h1>",
        "How our services are doing.",
        ">Limited</span>",
        ">Not working</span>",
        "Search is limited",
        "E-mail is not working</strong>",
        "Moving to new machines",
        "The shop was limited, and was not working for 14 minutes".replace("The shop", "Shop").as_str(),
        "Caused by E-mail",
        "uptime in 90 days",
        "uptime in 60 days",
        "planned maintenance",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    for secret in [
        "127.0.0.1",
        "localhost",
        "inner-name",
        "undercroft",
        "Innermost",
        "refused",
        "synthetic",
        "<script",
        "http://",
    ] {
        let found = page.replace("http://www.w3.org/2000/svg", "").replace("'http:", "");
        assert!(!found.contains(secret), "{secret}: {page}");
    }
    assert_eq!(page.matches("<article>").count(), 5);
    assert_eq!(page.matches(" title=\"").count(), 5 * 90, "bars");
}

#[tokio::test]
async fn nothing_that_is_written_becomes_markup() {
    let config = "modules: {tcp: {prober: tcp}}
checks: {page: {module: tcp, target: '127.0.0.1:1'}}
services: {shop: {title: '<b>Shop</b> & \"more\"', description: \"it's <i>\", checks: [page]}}
status_page: {title: '</title><script>alert(1)</script>'}
";
    let exporter = start(config).await;
    let response = http_get(&exporter.url("/status"), &[]).await.unwrap();
    let page = response.text();
    assert!(
        page.contains("&lt;b&gt;Shop&lt;/b&gt; &amp; &quot;more&quot;")
            && page.contains("it&#39;s &lt;i&gt;")
    );
    assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("<i>"), "{page}");
    let header = |name: &str| response.headers.get(name).unwrap().to_str().unwrap().to_owned();
    assert!(header("content-security-policy").contains("default-src 'none'"));
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn no_services_are_no_error() {
    let exporter = start("modules: {tcp: {prober: tcp}}\n").await;
    let page = http_get(&exporter.url("/status"), &[]).await.unwrap();
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Nothing has been measured yet"), "{}", page.text());
}

#[tokio::test]
async fn it_is_packed_for_who_can_unpack() {
    let stage = stage(false, "").await;
    stage.page(CALM).await;
    let url = stage.exporter.url("/status");
    let plain = http_get(&url, &[]).await.unwrap();
    let packed = http_get(&url, &[("accept-encoding", "gzip, br")]).await.unwrap();
    assert_eq!(packed.headers.get("content-encoding").unwrap(), "gzip");
    assert!(packed.body.len() * 6 < plain.body.len(), "{} of {}", packed.body.len(), plain.body.len());
    assert!(packed.body.len() < 8 << 10, "{} bytes", packed.body.len());
}

/// What a script finds on the page: how far it reaches to the right, its smallest text, the worst contrast of a text with
/// what is behind it, bars, and how narrow they are.
const LOOK: &str = "(() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const behind = element => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, a = 1] = rgb(getComputedStyle(at).backgroundColor);
      layers.push([r, g, b, a]);
      if (a === 1) break;
    }
    return layers.reverse().reduce((base, [r, g, b, a]) => [r, g, b].map((c, i) => c * a + base[i] * (1 - a)), [255, 255, 255]);
  };
  let smallest = 99, worst = [99, ''];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    if (!text) continue;
    const style = getComputedStyle(element);
    smallest = Math.min(smallest, parseFloat(style.fontSize));
    const [one, other] = [light(rgb(style.color)), light(behind(element))].sort((a, b) => b - a);
    const contrast = (one + .05) / (other + .05);
    if (contrast < worst[0]) worst = [contrast, text];
  }
  const bars = [...document.querySelectorAll('.bars li')].map(bar => bar.getBoundingClientRect().width);
  return [document.documentElement.scrollWidth, smallest, worst[0].toFixed(2), bars.length, Math.min(...bars).toFixed(1)].join(' ');
})()";

/// Takes pictures of a page at both sizes and in both schemes, and looks at what can be measured.
async fn look_at(exporter: &Exporter, html: &str, name: &str) {
    std::fs::create_dir_all(PICTURES).unwrap();
    for (size, window) in [("phone", PHONE), ("desk", DESK)] {
        for (scheme, dark) in [("light", false), ("dark", true)] {
            let window = Window { dark, ..window };
            let picture: PathBuf = Path::new(PICTURES).join(format!("{name}-{size}-{scheme}.png"));
            let complaints = screenshot(&exporter.url("/status"), window, &picture).await.unwrap();
            assert!(complaints.is_empty(), "{complaints:?}");
            let seen = evaluate(html, window, LOOK).await.unwrap();
            let seen: Vec<f64> = seen.split(' ').map(|number| number.parse().unwrap()).collect();
            let [reach, smallest, contrast, bars, narrowest] = seen[..] else { panic!("{seen:?}") };
            let what = format!("{name}, {size}, {scheme}: {seen:?}");
            assert_eq!(reach, f64::from(window.width), "nothing to the right of the window; {what}");
            assert!(smallest >= 12.0, "small text; {what}");
            assert!(contrast >= 4.5, "faint text; {what}");
            assert_eq!(bars, 450.0, "{what}");
            assert!(narrowest >= 1.8, "thin bars; {what}");
        }
    }
}

#[tokio::test]
async fn a_calm_day_in_a_browser() {
    let stage = stage(false, "").await;
    let page = stage.page(CALM).await;
    look_at(&stage.exporter, &page, "calm").await;
}

#[tokio::test]
async fn a_bad_day_in_a_browser() {
    let now = Timestamp::now();
    let [begun, ends, soon, later] = [-1, 1, 50, 53].map(|hours| now + SignedDuration::from_hours(hours));
    let windows = format!(
        "{{title: Database upgrade, services: [accounts], from: '{begun}', to: '{ends}'}}, {{title: Moving to new machines, services: [shop, api], from: '{soon}', to: '{later}'}}"
    );
    let stage = stage(true, &windows).await;
    let page = stage.page(TROUBLED).await;
    look_at(&stage.exporter, &page, "trouble").await;
}
