//! Delivery: alertrouter and Alertmanager as `rules/stack/` configures them, to doubles of Slack and of a mail server.
//!
//! What people get is what is shown and tested here: the files differ only in addresses, and in how long
//! Alertmanager waits.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use kit::alertmanager::ALERTMANAGER;
use kit::process::{Folder, Launch};
use kit::slack::{BOT_TOKEN, Slack};
use kit::smtp::Smtp;

use crate::program::{Program, ours};

/// The channel of what can wait until morning.
pub const CHANNEL: &str = "#alerts";

/// The channel of those who are woken.
pub const ONCALL: &str = "#oncall";

/// Alertmanager's waits, and what they are here.
const WAITS: [(&str, &str); 3] =
    [("group_wait", "500ms"), ("group_interval", "1s"), ("repeat_interval", "1h")];

/// alertrouter, delivering to the doubles.
pub(crate) async fn alertrouter(slack: &Slack, smtp: &Smtp, port: u16) -> Result<Program> {
    let folder = Folder::new()?;
    let token = folder.write("slack-token", BOT_TOKEN)?;
    let app = format!(
        "slack_app_url: {}chat.postMessage\n  slack_app_token_file: {}",
        slack.api_url(),
        token.display()
    );
    let config = adapted(
        "alertrouter.slack.yml",
        &[
            ("mailpit:1025", &smtp.address().to_string()),
            ("slack_api_url_file: /run/secrets/slack_api_url", &app),
            (&slack_of("oncall", None), &slack_of("oncall", Some(ONCALL))),
            (&slack_of("team", None), &slack_of("team", Some(CHANNEL))),
        ],
    )?;
    let config = folder.write("alertrouter.yml", config)?;
    let launch = ours("alertrouter", &folder)?
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.path().join("data").display()));
    Program::ours(launch, folder, port).await
}

/// How a receiver of Slack begins, without and with a channel.
fn slack_of(receiver: &str, channel: Option<&str>) -> String {
    let channel = channel.map(|channel| format!("channel: '{channel}'\n        ")).unwrap_or_default();
    format!("- name: {receiver}\n    slack_configs:\n      - {channel}send_resolved")
}

/// Alertmanager, handing over to the router.
pub(crate) async fn alertmanager(router: &str, smtp: &Smtp, port: u16) -> Result<Program> {
    let folder = Folder::new()?;
    let config = adapted(
        "alertmanager.yml",
        &[("mailpit:1025", &smtp.address().to_string()), ("http://alertrouter:10093", router)],
    )?;
    folder.write("alertmanager.yml", hurried(&config))?;
    let launch = Launch::new(&ALERTMANAGER, &folder)?
        .args(["--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address="])
        // for the links in messages; without, they name the machine, where nobody listens
        .arg(format!("--web.external-url=http://127.0.0.1:{port}"));
    Program::ours(launch, folder, port).await
}

/// A file of `rules/stack/` with other addresses. One that is not there any more is an error: somebody has changed the
/// file, and must look here.
fn adapted(name: &str, addresses: &[(&str, &str)]) -> Result<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules/stack").join(name);
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    addresses.iter().try_fold(text, |text, (there, here)| {
        ensure!(text.contains(there), "rules/stack/{name} has no `{there}` any more");
        Ok(text.replace(there, here))
    })
}

fn hurried(config: &str) -> String {
    let lines = config.lines().map(|line| {
        let wait = WAITS.iter().find(|(key, _)| line.trim_start().starts_with(&format!("{key}:")));
        match (wait, line.split_once(':')) {
            (Some((_, short)), Some((key, _))) => format!("{key}: {short}\n"),
            _ => format!("{line}\n"),
        }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_waits_and_addresses_differ() {
        let config = "route:\n  group_wait: 5s # short\n  routes:\n    - group_interval: 5m\n      repeat_interval: 4h\nx: group_wait: 1s\n";
        let expected = "route:\n  group_wait: 500ms\n  routes:\n    - group_interval: 5m\n      repeat_interval: 1h\nx: group_wait: 1s\n";
        assert_eq!(hurried(config), expected);
        assert!(adapted("alertmanager.yml", &[("nowhere:1", "")]).is_err());
    }
}
