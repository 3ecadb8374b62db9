//! Flags about what is shown beside the default page.

/// What is shown.
#[derive(clap::Args, Clone)]
#[expect(clippy::doc_markdown, reason = "clap shows the comments as they are")]
pub struct ShowFlags {
    /// Show total_system_memory_bytes
    #[arg(
        long = "include-system-metrics",
        env = "REDIS_EXPORTER_INCL_SYSTEM_METRICS",
        default_value = "true"
    )]
    pub include_system_metrics: bool,

    /// Show databases without keys
    #[arg(
        long = "include-metrics-for-empty-databases",
        env = "REDIS_EXPORTER_INCL_METRICS_FOR_EMPTY_DATABASES",
        default_value = "true"
    )]
    pub include_metrics_for_empty_databases: bool,

    /// Leave out the latency histograms and spikes
    #[arg(long = "exclude-latency-histogram-metrics")]
    pub exclude_latency_histogram_metrics: bool,

    /// Show latency histograms of these commands only, e.g. `get,set,config|*`; empty for all
    #[arg(
        long = "latency-histogram-commands",
        default_value = "",
        hide_default_value = true,
        value_name = "GLOBS"
    )]
    pub latency_histogram_commands: String,

    /// Most buckets of one latency histogram beside +Inf, of the 21 that a server has; 0 for no limit
    #[arg(long = "latency-histogram-buckets", default_value = "0", value_name = "NUMBER")]
    pub latency_histogram_buckets: usize,

    /// Show every setting of CONFIG GET as config_key_value and config_value
    #[arg(long = "include-config-metrics", env = "REDIS_EXPORTER_INCL_CONFIG_METRICS")]
    pub include_config_metrics: bool,

    /// Show no value of a setting with `pass`, `auth`, `secret`, `token` or `user` in its name
    #[arg(long = "redact-config-metrics", default_value = "true")]
    pub redact_config_metrics: bool,

    /// Show the modules of the server and what they tell
    #[arg(long = "include-modules-metrics", env = "REDIS_EXPORTER_INCL_MODULES_METRICS")]
    pub include_modules_metrics: bool,

    /// Show each search index (FT.INFO)
    #[arg(long = "include-search-indexes-metrics", env = "REDIS_EXPORTER_INCL_SEARCH_INDEXES_METRICS")]
    pub include_search_indexes_metrics: bool,

    /// The search indexes to show, as a regular expression
    #[arg(long = "check-search-indexes", default_value = ".*", value_name = "REGEX")]
    pub check_search_indexes: String,

    /// Show each sentinel that a sentinel knows
    #[arg(long = "include-sentinel-peer-info", env = "REDIS_EXPORTER_INCL_SENTINEL_PEER_INFO")]
    pub include_sentinel_peer_info: bool,

    /// Show this many slots of each node of a cluster, those with most keys (CLUSTER SLOT-STATS); 0 for none
    #[arg(long = "cluster-slot-stats", default_value = "0", value_name = "NUMBER")]
    pub cluster_slot_stats: usize,

    /// Show the size of the dump file, which must be a file of this machine
    #[arg(long = "include-rdb-file-size-metric", env = "REDIS_EXPORTER_INCL_RDB_FILE_SIZE_METRIC")]
    pub include_rdb_file_size_metric: bool,

    /// Show each client as series of its own (CLIENT LIST); mind the number of series
    #[arg(long = "export-client-list")]
    pub export_client_list: bool,

    /// Put the client's port into those series
    #[arg(long = "export-client-port")]
    pub export_client_port: bool,

    /// Show how many clients there are by name, user, library, database and kind (CLIENT LIST once a minute at most)
    #[arg(long = "client-aggregates")]
    pub client_aggregates: bool,

    /// Count the slow log's new entries by command; nothing of their arguments is kept
    #[arg(long = "slowlog-commands", default_value = "true")]
    pub slowlog_commands: bool,

    /// Show every number of INFO that has no metric of its own as info_field{section,field}
    #[arg(long = "include-info-fields")]
    pub include_info_fields: bool,

    /// Show nothing about this program: no exporter_build_info, and as --web.disable-exporter-metrics
    #[arg(long = "redis-only-metrics")]
    pub redis_only_metrics: bool,

    /// Show metrics of a Go runtime; this program has none, so nothing is added
    #[arg(long = "include-go-runtime-metrics")]
    pub include_go_runtime_metrics: bool,

    /// Give every metric of Redis the label instance_role
    #[arg(long = "append-instance-role-label")]
    pub append_instance_role_label: bool,
}
