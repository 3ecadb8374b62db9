//! The store by itself: what is written comes back, and what is too old goes.

use jiff::ToSpan;
use kit::process::Folder;

use super::*;

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn incident(service: &str, began: &str, ended: Option<&str>) -> Incident {
    Incident {
        service: service.into(),
        began: moment(began),
        ended: ended.map(moment),
        seen: moment(began),
        failed: true,
        down: Duration::from_millis(1500),
        caused_by: Some("database".into()),
    }
}

#[tokio::test]
async fn what_is_written_is_there_after_a_restart() {
    let folder = Folder::new().unwrap();
    let place = folder.path().join("below/this");
    let shop: Arc<str> = "shop".into();
    let seconds = Seconds { healthy: 1.5, degraded: 2.0, unhealthy: 3.0, unknown: 4.0, maintenance: 5.0 };
    let open = incident("shop", "2026-11-20T10:00:00.123456Z", None);
    let over = incident("shop", "2026-11-19T10:00:00Z", Some("2026-11-19T11:00:00Z"));
    let beat = Beat {
        name: "backup".into(),
        awaited: moment("2026-11-01T00:00:00Z"),
        came: Some(moment("2026-11-20T03:00:00Z")),
        failed: true,
    };
    let store = Store::open(Some(&place)).unwrap();
    let first = Batch {
        days: vec![(Arc::clone(&shop), day("2026-11-20"), Seconds::default())],
        incidents: vec![open.clone(), over.clone()],
        prune: None,
    };
    store.write(first).await.unwrap();
    // later words stand in place of earlier ones
    let days = vec![(Arc::clone(&shop), day("2026-11-20"), seconds)];
    store.write(Batch { days, ..Batch::default() }).await.unwrap();
    store.put_beat(Beat { failed: false, ..beat.clone() }).await.unwrap();
    store.put_beat(beat.clone()).await.unwrap();
    store.put_beat(Beat { name: "old".into(), came: None, ..beat.clone() }).await.unwrap();
    store.keep_beats(vec!["backup".into()]).await.unwrap();
    let locked = Store::open(Some(&place)).unwrap_err().to_string();
    assert!(locked.contains("used by another synthetic-exporter"), "{locked}");
    drop(store);

    let store = Store::open(Some(&place)).unwrap();
    let kept = store.history(&shop, day("2026-01-01")).unwrap();
    assert_eq!(kept.days.since(day("2026-01-01")).collect::<Vec<_>>(), [(day("2026-11-20"), &seconds)]);
    assert_eq!(kept.incidents, [over, open]);
    assert_eq!(store.beats().unwrap(), [beat]);
    assert_eq!(store.history(&"other".into(), day("2026-01-01")).unwrap().incidents, []);
}

#[tokio::test]
async fn what_is_too_old_goes() {
    let store = Store::open(None).unwrap();
    let shop: Arc<str> = "shop".into();
    let today = day("2026-11-20");
    let days = (0..500).map(|ago| (Arc::clone(&shop), today.saturating_sub(ago.days()), Seconds::default()));
    let began = |ago: i64| moment("2026-11-20T10:00:00Z") - jiff::SignedDuration::from_hours(ago * 24);
    let incidents = (0..500).map(|ago| Incident {
        began: began(ago),
        seen: began(ago),
        ended: Some(began(ago)),
        ..incident("shop", "2026-11-20T10:00:00Z", None)
    });
    let batch = Batch { days: days.collect(), incidents: incidents.collect(), prune: Some(today) };
    store.write(batch).await.unwrap();
    let kept = store.history(&shop, day("2020-01-01")).unwrap();
    assert_eq!(kept.days.since(day("2020-01-01")).count(), usize::from(KEPT_DAYS));
    assert_eq!(kept.incidents.len(), usize::from(KEPT_DAYS));
    rows::prune(store.connection().as_ref().unwrap(), first_of(KEPT_DAYS, today), 7).unwrap();
    let kept = store.history(&shop, day("2020-01-01")).unwrap();
    assert_eq!(kept.incidents.len(), 7);
    assert_eq!(kept.incidents.last().unwrap().began, began(0), "the newest stay");
}

#[tokio::test]
async fn in_memory_sqlite_is_used_when_there_is_something_to_keep() {
    let store = Store::open(None).unwrap();
    store.write(Batch { prune: Some(day("2026-11-20")), ..Batch::default() }).await.unwrap();
    store.keep_beats(Vec::new()).await.unwrap();
    assert_eq!(store.beats().unwrap(), []);
    assert!(store.history(&"shop".into(), day("2020-01-01")).unwrap().incidents.is_empty());
    assert!(store.is_unused());
    let came = Some(moment("2026-11-20T10:00:00Z"));
    let beat = Beat { name: "backup".into(), awaited: moment("2026-11-20T09:00:00Z"), came, failed: false };
    store.put_beat(beat.clone()).await.unwrap();
    assert_eq!(store.beats().unwrap(), [beat]);
}

#[test]
fn a_folder_that_cannot_be_used_is_told() {
    let folder = Folder::new().unwrap();
    let file = folder.write("file", "").unwrap();
    let error = Store::open(Some(&file)).unwrap_err().to_string();
    assert!(error.starts_with("storage folder ") && error.contains("--storage.path"), "{error}");
    folder.write(FILE, "this is no database, however long it is read").unwrap();
    let error = Store::open(Some(folder.path())).unwrap_err().to_string();
    assert!(error.contains("synthetic.db cannot be used: file is not a database; hint: "), "{error}");
}

#[test]
fn a_newer_file_is_left_alone() {
    let folder = Folder::new().unwrap();
    let connection = Connection::open(folder.path().join(FILE)).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = Store::open(Some(folder.path())).unwrap_err().to_string();
    assert_eq!(error, "the store has schema 99, this program knows 1; hint: use the newer program again");
}
