//! What happens while the demo stays, one line each.

use std::time::Duration;

use jiff::Zoned;
use kit::slack::Call;

use crate::screen::{line, paint};
use stage::Stage;

/// How long to wait for news at once; there is no end to it but the demo's.
const LONG: Duration = Duration::from_hours(24);

/// Tells of messages and mails as they arrive, for ever.
pub(crate) async fn tell(stage: &Stage) {
    tokio::join!(messages(stage), mails(stage));
}

async fn messages(stage: &Stage) {
    let mut told = 0;
    loop {
        let calls = stage.slack.wait_for(LONG, |workspace| {
            workspace.calls.get(told..).filter(|calls| !calls.is_empty()).map(<[Call]>::to_vec)
        });
        for call in calls.await.unwrap_or_default() {
            told += 1;
            let what = match call.method.as_str() {
                "chat.postMessage" if call.body.get("thread_ts").is_some() => "reply",
                "chat.postMessage" => "new",
                "chat.update" => "edited",
                _ => continue,
            };
            let text = call.body.get("text").and_then(|text| text.as_str()).unwrap_or_default();
            say("Slack", what, text.lines().next().unwrap_or_default());
        }
    }
}

async fn mails(stage: &Stage) {
    let mut told = 0;
    loop {
        let subjects = stage.smtp.wait_for(LONG, |post| {
            let mails = post.mails.get(told..).filter(|mails| !mails.is_empty())?;
            Some(mails.iter().map(|mail| mail.subject().to_owned()).collect::<Vec<_>>())
        });
        for subject in subjects.await.unwrap_or_default() {
            told += 1;
            say("mail", "new", &subject);
        }
    }
}

fn say(where_to: &str, what: &str, text: &str) {
    let time = Zoned::now().strftime("%H:%M:%S").to_string();
    line(&format!("  {}  {where_to:5}  {what:6}  {text}", paint("2", &time)));
}
