//! `routes show` and `routes test`: what amtool's commands of the same names print, and many label sets at once.

use std::io::{BufRead, Write};

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{Failed, cases, config_file, diff, features, load, mode, text, tree};
use crate::labels::Labels;
use crate::matcher::{Operator, ParserMode};
use crate::route::Route;

pub(super) fn command() -> Command {
    let with_file = |command: Command| command.arg(config_file()).arg(features());
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let test = with_file(Command::new("test"))
        .about("Print the receivers of an alert with these labels, with commas between; exits with 0 or 1")
        .arg(
            Arg::new("verify")
                .long("verify.receivers")
                .value_name("NAMES")
                .help("Receivers that are expected, with commas between; others are a failure"),
        )
        .arg(flag("tree").help("Print the routes that match as a tree, too"))
        .arg(
            flag("batch").conflicts_with_all(["labels", "verify", "tree", "cases"]).help(
                "Read one JSON object of labels a line from standard input, print the receivers of each",
            ),
        )
        .arg(
            Arg::new("cases")
                .long("cases")
                .value_name("FILE")
                .conflicts_with_all(["labels", "verify", "tree"])
                .help("Check the cases of a file: labels, and the receivers that are expected"),
        )
        .arg(Arg::new("labels").num_args(0..).value_name("LABEL=VALUE").help("The alert's labels"));
    Command::new("routes")
        .about("Show, test and compare route trees")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(with_file(Command::new("show")).about("Draw the route tree"))
        .subcommand(test)
        .subcommand(diff::command())
}

pub(super) fn run(matches: &ArgMatches) -> Result<String, Failed> {
    match matches.subcommand() {
        Some(("show", matches)) => {
            let config = load(text(matches, "file"), mode(matches))?;
            Ok(format!("Routing tree:\n{}\n", tree::whole(&config.route)))
        }
        Some(("test", matches)) => test(matches),
        Some(("diff", matches)) => diff::run(matches),
        _ => Err("there is no such command".to_owned().into()),
    }
}

fn test(matches: &ArgMatches) -> Result<String, Failed> {
    let mode = mode(matches);
    let config = load(text(matches, "file"), mode)?;
    if matches.get_flag("batch") {
        return batch(&config.route, std::io::stdin().lock(), &mut std::io::stdout().lock());
    }
    if let Some(file) = matches.get_one::<String>("cases") {
        return cases::run(&config.route, file);
    }
    let labels = labels(matches, mode)?;
    let mut found = String::new();
    if matches.get_flag("tree") {
        found = format!("Matching routes:\n{}\n\n", tree::matching(&config.route, &labels));
    }
    let receivers = receivers(&config.route, &labels);
    found.push_str(&receivers);
    found.push('\n');
    match matches.get_one::<String>("verify") {
        Some(expected) if !expected.is_empty() && *expected != receivers => {
            let problem = format!("expected receivers {expected}, found {receivers}");
            Err(Failed { found, problems: vec![problem] })
        }
        _ => Ok(found),
    }
}

/// The receivers in the order of the tree; one can be there twice.
pub(super) fn receivers(route: &Route, labels: &Labels) -> String {
    route.matches(labels).into_iter().map(|route| &*route.receiver).collect::<Vec<_>>().join(",")
}

/// Labels as amtool takes them: as matchers with `=`.
fn labels(matches: &ArgMatches, mode: ParserMode) -> Result<Labels, Failed> {
    let mut labels = Vec::new();
    for text in matches.get_many::<String>("labels").into_iter().flatten() {
        let matcher = mode.parse_one(text).map_err(|error| format!("{text:?} is no label: {error}"))?;
        if matcher.operator() != Operator::Equal {
            return Err(format!("{text:?} is no label: write NAME=VALUE").into());
        }
        labels.push((matcher.name, matcher.value));
    }
    Ok(labels.into_iter().collect())
}

/// One answer for each line, as soon as the line is there.
fn batch(route: &Route, lines: impl BufRead, answers: &mut impl Write) -> Result<String, Failed> {
    for (number, line) in (1..).zip(lines.lines()) {
        let line = line.map_err(|error| format!("line {number} cannot be read: {error}"))?;
        let labels: Labels = serde_json::from_str(&line)
            .map_err(|error| format!("line {number} is no JSON object of labels: {error}"))?;
        writeln!(answers, "{}", receivers(route, &labels))
            .map_err(|error| format!("the answers cannot be written: {error}"))?;
    }
    Ok(String::new())
}
