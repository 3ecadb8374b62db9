//! Subcommands: `check`, `explain`, `grants`.

mod check;
mod explain;
mod grants;

use std::io::Write;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use toolkit::config::Document;

use crate::config::{self, Config};
use crate::flags::Flags;

/// All of them, for clap.
pub(crate) fn all() -> Vec<Command> {
    let file = Arg::new("file").long("config.file").value_name("FILE").help("Configuration file");
    let with_flags = |command: Command| Flags::augment_args(command.arg(file.clone()));
    vec![
        Command::new("check")
            .about("Check files with collectors or with queries in postgres_exporter's format; exits with 0 or 1")
            .arg(Arg::new("files").required(true).num_args(1..).value_name("FILE").help("Files to check")),
        with_flags(Command::new("explain").about("Ask a server what it is, and print what would run there, what not, and why"))
            .arg(Arg::new("dsn").long("dsn").value_name("DSN").help("The server, instead of that of DATA_SOURCE_NAME; without a password")),
        with_flags(Command::new("grants").about("Print the SQL that gives a role the rights that the enabled collectors need"))
            .arg(Arg::new("role").long("role").value_name("NAME").default_value("postgres_exporter").help("The role")),
    ]
}

/// Runs one; gives the exit code.
pub(crate) fn run(name: &str, matches: &ArgMatches) -> u8 {
    let outcome = match name {
        "check" => check::run(matches.get_many::<String>("files").into_iter().flatten().map(String::as_str)),
        "explain" => configured(matches)
            .and_then(|config| explain::run(&config, matches.get_one::<String>("dsn").map(String::as_str))),
        "grants" => configured(matches).map(|config| {
            let role = matches.get_one::<String>("role").map_or("postgres_exporter", String::as_str);
            grants::script(&config, role)
        }),
        _ => Err("there is no such command".to_owned()),
    };
    // nobody listens when a stream is closed
    match outcome {
        Ok(text) => {
            let _ignored = write!(std::io::stdout(), "{text}");
            0
        }
        Err(text) => {
            let _ignored = writeln!(std::io::stderr(), "error: {text}");
            1
        }
    }
}

fn configured(matches: &ArgMatches) -> Result<Config, String> {
    let flags = Flags::from_arg_matches(matches).map_err(|error| error.to_string())?;
    let file = matches.get_one::<String>("file").map(std::path::Path::new);
    let document = match file {
        Some(file) => Document::read(file).map(Some),
        None => config::usual_file(),
    };
    let document = document.map_err(|error| error.to_string())?;
    Config::parse(&flags, document.as_ref(), &|name| std::env::var(name).ok())
        .map_err(|error| error.to_string())
}
