//! `dlq`: what was given up. `list` shows it, `retry` makes it due again, `drop` forgets it. Works beside a running
//! program, which sees a retry within seconds.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{Failed, text};
use crate::moment::Moment;
use crate::store::{DeadLetter, DeadLetters, Pick, Picked, StoreError};

pub(super) fn command() -> Command {
    let pick = |command: Command| {
        command
            .arg(storage())
            .arg(
                Arg::new("all")
                    .long("all")
                    .action(ArgAction::SetTrue)
                    .conflicts_with("ids")
                    .help("All dead letters"),
            )
            .arg(
                Arg::new("ids")
                    .value_name("ID")
                    .num_args(1..)
                    .value_parser(clap::value_parser!(i64))
                    .required_unless_present("all")
                    .help("Numbers, as `dlq list` shows them"),
            )
    };
    Command::new("dlq")
        .about("Deliveries that were given up: list them, try them again, drop them")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("list").about("Show them, the oldest first").arg(storage()))
        .subcommand(pick(Command::new("retry").about("Send what their groups are like now")))
        .subcommand(pick(Command::new("drop").about("Forget them")))
}

pub(super) fn run(matches: &ArgMatches) -> Result<String, Failed> {
    let Some((name, matches)) = matches.subcommand() else { return Err(Failed::default()) };
    let mut letters = DeadLetters::open(&PathBuf::from(text(matches, "storage")))?;
    match name {
        "list" => Ok(table(&letters.list()?)),
        "retry" => told(&letters.retry(&pick(matches), Moment::now())?, "will be tried again"),
        _ => told(&letters.drop(&pick(matches))?, "dropped"),
    }
}

fn storage() -> Arg {
    Arg::new("storage")
        .long("storage.path")
        .value_name("FOLDER")
        .env("ALERTROUTER_STORAGE_PATH")
        .default_value("data")
        .help("Folder of the store")
}

fn pick(matches: &ArgMatches) -> Pick {
    if matches.get_flag("all") {
        return Pick::All;
    }
    Pick::Ids(matches.get_many("ids").map(|ids| ids.copied().collect()).unwrap_or_default())
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        error.to_string().into()
    }
}

/// One line each: `7  2026-08-01T10:00:00Z  team/slack/0  auth  12 attempts  {alertname="RedisDown"}  token_revoked`.
fn table(letters: &[DeadLetter]) -> String {
    let mut lines = String::new();
    for letter in letters {
        let DeadLetter { id, target, labels, attempts, reason, detail, .. } = letter;
        let at = letter.at.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ");
        // texts from outside must not move a terminal's cursor
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{}={value:?}", name.escape_debug())).collect();
        let (labels, detail) = (labels.join(", "), detail.escape_debug());
        // writing to a String cannot fail
        let _infallible =
            writeln!(lines, "{id}  {at}  {target}  {reason}  {attempts} attempts  {{{labels}}}  {detail}");
    }
    lines
}

fn told(picked: &Picked, done: &str) -> Result<String, Failed> {
    let found = format!("{} {done}\n", picked.done);
    let unknown = picked.unknown.iter().map(|id| format!("there is no dead letter {id}"));
    let forgotten = picked.forgotten.iter().map(|id| {
        format!("dead letter {id}: its group is forgotten, so there is nothing to send; hint: drop it")
    });
    let problems: Vec<String> = unknown.chain(forgotten).collect();
    if problems.is_empty() { Ok(found) } else { Err(Failed { found, problems }) }
}
