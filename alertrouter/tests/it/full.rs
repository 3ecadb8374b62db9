//! A disk that is full: what is new is refused, what was accepted is told, and with room again it goes on by itself.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kit::http::{Client, http_get};
use kit::process::{Folder, free_port};
use kit::web::{Reply, Web};

use crate::router::{alert, payload, spawn};

/// A file system of a few MiB where root can have one; ours to unmount.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(path: &'a Path) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "none"]).arg(path).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(path))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0).output());
    }
}

/// Another program fills the disk; without root our own quota is what is full.
#[tokio::test]
async fn a_full_disk_delays_and_loses_nothing() {
    let hook = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    hook.down().await;
    let folder = Folder::new().unwrap();
    let data = folder.path().join("data");
    let disk = SmallDisk::mount(&data);
    let room = if disk.is_some() { "ballast_bytes: 4194304" } else { "max_bytes: 4194304" };
    let config = format!(
        "route: {{ receiver: team }}\nstorage: {{ {room}, inbox_bytes: 0 }}
receivers: [{{ name: team, webhook_configs: [{{ url: '{}' }}] }}]\n",
        hook.url("/hook")
    );
    let file = folder.write("alertrouter.yml", config).unwrap();
    let port = free_port().unwrap();
    let server = spawn(&folder, &file, port, "info").await;
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let long = serde_json::json!({ "annotations": { "summary": "x".repeat(60_000) } });
    let post = async |n: usize| {
        let name = format!("Alert{n}");
        let body = payload(&[("alertname", &name)], &[alert(&name, &long)]);
        Client::new().post(&url("/webhook"), "application/json", body).await.unwrap().status
    };
    let mut taken = 0;
    let refused = loop {
        match post(taken).await {
            200 => taken += 1,
            status => break status,
        }
        assert!(taken < 1000, "the disk is never full");
    };
    assert_eq!(refused, 503);
    assert!(taken > 5, "{taken}");
    let metric = async |line: String| {
        kit::eventually(Duration::from_mins(1), &line, async || {
            let page = http_get(&url("/metrics"), &[]).await?.text();
            if page.lines().any(|known| known == line) {
                Ok(())
            } else {
                Err(std::io::Error::other(page).into())
            }
        })
        .await
        .unwrap();
    };
    assert_eq!(http_get(&url("/ready"), &[]).await.unwrap().status, 503);
    // deliveries go on, and are remembered, while nothing new is taken
    hook.up().await.unwrap();
    metric("alertrouter_outbox_depth 0".to_owned()).await;
    assert_eq!(hook.requests().len(), taken);
    assert_eq!(post(taken).await, 503);
    // room again, without a restart: on a disk the kept requests went; of a quota too
    if disk.is_some() {
        assert!(
            Command::new("mount").args(["-o", "remount,size=64m"]).arg(&data).status().unwrap().success()
        );
    } else {
        server.hangup().unwrap();
    }
    kit::eventually(Duration::from_secs(90), "webhooks are taken again", async || match post(taken).await {
        200 => Ok(()),
        status => Err(std::io::Error::other(status.to_string()).into()),
    })
    .await
    .unwrap();
    assert_eq!(http_get(&url("/ready"), &[]).await.unwrap().status, 200);
    metric("alertrouter_outbox_depth 0".to_owned()).await;
    assert_eq!(hook.requests().len(), taken + 1);
    drop(server);
    drop(disk);
}
