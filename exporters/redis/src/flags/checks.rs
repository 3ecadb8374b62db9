//! Flags about what is looked for among the keys, and what is run on the server.

/// What is looked for.
#[derive(clap::Args, Clone)]
#[expect(clippy::doc_markdown, reason = "clap shows the comments as they are")]
pub struct CheckFlags {
    /// Show size, memory and value of the keys that match these patterns, e.g. `db0=user:*,db3=queue`
    #[arg(long = "check-keys", default_value = "", hide_default_value = true, value_name = "KEYS")]
    pub check_keys: String,

    /// Show the same of these keys, without looking through all keys
    #[arg(long = "check-single-keys", default_value = "", hide_default_value = true, value_name = "KEYS")]
    pub check_single_keys: String,

    /// Count keys by these Lua patterns, e.g. `^user:%d+`
    #[arg(long = "check-key-groups", default_value = "", hide_default_value = true, value_name = "PATTERNS")]
    pub check_key_groups: String,

    /// Most key groups of a database; the rest are counted together as `overflow`
    #[arg(long = "max-distinct-key-groups", default_value = "100", value_name = "NUMBER")]
    pub max_distinct_key_groups: usize,

    /// Show the streams that match these patterns
    #[arg(long = "check-streams", default_value = "", hide_default_value = true, value_name = "KEYS")]
    pub check_streams: String,

    /// Show these streams, without looking through all keys
    #[arg(long = "check-single-streams", default_value = "", hide_default_value = true, value_name = "KEYS")]
    pub check_single_streams: String,

    /// Leave out the consumers of streams
    #[arg(long = "streams-exclude-consumer-metrics")]
    pub streams_exclude_consumer_metrics: bool,

    /// Count the keys that match these patterns
    #[arg(long = "count-keys", default_value = "", hide_default_value = true, value_name = "KEYS")]
    pub count_keys: String,

    /// Show the biggest keys of each database, this many by memory; 0 for none
    #[arg(long = "top-keys", default_value = "0", value_name = "NUMBER")]
    pub top_keys: usize,

    /// Keys asked for at once while looking through them; fewer are asked where the server is slow
    #[arg(long = "check-keys-batch-size", default_value = "1000", value_name = "NUMBER")]
    pub check_keys_batch_size: usize,

    /// Most of the server's time that looking through the keys may take, in percent
    #[arg(long = "check-keys-share", default_value = "5", value_name = "PERCENT")]
    pub check_keys_share: f64,

    /// Most keys and streams that are shown, each; what is more is counted
    #[arg(long = "check-keys-limit", default_value = "500", value_name = "NUMBER")]
    pub check_keys_limit: usize,

    /// Let requests to /scrape say which keys to check, by parameters named as these flags
    #[arg(long = "check-keys-by-request", default_value = "true")]
    pub check_keys_by_request: bool,

    /// Show no values of keys
    #[arg(long = "disable-exporting-key-values")]
    pub disable_exporting_key_values: bool,

    /// Look through no keys on a primary, only on replicas
    #[arg(long = "skip-checkkeys-for-role-master")]
    pub skip_checkkeys_for_role_master: bool,

    /// Lua scripts to run in each scrape, as paths separated by commas
    #[arg(long = "script", default_value = "", hide_default_value = true, value_name = "FILES")]
    pub script: String,

    /// Run the scripts by EVAL_RO, which lets them write nothing
    #[arg(long = "lua-script-read-only")]
    pub lua_script_read_only: bool,
}
