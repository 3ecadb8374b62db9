//! `render`: prints what a receiver's targets would be sent, and sends nothing. With `--template.text` it renders one
//! text as `amtool template render` does.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{Failed, config_file, features, load, mode, sample, text};
use crate::moment::Moment;
use crate::notify::Action;
use crate::payload::Payload;
use crate::template::render_once;

pub(super) fn command() -> Command {
    Command::new("render")
        .about("Print what the targets of a receiver would be sent, without sending it")
        .arg(config_file().required(false).required_unless_present("text"))
        .arg(features())
        .arg(
            Arg::new("receiver")
                .long("receiver")
                .value_name("NAME")
                .required_unless_present("text")
                .help("Whose messages"),
        )
        .arg(Arg::new("target").long("target").value_name("TARGET").help("Only this one, e.g. email/0"))
        .arg(
            Arg::new("payload")
                .long("payload")
                .value_name("FILE")
                .help("A webhook's body, as Alertmanager sends it, instead of an example"),
        )
        .args(template())
}

/// The flags of `amtool template render`.
fn template() -> [Arg; 4] {
    let flag = |id: &'static str, long: &'static str, value: &'static str| {
        Arg::new(id).long(long).value_name(value).help_heading("One template").conflicts_with("file")
    };
    [
        flag("text", "template.text", "TEXT")
            .requires("glob")
            .allow_hyphen_values(true)
            .help("Render this text, as `amtool template render` does"),
        flag("glob", "template.glob", "GLOB")
            .action(ArgAction::Append)
            .requires("text")
            .help("Files of templates that it may use"),
        flag("type", "template.type", "TYPE")
            .value_parser(["text", "html"])
            .default_value("text")
            .help("Whether it becomes HTML"),
        flag("data", "template.data", "FILE")
            .requires("text")
            .help("JSON with the alerts, in the form of Alertmanager's template data"),
    ]
}

fn one_text(matches: &ArgMatches, source: &str) -> Result<String, Failed> {
    let globs: Vec<&str> =
        matches.get_many::<String>("glob").into_iter().flatten().map(String::as_str).collect();
    let unreadable = |file: &String, error| format!("open {file}: {error}");
    let data = match matches.get_one::<String>("data") {
        None => None,
        Some(file) => Some(std::fs::read(file).map_err(|error| unreadable(file, error))?),
    };
    let html = text(matches, "type") == "html";
    Ok(render_once(&globs, data.as_deref(), source, html)?)
}

pub(super) fn run(matches: &ArgMatches) -> Result<String, Failed> {
    if let Some(source) = matches.get_one::<String>("text") {
        return one_text(matches, source);
    }
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
