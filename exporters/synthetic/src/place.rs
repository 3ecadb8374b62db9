//! Where people find the program: `--web.external-url` and `--web.route-prefix`, by blackbox_exporter's rules.

use toolkit::app::Below;
use toolkit::config::ConfigError;

use crate::flags::Flags;

/// The flag, as messages name it.
const FLAG: &str = "--web.external-url";

/// Where the routes are; at the root when neither flag says otherwise.
///
/// # Errors
/// The URL cannot be read.
pub fn below(flags: &Flags) -> Result<Below, ConfigError> {
    let path = external_path(&flags.external_url)?;
    let wanted = if flags.route_prefix.is_empty() { path } else { &flags.route_prefix };
    let trimmed = wanted.trim_matches('/');
    let prefix = if trimmed.is_empty() { String::new() } else { format!("/{trimmed}") };
    if prefix.contains(['{', '}', '?', '#', ' ']) {
        return Err(ConfigError::flag("--web.route-prefix", "expected a path such as /synthetic"));
    }
    let home = if flags.external_url.is_empty() { format!("{prefix}/") } else { flags.external_url.clone() };
    Ok(Below { prefix, home })
}

/// The path of the URL, which may be only a path itself.
fn external_path(url: &str) -> Result<&str, ConfigError> {
    let quoted = |text: &str| text.starts_with(['"', '\'']) || text.ends_with(['"', '\'']);
    if quoted(url) {
        return Err(ConfigError::flag(
            FLAG,
            "the URL is in quotes (hint: the shell takes them away, a file does not)",
        ));
    }
    if url.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return Err(ConfigError::flag(FLAG, "expected a URL such as https://example.com/synthetic"));
    }
    let path = match url.split_once("://") {
        Some(("http" | "https", rest)) => rest.find('/').map_or("", |at| rest.split_at(at).1),
        Some(_) => return Err(ConfigError::flag(FLAG, "expected an http or https URL")),
        None => url,
    };
    Ok(path.split(['?', '#']).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_given_or_that_of_the_url() {
        for (url, prefix, expected) in [
            ("", "", Some(("", "/"))),
            ("http://proxy.example", "", Some(("", "http://proxy.example"))),
            ("http://proxy.example/watch/", "", Some(("/watch", "http://proxy.example/watch/"))),
            ("http://proxy.example/watch", "/", Some(("", "http://proxy.example/watch"))),
            ("", "x/y/", Some(("/x/y", "/x/y/"))),
            ("https://double--dash.example", "", Some(("", "https://double--dash.example"))),
            ("'https://url/prometheus'", "", None),
            ("'relative/path/with/quotes'", "", None),
            ("'http://starts/with/quote", "", None),
            ("ends/with/quote\"", "", None),
            ("ftp://x", "", None),
            ("http://a b", "", None),
            ("", "a{b}", None),
        ] {
            let below = external_path(url).and_then(|_| {
                let line = [format!("--web.external-url={url}"), format!("--web.route-prefix={prefix}")];
                below(&flags(&line))
            });
            let expected =
                expected.map(|(prefix, home)| Below { prefix: prefix.to_owned(), home: home.to_owned() });
            assert_eq!(below.ok(), expected, "{url} {prefix}");
        }
    }

    fn flags(line: &[String]) -> Flags {
        use clap::{Args, FromArgMatches};
        let command = Flags::augment_args(clap::Command::new("x"));
        let words = std::iter::once("x").chain(line.iter().map(String::as_str));
        Flags::from_arg_matches(&command.get_matches_from(words)).unwrap()
    }
}
