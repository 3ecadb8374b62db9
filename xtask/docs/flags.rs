//! A program's flags as a table, from the very definitions that read the command line.

use clap::{Arg, Command};

/// Flags without a heading; they are the program's own and come first.
const OWN: &str = "";

/// The headings of flags that all programs have; they come last.
const COMMON: [&str; 3] = ["Web", "Configuration", "Logs"];

/// One table for each heading of `--help`, the program's own flags first.
pub(crate) fn table(command: &Command) -> String {
    let mut command = command.clone();
    command.build();
    let shown = |flag: &&Arg| flag.get_long().is_some() && !flag.is_hide_set() && !is_standard(flag);
    let flags: Vec<&Arg> = command.get_arguments().filter(shown).collect();
    let heading = |flag: &Arg| flag.get_help_heading().unwrap_or(OWN).to_owned();
    let mut headings: Vec<String> = Vec::new();
    for flag in &flags {
        if !headings.contains(&heading(flag)) {
            headings.push(heading(flag));
        }
    }
    headings.sort_by_key(|heading| (COMMON.contains(&heading.as_str()), heading != OWN));
    let tables = headings.iter().map(|wanted| {
        let title = if wanted == OWN { "Flag" } else { wanted };
        let head = format!("| {title} | Variable | Default | What it does |\n|---|---|---|---|\n");
        let rows = flags.iter().filter(|flag| heading(flag) == *wanted).map(|flag| row(flag));
        head + &rows.collect::<Vec<_>>().concat()
    });
    tables.collect::<Vec<_>>().join("\n")
}

fn is_standard(flag: &Arg) -> bool {
    matches!(flag.get_long(), Some("help" | "version"))
}

fn row(flag: &Arg) -> String {
    let name = flag.get_long().unwrap_or_default();
    let is_switch = flag.get_num_args().is_some_and(|range| range.min_values() == 0);
    let value = flag.get_value_names().and_then(|names| names.first()).filter(|_| !is_switch);
    let usage = value.map_or_else(|| format!("--{name}"), |value| format!("--{name}={value}"));
    let variable = flag.get_env().map(|name| code(&name.to_string_lossy())).unwrap_or_default();
    let defaults = flag.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
    let default = defaults.filter(|value| !value.is_empty()).collect::<Vec<_>>().join(", ");
    let default = if default.is_empty() { default } else { code(&default) };
    let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
    let help = help.trim().trim_end_matches('.').replace('|', "\\|").replace('\n', " ");
    format!("| {} | {variable} | {default} | {help} |\n", code(&usage))
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_flags_first_and_what_each_takes() {
        let command = Command::new("x")
            .arg(
                Arg::new("a").long("web.a").help_heading("Web").env("X_A").default_value("1").value_name("N"),
            )
            .arg(Arg::new("b").long("b").num_args(0..=1).default_value("false").help("One|two.\nThree."))
            .arg(Arg::new("hidden").long("hidden").hide(true));
        let expected = "| Flag | Variable | Default | What it does |\n|---|---|---|---|\n\
                        | `--b` |  | `false` | One\\|two. Three |\n\n\
                        | Web | Variable | Default | What it does |\n|---|---|---|---|\n\
                        | `--web.a=N` | `X_A` | `1` |  |\n";
        assert_eq!(table(&command), expected);
    }
}
