//! The demo for a person: starts, says what to open, tells what happens, and stays until Ctrl-C.

use std::time::Duration;

use anyhow::Result;
use stage::faults::Fault;
use stage::ports::Ports;
use stage::prometheus::Pace;
use stage::{Options, Stage};
use tokio::signal::unix::{SignalKind, signal};

use crate::control::Control;
use crate::folder::DemoFolder;
use crate::news;
use crate::screen::{Screen, line, paint};

/// How often Prometheus scrapes here, and what stands for the rules' `for:`. Not less: a scrape may take as long as that,
/// some alerts are about what is missing, and everything needs a moment to come back.
pub(crate) const PACE: Pace =
    Pace { interval: Duration::from_secs(2), pending: Some(Duration::from_secs(7)) };

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
    let port = Ports::Friendly.choose(8025)?;
    let options = Options { ports: Ports::Friendly, pace: PACE, page: format!("http://127.0.0.1:{port}") };
    let screen = Screen::new();
    let stage = tokio::select! {
        stage = Box::pin(Stage::start(&options, &screen)) => stage?,
        () = told() => return Ok(()),
    };
    folder.keep_logs()?;
    let mut control = Control::start(port, &stage.inbox.url(), &links(&stage)).await?;
    folder.announce(&control.url())?;
    invite(&stage, &control.url(), &folder.logs().display().to_string());
    tokio::select! {
        () = news::tell(&stage) => {}
        () = control.obey(&stage) => {}
        () = told() => {}
    }
    line("\nending everything …");
    tokio::select! {
        () = stage.stop() => {}
        () = told() => {}
    }
    Ok(())
}

/// What the page links to.
fn links(stage: &Stage) -> Vec<(&'static str, String)> {
    let programs = &stage.programs;
    vec![
        ("alerts", format!("{}/alerts", stage.prometheus.url())),
        ("targets", format!("{}/targets", stage.prometheus.url())),
        ("Alertmanager", programs.alertmanager.url()),
        ("status page", format!("{}/status", programs.synthetic_exporter.url())),
        ("probes", programs.synthetic_exporter.url()),
        ("bills", programs.cost_exporter.url()),
        ("alertrouter", programs.alertrouter.url()),
    ]
}

fn invite(stage: &Stage, control: &str, logs: &str) {
    let programs = &stage.programs;
    let rows = [
        ("the demo", control.to_owned(), "the inbox, and buttons that break things"),
        ("Prometheus", format!("{}/alerts", stage.prometheus.url()), "every alert and its state"),
        ("Alertmanager", programs.alertmanager.url(), "what Prometheus has sent"),
        ("status page", format!("{}/status", programs.synthetic_exporter.url()), "what customers see"),
        ("inbox", stage.inbox.url(), "Slack messages and mails alone"),
        ("shop", stage.shop.url(), "the application that is watched"),
    ];
    line("\nopen");
    for (name, url, what) in rows {
        line(&format!("  {name:15} {}  {}", paint("1", &format!("{url:36}")), paint("2", what)));
    }
    line("\ntry, in another terminal (the alert comes after some ten seconds)");
    line("  cargo xtask demo --break redis");
    line("  cargo xtask demo --restore redis");
    let names = Fault::ALL.map(Fault::name).join(", ");
    line(&paint("2", &format!("  to break: {names}")));
    line(&format!("\nlogs are in {logs}"));
    line("Ctrl-C ends everything and leaves nothing behind\n");
}
