//! Each search index.
//!
//! The list of indexes comes with the scrape's first write, what there is to say of each with the second.

use toolkit::expo::{Desc, Kind};

use super::{Part, Reading, Render};
use crate::command::{Command, CommandOptions};
use crate::error::Reason;
use crate::gather::Answers;
use crate::output::Output;
use crate::reply::Reply;

/// Most indexes that one scrape asks for, the first by name: FT.INFO costs the server some work for each.
const MAX_INDEXES: usize = 100;

/// The sizes of FT.INFO are in MiB.
const MIB: f64 = 1_048_576.0;

/// A field of FT.INFO, its metric, and what it is multiplied by to come into the metric's unit.
type IndexField = (&'static str, Desc<'static>, f64);

const INDEX_FIELDS: [IndexField; 24] = [
    gauge("num_docs", "search_index_num_docs", "Documents in the index (FT.INFO num_docs).", 1.0),
    gauge("max_doc_id", "search_index_max_doc_id", "Highest id of a document (FT.INFO max_doc_id).", 1.0),
    gauge("num_terms", "search_index_num_terms", "Different terms (FT.INFO num_terms).", 1.0),
    gauge("num_records", "search_index_num_records", "Records (FT.INFO num_records).", 1.0),
    gauge(
        "inverted_sz_mb",
        "search_index_inverted_size_bytes",
        "Bytes of the inverted index (FT.INFO inverted_sz_mb).",
        MIB,
    ),
    gauge(
        "total_inverted_index_blocks",
        "search_index_total_inverted_index_blocks",
        "Blocks of the inverted index (FT.INFO total_inverted_index_blocks).",
        1.0,
    ),
    gauge(
        "vector_index_sz_mb",
        "search_index_vector_index_size_bytes",
        "Bytes of the vector index (FT.INFO vector_index_sz_mb).",
        MIB,
    ),
    gauge(
        "offset_vectors_sz_mb",
        "search_index_offset_vectors_size_bytes",
        "Bytes of the places of terms in documents (FT.INFO offset_vectors_sz_mb).",
        MIB,
    ),
    gauge(
        "doc_table_size_mb",
        "search_index_doc_table_size_bytes",
        "Bytes of the table of documents (FT.INFO doc_table_size_mb).",
        MIB,
    ),
    gauge(
        "sortable_values_size_mb",
        "search_index_sortable_values_size_bytes",
        "Bytes of the values to sort by (FT.INFO sortable_values_size_mb).",
        MIB,
    ),
    gauge(
        "key_table_size_mb",
        "search_index_key_table_size_bytes",
        "Bytes of the table of keys (FT.INFO key_table_size_mb).",
        MIB,
    ),
    gauge(
        "tag_overhead_sz_mb",
        "search_index_tag_overhead_size_bytes",
        "Bytes of the structures for TAG fields (FT.INFO tag_overhead_sz_mb).",
        MIB,
    ),
    gauge(
        "text_overhead_sz_mb",
        "search_index_text_overhead_size_bytes",
        "Bytes of the structures for TEXT fields (FT.INFO text_overhead_sz_mb).",
        MIB,
    ),
    gauge(
        "total_index_memory_sz_mb",
        "search_index_total_index_memory_size_bytes",
        "Bytes of the index (FT.INFO total_index_memory_sz_mb).",
        MIB,
    ),
    gauge(
        "geoshapes_sz_mb",
        "search_index_geoshapes_size_bytes",
        "Bytes of GEO fields (FT.INFO geoshapes_sz_mb).",
        MIB,
    ),
    gauge(
        "records_per_doc_avg",
        "search_index_avg_per_doc_records",
        "Records of a document, on average (FT.INFO records_per_doc_avg).",
        1.0,
    ),
    gauge(
        "bytes_per_record_avg",
        "search_index_avg_per_record_bytes",
        "Bytes of a record, on average (FT.INFO bytes_per_record_avg).",
        1.0,
    ),
    gauge(
        "offsets_per_term_avg",
        "search_index_avg_per_term_offsets",
        "Places of a term, on average (FT.INFO offsets_per_term_avg).",
        1.0,
    ),
    gauge(
        "offset_bits_per_record_avg",
        "search_index_avg_per_record_offset_bits",
        "Bits of the places of a record, on average (FT.INFO offset_bits_per_record_avg).",
        1.0,
    ),
    gauge("indexing", "search_index_indexing", "Whether the index is being built (FT.INFO indexing).", 1.0),
    gauge(
        "percent_indexed",
        "search_index_percent_indexed",
        "How much of the index is built, from 0 to 1 (FT.INFO percent_indexed).",
        1.0,
    ),
    gauge(
        "hash_indexing_failures",
        "search_index_hash_indexing_failures",
        "Documents that could not be indexed (FT.INFO hash_indexing_failures).",
        1.0,
    ),
    (
        "number_of_uses",
        Desc {
            name: "search_index_number_of_uses_total",
            help: "Times the index was used (FT.INFO number_of_uses).",
            kind: Kind::Counter,
            labels: &["index_name"],
        },
        1.0,
    ),
    gauge("cleaning", "search_index_cleaning", "Whether the index is being deleted (FT.INFO cleaning).", 1.0),
];

const fn gauge(field: &'static str, name: &'static str, help: &'static str, factor: f64) -> IndexField {
    (field, Desc { name, help, kind: Kind::Gauge, labels: &["index_name"] }, factor)
}

pub(super) const PART: Part = Part {
    name: "search",
    commands: &[Command::SearchList],
    metrics: || INDEX_FIELDS.map(|(_, desc, _)| desc).to_vec(),
    further: Some(further),
    render: Render::Replies(render),
};

fn further(answers: &Answers, options: &CommandOptions) -> Vec<(Command, Vec<String>)> {
    let list = answers.reply(Command::SearchList).ok().flatten();
    let Some((list, wanted)) = list.zip(options.search_indexes.as_ref()) else { return Vec::new() };
    let mut indexes: Vec<&str> =
        list.items().iter().filter_map(Reply::text).filter(|name| wanted.matches(name)).collect();
    indexes.sort_unstable();
    indexes
        .into_iter()
        .take(MAX_INDEXES)
        .map(|index| (Command::SearchInfo, vec!["FT.INFO".to_owned(), index.to_owned()]))
        .collect()
}

fn render(reading: &Reading<'_>, output: &mut Output<'_>) -> Result<(), Reason> {
    reading.answers.reply(Command::SearchList)?;
    let mut result = reading.answers.reply(Command::SearchInfo).map(drop);
    for (_, words, reply) in reading.answers.further(PART.name) {
        match reply {
            Ok(reply) => {
                let asked = words.last().map(String::as_str).unwrap_or_default();
                if let Some(reply) = reply {
                    render_index(asked, reply, output);
                }
            }
            Err(reason) => result = Err(reason),
        }
    }
    result
}

/// Names and values in turn.
fn render_index(asked: &str, reply: &Reply, output: &mut Output<'_>) {
    let named = reply.pairs().find(|(name, _)| name.text() == Some("index_name"));
    let index = named.and_then(|(_, name)| name.text()).unwrap_or(asked);
    for (name, text) in reply.pairs() {
        if let Some((_, desc, factor)) = INDEX_FIELDS.iter().find(|(field, ..)| Some(*field) == name.text()) {
            output.add(desc, &[index], text.number().map(|number| number * factor));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{lines_of, text};
    use super::*;

    #[test]
    fn an_index() {
        let reply = Reply::List(vec![
            text("index_name"),
            text("idx:a"),
            text("attributes"),
            Reply::List(vec![Reply::List(vec![text("num_docs"), Reply::Integer(9)])]),
            text("num_docs"),
            text("3"),
            text("inverted_sz_mb"),
            text("0.5"),
            text("records_per_doc_avg"),
            text("nan"),
            text("percent_indexed"),
            text("1"),
            text("number_of_uses"),
            Reply::Integer(4),
        ]);
        let lines = lines_of(|output| render_index("asked", &reply, output));
        let expected = [
            "search_index_inverted_size_bytes{index_name=\"idx:a\"} 524288",
            "search_index_num_docs{index_name=\"idx:a\"} 3",
            "search_index_number_of_uses_total{index_name=\"idx:a\"} 4",
            "search_index_percent_indexed{index_name=\"idx:a\"} 1",
        ];
        assert_eq!(lines, expected);
    }
}
