//! The demo without a person: Redis stops, Slack and mail say so; Redis returns, the same message says that.

use std::time::Duration;

use anyhow::{Result, ensure};
use kit::slack::Message;
use kit::smtp::Mail;
use stage::delivery::{CHANNEL, ONCALL};
use stage::faults::Fault;
use stage::ports::Ports;
use stage::{Options, Stage};

use crate::folder::DemoFolder;
use crate::screen::{Screen, line, step};
use crate::stay::PACE;

/// The alert that a stopped Redis raises.
const ALERT: &str = "RedisDown";

/// For each thing that is waited for; all of them together take some 20 s on an idle machine.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) async fn run(folder: DemoFolder) -> Result<()> {
    let folder = folder.begin()?;
    // nobody will open the page
    let options = Options { ports: Ports::Any, pace: PACE, page: "http://127.0.0.1:8025".to_owned() };
    let stage = Box::pin(Stage::start(&options, &Screen::new())).await?;
    folder.keep_logs()?;
    let played = play(&stage).await;
    if played.is_err() {
        line(&format!("the logs are in {}", folder.logs().display()));
    }
    Box::pin(stage.stop()).await;
    played
}

async fn play(stage: &Stage) -> Result<()> {
    step("Redis stops", Fault::Redis.begin(stage), |()| String::new()).await?;
    let fired = step("Slack message", message(stage), first_line).await?;
    step("mail", mail(stage, "FIRING"), String::clone).await?;
    step("Redis starts again", Fault::Redis.end(stage), |()| String::new()).await?;
    let edited = step("Slack message edited", resolved(stage, &fired.ts), first_line).await?;
    step("second mail", mail(stage, "RESOLVED"), String::clone).await?;
    ensure!(edited.edits() > 0, "the message says that it is resolved, but was not edited");
    let others = stage.slack.read(|workspace| {
        let all = [CHANNEL, ONCALL].into_iter().flat_map(|channel| workspace.messages(channel));
        let first = all.filter(|message| !message.is_reply());
        first.filter(|message| message.ts != fired.ts).map(Message::words).collect::<Vec<_>>()
    });
    ensure!(others.is_empty(), "there are messages that nobody expects: {others:?}");
    Ok(())
}

fn first_line(message: &Message) -> String {
    message.words().lines().next().unwrap_or_default().to_owned()
}

async fn message(stage: &Stage) -> Result<Message> {
    stage.slack.wait_for(PATIENCE, |workspace| workspace.find(ONCALL, ALERT).cloned()).await
}

async fn resolved(stage: &Stage, ts: &str) -> Result<Message> {
    let message = stage.slack.wait_for(PATIENCE, |workspace| {
        let message = workspace.messages(ONCALL).iter().find(|message| message.ts == ts)?;
        message.words().to_lowercase().contains("resolved").then(|| message.clone())
    });
    message.await
}

async fn mail(stage: &Stage, state: &str) -> Result<String> {
    let subject = stage.smtp.wait_for(PATIENCE, |post| {
        let mut subjects = post.mails.iter().map(Mail::subject);
        subjects.find(|subject| subject.contains(ALERT) && subject.contains(state)).map(str::to_owned)
    });
    subject.await
}
