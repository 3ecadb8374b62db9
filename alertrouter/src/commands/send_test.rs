//! `send-test`: sends one alert that is clearly a test to the targets of a receiver, past the store, and says what
//! became of it.

use std::fmt::Write as _;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::{Failed, config_file, features, load, mode, sample, text};
use crate::moment::Moment;
use crate::notify::{Action, Message, Outcome, Target};
use crate::payload::Status;
use crate::store::{Sent, View};

/// How long a target may take: longer than the patience of any notifier but that for a mail's end.
const LONGEST: Duration = Duration::from_mins(2);

pub(super) fn command() -> Command {
    Command::new("send-test")
        .about("Send a test alert to each target of a receiver and say what became of it; exits with 0 or 1")
        .arg(config_file())
        .arg(features())
        .arg(Arg::new("receiver").required(true).value_name("RECEIVER").help("Who gets it"))
        .arg(Arg::new("target").long("target").value_name("TARGET").help("Only this one, e.g. email/0"))
        .arg(
            Arg::new("resolved")
                .long("resolved")
                .action(ArgAction::SetTrue)
                .help("Send that it is resolved, too"),
        )
}

pub(super) fn run(matches: &ArgMatches) -> Result<String, Failed> {
    let config = load(text(matches, "file"), mode(matches))?;
    let receiver = text(matches, "receiver");
    let targets = sample::targets(config, receiver, matches.get_one::<String>("target"))?;
    let now = Moment::now();
    let view = sample::view(receiver, &sample::test_alert(now), now);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start the runtime: {error}"))?;
    let tests = targets.iter().map(|target| test(target, &view, matches.get_flag("resolved"), now));
    let results = runtime.block_on(join_all(tests));
    let found: String = results.iter().map(|(line, _)| line.as_str()).collect();
    let failed = results.iter().filter(|(_, works)| !works).count();
    if failed == 0 {
        return Ok(found);
    }
    let problems = vec![format!("{failed} of {} targets did not get it", results.len())];
    Err(Failed { found, problems })
}

/// The lines about one target, and whether it works.
async fn test(target: &Target, view: &View, resolved: bool, now: Moment) -> (String, bool) {
    let mut lines = String::new();
    let mut view = view.clone();
    let mut works = say(target, &sample::message(&view, Action::Post, now), "firing", &mut lines).await;
    if resolved && let Ok(place) = &works {
        view.place.clone_from(place);
        view.sent = Some(Sent { key: 0, firing: 1, episode: view.episode, revision: view.group_revision });
        (view.sent_revision, view.sent_count) = (view.group_revision, 1);
        for alert in &mut view.alerts {
            (alert.status, alert.ends_at) = (Status::Resolved, Some(now));
        }
        let action = if target.edits() { Action::Edit } else { Action::Post };
        works = say(target, &sample::message(&view, action, now), "resolved", &mut lines).await;
    }
    (lines, works.is_ok())
}

/// Sends one message; gives the place where it is now.
async fn say(
    target: &Target,
    message: &Message<'_>,
    what: &str,
    lines: &mut String,
) -> Result<Option<String>, ()> {
    let started = Instant::now();
    let sent = tokio::time::timeout(LONGEST, send(target, message)).await;
    let took = started.elapsed().as_millis();
    let id = &target.settings.id;
    let (result, told) = match sent {
        Ok(Outcome::Done { place, refused }) if refused.is_empty() => (Ok(place), "delivered".to_owned()),
        Ok(Outcome::Done { refused, .. }) => (Err(()), format!("not to everybody: {}", refused.join("; "))),
        Ok(Outcome::Patience { cause, after }) => {
            let told =
                format!("not now: {}: {}; it asks for {} s", cause.reason, cause.detail, after.as_secs());
            (Err(()), told)
        }
        Ok(
            Outcome::Retry { cause, .. }
            | Outcome::Smaller(cause)
            | Outcome::Gone(cause)
            | Outcome::TargetFails(cause)
            | Outcome::Refused(cause),
        ) => (Err(()), format!("failed: {}: {}", cause.reason, cause.detail)),
        Err(_elapsed) => (Err(()), format!("failed: timeout: no answer in {} s", LONGEST.as_secs())),
    };
    // what is written to a string arrives
    let _infallible = writeln!(lines, "{id} {what}: {told} ({took} ms)");
    result
}

/// As a lane does it: what is refused for its form is sent smaller.
async fn send(target: &Target, message: &Message<'_>) -> Outcome {
    let mut message = message.clone();
    loop {
        target.admit(message.action).await;
        match (target.send(&message).await, message.size.smaller()) {
            (Outcome::Smaller(_), Some(size)) => message.size = size,
            (outcome, _) => return outcome,
        }
    }
}
