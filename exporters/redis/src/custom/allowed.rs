//! Which commands a configuration file may ask: a list of what is known to read only.
//!
//! A list of what is forbidden could not be complete: modules and new versions bring commands. Left out on purpose,
//! though they only read: KEYS (it stops the server for as long as it looks), XREAD (it can block), CONFIG GET and
//! ACL (they can hold secrets), CLIENT and MONITOR (there is `--client-aggregates`), SORT and GEORADIUS (they can
//! store).

/// Commands without subcommands.
const COMMANDS: &str = "\
    bitcount bitfield_ro bitpos dbsize exists expiretime geodist geohash geopos georadius_ro \
    georadiusbymember_ro geosearch get getbit getrange hexists hexpiretime hget hgetall hkeys hlen hmget hpexpiretime \
    hpttl hrandfield hscan hstrlen httl hvals lastsave lcs lindex llen lpos lrange mget pexpiretime pfcount \
    pttl randomkey role scan scard sdiff sinter sintercard sismember smembers smismember sort_ro srandmember sscan \
    strlen substr sunion time ttl type vcard vdim vemb vgetattr vinfo vismember vlinks vrandmember vsim xlen \
    xpending xrange xrevrange zcard zcount zdiff zinter zintercard zlexcount zmscore zrandmember zrange zrangebylex \
    zrangebyscore zrank zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion fcall_ro \
    bf.card bf.exists bf.info bf.mexists cf.count cf.exists cf.info cms.info cms.query \
    ft._list ft.aggregate ft.info ft.search ft.tagvals json.arrlen json.get json.mget json.objlen json.strlen \
    json.type tdigest.cdf tdigest.info tdigest.max tdigest.min tdigest.quantile tdigest.rank topk.count topk.info \
    topk.list topk.query ts.get ts.info ts.mget ts.mrange ts.queryindex ts.range ts.revrange";

/// Commands that are allowed with these subcommands only.
const SUBCOMMANDS: [(&str, &str); 12] = [
    ("cluster", "countkeysinslot info keyslot links myid nodes shards slot-stats slots"),
    ("command", "count"),
    ("commandlog", "len"),
    ("function", "stats"),
    ("latency", "histogram latest history"),
    ("memory", "stats usage"),
    ("module", "list"),
    ("object", "encoding freq idletime refcount"),
    ("pubsub", "channels numpat numsub shardchannels shardnumsub"),
    ("script", "exists"),
    ("slowlog", "len"),
    ("xinfo", "consumers groups stream"),
];

/// The command's name as ACL rules write it, when the command may be asked.
///
/// # Errors
/// One sentence that says why not.
pub fn check(words: &[String]) -> Result<String, String> {
    let mut names = words.iter().map(|word| word.to_ascii_lowercase());
    let command = names.next().filter(|command| !command.is_empty()).ok_or("the command has no word")?;
    if let Some((_, allowed)) = SUBCOMMANDS.iter().find(|(known, _)| *known == command) {
        let subcommand = names.next().unwrap_or_default();
        return if allowed.split(' ').any(|known| known == subcommand) {
            Ok(format!("{command}|{subcommand}"))
        } else {
            Err(format!("of {} only these are asked: {allowed}", command.to_uppercase()))
        };
    }
    if COMMANDS.split(' ').any(|known| known == command) {
        return Ok(command);
    }
    let hint = match command.as_str() {
        "eval" | "eval_ro" | "evalsha" | "evalsha_ro" => "write it as `eval_ro`, with `script`",
        "fcall" => "use FCALL_RO",
        "sort" | "bitfield" | "georadius" | "georadiusbymember" => "there is a form of it that ends in _RO",
        "keys" => "use --count-keys, which does not stop the server",
        "config" => "use --include-config-metrics",
        "client" => "use --client-aggregates",
        _ => "the README says which are",
    };
    Err(format!(
        "{} is not among the commands that are known to read only (hint: {hint})",
        command.to_uppercase()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_readme_says_which() {
        let readme = include_str!("../../README.md");
        let (_, list) = readme.split_once("all others are refused when the file\nis read:").unwrap();
        let listed: Vec<String> = list
            .split("\n## ")
            .next()
            .unwrap()
            .split([' ', ',', ';', '/', '\n'])
            .map(|word| word.trim_end_matches('.').to_lowercase())
            .collect();
        let subcommands =
            SUBCOMMANDS.iter().flat_map(|(command, names)| [*command].into_iter().chain(names.split(' ')));
        let missing: Vec<&str> = COMMANDS
            .split(' ')
            .chain(subcommands)
            .filter(|word| !listed.iter().any(|known| known == word))
            .collect();
        assert_eq!(missing, Vec::<&str>::new());
    }

    #[test]
    fn what_reads_is_asked() {
        for (line, expected) in [
            ("LLEN jobs", "llen"),
            ("xinfo Groups s", "xinfo|groups"),
            ("ft.info idx", "ft.info"),
            ("cluster SLOT-STATS ORDERBY key-count", "cluster|slot-stats"),
            ("FCALL_RO f 0", "fcall_ro"),
        ] {
            assert_eq!(check(&words(line)).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_writes_blocks_subscribes_or_administers_is_refused() {
        for line in [
            "",
            "SET a 1",
            "DEL a",
            "FLUSHALL",
            "flushdb",
            "DEBUG SLEEP 1",
            "CONFIG SET a b",
            "CONFIG GET *",
            "SHUTDOWN",
            "SUBSCRIBE a",
            "PSUBSCRIBE *",
            "SSUBSCRIBE a",
            "MONITOR",
            "BLPOP a 0",
            "BRPOP a 0",
            "BLMOVE a b LEFT LEFT 0",
            "BZPOPMIN a 0",
            "WAIT 1 0",
            "WAITAOF 1 1 0",
            "XREAD BLOCK 0 STREAMS s $",
            "XREADGROUP GROUP a b STREAMS s >",
            "EVAL x 0",
            "EVALSHA x 0",
            "FCALL f 0",
            "SCRIPT KILL",
            "SCRIPT FLUSH",
            "FUNCTION LOAD x",
            "KEYS *",
            "SORT a STORE b",
            "GETDEL a",
            "GETEX a",
            "GETSET a b",
            "SPOP a",
            "CLIENT KILL a",
            "CLIENT PAUSE 1",
            "CLUSTER RESET",
            "CLUSTER",
            "MIGRATE h 1 k 0 1",
            "REPLICAOF a 1",
            "SAVE",
            "BGSAVE",
            "PSYNC ? -1",
            "SYNC",
            "ACL LIST",
            "ACL GETUSER a",
            "AUTH x",
            "HELLO 3",
            "RESET",
            "QUIT",
            "SELECT 1",
            "MULTI",
            "EXEC",
            "WATCH a",
            "SWAPDB 0 1",
            "OBJECT HELP",
            "MEMORY PURGE",
            "LATENCY RESET",
            "SLOWLOG RESET",
            "SLOWLOG GET",
            "MODULE LOAD x",
            "LATENCY DOCTOR",
            "PFMERGE a b",
            "PFDEBUG a",
            "COPY a b",
            "ZRANGESTORE a b 0 1",
            "GEOSEARCHSTORE a b",
            "INFO\n",
            "FAILOVER",
            "PUBLISH a b",
            "RESTORE a 0 b",
        ] {
            let words: Vec<String> = if line.contains('\n') { vec![line.to_owned()] } else { words(line) };
            assert!(check(&words).is_err(), "{line}");
        }
    }
}
