//! The demo for a person: starts, says what to open, tells what happens, and stays until Ctrl-C.

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use crate::folder::DemoFolder;
use crate::news;
use crate::ports::Ports;
use crate::screen::{line, paint};
use crate::stage::Stage;

pub(crate) async fn run(folder: DemoFolder) -> Result<()> {
    let folder = folder.begin()?;
    // from the first server on, so that no signal ends the demo without its order
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut told = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    };
    line("");
    let stage = tokio::select! {
        stage = Box::pin(Stage::start(Ports::Friendly, &folder)) => stage?,
        () = told() => return Ok(()),
    };
    folder.announce(&stage.control.url())?;
    invite(&stage, &folder.logs().display().to_string());
    tokio::select! {
        () = news::tell(&stage) => {}
        () = told() => {}
    }
    line("\nending everything …");
    tokio::select! {
        () = stage.stop() => {}
        () = told() => {}
    }
    Ok(())
}

fn invite(stage: &Stage, logs: &str) {
    let rows = [
        ("the demo", stage.control.url(), "the inbox, and buttons to stop Redis and start it again"),
        ("inbox", stage.inbox.url(), "Slack messages and mails alone"),
        ("Prometheus", format!("{}/alerts", stage.prometheus.url()), "every alert and its state"),
        ("Alertmanager", stage.alertmanager.url(), "what Prometheus has sent"),
        ("redis-exporter", stage.exporter.url(), "its page, /metrics"),
        ("alertrouter", stage.router.url(), "its page, /metrics"),
    ];
    line("\nopen");
    for (name, url, what) in rows {
        line(&format!("  {name:15} {}  {}", paint("1", &format!("{url:36}")), paint("2", what)));
    }
    line("\ntry, in another terminal (the alert comes after some ten seconds)");
    line("  cargo xtask demo --break redis");
    line("  cargo xtask demo --restore redis");
    line(&format!("\nlogs are in {logs}"));
    line("Ctrl-C ends everything and leaves nothing behind\n");
}
