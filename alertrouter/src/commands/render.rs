//! `render`: prints what a receiver's targets would be sent, and sends nothing.

use clap::{Arg, ArgMatches, Command};

use super::{Failed, config_file, features, load, mode, sample, text};
use crate::moment::Moment;
use crate::notify::Action;
use crate::payload::Payload;

pub(super) fn command() -> Command {
    Command::new("render")
        .about("Print what the targets of a receiver would be sent, without sending it")
        .arg(config_file())
        .arg(features())
        .arg(Arg::new("receiver").long("receiver").value_name("NAME").required(true).help("Whose messages"))
        .arg(Arg::new("target").long("target").value_name("TARGET").help("Only this one, e.g. email/0"))
        .arg(
            Arg::new("payload")
                .long("payload")
                .value_name("FILE")
                .help("A webhook's body, as Alertmanager sends it, instead of an example"),
        )
}

pub(super) fn run(matches: &ArgMatches) -> Result<String, Failed> {
    let config = load(text(matches, "file"), mode(matches))?;
    let receiver = text(matches, "receiver");
    let targets = sample::targets(config, receiver, matches.get_one::<String>("target"))?;
    let (payload, now) = match matches.get_one::<String>("payload") {
        None => sample::example(),
        Some(file) => {
            let body = std::fs::read(file).map_err(|error| format!("{file} cannot be read: {error}"))?;
            (Payload::parse(&body).map_err(|error| format!("{file}: {error}"))?, Moment::now())
        }
    };
    if payload.alerts.is_empty() {
        return Err("there is no alert in it".to_owned().into());
    }
    let view = sample::view(receiver, &payload, now);
    let message = sample::message(&view, Action::Post, now);
    let mut found = String::new();
    let mut problems = Vec::new();
    for target in targets {
        let id = &target.settings.id;
        match target.preview(&message) {
            Ok(shown) => found.extend(["# ", id, "\n\n", shown.trim_end(), "\n\n"]),
            Err(problem) => problems.push(format!("{id}: {problem}")),
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(Failed { found, problems }) }
}
