//! `--script`: Lua scripts whose replies are shown as they are; redis_exporter's flags and names.
//!
//! A script is told nothing but one argument, `0`, and answers with keys and values in turn. Unlike there, values may
//! be Lua numbers, and a script that fails costs only its own `script_result`.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use toolkit::config::ConfigError;
use toolkit::expo::{Desc, Kind, Samples};
use toolkit::scrape::{CollectError, Collecting, Collector, Scrape};

use super::decode::read_script;
use super::question::{self, Question};
use crate::error::Reason;
use crate::output::Output;
use crate::page::Reached;
use crate::reply::Reply;

/// How long a script may take. A scrape's deadline comes first.
const TIMEOUT: Duration = Duration::from_secs(5);

const VALUES: Desc<'_> = Desc {
    name: "script_values",
    help: "What a script of --script answered.",
    kind: Kind::Gauge,
    labels: &["key", "filename"],
};
const RESULT: Desc<'_> = Desc {
    name: "script_result",
    help: "How a script of --script ended: 1 with values, 2 without, 0 in an error.",
    kind: Kind::Gauge,
    labels: &["filename"],
};

/// What can be written.
pub fn metrics() -> Vec<Desc<'static>> {
    vec![VALUES, RESULT]
}

/// A script and the path it was given by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The path as it was given: the label `filename`.
    pub path: String,
    /// What is sent.
    pub question: Question,
}

/// Reads the scripts of `--script`.
///
/// # Errors
/// Every file that cannot be read.
pub fn read(paths: &str, read_only: bool) -> Result<Vec<Script>, ConfigError> {
    let command = if read_only { "EVAL_RO" } else { "EVAL" };
    let mut scripts = Vec::new();
    let mut problem: Option<ConfigError> = None;
    for path in paths.split(',').filter(|path| !path.is_empty()) {
        match read_script(Path::new(path)) {
            Ok(text) => {
                // no keys and one argument, as redis_exporter calls them
                let words = [command, &text, "0", "0"].map(str::to_owned).to_vec();
                scripts.push(Script { path: path.to_owned(), question: Question { words, db: 0 } });
            }
            Err(message) => {
                let found = ConfigError::flag("--script", message);
                problem = Some(match problem {
                    Some(earlier) => earlier.merge(found),
                    None => found,
                });
            }
        }
    }
    problem.map_or(Ok(scripts), Err)
}

/// Runs all scripts on all nodes.
pub struct Scripts<'a> {
    /// The nodes.
    pub nodes: &'a [Reached<'a>],
    /// The scripts.
    pub scripts: &'a [Script],
}

impl Collector for Scripts<'_> {
    fn name(&self) -> &'static str {
        "scripts"
    }

    fn collect<'a>(&'a self, scrape: &'a Scrape, samples: &'a mut Samples) -> Collecting<'a> {
        Box::pin(async move {
            let replies = join_all(self.nodes.iter().map(|reached| self.run(reached, scrape))).await;
            let mut failed = None;
            for (Reached { labels, .. }, replies) in self.nodes.iter().zip(replies) {
                let mut output = Output::new(samples, labels);
                for (script, reply) in self.scripts.iter().zip(replies) {
                    let result = reply
                        .map_err(Reason::as_str)
                        .and_then(|reply| show(&script.path, reply.as_ref(), &mut output));
                    output.add(&RESULT, &[&script.path], result.unwrap_or(0.0));
                    let failure = result.err().map(|reason| (script.path.as_str(), reason));
                    failed = failed.or(failure);
                }
            }
            match failed {
                Some((path, reason)) => {
                    Err(CollectError::new("script", format_args!("{path} failed: {reason}")))
                }
                None => Ok(()),
            }
        })
    }
}

impl Scripts<'_> {
    async fn run(&self, reached: &Reached<'_>, scrape: &Scrape) -> Vec<Result<Option<Reply>, Reason>> {
        let mut replies = Vec::new();
        for script in self.scripts {
            let until = question::until(TIMEOUT, scrape.deadline);
            replies.push(question::ask(reached.node, &script.path, &script.question, until).await);
        }
        replies
    }
}

/// Writes the values of a reply; gives the script's result, or why it is none.
fn show(path: &str, reply: Option<&Reply>, output: &mut Output<'_>) -> Result<f64, &'static str> {
    let Some(Reply::List(items)) = reply else { return Err("the reply is no list") };
    let (pairs, odd) = items.as_chunks::<2>();
    let mut result = if odd.is_empty() { Ok(()) } else { Err("a key has no value") };
    for [key, value] in pairs {
        match (key.lossy(), number(value)) {
            (Some(key), Some(value)) => output.add(&VALUES, &[&key, path], value),
            _ => result = Err("a key is no text or a value is no number"),
        }
    }
    result.map(|()| if items.is_empty() { 2.0 } else { 1.0 })
}

/// Unlike a server's own figures, a script's may be infinite or none: its author meant it.
fn number(value: &Reply) -> Option<f64> {
    value.text().and_then(|text| text.parse().ok()).or_else(|| value.number())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::testing::{lines_of, text};

    #[test]
    fn replies_that_redis_exporter_takes_and_more() {
        let texts = |words: &str| Reply::List(words.split_whitespace().map(text).collect());
        for (reply, values, result) in [
            (texts("a 1 b 2.5"), vec!["a 1", "b 2.5"], Some(1.0)),
            (texts("i inf n nan e 1e3 m -1"), vec!["i +Inf", "n NaN", "e 1000", "m -1"], Some(1.0)),
            (Reply::List(vec![text("a"), Reply::Integer(3)]), vec!["a 3"], Some(1.0)),
            (texts(""), vec![], Some(2.0)),
            (texts("a 1 b"), vec!["a 1"], None),
            (texts("a x b 2"), vec!["b 2"], None),
            (Reply::List(vec![Reply::Integer(1), Reply::Integer(2)]), vec![], None),
            (Reply::Integer(7), vec![], None),
            (text("hello"), vec![], None),
            (Reply::Nil, vec![], None),
        ] {
            let mut outcome = Ok(0.0);
            let found = lines_of(|output| outcome = show("f.lua", Some(&reply), output));
            let expected: Vec<String> = values
                .iter()
                .filter_map(|value| value.split_once(' '))
                .map(|(key, value)| format!("script_values{{key=\"{key}\",filename=\"f.lua\"}} {value}"))
                .collect();
            assert_eq!((found, outcome.ok()), (expected, result), "{reply:?}");
        }
    }

    #[test]
    fn every_script_that_cannot_be_read_is_told() {
        assert_eq!(read("", true), Ok(vec![]));
        let error = read("/no/a.lua,/no/b.lua", false).unwrap_err().to_string();
        assert!(
            error.contains("--script: /no/a.lua cannot be read") && error.contains("/no/b.lua"),
            "{error}"
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        assert_eq!(read(path, true).unwrap()[0].question.words, ["EVAL_RO", "", "0", "0"]);
    }
}
