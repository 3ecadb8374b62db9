//! Paths, methods, stop, reload, health.

use std::time::Duration;

use kit::eventually;
use kit::http::{Client, http_get};
use tests::PROGRAMS;

#[tokio::test]
async fn every_program_has_the_common_endpoints() {
    for program in &PROGRAMS {
        let started = program.start(&[]).await.unwrap();
        for (method, path, status, text) in [
            ("GET", "/", 200, program.name),
            ("GET", "/metrics", 200, "watchfire_build_info{"),
            ("HEAD", "/metrics", 200, ""),
            ("GET", "/-/healthy", 200, "healthy"),
            ("GET", "/-/ready", 200, "ready"),
            ("POST", "/-/reload", 200, "reloaded"),
            ("GET", "/-/reload", 405, ""),
            ("POST", "/metrics", 405, ""),
            ("GET", "/no/such/path", 404, ""),
            ("GET", "/%2e%2e/etc/passwd", 404, ""),
        ] {
            let answer = Client::new().send(method, &format!("{}{path}", started.url), "").await.unwrap();
            assert_eq!(answer.status, status, "{} {method} {path}", program.name);
            assert!(answer.text().contains(text), "{} {method} {path}: {}", program.name, answer.text());
        }
        let landing = http_get(&format!("{}/", started.url), &[]).await.unwrap();
        assert!(landing.header("content-type").starts_with("text/html"));
        assert!(landing.header("content-security-policy").contains("default-src 'none'"));
        if let Some(path) = program.probe_path {
            let missing = http_get(&format!("{}{path}", started.url), &[]).await.unwrap();
            assert_eq!(missing.status, 400, "{}", missing.text());
            assert!(missing.text().contains("target"), "{}", missing.text());
            assert!(landing.text().contains(path), "the landing page has a form for {path}");
        }
        assert!(started.server.stop().await.unwrap().success(), "{} obeys SIGTERM", program.name);
    }
}

#[tokio::test]
async fn another_telemetry_path_and_no_own_metrics() {
    for program in &PROGRAMS {
        let flags = ["--web.telemetry-path=/other", "--web.disable-exporter-metrics"];
        let started = program.start(&flags).await.unwrap();
        let other = http_get(&format!("{}/other", started.url), &[]).await.unwrap();
        assert_eq!(other.status, 200);
        assert!(!other.text().contains("process_cpu_seconds_total"), "{}", other.text());
        assert_eq!(http_get(&format!("{}/metrics", started.url), &[]).await.unwrap().status, 404);
    }
}

#[tokio::test]
async fn healthcheck_tells_whether_the_program_runs() {
    for program in &PROGRAMS {
        let started = program.start(&[]).await.unwrap();
        let mut arguments = program.arguments(&started.folder, started.port).unwrap();
        arguments.push("healthcheck".to_owned());
        let healthy = program.run(&started.folder, &arguments).await.unwrap();
        assert_eq!(healthy.status.code(), Some(0), "{healthy:?}");
        let tests::Started { server, folder, .. } = started;
        server.stop().await.unwrap();
        let gone = program.run(&folder, &arguments).await.unwrap();
        assert_eq!(gone.status.code(), Some(1), "{gone:?}");
        assert_eq!(String::from_utf8_lossy(&gone.stderr).lines().count(), 1, "{gone:?}");
    }
}

#[tokio::test]
async fn a_hangup_reloads() {
    for program in &PROGRAMS {
        let Some(config) = program.config else { continue };
        let started = program.start(&[]).await.unwrap();
        let says = async |line: &str| {
            eventually(Duration::from_secs(10), line, async || {
                let page = started.metrics().await?;
                anyhow::ensure!(page.contains(line), "not yet");
                Ok(())
            })
            .await
            .unwrap();
        };
        started.folder.write("config.yml", "no_such_key: 1\n").unwrap();
        started.server.hangup().unwrap();
        says("watchfire_config_last_reload_successful 0\n").await;
        started.folder.write("config.yml", config).unwrap();
        started.server.hangup().unwrap();
        says("watchfire_config_last_reload_successful 1\n").await;
    }
}
