//! The modules of the server and what they tell of themselves.

use toolkit::expo::{Desc, Kind};

use super::{Part, Reading, Render};
use crate::command::Command;
use crate::error::Reason;
use crate::fields::{Field, fields};
use crate::info::{Info, item};
use crate::output::Output;
use crate::reply::Reply;

const MODULE: Desc<'_> = Desc {
    name: "module_info",
    help: "The modules of the server; always 1 (INFO MODULES).",
    kind: Kind::Gauge,
    labels: &["name", "ver", "api", "filters", "usedby", "using"],
};

/// Most modules that are shown.
const MAX_MODULES: usize = 64;

/// All fields, sorted by their name in INFO MODULES: of `RediSearch`, and of Valkey's modules.
#[rustfmt::skip]
const MODULE_FIELDS: &[Field] = fields! {
    gauge "bf_bloom_capacity_across_objects": "Items that all Bloom objects can hold (valkey-bloom)";
    counter "bf_bloom_defrag_hits" => "bf_bloom_defrag_hits_total":
        "Moves of Bloom objects by active defragmentation (valkey-bloom)";
    counter "bf_bloom_defrag_misses" => "bf_bloom_defrag_misses_total":
        "Moves of Bloom objects that defragmentation gave up (valkey-bloom)";
    gauge "bf_bloom_num_filters_across_objects": "Filters in all Bloom objects (valkey-bloom)";
    gauge "bf_bloom_num_items_across_objects": "Items in all Bloom objects (valkey-bloom)";
    gauge "bf_bloom_num_objects": "Bloom objects (valkey-bloom)";
    gauge "bf_bloom_total_memory_bytes": "Bytes used by Bloom filters (valkey-bloom)";
    gauge "json_num_documents": "JSON documents (valkey-json)";
    gauge "json_total_memory_bytes": "Bytes used by JSON documents (valkey-json)";
    gauge "search_OOM_indexing_failures_indexes_count":
        "Search indexes whose building ended for want of memory";
    gauge "search_bytes_collected" => "search_collected_bytes":
        "Bytes freed by the garbage collector (before 8.0)";
    gauge "search_dialect_1": "Whether query dialect 1 was used since start";
    gauge "search_dialect_2": "Whether query dialect 2 was used since start";
    gauge "search_dialect_3": "Whether query dialect 3 was used since start";
    gauge "search_dialect_4": "Whether query dialect 4 was used since start";
    gauge "search_errors_for_index_with_max_failures":
        "Documents that could not be indexed, in the index with most of them";
    gauge "search_errors_indexing_failures": "Documents that could not be indexed";
    counter "search_failure_requests_count": "Requests that failed (valkey-search)";
    gauge "search_gc_bytes_collected" => "search_gc_collected_bytes": "Bytes freed by the garbage collector";
    gauge "search_gc_marked_deleted_vectors": "Vectors marked as deleted that still use memory";
    counter "search_gc_total_cycles" => "search_gc_cycles_total": "Cycles of the garbage collector";
    gauge "search_gc_total_docs_not_collected": "Deleted documents that still use memory";
    counter "search_gc_total_ms_run" => "search_gc_run_ms_total":
        "Milliseconds that the garbage collector ran";
    gauge "search_global_idle": "Idle cursors";
    gauge "search_global_idle_internal": "Idle cursors of the cluster itself";
    gauge "search_global_idle_user": "Idle cursors of users";
    gauge "search_global_total": "Cursors";
    gauge "search_global_total_internal": "Cursors of the cluster itself";
    gauge "search_global_total_user": "Cursors of users";
    counter "search_hnsw_add_exceptions_count": "Vectors that could not be added (valkey-search)";
    counter "search_hnsw_create_exceptions_count": "Vector indexes that could not be made (valkey-search)";
    counter "search_hnsw_modify_exceptions_count": "Vectors that could not be changed (valkey-search)";
    counter "search_hnsw_remove_exceptions_count": "Vectors that could not be removed (valkey-search)";
    counter "search_hnsw_search_exceptions_count": "Searches of vectors that failed (valkey-search)";
    counter "search_hybrid_requests_count": "Requests with a vector and a filter (valkey-search)";
    counter "search_inline_filtering_requests_count":
        "Requests that were filtered while the vectors were searched (valkey-search)";
    gauge "search_largest_memory_index" => "search_largest_memory_index_bytes":
        "Bytes of the biggest search index";
    gauge "search_number_of_active_indexes": "Search indexes that run a query or are being built";
    gauge "search_number_of_active_indexes_indexing": "Search indexes that are being built";
    gauge "search_number_of_active_indexes_running_queries": "Search indexes that run a query";
    gauge "search_number_of_attributes": "Attributes of all search indexes (valkey-search)";
    gauge "search_number_of_indexes": "Search indexes";
    gauge "search_query_queue_size": "Queries that wait for a thread (valkey-search)";
    counter "search_rdb_load_failure_cnt" => "search_rdb_load_failure_count":
        "Loads of indexes that failed (valkey-search)";
    counter "search_rdb_load_success_cnt" => "search_rdb_load_success_count":
        "Loads of indexes that succeeded (valkey-search)";
    counter "search_rdb_save_failure_cnt" => "search_rdb_save_failure_count":
        "Saves of indexes that failed (valkey-search)";
    counter "search_rdb_save_success_cnt" => "search_rdb_save_success_count":
        "Saves of indexes that succeeded (valkey-search)";
    counter "search_reader_resumed_cnt" => "search_reader_resumed_count":
        "Times the reader threads were resumed (valkey-search)";
    gauge "search_smallest_memory_index" => "search_smallest_memory_index_bytes":
        "Bytes of the smallest search index";
    gauge "search_string_interning_store_size": "Strings that are kept once for all (valkey-search)";
    counter "search_successful_requests_count": "Requests that succeeded (valkey-search)";
    counter "search_total_active_queries" => "search_active_queries_total": "Queries under way";
    gauge "search_total_active_write_threads": "Threads that write to search indexes";
    counter "search_total_cycles" => "search_cycles_total": "Cycles of the garbage collector (before 8.0)";
    gauge "search_total_indexed_documents": "Documents in all search indexes (valkey-search)";
    counter "search_total_indexing_time" => "search_indexing_time_ms_total": "Milliseconds spent on indexing";
    counter "search_total_ms_run" => "search_run_ms_total":
        "Milliseconds that the garbage collector ran (before 8.0)";
    gauge "search_total_num_docs_in_indexes": "Documents in all search indexes";
    counter "search_total_queries_processed" => "search_queries_processed_total": "Queries that succeeded";
    counter "search_total_query_commands" => "search_query_commands_total": "Commands that query an index";
    counter "search_total_query_execution_time_ms" => "search_query_execution_time_ms_total":
        "Milliseconds spent on queries";
    gauge "search_used_memory_bytes": "Bytes used by the search module (valkey-search)";
    gauge "search_used_memory_indexes" => "search_used_memory_indexes_bytes":
        "Bytes used by all search indexes";
    gauge "search_used_memory_vector_index" => "search_used_memory_vector_index_bytes":
        "Bytes of all vector indexes";
    counter "search_vector_externing_deferred_entry_cnt" => "search_vector_externing_deferred_entry_count":
        "Vectors whose sharing was put off (valkey-search)";
    counter "search_vector_externing_entry_count": "Vectors that are shared with their hash (valkey-search)";
    counter "search_vector_externing_generated_value_cnt" => "search_vector_externing_generated_value_count":
        "Vectors that were made from shared ones (valkey-search)";
    gauge "search_vector_externing_hash_extern_errors":
        "Vectors that could not be shared with their hash (valkey-search)";
    counter "search_vector_externing_lru_promote_cnt" => "search_vector_externing_lru_promote_count":
        "Shared vectors that were used again (valkey-search)";
    gauge "search_vector_externing_num_lru_entries": "Vectors in the cache of shared ones (valkey-search)";
    counter "search_worker_pool_suspend_cnt" => "search_worker_pool_suspend_count":
        "Times the worker threads were suspended (valkey-search)";
    gauge "search_writer_queue_size": "Writes that wait for a thread (valkey-search)";
    counter "search_writer_resumed_cnt" => "search_writer_resumed_count":
        "Times the writer threads were resumed (valkey-search)";
    counter "search_writer_suspension_expired_cnt" => "search_writer_suspension_expired_count":
        "Suspensions of the writer threads that ended by time (valkey-search)";
};

pub(super) const PART: Part = Part {
    name: "modules",
    commands: &[Command::InfoModules],
    metrics: || MODULE_FIELDS.iter().map(|field| field.desc).chain([MODULE]).collect(),
    further: None,
    render: Render::Replies(render),
};

fn render(reading: &Reading<'_>, output: &mut Output<'_>) -> Result<(), Reason> {
    let reply = reading.answers.reply(Command::InfoModules)?;
    let modules = Info::parse(reply.and_then(Reply::text).unwrap_or_default());
    for (_, list) in modules.fields().filter(|(name, _)| *name == "module").take(MAX_MODULES) {
        let values: Vec<&str> =
            MODULE.labels.iter().map(|label| item(list, label).unwrap_or_default()).collect();
        output.add(&MODULE, &values, 1.0);
    }
    for (name, text) in modules.fields() {
        if let Some(field) = Field::find_in(MODULE_FIELDS, name) {
            output.add(&field.desc, &[], field.value(text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{render, text};
    use super::*;
    use crate::fields::FIELDS;

    #[test]
    fn the_table_is_sorted_and_no_metric_comes_twice() {
        assert!(MODULE_FIELDS.windows(2).all(|pair| pair[0].info < pair[1].info));
        let mut names: Vec<&str> = FIELDS.iter().chain(MODULE_FIELDS).map(|field| field.desc.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn modules_and_their_fields() {
        let info = "# Modules\r\n\
            module:name=ReJSON,ver=20809,api=1,filters=0,usedby=[search|x],using=[],options=[handle-io-errors]\r\n\
            module:name=new,ver=1\r\n\r\n# search_version\r\nsearch_version:8.0.1\r\n# search_index\r\n\
            search_number_of_indexes:2\r\nsearch_total_indexing_time:1.25\r\nsearch_gc_bytes_collected:7\r\n\
            bf_bloom_defrag_hits:3\r\njson_num_documents:nan\r\n";
        let (lines, result) = render(PART, "", vec![(Command::InfoModules, Ok(text(info)))]);
        let expected = [
            "bf_bloom_defrag_hits_total 3",
            "module_info{name=\"ReJSON\",ver=\"20809\",api=\"1\",filters=\"0\",usedby=\"[search|x]\",using=\"[]\"} 1",
            "module_info{name=\"new\",ver=\"1\",api=\"\",filters=\"\",usedby=\"\",using=\"\"} 1",
            "search_gc_collected_bytes 7",
            "search_indexing_time_ms_total 1.25",
            "search_number_of_indexes 2",
        ];
        assert_eq!(
            (lines.iter().map(String::as_str).collect::<Vec<_>>(), result),
            (expected.to_vec(), Ok(()))
        );
    }
}
