//! How a reply becomes values with labels. Pure.
//!
//! A reply is a value itself, or rows: the lists in a list, or pieces of a flat list. A row's items are found by
//! their index, or, where a row is names and values in turn, by name.

use std::borrow::Cow;

use toolkit::expo::Kind;

use crate::reply::Reply;

/// Characters of a label value that are shown; the rest is cut off.
const LABEL_CHARS: usize = 128;

/// A metric that is read from a reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name, without the namespace.
    pub name: String,
    /// Its help.
    pub help: String,
    /// Gauge or counter.
    pub kind: Kind,
    /// Where its values are.
    pub values: Values,
    /// What values are multiplied by.
    pub scale: f64,
    /// Labels from the reply: name and where the value is.
    pub labels: Vec<(String, Place)>,
    /// Labels with fixed values.
    pub fixed: Vec<(String, String)>,
}

/// Where the values are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// The reply is the value.
    Reply,
    /// One in each row.
    Rows {
        /// Items of a row in a flat list; without, a flat list is one row.
        row: Option<usize>,
        /// Where in a row.
        value: Place,
    },
}

/// An item of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The n-th, from 0.
    Index(usize),
    /// What follows this name.
    Field(String),
}

/// Why a reply is not what the metric expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misread {
    /// A value is not a number.
    NotANumber,
    /// There are no rows in it.
    NotAList,
    /// No row has the item.
    NoSuchItem,
}

impl Misread {
    /// A word for logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotANumber => "not_a_number",
            Self::NotAList => "not_a_list",
            Self::NoSuchItem => "no_such_item",
        }
    }
}

impl Place {
    /// Digits are an index, everything else is a name.
    pub fn parse(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Field(text.to_owned()), Self::Index)
    }

    fn find<'a>(&self, row: &'a [Reply]) -> Option<&'a Reply> {
        match self {
            Self::Index(index) => row.get(*index),
            Self::Field(name) => {
                let (pairs, _) = row.as_chunks::<2>();
                let found = pairs.iter().find(|[key, _]| key.bytes() == Some(name.as_bytes()));
                found.map(|[_, value]| value)
            }
        }
    }
}

impl Metric {
    /// Names of its labels, in the order of the values that [`Metric::read`] gives.
    pub fn label_names(&self) -> Vec<&str> {
        let read = self.labels.iter().map(|(name, _)| name.as_str());
        read.chain(self.fixed.iter().map(|(name, _)| name.as_str())).collect()
    }

    /// Gives each value with its labels to `sink`. What is nil has no value.
    ///
    /// # Errors
    /// What in the reply is not as expected; everything else was given.
    pub fn read(&self, reply: &Reply, mut sink: impl FnMut(&[&str], f64)) -> Result<(), Misread> {
        let mut outcome = Ok(());
        let mut give = |row: &[Reply], value: &Reply| match value.number() {
            Some(number) => {
                let read: Vec<Cow<'_, str>> = self
                    .labels
                    .iter()
                    .map(|(_, place)| place.find(row).map_or(Cow::Borrowed(""), label))
                    .collect();
                let fixed = self.fixed.iter().map(|(_, value)| value.as_str());
                let values: Vec<&str> = read.iter().map(Cow::as_ref).chain(fixed).collect();
                sink(&values, number * self.scale);
            }
            None if *value == Reply::Nil => {}
            None => outcome = Err(Misread::NotANumber),
        };
        match &self.values {
            Values::Reply => give(&[], reply),
            Values::Rows { row, value } => {
                let rows = rows(reply, *row)?;
                let mut found = rows.is_empty();
                for row in rows {
                    if let Some(item) = value.find(row) {
                        found = true;
                        give(row, item);
                    }
                }
                if !found {
                    return outcome.and(Err(Misread::NoSuchItem));
                }
            }
        }
        outcome
    }
}

fn rows(reply: &Reply, row: Option<usize>) -> Result<Vec<&[Reply]>, Misread> {
    let items = match reply {
        Reply::List(items) => items.as_slice(),
        Reply::Nil => &[],
        _ => return Err(Misread::NotAList),
    };
    let nested = items.iter().any(|item| matches!(item, Reply::List(_)));
    Ok(match row {
        None if nested => items.iter().map(Reply::items).collect(),
        None if items.is_empty() => Vec::new(),
        None => vec![items],
        Some(length) => items.chunks_exact(length.max(1)).collect(),
    })
}

fn label(value: &Reply) -> Cow<'_, str> {
    if let Reply::Integer(number) = value {
        return number.to_string().into();
    }
    let text = value.lossy().unwrap_or_default();
    match text.char_indices().nth(LABEL_CHARS) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned().into(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Reply {
        Reply::Text(text.to_owned())
    }

    fn list(items: Vec<Reply>) -> Reply {
        Reply::List(items)
    }

    fn texts(words: &str) -> Reply {
        list(words.split_whitespace().map(text).collect())
    }

    fn metric(values: Values, labels: &[(&str, &str)]) -> Metric {
        Metric {
            name: "m".to_owned(),
            help: "M.".to_owned(),
            kind: Kind::Gauge,
            values,
            scale: 0.5,
            labels: labels.iter().map(|(name, place)| ((*name).to_owned(), Place::parse(place))).collect(),
            fixed: vec![("fixed".to_owned(), "f".to_owned())],
        }
    }

    fn read(metric: &Metric, reply: &Reply) -> (Vec<String>, Result<(), Misread>) {
        let mut found = Vec::new();
        let result = metric.read(reply, |labels, value| found.push(format!("{} {value}", labels.join(","))));
        (found, result)
    }

    #[test]
    fn a_reply_is_a_value() {
        let metric = metric(Values::Reply, &[]);
        for (reply, values, result) in [
            (Reply::Integer(4), vec!["f 2"], Ok(())),
            (text("4"), vec!["f 2"], Ok(())),
            (Reply::Nil, vec![], Ok(())),
            (text("four"), vec![], Err(Misread::NotANumber)),
            (list(vec![]), vec![], Err(Misread::NotANumber)),
            (Reply::Bytes(vec![0xff]), vec![], Err(Misread::NotANumber)),
        ] {
            assert_eq!(
                read(&metric, &reply),
                (values.into_iter().map(str::to_owned).collect(), result),
                "{reply:?}"
            );
        }
    }

    #[test]
    fn rows_of_all_shapes() {
        let by = |row, value: &str, labels: &[(&str, &str)]| {
            metric(Values::Rows { row, value: Place::parse(value) }, labels)
        };
        let groups = list(vec![
            list(vec![text("name"), text("g1"), text("pending"), Reply::Integer(2), text("lag"), Reply::Nil]),
            list(vec![
                text("name"),
                text("g2"),
                text("pending"),
                Reply::Integer(4),
                text("lag"),
                Reply::Integer(6),
            ]),
        ]);
        for (metric, reply, values, result) in [
            (by(Some(2), "1", &[("k", "0")]), texts("a 2 b 4 odd"), vec!["a,f 1", "b,f 2"], Ok(())),
            (by(Some(2), "1", &[("k", "0")]), texts("a x b 4"), vec!["b,f 2"], Err(Misread::NotANumber)),
            (by(Some(1), "0", &[("k", "0")]), texts("4"), vec!["4,f 2"], Ok(())),
            (by(None, "length", &[]), texts("length 4 keys 1"), vec!["f 2"], Ok(())),
            (by(None, "1", &[]), texts("length 4 keys 1"), vec!["f 2"], Ok(())),
            (by(None, "absent", &[]), texts("length 4 keys 1"), vec![], Err(Misread::NoSuchItem)),
            (by(None, "9", &[]), texts("length 4"), vec![], Err(Misread::NoSuchItem)),
            (by(None, "pending", &[("group", "name")]), groups.clone(), vec!["g1,f 1", "g2,f 2"], Ok(())),
            (
                by(None, "lag", &[("group", "name"), ("n", "3"), ("none", "x")]),
                groups,
                vec!["g2,4,,f 3"],
                Ok(()),
            ),
            (by(None, "1", &[]), list(vec![]), vec![], Ok(())),
            (by(None, "1", &[]), Reply::Nil, vec![], Ok(())),
            (by(None, "1", &[]), Reply::Integer(1), vec![], Err(Misread::NotAList)),
            (by(Some(0), "0", &[]), texts("2"), vec!["f 1"], Ok(())),
        ] {
            let expected = (values.into_iter().map(str::to_owned).collect(), result);
            assert_eq!(read(&metric, &reply), expected, "{metric:?} {reply:?}");
        }
    }

    #[test]
    fn labels_are_bounded() {
        let metric = metric(Values::Rows { row: Some(2), value: Place::Index(1) }, &[("k", "0")]);
        let reply = list(vec![text(&"ä".repeat(1_000)), Reply::Integer(2)]);
        assert_eq!(read(&metric, &reply).0, [format!("{},f 1", "ä".repeat(LABEL_CHARS))]);
    }
}
