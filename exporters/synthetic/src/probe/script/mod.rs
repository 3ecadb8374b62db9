//! `query_response`: what is waited for and what is said, entry by entry. Probers `tcp`, `unix` and `websocket` run it.

mod seen;
mod template;

use toolkit::config::{Fields, Item};
use toolkit::expo::{Desc, Kind, Samples};
use toolkit::regexp::{self, Regex};

pub(crate) use seen::{Match, find};
pub(crate) use template::Template;

/// Bytes of a label's value that are kept of what a server says.
const MAX_LABEL_VALUE: usize = 1 << 10;

/// One entry.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is waited for.
    pub expect: Option<Expect>,
    /// Labels of `probe_expect_info`, made from what was matched.
    pub labels: Vec<(String, Template)>,
    /// What is said then.
    pub send: Option<Say>,
    /// Whether TLS begins then.
    pub starttls: bool,
}

/// What is waited for.
#[derive(Clone, Debug)]
pub enum Expect {
    /// A line, or a message, that matches.
    Regex(Regex),
    /// Exactly these bytes.
    Bytes(Vec<u8>),
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// A line, with what was matched in it. Its end is added.
    Line(Template),
    /// Bytes as they are, written as `!!binary`: a protocol of bytes has no lines. (blackbox_exporter adds a line's end
    /// to these too, which PostgreSQL 17 takes for the start of TLS.)
    Bytes(Vec<u8>),
}

/// Reads `query_response`.
pub(crate) fn decode(fields: &mut Fields<'_>) -> Vec<Step> {
    fields.list("query_response", |item| step(&item))
}

fn step(item: &Item<'_>) -> Option<Step> {
    let mut fields = item.fields()?;
    let expect = fields.parsed("expect", regexp::compile);
    let bytes = fields.item("expect_bytes").and_then(|item| bytes(&item)).filter(|bytes| !bytes.is_empty());
    if expect.is_some() && bytes.is_some() {
        fields.problem("expect_bytes", "`expect` and `expect_bytes` cannot both be set");
    }
    let template = |text: &str| match &expect {
        Some(regex) => Template::parse(text, regex),
        None => Template::plain(text),
    };
    let labels = labels(&mut fields, template);
    let send = fields.item("send").and_then(|item| match item.binary() {
        Some(bytes) => Some(Say::Bytes(bytes.to_vec())),
        None => item.string().map(|text| Say::Line(template(&text))),
    });
    let starttls = fields.bool("starttls").unwrap_or(false);
    let expect = expect.map(Expect::Regex).or_else(|| bytes.map(Expect::Bytes));
    Some(Step { expect, labels, send, starttls })
}

/// Bytes as they are, or a text's.
pub(crate) fn bytes(item: &Item<'_>) -> Option<Vec<u8>> {
    match item.binary() {
        Some(bytes) => Some(bytes.to_vec()),
        None => item.string().map(String::into_bytes),
    }
}

fn labels(fields: &mut Fields<'_>, template: impl Fn(&str) -> Template) -> Vec<(String, Template)> {
    let mut names: Vec<String> = Vec::new();
    fields.list("labels", |item| {
        let mut fields = item.fields()?;
        let name = fields.required_string("name");
        let value = template(&fields.string("value").unwrap_or_default());
        if !name.is_empty() && !is_label_name(&name) {
            fields.problem("name", "a label's name has letters, digits and `_`, and begins with a letter");
            return None;
        }
        if names.contains(&name) {
            fields.problem("name", "this entry has a label of this name already");
            return None;
        }
        names.push(name.clone());
        Some((name, value))
    })
}

/// Whether Prometheus takes it from a program: two underscores at the start are its own.
fn is_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with("__")
}

impl Step {
    /// What is said after this match; nothing where it is empty.
    pub(crate) fn answer(&self, found: Option<&Match<'_>>) -> Option<Answer> {
        let answer = match self.send.as_ref()? {
            Say::Bytes(bytes) => Answer { bytes: bytes.clone(), is_line: false },
            Say::Line(template) => Answer { bytes: template.fill(found), is_line: true },
        };
        (!answer.bytes.is_empty()).then_some(answer)
    }

    /// The labels that a match gives.
    pub(crate) fn info(&self, found: &Match<'_>) -> Option<Info> {
        let pair = |(name, value): &(String, Template)| (name.clone(), shown(&value.fill(Some(found))));
        (!self.labels.is_empty()).then(|| Info(self.labels.iter().map(pair).collect()))
    }
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    /// Whether a line's end is to be added where there are lines.
    pub(crate) is_line: bool,
}

/// Labels and values of one `probe_expect_info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info(Vec<(String, String)>);

/// What a script took from the answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Infos(Vec<Info>);

impl Infos {
    /// Keeps labels, unless the very same are there already.
    pub(crate) fn add(&mut self, info: Info) {
        if !self.0.contains(&info) {
            self.0.push(info);
        }
    }

    /// Writes one series for each entry that matched.
    pub(crate) fn write(&self, samples: &mut Samples) {
        for Info(labels) in &self.0 {
            let names: Vec<&str> = labels.iter().map(|(name, _)| name.as_str()).collect();
            let values: Vec<&str> = labels.iter().map(|(_, value)| value.as_str()).collect();
            samples.add(&Desc { labels: &names, ..EXPECT_INFO }, &values, 1.0);
        }
    }
}

/// What the entries with labels found. Its labels are those of the configuration.
pub(crate) const EXPECT_INFO: Desc<'_> = Desc {
    name: "expect_info",
    help: "What an entry of query_response took from the answer that it matched, in the labels that it names.",
    kind: Kind::Gauge,
    labels: &[],
};

/// A value that may stand on the page: text, and no longer than is bearable.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..MAX_LABEL_VALUE).unwrap_or(bytes));
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use toolkit::config::Document;

    use super::*;

    fn read(text: &str) -> Result<Vec<Step>, String> {
        let document = Document::parse("etc/x.yml", text).unwrap();
        document.decode(|mut fields| decode(&mut fields)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_entry_waits_says_and_labels() {
        let steps = read(
            "query_response:\n- expect: '^SSH-([^-]+)-(.*)$'\n  send: 'HI ${1}'\n  labels: [{name: v, value: 'got $2'}]",
        );
        let steps = steps.unwrap();
        let [step] = steps.as_slice() else { panic!("{steps:?}") };
        let Some(Expect::Regex(regex)) = &step.expect else { panic!("{step:?}") };
        let found = find(regex, b"SSH-2.0-x").unwrap();
        let said = step.answer(Some(&found)).unwrap();
        assert_eq!((said.bytes.as_slice(), said.is_line), (&b"HI 2.0"[..], true));
        assert_eq!(step.info(&found).unwrap(), Info(vec![("v".to_owned(), "got x".to_owned())]));
    }

    #[test]
    fn bytes_are_said_as_they_are_and_a_text_without_a_match_is_itself() {
        let steps = read(
            "query_response:\n- send: !!binary AAAACATSFi8=\n- {expect_bytes: S, starttls: true}\n- send: 'a $1'\n- send: ''\n- expect_bytes: ''",
        );
        let steps = steps.unwrap();
        let said: Vec<_> = steps.iter().map(|step| step.answer(None)).collect();
        let ssl = Answer { bytes: vec![0, 0, 0, 8, 4, 210, 22, 47], is_line: false };
        let line = Answer { bytes: b"a $1".to_vec(), is_line: true };
        assert_eq!(said, [Some(ssl), None, Some(line), None, None]);
        assert!(
            matches!(&steps[1], Step { expect: Some(Expect::Bytes(bytes)), starttls: true, .. } if bytes == b"S")
        );
        assert!(steps[4].expect.is_none());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (entry, message) in [
            ("expect: ':['", "missing closing ]"),
            ("{expect: a, expect_bytes: b}", "cannot both be set"),
            ("{expect: a, labels: [{name: 'a-b', value: x}]}", "a label's name has letters"),
            ("{expect: a, labels: [{name: __a}]}", "a label's name has letters"),
            ("{expect: a, labels: [{name: a}, {name: a}]}", "of this name already"),
            ("{expect: a, labels: [{value: a}]}", "missing required key `name`"),
            ("{expects: a}", "did you mean `expect`?"),
        ] {
            let error = read(&format!("query_response:\n- {entry}")).unwrap_err();
            assert!(error.contains(message), "{entry}: {error}");
        }
    }

    #[test]
    fn a_label_s_value_is_text_and_bounded() {
        assert_eq!(shown(b"a\xffb"), "a\u{fffd}b");
        assert!(shown(&vec![b'x'; 70_000]).len() <= MAX_LABEL_VALUE);
    }

    #[test]
    fn two_entries_with_the_same_labels_are_one_series() {
        let info = |value: &str| Info(vec![("a".to_owned(), value.to_owned())]);
        let mut infos = Infos::default();
        infos.add(info("1"));
        infos.add(info("1"));
        infos.add(info("2"));
        assert_eq!(infos.0.len(), 2);
        let mut samples = Samples::new("probe");
        infos.write(&mut samples);
        assert_eq!(samples.len(), 2);
    }
}
