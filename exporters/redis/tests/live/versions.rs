//! Servers of every version and kind on which every part of the page has something to tell.

use kit::redis::{Builder, Cluster, Redis, Sentinel, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What is watched on a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    Primary,
    Replica,
    /// A primary, as the user whom redis_exporter's README recommends.
    Restricted,
    ClusterNode,
    Sentinel,
}

/// One watched server, and all that gives it something to tell.
pub(crate) struct Stage {
    pub(crate) watched: Watched,
    pub(crate) version: Version,
    /// Its address.
    pub(crate) url: String,
    _servers: Servers,
    _clients: Vec<TcpStream>,
}

enum Servers {
    Pair { _primary: Redis, _replica: Redis },
    Cluster { _cluster: Cluster },
    Sentinel { _sentinel: Sentinel },
}

/// The user of [`Watched::Restricted`], with the rules that redis_exporter's README recommends.
const RESTRICTED: &str = "metrics on >metrics-password ~* -@all +@connection +memory -readonly +strlen +config|get \
    +xinfo +pfcount -quit +zcard +type +xlen -readwrite -command +client -wait +scard +llen +hlen +get +eval \
    +slowlog +cluster|info +cluster|slots +cluster|nodes -hello -echo +info +latency +scan -reset -auth -asking";

/// Keys of every type; a stream with a group, a consumer and what is pending.
const KEYS: &str = "SET price 12.5 EX 1000
SET note hello
PFADD visitors a b c
LPUSH jobs 1 2 3
SADD tags a b
ZADD scores 1 a 2 b
HSET user:1 name x
HSET user:2 name y
XADD events * k v
XADD events * k v
XGROUP CREATE events billing 0
XREADGROUP GROUP billing worker-1 COUNT 1 STREAMS events >
";

/// The same in another database, which a member of a cluster may not have.
const OTHER_DATABASE: &str = "SELECT 3
SET a 1 EX 1000
SET b 2
XADD log * k v
";

/// Waits, without end, until one replica has all that was said on this connection.
const REPLICATED: &str = "WAIT 1 0\n";

/// Fields that expire, which came with Redis 7.4 and Valkey 9.
const EXPIRING_FIELDS: &str = "HEXPIRE user:1 1000 FIELDS 1 name\n";

/// A slow command, scripts, errors of several kinds, and a dump.
const EVENTS: &str = "DEBUG SLEEP 0.02
EVAL \"return 1\" 0
NOSUCHCOMMAND
EVALSHA ffffffffffffffffffffffffffffffffffffffff 0
GET
LPUSH note 1
SAVE
";

/// What clients do that stay: each line is one of them.
const CLIENTS: [&str; 4] = ["CLIENT SETNAME worker", "SUBSCRIBE news", "PSUBSCRIBE n*", "BLPOP empty 0"];

/// A script, as `--script` takes it.
pub(crate) const SCRIPT: &str = "return {\"answer\", \"42\", \"question\", \"6\"}\n";

impl Stage {
    /// Starts all of it, and waits until everything has happened.
    pub(crate) async fn start(watched: Watched, version: Version) -> Self {
        match watched {
            Watched::Primary | Watched::Replica | Watched::Restricted => Self::pair(watched, version).await,
            Watched::ClusterNode => Self::cluster(version).await,
            Watched::Sentinel => Self::sentinel(version).await,
        }
    }

    /// `redis-7.0-replica`: what its recorded page is called.
    pub(crate) fn name(&self) -> String {
        let kind = match self.watched {
            Watched::Primary => "",
            Watched::Replica => "-replica",
            Watched::Restricted => "-restricted",
            Watched::ClusterNode => "-cluster",
            Watched::Sentinel => "-sentinel",
        };
        self.version.name() + kind
    }

    /// How an exporter gets at it.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![format!("--redis.addr={}", self.url)];
        if self.watched == Watched::Restricted {
            arguments
                .extend(["--redis.user=metrics", "--redis.password=metrics-password"].map(str::to_owned));
        }
        arguments
    }

    async fn pair(watched: Watched, version: Version) -> Self {
        let mut primary = options(version, Redis::builder()).config("appendonly yes");
        if watched == Watched::Restricted {
            primary = primary.user(RESTRICTED);
        }
        let primary = primary.start().await.unwrap();
        let replica = options(version, Redis::builder().replica_of(&primary)).start().await.unwrap();
        replica.replicating().await.unwrap();
        let mut keys = KEYS.to_owned();
        if matches!(version, Version::V8_0 | Version::Valkey9_1) {
            keys += EXPIRING_FIELDS;
        }
        let said = primary.cli_reading(&[], &(keys + OTHER_DATABASE + REPLICATED)).await.unwrap();
        assert_eq!(said.lines().last(), Some("1"), "{said}");
        let seen = if watched == Watched::Replica { &replica } else { &primary };
        seen.cli_reading(&[], EVENTS).await.unwrap();
        Self {
            watched,
            version,
            url: seen.url(),
            _clients: clients(seen).await,
            _servers: Servers::Pair { _primary: primary, _replica: replica },
        }
    }

    async fn cluster(version: Version) -> Self {
        let cluster = Cluster::of(options(version, Redis::builder()), 3, 1).await.unwrap();
        let seen = &cluster.nodes()[0];
        seen.cli_reading(&["-c"], KEYS).await.unwrap();
        seen.cli_reading(&[], EVENTS).await.unwrap();
        Self {
            watched: Watched::ClusterNode,
            version,
            url: seen.url(),
            _clients: clients(seen).await,
            _servers: Servers::Cluster { _cluster: cluster },
        }
    }

    async fn sentinel(version: Version) -> Self {
        let stage = Sentinel::builder().version(version).start().await.unwrap();
        stage.sentinels[0].cli(&["NOSUCHCOMMAND"]).await.unwrap();
        Self {
            watched: Watched::Sentinel,
            version,
            url: stage.sentinels[0].url(),
            _clients: Vec::new(),
            _servers: Servers::Sentinel { _sentinel: stage },
        }
    }
}

fn options(version: Version, builder: Builder) -> Builder {
    let builder = builder.version(version).config("latency-monitor-threshold 10");
    // where there is no such setting, everybody may
    if version >= Version::V7_0 { builder.config("enable-debug-command yes") } else { builder }
}

/// Opens connections that stay, and waits until the server has done what they said.
async fn clients(redis: &Redis) -> Vec<TcpStream> {
    let mut clients = Vec::new();
    for line in CLIENTS {
        let mut client = TcpStream::connect(("127.0.0.1", redis.port())).await.unwrap();
        // the answer to the first shows that the second is being done
        client.write_all(format!("PING\r\n{line}\r\n").as_bytes()).await.unwrap();
        client.read_exact(&mut [0; "+PONG\r\n".len()]).await.unwrap();
        clients.push(client);
    }
    clients
}
