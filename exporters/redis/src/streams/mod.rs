//! Streams, their groups and consumers: what XINFO and XPENDING tell, as numbers.
//!
//! Two round trips for each stream: the stream with its groups, then the groups' consumers and oldest pending
//! entries. What a server does not tell, or tells as unknown, is left out and never 0.

mod render;

pub use render::{metrics, write};

use crate::error::LinkError;
use crate::keys::ask::{Asker, Query};
use crate::reply::Reply;

/// Groups of a stream that are shown.
const MOST_GROUPS: usize = 1_000;

/// The fields of XINFO that are shown, by their place in the tables of [`render`].
type Fields = Vec<(usize, f64)>;

/// A stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stream {
    fields: Fields,
    groups: Vec<Group>,
    /// Groups and consumers that are not shown because there are too many.
    pub dropped: usize,
}

/// A group of consumers.
#[derive(Clone, Debug, Default, PartialEq)]
struct Group {
    name: Vec<u8>,
    fields: Fields,
    /// When the oldest entry was added that was delivered and not acknowledged, in Unix milliseconds.
    oldest_pending: Option<f64>,
    consumers: Vec<Consumer>,
}

/// A consumer.
#[derive(Clone, Debug, PartialEq)]
struct Consumer {
    name: String,
    pending: Option<f64>,
    idle_milliseconds: Option<f64>,
}

/// How a field is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// A number.
    Number,
    /// The milliseconds of an id.
    Id,
    /// The same of an entry's id; 0 where there is no entry.
    EntryId,
}

/// Asks about a stream; `None` when it is none, or not here. `most` consumers of a group are kept.
pub async fn stream(
    asker: &mut Asker<'_>,
    db: u32,
    key: &[u8],
    most: Option<usize>,
) -> Result<Option<Stream>, LinkError> {
    let first = [
        Query::new("xinfo|stream", &[b"XINFO", b"STREAM", key]),
        Query::new("xinfo|groups", &[b"XINFO", b"GROUPS", key]),
    ];
    let replies = asker.ask(db, &first).await?;
    let [Some(info), groups] = replies.as_slice() else { return Ok(None) };
    let mut stream = Stream::of(info, groups.as_ref());

    let mut second = Vec::new();
    for group in &stream.groups {
        if most.is_some() {
            second.push(Query::new("xinfo|consumers", &[b"XINFO", b"CONSUMERS", key, &group.name]));
        }
        if group.has_pending() {
            second.push(Query::new("xpending", &[b"XPENDING", key, &group.name]));
        }
    }
    let mut replies = asker.ask(db, &second).await?.into_iter();
    for group in &mut stream.groups {
        if let Some(most) = most
            && let Some(consumers) = replies.next().flatten()
        {
            group.consumers = consumers.items().iter().take(most).filter_map(Consumer::of).collect();
            stream.dropped += consumers.items().len().saturating_sub(most);
        }
        if group.has_pending() {
            group.oldest_pending = replies.next().flatten().as_ref().and_then(oldest_pending);
        }
    }
    Ok(Some(stream))
}

impl Stream {
    /// Reads XINFO STREAM and XINFO GROUPS.
    fn of(info: &Reply, groups: Option<&Reply>) -> Self {
        let groups = groups.map_or(&[][..], Reply::items);
        Self {
            fields: fields(info, &render::STREAM),
            groups: groups.iter().take(MOST_GROUPS).filter_map(Group::of).collect(),
            dropped: groups.len().saturating_sub(MOST_GROUPS),
        }
    }
}

impl Group {
    fn of(reply: &Reply) -> Option<Self> {
        let name = field(reply, "name")?.bytes()?.to_vec();
        Some(Self { name, fields: fields(reply, &render::GROUPS), ..Self::default() })
    }

    fn has_pending(&self) -> bool {
        self.fields.iter().any(|(index, count)| *index == render::PENDING && *count > 0.0)
    }
}

impl Consumer {
    fn of(reply: &Reply) -> Option<Self> {
        Some(Self {
            name: field(reply, "name")?.lossy()?.into_owned(),
            pending: field(reply, "pending").and_then(Reply::number),
            idle_milliseconds: field(reply, "idle").and_then(Reply::number),
        })
    }
}

fn fields(reply: &Reply, table: &[render::Field]) -> Fields {
    let read = table.iter().enumerate().filter_map(|(index, (name, read, _))| {
        let value = field(reply, name)?;
        let number = match read {
            Read::Number => value.number()?,
            Read::Id => milliseconds(value)?,
            Read::EntryId => value.items().first().and_then(milliseconds).unwrap_or(0.0),
        };
        Some((index, number))
    });
    read.collect()
}

fn field<'a>(reply: &'a Reply, name: &str) -> Option<&'a Reply> {
    reply.pairs().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| value)
}

/// The summary of XPENDING is a count, the smallest and the greatest id, and the consumers.
fn oldest_pending(reply: &Reply) -> Option<f64> {
    milliseconds(reply.items().get(1)?)
}

fn milliseconds(id: &Reply) -> Option<f64> {
    let (milliseconds, _) = id.text()?.split_once('-')?;
    crate::info::number(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Reply {
        Reply::Text(text.to_owned())
    }

    #[test]
    fn what_is_not_told_is_left_out() {
        let info = Reply::List(vec![
            text("length"),
            Reply::Integer(2),
            text("max-deleted-entry-id"),
            text("0-0"),
            text("first-entry"),
            Reply::List(vec![text("1638125133432-0"), Reply::List(vec![])]),
            text("last-entry"),
            Reply::Nil,
            text("unknown"),
        ]);
        let group = |lag: Reply| {
            Reply::List(vec![text("name"), text("g"), text("pending"), Reply::Integer(1), text("lag"), lag])
        };
        let groups = Reply::List(vec![group(Reply::Nil), group(Reply::Integer(4)), Reply::Nil]);
        let stream = Stream::of(&info, Some(&groups));
        let named = |table: &[render::Field], fields: &Fields| -> Vec<(&str, f64)> {
            fields.iter().map(|(index, value)| (table[*index].0, *value)).collect()
        };
        assert_eq!(
            named(&render::STREAM, &stream.fields),
            [
                ("length", 2.0),
                ("max-deleted-entry-id", 0.0),
                ("first-entry", 1_638_125_133_432.0),
                ("last-entry", 0.0)
            ]
        );
        let groups: Vec<_> =
            stream.groups.iter().map(|group| named(&render::GROUPS, &group.fields)).collect();
        assert_eq!(groups, [vec![("pending", 1.0)], vec![("pending", 1.0), ("lag", 4.0)]]);
        assert!(stream.groups[0].has_pending());
    }

    #[test]
    fn ids() {
        for (id, expected) in [
            (text("1526569495631-0"), Some(1_526_569_495_631.0)),
            (text("0-0"), Some(0.0)),
            (text("1"), None),
            (text("x-0"), None),
            (Reply::Nil, None),
        ] {
            assert_eq!(milliseconds(&id), expected, "{id:?}");
        }
        let pending = Reply::List(vec![Reply::Integer(2), text("5-1"), text("6-0"), Reply::Nil]);
        assert_eq!(oldest_pending(&pending), Some(5.0));
        assert_eq!(oldest_pending(&Reply::List(vec![Reply::Integer(0), Reply::Nil])), None);
    }
}
