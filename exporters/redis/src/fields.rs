//! Which INFO field becomes which metric.
//!
//! One line a field, sorted by the field's name so that it is found by binary search. Fields of newer servers,
//! of Valkey, `KeyDB` and Azure stand here too: where a server does not send one, its metric does not appear.
//! Names and kinds are redis_exporter's, also where a gauge is called `_total` or a counter is not.

use toolkit::expo::{Desc, Kind};

use crate::info;

/// An INFO field that is one metric without labels.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The field's name in INFO.
    pub info: &'static str,
    /// The metric.
    pub desc: Desc<'static>,
    /// What the value is divided by to come into the metric's unit.
    pub divisor: f64,
}

impl Field {
    /// The field with this name in INFO.
    pub fn find(info: &str) -> Option<&'static Self> {
        let first = usize::from(*info.as_bytes().first()?);
        let (begin, end) = (*BEGINS.get(first)?, *BEGINS.get(first + 1)?);
        Self::find_in(FIELDS.get(begin..end)?, info)
    }

    /// The same in another table, which must be sorted like [`FIELDS`].
    pub fn find_in(table: &'static [Self], info: &str) -> Option<&'static Self> {
        let at = table.binary_search_by(|field| field.info.cmp(info)).ok()?;
        table.get(at)
    }

    /// The metric's value; `None` when the text is none, e.g. `nan`.
    pub fn value(&self, text: &str) -> Option<f64> {
        value(text).map(|value| value / self.divisor)
    }
}

/// Where in [`FIELDS`] the names begin whose first byte is the index or a later one: the search is among a tenth of them.
const BEGINS: [usize; 129] = begins();

const fn begins() -> [usize; 129] {
    let mut begins = [FIELDS.len(); 129];
    let mut at = FIELDS.len();
    while at > 0 {
        at -= 1;
        let mut byte = FIELDS[at].info.as_bytes()[0] as usize + 1;
        while byte > 0 && begins[byte - 1] > at {
            byte -= 1;
            begins[byte] = at;
        }
    }
    begins
}

/// A number, or one of the words that INFO and CLUSTER INFO use for yes and no.
pub fn value(text: &str) -> Option<f64> {
    match text {
        "ok" | "up" | "true" => Some(1.0),
        "err" | "fail" | "down" | "false" => Some(0.0),
        text => info::number(text),
    }
}

macro_rules! fields {
    ($($kind:ident $info:literal $(/ $divisor:literal)? $(=> $name:literal)? : $help:literal;)*) => {
        &[$(Field {
            info: $info,
            desc: Desc {
                name: fields!(@first $($name)? $info),
                help: concat!($help, " (INFO ", $info, ")."),
                kind: fields!(@kind $kind),
                labels: &[],
            },
            divisor: fields!(@first $($divisor)? 1.0),
        }),*]
    };
    (@first $first:literal $($rest:literal)?) => { $first };
    (@kind gauge) => { Kind::Gauge };
    (@kind counter) => { Kind::Counter };
}

pub(crate) use fields;

/// Fields of Redis 8.8 that its documentation calls otherwise than its first releases did, and what those called them.
/// A server sends one or the other.
pub const OTHER_NAMES: [(&str, &str); 3] = [
    ("commands_per_parse_batch_avg", "avg_pipeline_length"),
    ("commands_per_parse_batch_cnt", "avg_pipeline_length_cnt"),
    ("commands_per_parse_batch_sum", "avg_pipeline_length_sum"),
];

/// All fields, sorted by their name in INFO.
#[rustfmt::skip]
pub const FIELDS: &[Field] = fields! {
    counter "acl_access_denied_auth" => "acl_access_denied_auth_total": "Failed authentications";
    counter "acl_access_denied_channel" => "acl_access_denied_channel_total":
        "Channel accesses refused by the ACL";
    counter "acl_access_denied_cmd" => "acl_access_denied_cmd_total": "Commands refused by the ACL";
    counter "acl_access_denied_db" => "acl_access_denied_db_total": "Database accesses refused by the ACL";
    counter "acl_access_denied_key" => "acl_access_denied_key_total": "Key accesses refused by the ACL";
    counter "acl_access_denied_tls_cert" => "acl_access_denied_tls_cert_total":
        "TLS certificates that named no user";
    gauge "active_clients": "Clients that sent a command recently";
    gauge "active_defrag_hits" => "defrag_hits": "Values moved by active defragmentation";
    gauge "active_defrag_key_hits" => "defrag_key_hits": "Keys defragmented";
    gauge "active_defrag_key_misses" => "defrag_key_misses": "Keys that needed no defragmentation";
    gauge "active_defrag_misses" => "defrag_misses": "Moves that active defragmentation gave up";
    gauge "active_defrag_running": "Whether active defragmentation runs, and its share of a CPU in percent";
    gauge "allocator_active" => "allocator_active_bytes": "Bytes in the allocator's active pages";
    gauge "allocator_allocated" => "allocator_allocated_bytes":
        "Bytes the allocator gave out, with its own fragmentation";
    gauge "allocator_frag_bytes": "allocator_active less allocator_allocated, in bytes";
    gauge "allocator_frag_ratio": "allocator_active over allocator_allocated";
    gauge "allocator_muzzy" => "allocator_muzzy_bytes": "Bytes the allocator gave back lazily";
    gauge "allocator_resident" => "allocator_resident_bytes": "Bytes resident in the allocator";
    gauge "allocator_rss_bytes": "allocator_resident less allocator_active, in bytes";
    gauge "allocator_rss_ratio": "allocator_resident over allocator_active";
    gauge "aof_base_size" => "aof_base_size_bytes":
        "Bytes of the append-only file at start or after the last rewrite";
    gauge "aof_buffer_length": "Bytes in the append-only file's buffer";
    gauge "aof_current_rewrite_time_sec" => "aof_current_rewrite_duration_sec":
        "Seconds the running rewrite has taken; -1 is none";
    gauge "aof_current_size" => "aof_current_size_bytes": "Bytes of the append-only file now";
    gauge "aof_delayed_fsync": "Times a write waited for an fsync";
    gauge "aof_enabled": "Whether the append-only file is on";
    gauge "aof_last_bgrewrite_status": "Whether the last rewrite of the append-only file succeeded";
    gauge "aof_last_cow_size" => "aof_last_cow_size_bytes": "Bytes copied on write during the last rewrite";
    gauge "aof_last_rewrite_time_sec" => "aof_last_rewrite_duration_sec":
        "Seconds the last rewrite took; -1 is none yet";
    gauge "aof_last_write_status": "Whether the last write to the append-only file succeeded";
    gauge "aof_pending_bio_fsync": "fsync jobs waiting in the background";
    gauge "aof_pending_rewrite": "Whether a rewrite of the append-only file waits";
    gauge "aof_rewrite_buffer_length": "Bytes in the rewrite's buffer";
    gauge "aof_rewrite_in_progress": "Whether the append-only file is being rewritten";
    gauge "aof_rewrite_scheduled": "Whether a rewrite of the append-only file waits for a dump to end";
    counter "aof_rewrites" => "aof_rewrites_total": "Rewrites of the append-only file";
    gauge "aof_rewrites_consecutive_failures":
        "Rewrites of the append-only file that failed in a row; 0 after one that succeeded";
    gauge "async_loading": "Whether a replica loads a dump and serves the old data meanwhile";
    gauge "avg_pipeline_length" => "client_processing_pipeline_length": "Commands in a pipeline, on average";
    counter "avg_pipeline_length_cnt" => "client_processing_pipeline_batches_total": "Pipelines";
    counter "avg_pipeline_length_sum" => "client_processing_pipeline_commands_total":
        "Commands that came in pipelines";
    gauge "backup_in_progress": "Whether a backup is being written";
    gauge "blocked_clients": "Clients waiting in a blocking call";
    counter "cached_keys" => "cached_keys_total": "Keys in the storage provider's cache (KeyDB)";
    gauge "client_biggest_input_buf": "Biggest input buffer of all clients (servers before 5.0)";
    gauge "client_longest_output_list": "Longest output list of all clients (servers before 5.0)";
    counter "client_output_buffer_limit_disconnections" => "client_output_buffer_limit_disconnections_total":
        "Clients cut off at the output buffer's limit";
    counter "client_query_buffer_limit_disconnections" => "client_query_buffer_limit_disconnections_total":
        "Clients cut off at the query buffer's limit";
    gauge "client_recent_max_input_buffer" => "client_recent_max_input_buffer_bytes":
        "Biggest input buffer of all clients, lately";
    gauge "client_recent_max_output_buffer" => "client_recent_max_output_buffer_bytes":
        "Biggest output buffer of all clients, lately";
    gauge "clients_hz": "How often a second the work on clients runs (Valkey)";
    gauge "clients_in_timeout_table": "Clients in the table of timeouts";
    gauge "cluster_connections": "Sockets that the cluster bus uses, about";
    gauge "cluster_enabled": "Whether the server is part of a cluster";
    gauge "cluster_incompatible_ops": "Commands that a cluster would refuse";
    gauge "configured_hz": "How often a second the server's periodic work is configured to run";
    gauge "connected_clients": "Client connections, without replicas";
    gauge "connected_slaves": "Replicas connected";
    gauge "current_active_defrag_time" / 1e3 => "current_active_defrag_seconds":
        "Seconds since fragmentation is over its limit; 0 is not";
    gauge "current_client_thread": "Thread that serves this client (KeyDB)";
    gauge "current_cow_peak" => "current_cow_peak_bytes": "Most bytes copied on write by the running child";
    gauge "current_cow_size" => "current_cow_size_bytes": "Bytes copied on write by the running child";
    gauge "current_cow_size_age" => "current_cow_size_age_seconds": "Age of current_cow_size in seconds";
    gauge "current_eviction_exceeded_time" => "current_eviction_exceeded_time_ms":
        "Milliseconds that memory has been over maxmemory now";
    gauge "current_fork_perc" => "current_fork_percentage": "How far the running child is, in percent";
    gauge "current_save_keys_processed": "Keys that the running child has written";
    gauge "current_save_keys_total": "Keys that the running child has to write";
    counter "dump_payload_sanitizations": "Dump payloads that were checked in depth";
    gauge "engines_count" => "scripting_engines_count": "Scripting engines";
    gauge "engines_total_memory_overhead" => "scripting_engines_memory_overhead_bytes":
        "Bytes of overhead of all scripting engines";
    gauge "engines_total_used_memory" => "scripting_engines_memory_used_bytes":
        "Bytes used by all scripting engines";
    gauge "eventloop_cmd_per_cycle_max" => "eventloop_commands_per_cycle_max":
        "Most commands in one event loop cycle";
    counter "eventloop_cycles" => "eventloop_cycles_total": "Event loop cycles";
    counter "eventloop_cycles_with_clients_processing" => "eventloop_cycles_with_clients_processing_total":
        "Event loop cycles that served clients";
    counter "eventloop_duration_cmd_sum" => "eventloop_duration_cmd_sum_usec_total":
        "Microseconds spent executing commands";
    gauge "eventloop_duration_max" => "eventloop_duration_max_usec":
        "Longest event loop cycle in microseconds";
    counter "eventloop_duration_sum" => "eventloop_duration_sum_usec_total":
        "Microseconds spent in the event loop";
    counter "evicted_clients" => "evicted_clients_total": "Clients evicted because of maxmemory-clients";
    counter "evicted_keys" => "evicted_keys_total": "Keys evicted because of maxmemory";
    counter "evicted_scripts" => "evicted_scripts_total": "EVAL scripts evicted from the cache";
    counter "expire_cycle_cpu_milliseconds" => "expire_cycle_cpu_time_ms_total":
        "Milliseconds of CPU spent on expiry";
    counter "expired_fields" => "expired_fields_total": "Hash fields that expired (Valkey)";
    counter "expired_keys" => "expired_keys_total": "Keys that expired";
    gauge "expired_keys_with_volatile_items_stale_perc" => "expired_keys_with_volatile_items_stale_percentage":
        "Keys with expired items still there, in percent, about";
    gauge "expired_stale_perc" => "expired_stale_percentage":
        "Keys that are expired but still there, in percent, about";
    counter "expired_subkeys" => "expired_subkeys_total": "Hash fields that expired";
    counter "expired_time_cap_reached_count" => "expired_time_cap_reached_total":
        "Expiry cycles that stopped at their time limit";
    gauge "hash_template_keys": "Keys that use a hash template";
    gauge "hash_templates": "Hash templates";
    gauge "hz": "How often a second the server's periodic work runs now";
    gauge "instantaneous_eventloop_cycles_per_sec": "Event loop cycles a second";
    gauge "instantaneous_eventloop_duration_usec": "Microseconds of an event loop cycle";
    gauge "instantaneous_input_kbps": "KiB a second read from the network";
    gauge "instantaneous_input_repl_kbps": "KiB a second read for replication";
    gauge "instantaneous_ops_per_sec": "Commands a second";
    gauge "instantaneous_output_kbps": "KiB a second written to the network";
    gauge "instantaneous_output_repl_kbps": "KiB a second written for replication";
    counter "io_threaded_freed_objects" => "io_threaded_freed_objects_total":
        "Objects freed by the I/O threads (Valkey)";
    counter "io_threaded_poll_processed" => "io_threaded_poll_processed_total":
        "Polls done by the I/O threads (Valkey)";
    counter "io_threaded_reads_processed": "Read events of the I/O threads";
    counter "io_threaded_total_prefetch_batches" => "io_threaded_prefetch_batches_total":
        "Batches of keys that were fetched ahead (Valkey)";
    counter "io_threaded_total_prefetch_entries" => "io_threaded_prefetch_entries_total":
        "Keys that were fetched ahead (Valkey)";
    counter "io_threaded_writes_processed": "Write events of the I/O threads";
    gauge "io_threads_active": "Whether I/O threads are at work";
    counter "keyspace_hits" => "keyspace_hits_total": "Key lookups that found the key";
    counter "keyspace_misses" => "keyspace_misses_total": "Key lookups that found no key";
    gauge "latest_fork_usec" / 1e6 => "latest_fork_seconds": "How long the last fork took";
    gauge "lazyfree_pending_objects": "Objects waiting to be freed in the background";
    gauge "lazyfreed_objects": "Objects freed in the background";
    gauge "loading" => "loading_dump_file": "Whether a dump is being loaded";
    gauge "loading_eta_seconds": "Seconds until the dump is loaded, about; only while one is";
    gauge "loading_loaded_bytes": "Bytes of the dump that are loaded; only while one is";
    gauge "loading_loaded_perc" => "loading_loaded_percentage":
        "How much of the dump is loaded, in percent; only while one is";
    gauge "loading_rdb_used_mem" => "loading_rdb_used_memory_bytes":
        "Memory that the server which wrote the dump had used, in bytes; only while it is loaded";
    gauge "loading_start_time" => "loading_start_timestamp_seconds":
        "When the load of the dump began, in Unix time; only while one is loaded";
    gauge "loading_total_bytes": "Bytes of the dump; only while one is loaded";
    gauge "long_lock_waits" => "long_lock_waits_total": "Waits for the global lock that took long (KeyDB)";
    gauge "master_repl_offset": "Replication offset of this server";
    gauge "maxclients" => "max_clients": "Most client connections the server accepts";
    gauge "maxfragmentationmemory_desired_reservation" => "memory_max_fragmentation_reservation_desired_bytes":
        "Bytes wanted for fragmentation (Azure)";
    gauge "maxfragmentationmemory_reservation" => "memory_max_fragmentation_reservation_bytes":
        "Bytes reserved for fragmentation (Azure)";
    gauge "maxmemory" => "memory_max_bytes": "Most bytes the server may use for data; 0 is no limit";
    gauge "maxmemory_desired_reservation" => "memory_max_reservation_desired_bytes":
        "Bytes wanted for what is not data (Azure)";
    gauge "maxmemory_reservation" => "memory_max_reservation_bytes":
        "Bytes reserved for what is not data (Azure)";
    gauge "mem_aof_buffer" => "mem_aof_buffer_bytes": "Bytes of the append-only file's buffers";
    gauge "mem_clients_normal": "Bytes of the buffers of clients";
    gauge "mem_clients_slaves": "Bytes of the buffers of replicas";
    gauge "mem_cluster_links" => "mem_cluster_links_bytes": "Bytes used by the links of the cluster bus";
    gauge "mem_cluster_slot_migration_input_buffer" => "mem_cluster_slot_migration_input_buffer_bytes":
        "Bytes buffered for slots that come";
    gauge "mem_cluster_slot_migration_input_buffer_peak" =>
        "mem_cluster_slot_migration_input_buffer_peak_bytes": "Most bytes buffered for slots that come";
    gauge "mem_cluster_slot_migration_output_buffer" => "mem_cluster_slot_migration_output_buffer_bytes":
        "Bytes buffered for slots that go";
    gauge "mem_fragmentation_bytes": "used_memory_rss less used_memory, in bytes";
    gauge "mem_fragmentation_ratio": "used_memory_rss over used_memory";
    gauge "mem_not_counted_for_evict" => "mem_not_counted_for_eviction_bytes":
        "Bytes that do not count against maxmemory";
    gauge "mem_overhead_db_hashtable_rehashing" => "mem_overhead_db_hashtable_rehashing_bytes":
        "Bytes that rehashing databases use for now";
    gauge "mem_replicas_repl_buffer" => "mem_replicas_repl_buffer_bytes":
        "Bytes of the replication buffers of replicas";
    gauge "mem_replication_backlog" => "mem_replication_backlog_bytes": "Bytes of the replication backlog";
    gauge "mem_total_replication_buffers" => "mem_total_replication_buffers_bytes":
        "Bytes of all replication buffers";
    gauge "migrate_cached_sockets" => "migrate_cached_sockets_total": "Sockets open for MIGRATE";
    gauge "min_slaves_good_slaves": "Replicas that count for min-replicas-to-write";
    gauge "module_fork_in_progress": "Whether a module has forked";
    gauge "module_fork_last_cow_size": "Bytes copied on write during a module's last fork";
    gauge "number_of_cached_scripts": "EVAL scripts in the cache";
    gauge "number_of_functions": "Functions loaded";
    gauge "number_of_libraries": "Libraries loaded";
    gauge "paused_timeout_milliseconds" / 1e3 => "clients_paused_remaining_seconds":
        "Seconds until clients that are paused may go on (Valkey)";
    gauge "process_id": "Process id of the server";
    gauge "pubsub_channels": "Channels with subscribers";
    gauge "pubsub_clients": "Clients in subscribe mode";
    gauge "pubsub_patterns": "Patterns with subscribers";
    gauge "pubsubshard_channels": "Shard channels with subscribers";
    gauge "rdb_bgsave_in_progress": "Whether a dump is being written";
    gauge "rdb_changes_since_last_save": "Changes since the last dump";
    gauge "rdb_current_bgsave_time_sec" => "rdb_current_bgsave_duration_sec":
        "Seconds the running dump has taken; -1 is none";
    gauge "rdb_last_bgsave_status": "Whether the last dump succeeded";
    gauge "rdb_last_bgsave_time_sec" => "rdb_last_bgsave_duration_sec":
        "Seconds the last dump took; -1 is none yet";
    gauge "rdb_last_cow_size" => "rdb_last_cow_size_bytes": "Bytes copied on write during the last dump";
    gauge "rdb_last_load_keys_expired" => "rdb_last_load_expired_keys":
        "Expired keys dropped in the last load";
    gauge "rdb_last_load_keys_loaded" => "rdb_last_load_loaded_keys": "Keys loaded in the last load";
    gauge "rdb_last_save_time" => "rdb_last_save_timestamp_seconds":
        "When the last dump succeeded, in Unix time";
    gauge "rdb_saves" => "rdb_saves_total": "Dumps since start";
    counter "rejected_connections" => "rejected_connections_total":
        "Connections refused because of maxclients";
    gauge "repl_backlog_active" => "repl_backlog_is_active": "Whether there is a replication backlog";
    gauge "repl_backlog_first_byte_offset": "Offset of the first byte in the replication backlog";
    gauge "repl_backlog_histlen" => "repl_backlog_history_bytes": "Bytes in the replication backlog";
    gauge "repl_backlog_size" => "replication_backlog_bytes": "Bytes that the replication backlog can hold";
    gauge "replica_announced": "Whether this replica is shown to sentinels";
    gauge "replicas_repl_buffer_peak" => "replicas_repl_buffer_peak_bytes":
        "Most bytes that replicas buffered during a full synchronisation";
    gauge "replicas_repl_buffer_size" => "replicas_repl_buffer_size_bytes":
        "Bytes that replicas buffer during a full synchronisation";
    gauge "replicas_waiting_psync": "Replicas waiting for a partial synchronisation";
    counter "reply_buffer_expands" => "reply_buffer_expands_total": "Times a reply buffer was made bigger";
    counter "reply_buffer_shrinks" => "reply_buffer_shrinks_total": "Times a reply buffer was made smaller";
    gauge "rss_overhead_bytes": "used_memory_rss less allocator_resident, in bytes";
    gauge "rss_overhead_ratio": "used_memory_rss over allocator_resident";
    gauge "second_repl_offset": "Offset up to which the former replication id is accepted; -1 is none";
    gauge "server_threads" => "server_threads_total": "Threads that serve clients (KeyDB)";
    gauge "server_time_usec" / 1e6 => "server_time_seconds":
        "The server's clock, in Unix time; less time() it is the clocks' difference and the scrape's delay";
    gauge "shutdown_in_milliseconds" / 1e3 => "shutdown_in_seconds":
        "Seconds that a shutdown still waits for replicas; only during one";
    gauge "slave_expires_tracked_keys": "Keys with an expiry that a writable replica tracks";
    gauge "slave_priority": "This replica's priority for failover";
    counter "slowlog_commands_count" => "slowlog_commands_total": "Commands that went into the slow log";
    gauge "slowlog_commands_time_ms_max" / 1e3 => "slowlog_commands_duration_seconds_max":
        "Longest command of the slow log";
    counter "slowlog_commands_time_ms_sum" / 1e3 => "slowlog_commands_duration_seconds_total":
        "Time of commands that went into the slow log";
    counter "storage_provider_read_hits": "Reads that the storage provider answered (KeyDB)";
    counter "storage_provider_read_misses": "Reads that the storage provider could not answer (KeyDB)";
    gauge "sync_full" => "replica_resyncs_full": "Full synchronisations with replicas";
    gauge "sync_partial_err" => "replica_partial_resync_denied": "Partial synchronisations that were denied";
    gauge "sync_partial_ok" => "replica_partial_resync_accepted":
        "Partial synchronisations that were accepted";
    gauge "tls_ca_cert_expires_in_seconds": "Seconds until the first CA certificate expires";
    gauge "tls_client_cert_expires_in_seconds": "Seconds until the client certificate expires";
    gauge "tls_server_cert_expires_in_seconds": "Seconds until the server certificate expires";
    counter "total_active_defrag_time" / 1e3 => "active_defrag_seconds_total":
        "Seconds that fragmentation was over its limit";
    gauge "total_blocking_keys": "Keys that clients block on";
    gauge "total_blocking_keys_on_nokey": "Keys that clients block on and that would wake them when deleted";
    counter "total_client_processing_events" => "client_processing_events_total":
        "Times a client's input was processed";
    counter "total_commands_processed" => "commands_processed_total": "Commands processed";
    counter "total_connections_received" => "connections_received_total": "Connections accepted";
    counter "total_error_replies": "Errors sent to clients";
    counter "total_eviction_exceeded_time" => "eviction_exceeded_time_ms_total":
        "Milliseconds that memory was over maxmemory";
    counter "total_forks" => "forks_total": "Forks since start";
    counter "total_net_input_bytes" => "net_input_bytes_total": "Bytes read from the network";
    counter "total_net_output_bytes" => "net_output_bytes_total": "Bytes written to the network";
    counter "total_net_repl_input_bytes" => "net_repl_input_bytes_total": "Bytes read for replication";
    counter "total_net_repl_output_bytes" => "net_repl_output_bytes_total": "Bytes written for replication";
    counter "total_reads_processed": "Read events";
    gauge "total_watched_keys": "Keys that clients WATCH";
    counter "total_writes_processed": "Write events";
    gauge "tracking_clients": "Clients that use client-side caching";
    gauge "tracking_total_items": "Items that client-side caching tracks: clients of each key";
    gauge "tracking_total_keys": "Keys that client-side caching tracks";
    gauge "tracking_total_prefixes": "Prefixes that client-side caching tracks";
    counter "unexpected_error_replies": "Errors from a primary or from loading the append-only file";
    gauge "uptime_in_seconds": "Seconds since the server started";
    counter "used_active_time_main_thread" => "active_time_main_thread_seconds_total":
        "Seconds that the main thread was not waiting";
    counter "used_cpu_sys" => "cpu_sys_seconds_total": "CPU seconds in the kernel";
    counter "used_cpu_sys_children" => "cpu_sys_children_seconds_total":
        "CPU seconds of background processes in the kernel";
    counter "used_cpu_sys_main_thread" => "cpu_sys_main_thread_seconds_total":
        "CPU seconds of the main thread in the kernel";
    counter "used_cpu_user" => "cpu_user_seconds_total": "CPU seconds in the server's code";
    counter "used_cpu_user_children" => "cpu_user_children_seconds_total":
        "CPU seconds of background processes in their code";
    counter "used_cpu_user_main_thread" => "cpu_user_main_thread_seconds_total":
        "CPU seconds of the main thread in the server's code";
    gauge "used_memory" => "memory_used_bytes": "Bytes the server allocated";
    gauge "used_memory_dataset" => "memory_used_dataset_bytes":
        "Bytes of data: used_memory less used_memory_overhead";
    gauge "used_memory_dataset_perc" => "memory_used_dataset_percentage":
        "Data in percent of what was allocated after start";
    gauge "used_memory_functions" => "memory_used_functions_bytes": "Bytes of overhead of functions";
    gauge "used_memory_hash_templates" => "memory_used_hash_templates_bytes": "Bytes used by hash templates";
    gauge "used_memory_lua" => "memory_used_lua_bytes": "Bytes used by the Lua engine";
    gauge "used_memory_overhead" => "memory_used_overhead_bytes": "Bytes spent on managing data, not on data";
    gauge "used_memory_peak" => "memory_used_peak_bytes": "Most bytes ever allocated";
    gauge "used_memory_peak_perc" => "memory_used_peak_percentage": "used_memory in percent of its peak";
    gauge "used_memory_peak_time" => "memory_used_peak_timestamp_seconds":
        "When most memory was used, in Unix time";
    gauge "used_memory_rss" => "memory_used_rss_bytes":
        "Bytes of the server that are resident, as the system sees it";
    gauge "used_memory_scripts" => "memory_used_scripts_bytes": "Bytes of overhead of scripts and functions";
    gauge "used_memory_scripts_eval" => "memory_used_scripts_eval_bytes": "Bytes of overhead of EVAL scripts";
    gauge "used_memory_startup" => "memory_used_startup_bytes": "Bytes used at start";
    gauge "used_memory_vm_eval" => "memory_used_vm_eval_bytes": "Bytes used by the script engines of EVAL";
    gauge "used_memory_vm_functions" => "memory_used_vm_functions_bytes":
        "Bytes used by the script engines of functions";
    gauge "used_memory_vm_total" => "memory_used_vm_total": "Bytes used by all script engines";
    gauge "watching_clients": "Clients in WATCH";
};

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_table_is_sorted_and_no_metric_comes_twice() {
        assert!(FIELDS.windows(2).all(|pair| pair[0].info < pair[1].info));
        let names: HashSet<&str> = FIELDS.iter().map(|field| field.desc.name).collect();
        assert_eq!(names.len(), FIELDS.len());
    }

    #[test]
    fn fields_become_metrics() {
        for (info, text, expected) in [
            ("used_memory", "1335144", Some(("memory_used_bytes", 1_335_144.0))),
            ("latest_fork_usec", "450", Some(("latest_fork_seconds", 0.00045))),
            ("rdb_last_bgsave_status", "ok", Some(("rdb_last_bgsave_status", 1.0))),
            ("aof_last_write_status", "err", Some(("aof_last_write_status", 0.0))),
            ("rdb_current_bgsave_time_sec", "-1", Some(("rdb_current_bgsave_duration_sec", -1.0))),
            ("expired_stale_perc", "0.57", Some(("expired_stale_percentage", 0.57))),
            ("mem_fragmentation_ratio", "-nan", None),
            ("used_memory_human", "1.27M", None),
        ] {
            let found =
                Field::find(info).and_then(|field| field.value(text).map(|value| (field.desc.name, value)));
            assert_eq!(found, expected, "{info}");
        }
    }

    #[test]
    fn help_names_the_field() {
        let field = Field::find("used_memory").unwrap();
        assert_eq!(field.desc.help, "Bytes the server allocated (INFO used_memory).");
    }
}
